//! Who is asking: the client of a request, believed only when it has proved itself (RFC 6749 §2.3).

use std::sync::Arc;

use axum::http::{HeaderMap, header::AUTHORIZATION};
use keystead_protocol::{
    client_auth::{AuthRefusal, Credentials, Presented, assertion},
    form::Form,
    jwt::Token,
    secret::{Digest, Secret},
    time::Timestamp,
};
use keystead_store::replays::{self, Once, Use};

use crate::{
    catalogue::KnownClient,
    oauth::refusal::{Error, Refusal},
    services::Services,
};

/// Finds the client of a request and checks its credentials.
///
/// An unknown client costs as much hashing as one whose secret is wrong, and both hear the same.
///
/// # Errors
/// A [`Refusal`], or a fault of the store.
pub async fn authenticate(
    services: &Services,
    headers: &HeaderMap,
    form: &Form,
    now: Timestamp,
) -> Result<Arc<KnownClient>, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let header = match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => None,
        (Some(Ok(text)), None) => Some(text),
        (Some(_), Some(_)) => {
            return Err(Refusal::Unauthenticated(AuthRefusal::SeveralMethods).into());
        }
        (Some(Err(_)), None) => {
            return Err(Refusal::Unauthenticated(AuthRefusal::HeaderMalformed).into());
        }
    };
    let presented = Presented::read(header, form).map_err(Refusal::Unauthenticated)?;
    let found = services
        .catalogue
        .client(&services.store, &services.keyring, &presented.client_id)
        .await?;
    let Some(client) = found else {
        if let Credentials::Post(given) | Credentials::Basic(given) = &presented.credentials {
            let _ = given.digest().matches(&Digest::from([0; 32]));
        }
        return Err(Refusal::UnknownClient.into());
    };
    presented
        .conforms(client.metadata.auth_method())
        .map_err(Refusal::Unauthenticated)?;
    match &presented.credentials {
        Credentials::None => {}
        Credentials::Post(given) | Credentials::Basic(given) => {
            let right = client
                .secret
                .as_ref()
                .is_some_and(|secret| given.digest().matches(secret));
            if !right {
                return Err(Refusal::WrongSecret.into());
            }
        }
        Credentials::Assertion(assertion) => prove(services, &client, assertion, now).await?,
    }
    // Only who has proved to be the client learns that it is disabled, and even that by the log alone.
    if client.enabled {
        Ok(client)
    } else {
        Err(Refusal::DisabledClient.into())
    }
}

/// Checks an assertion (RFC 7523 §3) and remembers it, in the database, so that no other node takes it either.
async fn prove(
    services: &Services,
    client: &KnownClient,
    given: &Secret,
    now: Timestamp,
) -> Result<(), Error> {
    let token = Token::parse(given.expose()).map_err(Refusal::AssertionSignature)?;
    let key = token
        .key_in(&client.keys)
        .ok_or(Refusal::AssertionKey)?
        .clone();
    let verified = token.verify(&key).map_err(Refusal::AssertionSignature)?;
    let issuer = services.config.issuer.as_str();
    let endpoints =
        ["oauth/token", "oauth/introspect", "oauth/revoke"].map(|path| format!("{issuer}{path}"));
    let expected = assertion::Expected {
        client_id: &client.id,
        issuer,
        endpoints: &endpoints.each_ref().map(String::as_str),
        audience: client.metadata.profile().assertion_audience(),
    };
    let assertion =
        assertion::check(&verified, &expected, now).map_err(Refusal::AssertionClaims)?;
    let used = services.store.write(move |tx| {
        replays::first_use(
            tx,
            Once::ClientAssertion,
            &assertion.replay_key,
            assertion.expires_at,
            now,
        )
    });
    match used.await? {
        Use::First => Ok(()),
        Use::Again => Err(Refusal::AssertionReplayed.into()),
    }
}
