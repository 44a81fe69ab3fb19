//! What may be presented once: a client's assertions and proofs, remembered until they would be refused as too old.

use keystead_protocol::{secret::Digest, time::Timestamp};

use crate::{db::Tx, fault::Fault};

/// What was presented. The same identifier may be used once for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// The `jti` of a client assertion (RFC 7523 §3).
    ClientAssertion,
    /// The `jti` of a proof of possession (RFC 9449 §11.1).
    DpopProof,
}

impl Once {
    fn name(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client_assertion",
            Self::DpopProof => "dpop_proof",
        }
    }
}

/// Whether something was presented before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Use {
    /// Never, or so long ago that it had expired.
    First,
    /// Yes: refuse it.
    Again,
}

/// Takes note of a use. One statement decides who was first, on however many nodes.
///
/// `digest` is over everything that makes the identifier unique, so over its issuer too. `expires_at` is the moment from
/// which the caller refuses it for its age, any leeway included. Does not check that this lies in the future.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn first_use(
    tx: &mut Tx<'_>,
    once: Once,
    digest: &Digest,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<Use, Fault> {
    let noted = tx.run(
        "INSERT INTO replays (purpose, digest, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (purpose, digest) DO UPDATE SET expires_at = excluded.expires_at
         WHERE replays.expires_at <= $4",
        &[
            &once.name(),
            &digest.as_bytes().as_slice(),
            &expires_at,
            &now,
        ],
    )?;
    Ok(if noted == 0 { Use::Again } else { Use::First })
}
