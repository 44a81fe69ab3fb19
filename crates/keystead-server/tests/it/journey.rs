//! What a browser meets, step by step.

mod authorize;
mod consent;
mod error_page;
mod front_channel;
mod limits;
mod login;
mod logout;
mod openid;
mod response_modes;
mod setup;
mod signup;
mod steps;
