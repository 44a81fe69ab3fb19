//! The edge: what happens to every request before an endpoint sees it and to every answer after.

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    response::Response,
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{error::Fault, services::Services};

pub mod admit;
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
    now::Now,
    origin::{Arrival, Origin, Scheme},
    refusal::Refusal,
    request_id::RequestId,
};

/// Stands the edge before `routes`. From the outside in: who is asking and how it is logged, limits of size and time,
/// a net for panics, paths and methods that do not exist.
///
/// Each request must carry an [`Arrival`] extension, which [`listen::serve`] leaves there.
pub fn edge(routes: Router<Services>, services: &Services) -> Router {
    let routes = routes
        .fallback(async || Refusal::NoSuchPath)
        .method_not_allowed_fallback(async || Refusal::NoSuchMethod)
        .layer(from_fn(crate::metrics::measure))
        .with_state(services.clone());
    // Layers on a router run after its routing; the path must be settled before.
    Router::new()
        .fallback_service(routes)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(limits::bound))
        .layer(from_fn_with_state(services.clone(), admit::admit))
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a text");
    axum::response::IntoResponse::into_response(Fault::Panicked(text.to_owned()))
}
