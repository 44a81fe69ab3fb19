//! Accounts: what an endpoint may know of a user, and what a user may do.

pub mod claims;
