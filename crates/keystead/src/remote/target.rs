//! Which app of which provider this program is: told once, remembered after a log-in.

use std::{fs, io, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::typed::program;

const FILE: &str = "login.json";
const ISSUER: &str = "http://localhost:3000/";

/// What a log-in needs to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) issuer: String,
    pub(super) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    pub(super) scope: String,
}

impl Target {
    /// What was said, and for the rest what was said last time. Another issuer is another beginning: what one calls a
    /// client, another does not know. That its name ends in a slash or not is known once it has been asked.
    pub(super) fn new(
        issuer: Option<String>,
        client_id: Option<String>,
        audience: Option<String>,
        scope: Option<String>,
        last: Option<Self>,
    ) -> anyhow::Result<Self> {
        let bare = |issuer: &str| issuer.strip_suffix('/').unwrap_or(issuer).to_owned();
        let is_same = |last: &Self| {
            let said = issuer.as_deref();
            said.is_none_or(|said| bare(said) == bare(&last.issuer))
        };
        let last = last.filter(is_same);
        let (known, id, audience_then, scope_then) = match last {
            Some(last) => (
                Some(last.issuer),
                Some(last.client_id),
                last.audience,
                last.scope,
            ),
            None => (None, None, None, String::new()),
        };
        Ok(Self {
            issuer: known.or(issuer).unwrap_or_else(|| ISSUER.to_owned()),
            client_id: client_id.or(id).with_context(|| {
                format!(
                    "which application is this? name a native one of the issuer: {} login --client-id ID",
                    program()
                )
            })?,
            audience: audience.or(audience_then),
            scope: scope.unwrap_or(scope_then),
        })
    }

    /// The same with the other name that may have been meant: some issuers end in a slash, and people leave it out.
    pub(super) fn with_or_without_slash(&self) -> Self {
        let issuer = match self.issuer.strip_suffix('/') {
            Some(bare) => bare.to_owned(),
            None => format!("{}/", self.issuer),
        };
        Self {
            issuer,
            ..self.clone()
        }
    }

    /// Whether the issuer can be started here.
    pub(super) fn is_on_this_machine(&self) -> bool {
        let issuer = Url::parse(&self.issuer).ok();
        let host = issuer.as_ref().and_then(Url::host_str);
        matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"))
    }

    /// The last log-in's.
    pub(super) fn last(folder: &Path) -> anyhow::Result<Option<Self>> {
        let file = folder.join(FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(why).with_context(|| format!("cannot read {}", file.display())),
        };
        let target = serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; to begin anew: rm {0}", file.display()))?;
        Ok(Some(target))
    }

    /// Writes it down for the next command. It holds no secret.
    pub(super) fn remember(&self, folder: &Path) -> anyhow::Result<()> {
        let file = folder.join(FILE);
        fs::write(&file, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(
        issuer: Option<&str>,
        client_id: Option<&str>,
        last: Option<Target>,
    ) -> anyhow::Result<Target> {
        let own = |text: &str| text.to_owned();
        Target::new(issuer.map(own), client_id.map(own), None, None, last)
    }

    #[test]
    fn what_is_not_said_is_as_last_time_at_the_same_issuer() {
        let last = Target {
            issuer: "https://a.example.com/".to_owned(),
            client_id: "app".to_owned(),
            audience: Some("api".to_owned()),
            scope: "read".to_owned(),
        };
        assert_eq!(said(None, None, Some(last.clone())).unwrap(), last);
        assert_eq!(
            said(Some("https://a.example.com"), None, Some(last.clone())).unwrap(),
            last
        );
        let other = said(
            Some("https://b.example.com/"),
            Some("x"),
            Some(last.clone()),
        )
        .unwrap();
        assert_eq!((other.audience, other.scope.as_str()), (None, ""));
        let nobody = said(Some("https://b.example.com/"), None, Some(last)).unwrap_err();
        assert!(nobody.to_string().contains("--client-id"), "{nobody}");
        assert_eq!(said(None, Some("x"), None).unwrap().issuer, ISSUER);
    }

    #[test]
    fn it_is_remembered_and_damage_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Target::last(folder.path()).unwrap(), None);
        let target = said(None, Some("app"), None).unwrap();
        target.remember(folder.path()).unwrap();
        assert_eq!(Target::last(folder.path()).unwrap(), Some(target));
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(
            Target::last(folder.path())
                .unwrap_err()
                .to_string()
                .contains("rm ")
        );
    }
}
