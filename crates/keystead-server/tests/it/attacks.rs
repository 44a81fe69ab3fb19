//! Attacks on the running server, each module named by its class in the project's list.

mod class_33_denial_of_service;
mod class_34_forwarded;
