//! Durability and failure: what was acknowledged is there, whatever dies; what was refused is not, wholly.
//!
//! Each case says what it needs of the machine beyond a Rust toolchain. Where that is missing, it is listed as ignored,
//! unless `KEYSTEAD_TEST_REQUIRE` is set: then it fails. `cargo xtask test` sets it. Cases print what they did, and
//! `KEYSTEAD_TEST_SEED` repeats a run's random moments.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic in a test is a failure with a line number"
)]

/// Prints what a case did, on a line of its own below its name.
macro_rules! note {
    ($($what:tt)+) => { print!("\n    {} ", format_args!($($what)+)) };
}

mod cluster;
mod cut;
mod disk;
mod full;
mod kill;
mod lost;
mod needs;
mod neighbours;
mod pairs;
mod strace;
mod sync;
mod writer;

use libtest_mimic::{Arguments, Trial};
use needs::{Missing, Need};

/// A sentence that holds, and what it takes to see that.
type Case = (&'static str, &'static [Need], fn());

fn main() {
    if writer::was_asked_for() {
        return writer::run();
    }
    if neighbours::administrator_was_asked_for() {
        return neighbours::run_administrator();
    }
    needs::leave_no_mount_behind();
    // One line a room; rooms in the order of their names.
    let rooms: &[(&str, &[Case])] = &[
        ("cut", cut::CASES),
        ("full", full::CASES),
        ("kill", kill::CASES),
        ("lost", lost::CASES),
        ("neighbours", neighbours::CASES),
        ("sync", sync::CASES),
    ];
    let mut trials = Vec::new();
    for (room, cases) in rooms {
        for &(sentence, needs, case) in *cases {
            let missing = needs.iter().find_map(|need| need.missing());
            let ignored = matches!(missing, Some(Missing::LeaveOut));
            let trial = Trial::test(format!("{room}: {sentence}"), move || match missing {
                Some(Missing::Fail(why)) => Err(why.into()),
                Some(Missing::LeaveOut) | None => {
                    case();
                    Ok(())
                }
            });
            trials.push(trial.with_ignored_flag(ignored));
        }
    }
    let mut arguments = Arguments::from_args();
    // A sentence about time holds only for a case that has the machine to itself.
    arguments.test_threads.get_or_insert(1);
    libtest_mimic::run(&arguments, trials).exit();
}

/// A random number generator whose seed is printed, and given by `KEYSTEAD_TEST_SEED` to see the same moments again.
fn seeded() -> rand_chacha::ChaCha20Rng {
    use rand_chacha::rand_core::SeedableRng as _;
    let seed = needs::variable("KEYSTEAD_TEST_SEED")
        .map_or(u64::from(std::process::id()), |seed| seed.parse().unwrap());
    note!("KEYSTEAD_TEST_SEED={seed}");
    rand_chacha::ChaCha20Rng::seed_from_u64(seed)
}

/// The time, to measure spans.
#[expect(clippy::disallowed_methods, reason = "tests measure spans")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The runtime of a case that writes by itself.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}
