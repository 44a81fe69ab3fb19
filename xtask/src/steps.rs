//! Steps of a long chore: each announced, timed and remembered, with the tests that it ran counted.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::output::say;
use crate::table::{self, Align};

/// What test runners said of themselves, summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; …`, which libtest and libtest-mimic end with; other lines count nothing.
    fn read(line: &str) -> Self {
        let Some(counts) = line.trim().strip_prefix("test result: ") else {
            return Self::default();
        };
        let count = |word: &str| {
            let part = counts
                .split([';', '.'])
                .map(str::trim)
                .find(|part| part.ends_with(word));
            part.and_then(|part| part.split(' ').next())
                .and_then(|number| number.parse().ok())
                .unwrap_or(0)
        };
        Self {
            passed: count(" passed"),
            failed: count(" failed"),
            skipped: count(" ignored"),
        }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

struct Step {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
    tally: Tally,
}

impl Steps {
    /// Runs one step. A failure is printed and remembered, and the next step still runs: a contributor wants to see all at once.
    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Tally) -> Result<T>,
    ) -> Option<T> {
        say(&format!("\n== {name}"));
        let started = Instant::now();
        let outcome = work(&mut self.tally);
        let took = started.elapsed();
        let failure = outcome.as_ref().err().map(|error| format!("{error:#}"));
        match &failure {
            None => say(&format!("== {name}: done in {}", seconds(took))),
            Some(why) => say(&format!("== {name}: FAILED after {}: {why}", seconds(took))),
        }
        self.done.push(Step {
            name,
            took,
            failure,
        });
        outcome.ok()
    }

    /// Prints the table of steps and, last, the one line that sums all tests; the exit code is a failure when a step
    /// or a test failed, or no test ran.
    pub(crate) fn close(self) -> ExitCode {
        let row = |step: &Step| {
            let outcome = if step.failure.is_some() {
                "FAILED"
            } else {
                "ok"
            };
            vec![step.name.to_owned(), seconds(step.took), outcome.to_owned()]
        };
        let mut rows: Vec<Vec<String>> = self.done.iter().map(row).collect();
        rows.push(vec![
            "all".to_owned(),
            seconds(self.done.iter().map(|step| step.took).sum()),
            String::new(),
        ]);
        say(&format!(
            "\n{}",
            table::render(
                &[
                    ("step", Align::Left),
                    ("time", Align::Right),
                    ("", Align::Left)
                ],
                &rows
            )
        ));
        for step in &self.done {
            if let Some(why) = &step.failure {
                say(&format!("{} failed: {why}\n", step.name));
            }
        }
        let Tally {
            passed,
            failed,
            skipped,
        } = self.tally;
        if passed + failed == 0 {
            say("no test ran\n  to see what there is: cargo test --workspace -- --list\n");
        }
        say(&format!(
            "{passed} passed, {failed} failed, {skipped} skipped"
        ));
        if self.all_well() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn all_well(&self) -> bool {
        self.done.iter().all(|step| step.failure.is_none())
            && self.tally.failed == 0
            && self.tally.passed > 0
    }
}

/// Runs a command to its end with its output shown; an error ends with the command itself.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    if !status.success() {
        bail!("{status}\n  to run it alone: {}", shown(command));
    }
    Ok(())
}

/// Like [`run`], and adds up what the test runners inside report. Their output is passed on line by line.
pub(crate) fn run_counting(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    let output = child.stdout.take().context("the runner has no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        say(&line);
        tally.add(Tally::read(&line));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{status}\n  to run it alone: {}", shown(command));
    }
    Ok(())
}

/// The command as one would type it, with the variables that it sets.
fn shown(command: &Command) -> String {
    let quote = |word: String| {
        if word.contains(' ') {
            format!("'{word}'")
        } else {
            word
        }
    };
    let variables = command.get_envs().filter_map(|(key, value)| {
        Some(format!(
            "{}={}",
            key.to_string_lossy(),
            quote(value?.to_string_lossy().into_owned())
        ))
    });
    let words = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| quote(word.to_string_lossy().into_owned()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_reads_what_runners_say() {
        let tally = |passed, failed, skipped| Tally {
            passed,
            failed,
            skipped,
        };
        for (name, line, want) in [
            (
                "libtest",
                "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 1 filtered out; finished in 0.50s",
                tally(12, 0, 3),
            ),
            (
                "a failure",
                "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
                tally(7, 2, 0),
            ),
            (
                "libtest-mimic",
                "test result: ok. 1 passed; 0 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                tally(1, 0, 4),
            ),
            (
                "a test's own words",
                "left: test result: ok. 1 passed; 0 failed",
                tally(0, 0, 0),
            ),
            (
                "a single test",
                "test scope::tests::empty ... ok",
                tally(0, 0, 0),
            ),
        ] {
            assert_eq!(Tally::read(line), want, "{name}");
        }
    }

    #[test]
    fn a_run_is_a_success_when_tests_ran_and_nothing_failed() {
        for (name, passed, failed, failure, want) in [
            ("all went well", 1, 0, None, true),
            ("no test ran", 0, 0, None, false),
            ("a test failed", 1, 1, None, false),
            ("a step failed", 1, 0, Some("broken".to_owned()), false),
        ] {
            let done = vec![Step {
                name: "step",
                took: Duration::ZERO,
                failure,
            }];
            let steps = Steps {
                done,
                tally: Tally {
                    passed,
                    failed,
                    skipped: 0,
                },
            };
            assert_eq!(steps.all_well(), want, "{name}");
        }
    }
}
