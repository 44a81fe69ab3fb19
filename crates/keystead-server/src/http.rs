//! The edge: what happens to every request before an endpoint sees it and to every answer after.

use axum::{Router, middleware::from_fn_with_state};

use crate::services::Services;

pub mod admit;
mod cors;
pub mod health;
mod limits;
pub mod listen;
mod now;
mod origin;
mod patience;
mod refusal;
mod request_id;
mod security;

pub use self::{
    admit::receive,
    now::Now,
    origin::{Arrival, Origin, Scheme},
    refusal::Refusal,
    request_id::RequestId,
};

/// Stands the edge before `routes`: who is asking and how it is logged, limits of size and time, a net for panics, paths and
/// methods that do not exist. One layer: each more would cost every request a service and a future of its own on the heap.
///
/// Each request must have been [`receive`]d, as [`listen::serve`] does.
pub fn edge(routes: Router<Services>, services: &Services) -> Router {
    routes
        .fallback(async || Refusal::NoSuchPath)
        .method_not_allowed_fallback(async || Refusal::NoSuchMethod)
        .layer(from_fn_with_state(services.clone(), admit::admit))
        .with_state(services.clone())
}
