//! Compact JWS, keys and claims, seen from outside: vectors, oracles, attacks, properties.
//!
//! `cfg(test)` marks the helpers as test code for the lints, which in this folder they would not see otherwise.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod claim_forms;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod id_tokens;
#[cfg(test)]
mod key_sets;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod oracles;
#[cfg(test)]
mod private_keys;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod spelling;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod vectors;
