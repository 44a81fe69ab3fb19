//! The endpoints of OAuth 2.0 and OpenID Connect that machines call.

use axum::Router;

use crate::services::Services;

pub mod client;
pub mod discovery;
mod form;
pub mod grants;
pub mod introspect;
pub mod refusal;
pub mod revoke;
pub mod token;
mod tokens;
pub mod userinfo;

/// The routes of every endpoint here.
pub fn routes() -> Router<Services> {
    Router::new()
        .merge(discovery::routes())
        .merge(token::routes())
        .merge(userinfo::routes())
        .merge(introspect::routes())
        .merge(revoke::routes())
}
