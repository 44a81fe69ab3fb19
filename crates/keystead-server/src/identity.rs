//! Accounts: what an endpoint may know of a user, and what a user may do.

pub mod accounts;
pub mod claims;
pub mod database;
pub mod entitlement;
pub mod id_tokens;
pub mod issue;
pub mod lockout;
pub mod owners;
pub mod policy;
pub mod refusals;
pub mod same_origin;
pub mod sessions;
pub mod terms;
