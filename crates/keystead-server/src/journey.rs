//! Journeys: a browser's way from a client's request to its answer, over the pages where somebody signs in and agrees.
//!
//! A request comes to [`authorize`], which asks [`next`] what is missing. Each step is a page and a form of its own, finds
//! out by its `state` on which journey it is ([`state`]), and when it is done sends the browser to `/authorize/resume`,
//! where `next` is asked again. No step knows another.

use axum::{Router, middleware::from_fn_with_state};

use self::state::{resume_at, step_at};
use crate::services::Services;

mod answer;
mod asking;
pub mod authorize;
pub mod case;
mod confirm;
mod consent;
mod decide;
mod end_session;
mod entrance;
mod finish;
mod landing;
mod limit;
mod login;
mod logout;
pub mod next;
mod onward;
pub mod refusal;
mod rules;
mod setup;
mod signup;
pub mod state;
mod trouble;
mod visit;

/// The routes of every step.
pub fn routes(services: &Services) -> Router<Services> {
    Router::new()
        .merge(authorize::routes())
        .merge(login::routes())
        .merge(signup::routes())
        .merge(consent::routes())
        .merge(confirm::routes())
        .merge(logout::routes())
        .merge(end_session::routes())
        .merge(setup::routes())
        .merge(landing::routes())
        .merge(trouble::routes())
        .layer(from_fn_with_state(services.clone(), limit::limit))
}
