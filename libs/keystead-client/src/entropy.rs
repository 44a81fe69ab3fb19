//! The operating system's randomness, lent to the pure steps; a failure is an error, never a weak secret.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng, utils::next_word_via_fill};

use crate::Error;

/// Lends randomness to `draw`, and throws away what was drawn if the system failed in between.
pub(crate) fn draw<T>(draw: impl FnOnce(&mut System) -> T) -> Result<T, Error> {
    let mut system = System { failed: false };
    let drawn = draw(&mut system);
    if system.failed {
        Err(Error::NoRandomness)
    } else {
        Ok(drawn)
    }
}

/// Remembers a failure: [`rand_core`] has no way to say so to those who only want bytes.
pub(crate) struct System {
    failed: bool,
}

impl TryRng for System {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        #[expect(
            clippy::disallowed_methods,
            reason = "an app without a source of its own takes the system's; this is the only place that asks it"
        )]
        let drawn = aws_lc_rs::rand::fill(out);
        self.failed |= drawn.is_err();
        Ok(())
    }
}

impl TryCryptoRng for System {}
