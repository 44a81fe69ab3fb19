//! `keystead doctor`: looks at everything that an installation stands on, and says how to mend what is broken.
//!
//! It changes nothing, with one exception: opening a SQLite database brings its schema up to date, as a start would.

use std::process::ExitCode;

use keystead_server::config::{Checked, Config, Problem, Problems};
use serde::Serialize;
use serde_json::json;

use crate::output::{self, Shape};

mod machine;
mod port;
mod records;

/// How a part of the installation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// It works, but not for long or not for everybody.
    Warn,
    /// The server cannot start, or cannot be relied upon.
    Fail,
}

/// What was found about one part.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    status: Status,
    says: String,
    /// What to do: a command where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, says: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            says: says.into(),
            fix: None,
        }
    }

    fn warn(name: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Warn,
            says: says.into(),
            fix: Some(fix.into()),
        }
    }

    fn fail(name: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Fail,
            says: says.into(),
            fix: Some(fix.into()),
        }
    }
}

/// Examines everything; exit code 1 if anything fails.
pub(crate) fn examine(checked: anyhow::Result<Checked>, shape: Shape) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    let config = match checked {
        Ok(Checked { config, warnings }) => {
            findings.push(Finding::ok("config", "can be served with"));
            findings.extend(
                warnings
                    .into_iter()
                    .map(|warning| of_problem(Status::Warn, warning)),
            );
            Some(config)
        }
        Err(why) => {
            let problems = why.downcast::<Problems>()?;
            findings.extend(
                problems
                    .0
                    .into_iter()
                    .map(|problem| of_problem(Status::Fail, problem)),
            );
            None
        }
    };
    let mut report = Report {
        shape,
        failed: false,
        findings: Vec::new(),
    };
    for finding in findings {
        report.add(finding)?;
    }
    if let Some(config) = config {
        for look in LOOKS {
            report.add(look(&config))?;
        }
    }
    report.finish()
}

/// In the order in which one depends on the other; slow ones last.
const LOOKS: [fn(&Config) -> Finding; 8] = [
    machine::clock,
    machine::data_dir,
    machine::disk,
    records::sealing_key,
    records::database,
    machine::certificate,
    port::listen,
    machine::issuer,
];

fn of_problem(
    status: Status,
    Problem {
        key,
        source,
        problem,
        fix,
    }: Problem,
) -> Finding {
    Finding {
        name: "config",
        status,
        says: format!("{key} ({source}): {problem}"),
        fix: Some(fix),
    }
}

struct Report {
    shape: Shape,
    failed: bool,
    findings: Vec<Finding>,
}

impl Report {
    /// A person reads each line as it is found; a program gets one document at the end.
    fn add(&mut self, finding: Finding) -> anyhow::Result<()> {
        self.failed |= finding.status == Status::Fail;
        if self.shape == Shape::Text {
            let status = match finding.status {
                Status::Ok => "ok  ",
                Status::Warn => "warn",
                Status::Fail => "fail",
            };
            let fix = finding
                .fix
                .as_ref()
                .map_or(String::new(), |fix| format!("                    {fix}\n"));
            output::print(&format!(
                "{status}  {:<12}  {}\n{fix}",
                finding.name, finding.says
            ))?;
        }
        self.findings.push(finding);
        Ok(())
    }

    fn finish(self) -> anyhow::Result<ExitCode> {
        if self.shape == Shape::Json {
            output::print_json(&json!({ "ok": !self.failed, "checks": self.findings }))?;
        }
        Ok(if self.failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}
