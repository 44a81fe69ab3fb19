//! The endpoints of OAuth 2.0 and OpenID Connect that machines call.

use axum::{Router, middleware::from_fn_with_state};

use crate::services::Services;

pub mod client;
pub mod discovery;
mod form;
pub mod grants;
pub mod introspect;
mod limit;
pub mod refusal;
pub mod revoke;
pub mod token;
mod tokens;
pub mod userinfo;

/// The routes of every endpoint here. Documents that are the same for everybody are given out at any rate.
pub fn routes(services: &Services) -> Router<Services> {
    Router::new()
        .merge(token::routes())
        .merge(userinfo::routes())
        .merge(introspect::routes())
        .merge(revoke::routes())
        .layer(from_fn_with_state(services.clone(), limit::limit))
        .merge(discovery::routes())
}
