//! Where an issuer's keys are, or where it says so.

use std::fmt;

use keystead_protocol::endpoint;
use url::Url;

use crate::BuildError;

/// Where the key set is, or where it says so.
pub(crate) enum Place {
    KeySet(Url),
    Discovery { issuer: String, document: Url },
}

impl Place {
    pub(crate) fn key_set(uri: &str) -> Result<Self, BuildError> {
        let place = endpoint::permitted(uri).ok_or_else(|| BuildError::BadUrl(uri.to_owned()))?;
        Ok(Self::KeySet(place))
    }

    pub(crate) fn discovery(issuer: &str) -> Result<Self, BuildError> {
        let document = endpoint::discovery_document(issuer);
        Ok(Self::Discovery {
            document: document.ok_or_else(|| BuildError::BadUrl(issuer.to_owned()))?,
            issuer: issuer.to_owned(),
        })
    }

    pub(crate) fn url(&self) -> &Url {
        match self {
            Self::KeySet(url) | Self::Discovery { document: url, .. } => url,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url().fmt(f)
    }
}
