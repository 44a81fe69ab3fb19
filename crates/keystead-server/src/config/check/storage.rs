//! The keys that say where records are and who may first change them.

use std::path::{Path, PathBuf};

use keystead_protocol::{ids::ClientId, secret::Secret};
use keystead_store::Database;

use super::{
    super::{Bootstrap, raw::Given},
    Check, Wrong,
};

/// A secret shorter than this many characters of base64url has less than 128 bits.
const SECRET_LENGTH: usize = 22;
const MAX_POOL: u32 = 200;

impl Check<'_> {
    pub(super) fn database(
        &mut self,
        (url, file): (Option<Given<Secret>>, Option<Given<String>>),
        (pool, ca_file): (Option<Given<u32>>, Option<Given<String>>),
        data_dir: Option<&Path>,
    ) -> Option<Database> {
        let pool_size = match pool {
            Some(Given { value, source }) if !(1..=MAX_POOL).contains(&value) => {
                self.wrong(
                    "database.pool_size",
                    source,
                    (
                        format!("must be from 1 to {MAX_POOL}"),
                        "Eight connections serve most installations.".into(),
                    ),
                );
                None
            }
            Some(given) => Some(given.value),
            None => Some(8),
        };
        let ca_file = match ca_file {
            Some(given) => self.readable("database.ca_file", given).map(Some),
            None => Some(None),
        };
        let (key, url) = match (url, file) {
            (Some(_), Some(file)) => {
                self.wrong(
                    "database.url_file",
                    file.source,
                    (
                        "is given beside database.url".into(),
                        "Keep one of the two.".into(),
                    ),
                );
                return None;
            }
            (None, None) => return Some(Database::sqlite(data_dir?.join("keystead.db"))),
            (Some(url), None) => ("database.url", url),
            (None, Some(file)) => {
                let source = file.source.clone();
                (
                    "database.url_file",
                    Given {
                        value: self.secret("database.url_file", file)?,
                        source,
                    },
                )
            }
        };
        let text = url.value.expose();
        if let Some(path) = text.strip_prefix("sqlite:") {
            return match sqlite_file(path) {
                Ok(path) => Some(Database::sqlite(self.inputs.folder.join(path))),
                Err(wrong) => {
                    self.wrong(key, url.source, wrong);
                    None
                }
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let pool_size = usize::try_from(pool_size?).ok()?;
            return Some(Database::Postgres {
                url: url.value,
                ca_file: ca_file?,
                pool_size,
            });
        }
        self.wrong(key, url.source, (
            "is neither sqlite: nor postgres://".into(),
            "Write sqlite:/var/lib/keystead/keystead.db or postgres://USER:PASSWORD@HOST/DATABASE".into(),
        ));
        None
    }

    pub(super) fn bootstrap(
        &mut self,
        id: Option<Given<String>>,
        file: Option<Given<String>>,
    ) -> Option<Option<Bootstrap>> {
        const BOTH: &str = "Set bootstrap.client_id and bootstrap.client_secret_file, or neither.";
        let (id, file) = match (id, file) {
            (None, None) => return Some(None),
            (Some(id), None) => {
                self.wrong(
                    "bootstrap.client_id",
                    id.source,
                    ("comes without a secret".into(), BOTH.into()),
                );
                return None;
            }
            (None, Some(file)) => {
                self.wrong(
                    "bootstrap.client_secret_file",
                    file.source,
                    ("comes without an id".into(), BOTH.into()),
                );
                return None;
            }
            (Some(id), Some(file)) => (id, file),
        };
        let client_id = ClientId::try_from(id.value).ok();
        if client_id.is_none() {
            self.wrong(
                "bootstrap.client_id",
                id.source,
                (
                    "is not a client identifier".into(),
                    "Use letters, digits, - and _.".into(),
                ),
            );
        }
        let source = file.source.clone();
        let client_secret = self.secret("bootstrap.client_secret_file", file)?;
        if client_secret.expose().len() < SECRET_LENGTH {
            self.wrong(
                "bootstrap.client_secret_file",
                source,
                (
                    format!("holds fewer than {SECRET_LENGTH} characters"),
                    "Make one: head -c 32 /dev/urandom | base64 > FILE".into(),
                ),
            );
            return None;
        }
        Some(Some(Bootstrap {
            client_id: client_id?,
            client_secret,
        }))
    }
}

fn sqlite_file(path: &str) -> Result<PathBuf, Wrong> {
    let path = match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(_) => {
            return Err((
                "names a host".into(),
                "Write sqlite:FILE, or sqlite:///FOLDER/FILE from the root.".into(),
            ));
        }
        None => path,
    };
    if path.is_empty() || path.contains('?') || path.starts_with(':') {
        return Err((
            "does not name a file".into(),
            "Write sqlite:keystead.db or sqlite:/var/lib/keystead/keystead.db".into(),
        ));
    }
    Ok(path.into())
}
