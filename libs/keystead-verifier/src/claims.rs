//! What a verified token says, and the guards that ask whether it suffices.

use std::{ops::Deref, sync::Arc};

use keystead_protocol::claims::{self, ClaimsSet};
use serde::Deserialize;

use crate::Refusal;

/// The claims of a token that was accepted, for [`ClaimsSet`]'s fields by dereference. Cheap to clone.
///
/// Not checked: `scope` and `permissions`, which only the handler knows to ask for.
#[derive(Debug, Clone)]
pub struct Claims(Arc<Accepted>);

#[derive(Debug)]
enum Accepted {
    Signed(claims::Claims),
    #[cfg(feature = "introspection")]
    Introspected {
        set: ClaimsSet,
        payload: Vec<u8>,
    },
}

impl Claims {
    pub(crate) fn signed(claims: claims::Claims) -> Self {
        Self(Arc::new(Accepted::Signed(claims)))
    }

    #[cfg(feature = "introspection")]
    pub(crate) fn introspected(set: ClaimsSet, payload: Vec<u8>) -> Self {
        Self(Arc::new(Accepted::Introspected { set, payload }))
    }

    /// Demands a value of `scope`, or several, separated by spaces.
    ///
    /// # Errors
    /// [`Refusal::InsufficientScope`], a 403.
    pub fn require_scope(&self, scope: &str) -> Result<(), Refusal> {
        demand(scope, |one| self.has_scope(one))
    }

    /// Demands a value of `permissions`, or several, separated by spaces.
    ///
    /// # Errors
    /// [`Refusal::InsufficientScope`], a 403: RFC 6750 has no other word, and a permission is a scope of the API.
    pub fn require_permission(&self, permission: &str) -> Result<(), Refusal> {
        demand(permission, |one| self.has_permission(one))
    }

    /// Reads claims of your own.
    ///
    /// # Errors
    /// What `serde_json` has to say, for the log.
    pub fn custom<'c, T: Deserialize<'c>>(&'c self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.payload())
    }

    /// The JSON that the claims were read from: the token's payload, or the issuer's answer about the token.
    pub fn payload(&self) -> &[u8] {
        match &*self.0 {
            Accepted::Signed(claims) => claims.payload(),
            #[cfg(feature = "introspection")]
            Accepted::Introspected { payload, .. } => payload,
        }
    }
}

fn demand(wanted: &str, has: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    let mut values = wanted.split(' ').filter(|one| !one.is_empty()).peekable();
    // A guard that asks for nothing is a slip; it must not let everybody in.
    if values.peek().is_some() && values.all(has) {
        Ok(())
    } else {
        Err(Refusal::InsufficientScope(wanted.to_owned()))
    }
}

impl Deref for Claims {
    type Target = ClaimsSet;

    fn deref(&self) -> &ClaimsSet {
        match &*self.0 {
            Accepted::Signed(claims) => claims,
            #[cfg(feature = "introspection")]
            Accepted::Introspected { set, .. } => set,
        }
    }
}
