//! How the protocol's own types are bound and read back; an illegal stored text is refused here.

use std::borrow::Cow;

use keystead_protocol::{
    ids::{
        ApiId, Audience, ClientGrantId, ClientId, ConnectionId, GrantId, JobId, KeyId, RoleId,
        SessionId, TokenId, UserId,
    },
    scope::{Scope, ScopeToken},
};

use crate::{
    db::{Column, FromColumn, Json, Param, Value},
    log::LogId,
};

macro_rules! text_columns {
    ($($name:ty),+ $(,)?) => {$(
        impl Param for $name {
            fn value(&self) -> Value<'_> {
                Value::Text(Cow::Borrowed(self.as_str()))
            }
        }
        impl FromColumn for $name {
            fn from_column(column: Column) -> Result<Self, String> {
                String::from_column(column)?.try_into().map_err(|e| format!("an identifier: {e}"))
            }
        }
    )+};
}

text_columns!(
    ApiId,
    Audience,
    ClientGrantId,
    ClientId,
    ConnectionId,
    GrantId,
    JobId,
    KeyId,
    LogId,
    RoleId,
    ScopeToken,
    SessionId,
    TokenId,
    UserId
);

/// A set of scopes is a JSON array of strings.
impl Param for Scope {
    fn value(&self) -> Value<'_> {
        serde_json::to_string(self).map_or(Value::Null, Value::Document)
    }
}

impl FromColumn for Scope {
    fn from_column(column: Column) -> Result<Self, String> {
        Json::from_column(column).map(|Json(scope)| scope)
    }
}
