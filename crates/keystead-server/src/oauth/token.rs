//! `POST /oauth/token` (RFC 6749 §3.2): parse, authenticate, permit, prove and spend, mint.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use keystead_protocol::{
    grant_type::GrantType, jwt::Signer, profile::Profile, scope::Scope, time::Timestamp,
    token::TokenRequest,
};
use keystead_store::log::{Entry, LogId};
use serde::Serialize;

use super::{
    client, form,
    grants::{self, Authorization, Cx, Person, Subject, Voucher, code, machine, refresh},
    refusal::{Error, Refusal, uncached},
};
use crate::{
    catalogue::KnownClient,
    error::Fault,
    http::{Now, Origin},
    identity::{
        entitlement,
        issue::{Access, Beside, Identity},
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
    let mut heard = Heard::new(now, origin.client);
    match answer(&services, &headers, &body, &mut heard).await {
        Ok(answer) => answer.into_response(),
        Err(error) => {
            if let Error::Refused(why) = &error {
                services.logbook.note(heard.line(&services, Err(why)));
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

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        // Room for all of it: growing would copy the tokens over and over.
        let tokens = [&self.id_token, &self.refresh_token].into_iter().flatten();
        let length = self.access_token.len() + tokens.map(String::len).sum::<usize>();
        let mut body = Vec::with_capacity(length + self.scope.len() + 128);
        if let Err(why) = serde_json::to_writer(&mut body, &self) {
            return Fault::Unwritable(why.to_string()).into_response();
        }
        let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (uncached(), kind, Body::from(body)).into_response()
    }
}

/// What was understood of a request before it ended, for the log and for the form of a refusal.
#[derive(Clone)]
struct Heard {
    at: Timestamp,
    address: IpAddr,
    client: Option<Arc<KnownClient>>,
    grant: Option<GrantType>,
}

async fn answer(
    services: &Services,
    headers: &HeaderMap,
    body: &Bytes,
    heard: &mut Heard,
) -> Result<Answer, Error> {
    let now = heard.at;
    services.catalogue.believable(now)?;
    // Parse. What is wrong is said after the client is known, whose profile decides how.
    let form = form::read(headers, body)?;
    let request = TokenRequest::parse(&form);
    heard.grant = request.as_ref().ok().map(TokenRequest::grant_type);
    // Authenticate.
    let client = client::authenticate(services, headers, &form, now).await?;
    heard.client = Some(Arc::clone(&client));
    let request = request?;
    let grant = request.grant_type();
    // Permit.
    if !client.metadata.allows(grant) {
        return Err(Refusal::GrantNotAllowed(grant).into());
    }
    let cx = Cx {
        services: services.clone(),
        now,
        profile: client.metadata.profile(),
        client,
    };
    // Prove, and spend what can be spent once.
    let authorization = match request {
        TokenRequest::ClientCredentials(request) => {
            let authorization = machine::prove(&cx, request).await?;
            let line = heard.line(services, Ok(&authorization));
            services.logbook.note(line);
            authorization
        }
        TokenRequest::AuthorizationCode(request) => {
            let voucher = Voucher::Code(code::Voucher::new(&cx, request)?);
            spend(&cx, voucher, heard).await?
        }
        TokenRequest::RefreshToken(request) => {
            let voucher = Voucher::RefreshToken(refresh::Voucher::new(&cx, request)?);
            spend(&cx, voucher, heard).await?
        }
    };
    // Mint.
    mint(&cx, authorization)
}

/// One write transaction, which leaves its line in the log.
async fn spend(cx: &Cx, voucher: Voucher, heard: &Heard) -> Result<Authorization, Error> {
    let (services, heard) = (cx.services.clone(), heard.clone());
    grants::spend(cx, voucher, move |authorization| {
        heard.line(&services, Ok(authorization))
    })
    .await
}

fn mint(cx: &Cx, authorization: Authorization) -> Result<Answer, Error> {
    let (family, subject) = match &authorization.subject {
        Subject::Client => (None, format!("{}@clients", cx.client.id)),
        Subject::User(person) => (Some(&person.family), person.user.to_string()),
    };
    let lifetime = entitlement::access_lifetime(authorization.api.as_deref());
    let access_token = match (authorization.api.as_deref(), &authorization.keys.access) {
        (Some(api), Some(key)) => Access {
            client: &cx.client,
            subject: &subject,
            family,
            api,
            scope: &authorization.scope,
            permissions: authorization.permissions.as_ref(),
            grant_type: authorization.grant_type,
            issued_at: cx.now,
            lifetime,
        }
        .sign(&cx.services, key)?,
        _ => authorization
            .opaque
            .as_ref()
            .map(|secret| secret.expose().to_owned())
            .ok_or(Refusal::NoAudience)?,
    };
    let id_token = match (&authorization.subject, authorization.keys.id.as_deref()) {
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
    cx: &Cx,
    person: &Person,
    scope: &Scope,
    access_token: &str,
    key: &Signer,
) -> Result<String, Error> {
    let user = person.record.as_ref().ok_or(Fault::Unread)?;
    let identity = Identity {
        client: &cx.client,
        profile: cx.profile,
        user,
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
    Ok(identity.sign(&cx.services, key)?)
}

impl Heard {
    fn new(at: Timestamp, address: IpAddr) -> Self {
        Self {
            at,
            address,
            client: None,
            grant: None,
        }
    }

    fn profile(&self) -> Profile {
        self.client
            .as_ref()
            .map_or(Profile::Compat, |client| client.metadata.profile())
    }

    /// The line for the tenant's log, with Auth0's event codes.
    fn line(&self, services: &Services, ended: Result<&Authorization, &Refusal>) -> Entry {
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
            }) => Some(person.user.clone()),
            _ => None,
        };
        Entry {
            id: LogId::generate(self.at, &mut services.rng()),
            at: self.at,
            kind: kind.to_owned(),
            client: self.client.as_ref().map(|client| client.id.clone()),
            user,
            connection: None,
            address: Some(self.address.to_string()),
            description: ended.err().map(ToString::to_string),
            details: serde_json::Map::new(),
            occurrences: 1,
        }
    }
}
