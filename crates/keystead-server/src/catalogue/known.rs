//! Records as the endpoints need them: secrets opened and digested, keys parsed, once for as long as they are remembered.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    client::ClientMetadata,
    ids::ClientId,
    jwk::{Algorithm, SigningKey, VerifyingKeys},
    jwt::Signer,
    profile::ClientType,
    scope::Scope,
    secret::Digest,
};
use keystead_store::{
    apis::Api,
    clients::Client,
    seal::{Keyring, Place, Slot},
};

use crate::error::Fault;

/// A client as the endpoints need it: its metadata read, its secret digested, its keys parsed.
pub struct KnownClient {
    /// Its `client_id`.
    pub id: ClientId,
    /// What people call it.
    pub name: String,
    /// Whether it may do anything at all.
    pub enabled: bool,
    /// What is registered about it.
    pub metadata: ClientMetadata,
    /// What its secret must hash to; a public client has none.
    pub secret: Option<Digest>,
    /// What its ID tokens are signed with, if it asked for HS256 and can keep a secret.
    pub shared_key: Option<Arc<Signer>>,
    /// What its assertions are verified with.
    pub keys: VerifyingKeys,
}

impl KnownClient {
    /// What its ID tokens are signed with, where no secret is shared: RS256 unless it registered another.
    pub fn id_token_algorithm(&self) -> Algorithm {
        self.metadata
            .id_token
            .alg
            .filter(|alg| !is_shared(*alg))
            .unwrap_or(Algorithm::RS256)
    }
}

/// An API as the endpoints need it.
pub struct KnownApi {
    /// The record.
    pub api: Api,
    /// The scopes that it defines.
    pub scope: Scope,
    /// The key of an API that shares a secret with us (HS256).
    pub shared_key: Option<Arc<Signer>>,
}

pub(super) fn know_client(client: Client, keyring: &Keyring) -> Result<KnownClient, Fault> {
    let place = Place {
        slot: Slot::ClientSecret,
        id: client.id.as_str(),
    };
    let secret = client
        .secret
        .as_ref()
        .map(|sealed| keyring.open(place, sealed))
        .transpose()?;
    let metadata = client.metadata;
    let shared_key = shared_key(&metadata, secret.as_deref().map(Vec::as_slice))?;
    let keys = metadata
        .jwks
        .as_ref()
        .map(|jwks| VerifyingKeys::from_json(&jwks.to_string()));
    let keys = keys.transpose().unwrap_or_else(|why| {
        tracing::warn!(client = %client.id, %why, "a client's keys cannot be read; its assertions will be refused");
        None
    });
    Ok(KnownClient {
        id: client.id,
        name: client.name,
        enabled: client.enabled,
        metadata,
        secret: secret.as_ref().map(|secret| Digest::of(secret)),
        shared_key,
        keys: keys.unwrap_or_default(),
    })
}

/// The key of ID tokens that are signed with the client's own secret.
fn shared_key(
    metadata: &ClientMetadata,
    secret: Option<&[u8]>,
) -> Result<Option<Arc<Signer>>, Fault> {
    let algorithm = metadata.id_token.alg.filter(|alg| is_shared(*alg));
    match (algorithm, secret, metadata.client_type()) {
        (Some(algorithm), Some(secret), ClientType::Confidential) => {
            let decoded = metadata
                .id_token
                .secret_encoded
                .then(|| URL_SAFE_NO_PAD.decode(secret));
            let bytes = decoded.transpose().map_err(|_| Fault::NoKey(algorithm))?;
            let key = SigningKey::from_secret(algorithm, bytes.as_deref().unwrap_or(secret));
            key.map(|key| Some(Arc::new(Signer::new(key))))
                .map_err(|_| Fault::NoKey(algorithm))
        }
        _ => Ok(None),
    }
}

fn is_shared(algorithm: Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
    )
}

pub(super) fn know_api(api: Api, keyring: &Keyring) -> Result<KnownApi, Fault> {
    let place = Place {
        slot: Slot::ApiSigningSecret,
        id: api.id.as_str(),
    };
    let algorithm = api.settings.signing_alg;
    let shared_key = match &api.signing_secret {
        Some(sealed) if is_shared(algorithm) => {
            let secret = keyring.open(place, sealed)?;
            let key =
                SigningKey::from_secret(algorithm, &secret).map_err(|_| Fault::NoKey(algorithm))?;
            Some(Arc::new(Signer::new(key)))
        }
        _ => None,
    };
    let scope = api
        .scopes
        .iter()
        .map(|defined| defined.value.clone())
        .collect();
    Ok(KnownApi {
        api,
        scope,
        shared_key,
    })
}
