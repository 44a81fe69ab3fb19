//! Conversations with the OAuth endpoints, each on both databases where records are read or written.

mod bad_bodies;
mod bad_input;
mod bootstrap;
mod client_credentials;
mod code;
mod cors;
mod discovery;
mod introspect;
mod keys;
mod limits;
mod refresh;
mod revoke;
mod userinfo;
