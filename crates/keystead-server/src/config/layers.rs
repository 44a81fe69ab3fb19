//! The layers of a configuration laid over each other: the file, then variables, then flags.

use std::{fs, io, path::Path};

use toml::de::{DeTable, DeValue};

use super::{
    Inputs,
    problem::{Problem, Source},
    raw::{KEYS, RawConfig},
};

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "keystead.toml";
const PREFIX: &str = "KEYSTEAD_";

/// Lays the layers over each other. What cannot be read is a problem; the rest goes on, so that all are found at once.
pub(super) fn read(inputs: &Inputs) -> (RawConfig, Vec<Problem>) {
    let mut layers = Layers {
        raw: RawConfig::default(),
        problems: Vec::new(),
    };
    layers.file(inputs);
    layers.variables(inputs);
    for (flag, text) in &inputs.flags {
        layers.flag(flag, text);
    }
    (layers.raw, layers.problems)
}

struct Layers {
    raw: RawConfig,
    problems: Vec<Problem>,
}

impl Layers {
    fn file(&mut self, inputs: &Inputs) {
        let named = inputs.file.as_deref();
        // Messages name the file as the operator would; it is opened where relative paths start.
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match fs::read_to_string(inputs.folder.join(path)) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound && named.is_none() => return,
            Err(why) => {
                return self.problem(
                    path.display().to_string(),
                    if named.is_some() {
                        Source::Flag("--config")
                    } else {
                        Source::Unset
                    },
                    format!("the file cannot be read: {why}"),
                    "Name a readable file; `keystead config example` prints one to start from.",
                );
            }
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in errors {
            let line = line_of(&text, error.span().map_or(0, |span| span.start));
            self.problem(
                path.display().to_string(),
                Source::File {
                    path: path.into(),
                    line,
                },
                format!("not TOML: {}", error.message()),
                "Correct the line; texts stand in quotation marks.",
            );
        }
        self.table(table.get_ref(), "", path, &text);
    }

    fn table(&mut self, table: &DeTable<'_>, above: &str, path: &Path, text: &str) {
        for (name, value) in table {
            let key = if above.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{above}.{}", name.get_ref())
            };
            let source = Source::File {
                path: path.into(),
                line: line_of(text, name.span().start),
            };
            match (self.raw.slot(&key), value.get_ref()) {
                (Some(slot), value) => {
                    if let Err(kind) = slot.set_toml(value, source.clone()) {
                        let found = value.type_str();
                        self.problem(
                            key,
                            source,
                            format!("must be a {kind}, not this {found}"),
                            "See `keystead config example`.",
                        );
                    }
                }
                (None, DeValue::Table(inner)) if !inner.is_empty() || is_section(&key) => {
                    self.table(inner, &key, path, text);
                }
                (None, _) => {
                    let fix = format!(
                        "Did you mean `{}`? Unknown keys are refused, so that a slip is noticed.",
                        nearest(&key)
                    );
                    self.problem(key, source, "no such key".into(), fix);
                }
            }
        }
    }

    fn variables(&mut self, inputs: &Inputs) {
        let mut ours: Vec<_> = inputs
            .variables
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?.strip_prefix(PREFIX)?, value)))
            .filter(|(name, _)| !is_service_link(name))
            .collect();
        ours.sort();
        for (name, value) in ours {
            let key = name.replace("__", ".").to_lowercase();
            let variable = format!("{PREFIX}{name}");
            let source = Source::Variable(variable.clone());
            let known = KEYS
                .iter()
                .any(|known| known.path == key && known.variable() == variable);
            match (self.raw.slot(&key), value.to_str()) {
                (Some(slot), Some(text)) if known && !text.is_empty() => {
                    if let Err(kind) = slot.set_text(text, source.clone()) {
                        self.problem(
                            key,
                            source,
                            format!("must be a {kind}"),
                            "Correct the variable or remove it.",
                        );
                    }
                }
                (Some(_), Some(_)) if known => {
                    self.problem(
                        key,
                        source,
                        "is empty".into(),
                        "Give it a value, or remove it to have the default.",
                    );
                }
                (Some(_), None) if known => {
                    self.problem(
                        key,
                        source,
                        "is not UTF-8".into(),
                        "Correct the variable or remove it.",
                    );
                }
                _ => {
                    let like = nearest(&key);
                    let like = KEYS
                        .iter()
                        .find(|known| known.path == like)
                        .map_or_else(String::new, |known| known.variable());
                    self.problem(key, source, "no such key".into(), format!("Did you mean {like}? Unknown variables are refused, so that a slip is noticed."));
                }
            }
        }
    }

    fn flag(&mut self, flag: &'static str, text: &str) {
        let Some(key) = KEYS.iter().find(|key| key.flag == Some(flag)) else {
            return self.problem(
                flag.into(),
                Source::Flag(flag),
                "no such flag".into(),
                "See `keystead serve --help`.",
            );
        };
        if let Some(slot) = self.raw.slot(key.path)
            && let Err(kind) = slot.set_text(text, Source::Flag(flag))
        {
            self.problem(
                key.path.into(),
                Source::Flag(flag),
                format!("must be a {kind}"),
                "Correct the flag.",
            );
        }
    }

    fn problem(&mut self, key: String, source: Source, problem: String, fix: impl Into<String>) {
        self.problems.push(Problem {
            key,
            source,
            problem,
            fix: fix.into(),
        });
    }
}

fn is_section(key: &str) -> bool {
    KEYS.iter().any(|known| {
        known
            .path
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Kubernetes puts `KEYSTEAD_PORT`, `KEYSTEAD_SERVICE_HOST` and their like into every container beside a service of our name.
fn is_service_link(name: &str) -> bool {
    name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_")
}

/// The known key that looks most like this one.
fn nearest(key: &str) -> &'static str {
    KEYS.iter()
        .map(|known| (strsim::jaro_winkler(key, known.path), known.path))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map_or("issuer", |(_, path)| path)
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}
