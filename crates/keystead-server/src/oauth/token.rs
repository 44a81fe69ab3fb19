//! `POST /oauth/token` (RFC 6749 §3.2): parse, authenticate, permit, prove, settle, mint.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::post,
};
use keystead_protocol::{
    grant_type::GrantType, jwt::Signer, profile::Profile, scope::Scope, secret::Secret,
    time::Timestamp, token::TokenRequest,
};
use keystead_store::{
    access_tokens::{self, AccessToken},
    log::{self, Entry, LogId},
    token_key::{Purpose, TokenKey},
};
use serde::Serialize;

use super::{
    client, form,
    grants::{self, Authorization, Cx, Person, Settlement, Subject},
    refusal::{Error, Refusal, uncached},
};
use crate::{
    catalogue::KnownClient,
    http::{Now, Origin},
    identity::{
        entitlement,
        issue::{Access, Beside, IdTokens, Identity, Keys},
    },
    services::Services,
};

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/oauth/token", post(token))
}

/// Answers a token request in JSON, or refuses it as RFC 6749 §5.2 says; statuses follow the client's profile.
async fn token(
    State(services): State<Services>,
    Now(now): Now,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    form::Whole(body): form::Whole,
) -> Response {
    let mut heard = Heard::default();
    match answer(&services, now, &origin, &headers, &body, &mut heard).await {
        Ok(answer) => (uncached(), Json(answer)).into_response(),
        Err(error) => {
            if let Error::Refused(why) = &error {
                services
                    .logbook
                    .note(heard.line(&services, now, &origin, Err(why)));
            }
            error.respond(heard.profile())
        }
    }
}

/// What a successful request is answered (RFC 6749 §5.1). `scope` is always there: libraries compare it with what they
/// asked for.
#[derive(Serialize)]
struct Answer {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
    expires_in: u64,
    token_type: &'static str,
}

/// What was understood of a request before it ended, for the log and for the form of a refusal.
#[derive(Default)]
struct Heard {
    client: Option<Arc<KnownClient>>,
    grant: Option<GrantType>,
}

async fn answer(
    services: &Services,
    now: Timestamp,
    origin: &Origin,
    headers: &HeaderMap,
    body: &Bytes,
    heard: &mut Heard,
) -> Result<Answer, Error> {
    services.catalogue.believable(now)?;
    // Parse. What is wrong is said after the client is known, whose profile decides how.
    let form = form::read(headers, body)?;
    let request = TokenRequest::parse(&form);
    heard.grant = request.as_ref().ok().map(TokenRequest::grant_type);
    // Authenticate.
    let client = client::authenticate(services, headers, &form, now).await?;
    heard.client = Some(Arc::clone(&client));
    let client = &client;
    let request = request?;
    let grant = request.grant_type();
    // Permit.
    if !client.metadata.allows(grant) {
        return Err(Refusal::GrantNotAllowed(grant).into());
    }
    let profile = client.metadata.profile();
    let cx = Cx {
        services,
        now,
        client,
        profile,
        address: origin.client,
    };
    // Prove.
    let authorization = grants::prove(&cx, request).await?;
    // Settle. Keys are at hand before anything is spent.
    let keys = keys(&cx, &authorization).await?;
    let opaque = settle(
        &cx,
        &authorization,
        heard.line(services, now, origin, Ok(&authorization)),
    )
    .await?;
    // Mint.
    mint(&cx, authorization, &keys, opaque)
}

async fn keys(cx: &Cx<'_>, authorization: &Authorization) -> Result<Keys, Error> {
    let identifies =
        matches!(authorization.subject, Subject::User(_)) && authorization.scope.contains("openid");
    let id_tokens = match identifies {
        true => IdTokens::One,
        false => IdTokens::None,
    };
    let (client, api) = (cx.client, authorization.api.as_deref());
    Ok(Keys::of(cx.services, client, api, id_tokens, cx.now).await?)
}

/// One write transaction: what the grant must spend or store, the opaque access token if there is no API, and the log
/// line. Gives the opaque token. A machine's token only leaves a line in the logbook.
async fn settle(
    cx: &Cx<'_>,
    authorization: &Authorization,
    line: Entry,
) -> Result<Option<Secret>, Error> {
    let now = cx.now;
    if let Settlement::Nothing = authorization.settlement {
        cx.services.logbook.note(line);
        return Ok(None);
    }
    let opaque = match (&authorization.api, &authorization.subject) {
        (None, Subject::User(person)) => {
            let (secret, key) = TokenKey::draw(Purpose::AccessToken, now, &mut cx.services.rng());
            let (grant, scope) = (person.family.clone(), authorization.scope.clone());
            Some((
                secret,
                key,
                AccessToken {
                    grant,
                    scope,
                    expires_at: now + entitlement::access_lifetime(None),
                    created_at: now,
                },
            ))
        }
        _ => None,
    };
    let stored = opaque.as_ref().map(|(_, key, token)| (*key, token.clone()));
    let settlement = authorization.settlement.clone();
    let settled = cx.services.store.write(move |tx| {
        if let Err(refusal) = settlement.settle(tx, now)? {
            return Ok(Err(refusal));
        }
        if let Some((key, token)) = &stored {
            access_tokens::insert(tx, key, token)?;
        }
        log::append(tx, &line)?;
        Ok::<_, Error>(Ok(()))
    });
    settled.await??;
    Ok(opaque.map(|(secret, ..)| secret))
}

fn mint(
    cx: &Cx<'_>,
    authorization: Authorization,
    keys: &Keys,
    opaque: Option<Secret>,
) -> Result<Answer, Error> {
    let (family, subject) = match &authorization.subject {
        Subject::Client => (None, format!("{}@clients", cx.client.id)),
        Subject::User(person) => (Some(&person.family), person.user.id.to_string()),
    };
    let lifetime = entitlement::access_lifetime(authorization.api.as_deref());
    let access_token = match (authorization.api.as_deref(), &keys.access) {
        (Some(api), Some(key)) => Access {
            client: cx.client,
            subject: &subject,
            family,
            api,
            scope: &authorization.scope,
            permissions: authorization.permissions.as_ref(),
            grant_type: authorization.grant_type,
            issued_at: cx.now,
            lifetime,
        }
        .sign(cx.services, key)?,
        _ => opaque
            .map(|secret| secret.expose().to_owned())
            .ok_or(Refusal::NoAudience)?,
    };
    let id_token = match (&authorization.subject, &keys.id) {
        (Subject::User(person), Some(key)) => Some(id_token(
            cx,
            person,
            &authorization.scope,
            &access_token,
            key,
        )?),
        _ => None,
    };
    Ok(Answer {
        access_token,
        id_token,
        refresh_token: authorization
            .refresh_token
            .map(|secret| secret.expose().to_owned()),
        scope: authorization.scope.to_string(),
        expires_in: lifetime.as_secs(),
        token_type: "Bearer",
    })
}

fn id_token(
    cx: &Cx<'_>,
    person: &Person,
    scope: &Scope,
    access_token: &str,
    key: &Signer,
) -> Result<String, Error> {
    let identity = Identity {
        client: cx.client,
        profile: cx.profile,
        user: &person.user,
        session: person.session.as_ref(),
        nonce: person.nonce.as_deref(),
        authenticated_at: person.authenticated_at,
        methods: &person.methods,
        scope,
        asked: &person.asked,
        beside: Beside {
            access_token: Some(access_token),
            ..Beside::default()
        },
        issued_at: cx.now,
    };
    Ok(identity.sign(cx.services, key)?)
}

impl Heard {
    fn profile(&self) -> Profile {
        self.client
            .as_ref()
            .map_or(Profile::Compat, |client| client.metadata.profile())
    }

    /// The line for the tenant's log, with Auth0's event codes.
    fn line(
        &self,
        services: &Services,
        now: Timestamp,
        origin: &Origin,
        ended: Result<&Authorization, &Refusal>,
    ) -> Entry {
        let kind = match (self.grant, &ended) {
            (Some(GrantType::ClientCredentials), Ok(_)) => "seccft",
            (Some(GrantType::ClientCredentials), Err(_)) => "feccft",
            (Some(GrantType::RefreshToken), Ok(_)) => "sertft",
            (Some(GrantType::RefreshToken), Err(_)) => "fertft",
            (_, Ok(_)) => "seacft",
            (_, Err(_)) => "feacft",
        };
        let user = match ended {
            Ok(Authorization {
                subject: Subject::User(person),
                ..
            }) => Some(person.user.id.clone()),
            _ => None,
        };
        Entry {
            id: LogId::generate(now, &mut services.rng()),
            at: now,
            kind: kind.to_owned(),
            client: self.client.as_ref().map(|client| client.id.clone()),
            user,
            connection: None,
            address: Some(origin.client.to_string()),
            description: ended.err().map(ToString::to_string),
            details: serde_json::Map::new(),
            occurrences: 1,
        }
    }
}
