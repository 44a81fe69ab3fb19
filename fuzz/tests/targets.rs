//! Every target, on its seeds and on what comes close to them: the same inputs each time, unless more are asked for.
//!
//! `PROPTEST_CASES=1000000 cargo test --release --package keystead-fuzz` looks for long, at other inputs each time.

use keystead_fuzz::{Input, TARGETS, Target, near};
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Inputs of each target in a run that somebody waits for.
const FEW: u32 = 2_000;

fn main() {
    let trial = |target: &'static Target| Trial::test(target.name, move || feed(target));
    let trials = TARGETS.iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn feed(target: &Target) -> Result<(), Failed> {
    let seeds = (target.seeds)();
    for seed in &seeds {
        (target.run)(seed.as_bytes());
    }
    let mut runner = TestRunner::new(config());
    let fed = runner.run(&near(seeds), |Input(bytes)| {
        (target.run)(&bytes);
        Ok(())
    });
    fed.map_err(|why| why.to_string().into())
}

fn config() -> Config {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are configured by the environment"
    )]
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if asked {
        return config;
    }
    Config {
        cases: FEW,
        rng_seed: RngSeed::Fixed(1),
        ..config
    }
}
