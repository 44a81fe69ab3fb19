//! Argon2 (RFC 9106): the hash that we make, with memory that is used again, and the parameters that imports may have.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use keystead_protocol::secret::Secret;

use super::phc::{Phc, Unreadable};

/// KiB of memory for a hash of ours.
const MEMORY: u32 = 19_456;
/// Passes over it.
const PASSES: u32 = 2;
/// Bytes of a digest of ours.
const LENGTH: usize = 32;
/// An import may want this many KiB …
const MOST_MEMORY: u32 = 256 * 1024;
/// … and this many KiB over all its passes, which is about half a second.
const MOST_WORK: u64 = 1024 * 1024;
const MOST_LANES: u32 = 16;

/// Bytes of salt in a hash of ours.
pub(super) type Salt = [u8; 16];

/// The blocks that a thread fills again and again: allocating them anew costs a quarter of a hash.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<Block>);

/// An Argon2 hash with everything it was made with.
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Argon2Hash {
    pub(super) fn parse(phc: Phc<'_>) -> Result<Self, Unreadable> {
        let algorithm = match phc.id {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            "argon2d" => Algorithm::Argon2d,
            _ => return Err(Unreadable("a variant of Argon2 that does not exist")),
        };
        let version = match phc.version {
            Some(19) => Version::V0x13,
            // A string without one is of the time before there was a second version.
            None | Some(16) => Version::V0x10,
            Some(_) => return Err(Unreadable("a version of Argon2 that does not exist")),
        };
        let (memory, passes, lanes) = (phc.number("m")?, phc.number("t")?, phc.number("p")?);
        let work = u64::from(memory) * u64::from(passes);
        if memory > MOST_MEMORY || work > MOST_WORK || lanes > MOST_LANES {
            return Err(Unreadable("Argon2 at a cost beyond what is verified"));
        }
        if !(8..=1024).contains(&phc.salt.len()) || !(4..=128).contains(&phc.digest.len()) {
            return Err(Unreadable(
                "a salt or digest of a length that Argon2 does not have",
            ));
        }
        let params = Params::new(memory, passes, lanes, Some(phc.digest.len()))
            .map_err(|_| Unreadable("parameters that Argon2 does not have"))?;
        Ok(Self {
            algorithm,
            version,
            params,
            salt: phc.salt,
            digest: phc.digest,
        })
    }

    /// Whether a hash of ours would cost the same, so that there is nothing to upgrade.
    pub(super) fn is_as_ours(&self) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && (
                self.params.m_cost(),
                self.params.t_cost(),
                self.params.p_cost(),
            ) == (MEMORY, PASSES, 1)
            && self.digest.len() == LENGTH
    }

    pub(super) fn verify(&self, password: &[u8], memory: &mut Memory) -> bool {
        let mut digest = vec![0; self.digest.len()];
        let argon = Argon2::new(self.algorithm, self.version, self.params.clone());
        memory
            .derive(&argon, password, &self.salt, &mut digest)
            .is_ok()
            && verify_slices_are_equal(&digest, &self.digest).is_ok()
    }
}

impl Memory {
    /// Makes a hash of ours, as a PHC string.
    pub(super) fn hash(&mut self, password: &[u8], salt: Salt) -> Result<Secret, argon2::Error> {
        let params = Params::new(MEMORY, PASSES, 1, Some(LENGTH))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut digest = [0; LENGTH];
        self.derive(&argon, password, &salt, &mut digest)?;
        let text = format!(
            "$argon2id$v=19$m={MEMORY},t={PASSES},p=1${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(digest)
        );
        Ok(text.into())
    }

    /// What an import asks for beyond our own size is given back afterwards.
    fn derive(
        &mut self,
        argon: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        digest: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let wanted = argon.params().block_count();
        if wanted > MEMORY as usize {
            let mut blocks = vec![Block::new(); wanted];
            return argon.hash_password_into_with_memory(password, salt, digest, &mut blocks);
        }
        if self.0.len() < wanted {
            self.0.resize(MEMORY as usize, Block::new());
        }
        argon.hash_password_into_with_memory(password, salt, digest, &mut self.0)
    }
}
