//! The short commands: check the configuration, migrate the database.

use std::process::ExitCode;

use anyhow::Context as _;
use keystead_server::config::{Checked, Config, Problem, Problems};
use keystead_store::Database;
use serde_json::json;

use crate::{
    output::{self, Shape},
    serve,
};

/// `keystead config check`: exit code 1 if there is a problem; warnings alone are 0.
pub(crate) fn check_config(
    checked: anyhow::Result<Checked>,
    shape: Shape,
) -> anyhow::Result<ExitCode> {
    let (issuer, problems, warnings) = match checked {
        Ok(Checked { config, warnings }) => (Some(config.issuer), Vec::new(), warnings),
        Err(why) => (None, why.downcast::<Problems>()?.0, Vec::new()),
    };
    match shape {
        Shape::Json => output::print_json(&json!({
            "ok": problems.is_empty(),
            "problems": problems,
            "warnings": warnings,
        }))?,
        Shape::Text => {
            let mut text = String::new();
            for (kind, list) in [("fail", &problems), ("warn", &warnings)] {
                for Problem {
                    key,
                    source,
                    problem,
                    fix,
                } in list
                {
                    text += &format!("{kind}  {key} ({source}): {problem}\n      {fix}\n");
                }
            }
            if let Some(issuer) = issuer {
                text += &format!(
                    "ok    the configuration can be served with; the issuer is {issuer}\n"
                );
            }
            output::print(&text)?;
        }
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `keystead migrate`.
pub(crate) fn migrate(config: &Config, shape: Shape) -> anyhow::Result<()> {
    if matches!(config.database, Database::Sqlite { .. }) {
        serve::prepare_folder(&config.data_dir)?;
    }
    let applied =
        keystead_store::migrate(&config.database).context("the database was not migrated")?;
    match shape {
        Shape::Json => {
            let applied: Vec<_> = applied
                .iter()
                .map(|one| json!({ "number": one.number, "name": one.name }))
                .collect();
            output::print_json(&json!({ "applied": applied }))
        }
        Shape::Text if applied.is_empty() => {
            output::print("The schema is up to date; nothing to do.\n")
        }
        Shape::Text => output::print(
            &applied
                .iter()
                .map(|one| format!("applied {:03} {}\n", one.number, one.name))
                .collect::<String>(),
        ),
    }
}
