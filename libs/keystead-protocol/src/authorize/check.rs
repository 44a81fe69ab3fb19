//! An authorization request held against what is registered about its client.

use super::{
    answer::Reply,
    ask::{MaxAge, Prompt},
    claims::AskedClaims,
    pairs::refuse,
    request::Request,
    response::{ResponseMode, ResponseType},
};
use crate::{
    client::ClientMetadata,
    error::{Code, OAuthError},
    ids::Audience,
    pkce::{BadChallenge, Challenge},
    profile::Profile,
    redirect::{TrustedRedirect, Untrusted},
    scope::Scope,
};

/// A request that may be answered, and everything that its answer depends on.
///
/// What is *not* checked here: whether the API exists, what of the scope it defines, and who the user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How to answer: the only way to the client.
    pub reply: Reply,
    /// What to answer with.
    pub response_type: ResponseType,
    /// The rule book of this request.
    pub profile: Profile,
    /// What the client wants to be allowed.
    pub scope: Scope,
    /// Of which API.
    pub audience: Option<Audience>,
    /// Copied into the ID token.
    pub nonce: Option<String>,
    /// What the code's redemption must prove.
    pub challenge: Option<Challenge>,
    /// Which pages must or must not be shown.
    pub prompt: Prompt,
    /// How fresh the sign-in must be.
    pub max_age: Option<MaxAge>,
    /// Which claims are asked for one by one.
    pub claims: AskedClaims,
}

/// Why a request is not answered as it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Nobody may be answered: it has to be said on a page (RFC 6749 §4.1.2.1).
    Page {
        /// Why its redirect URI is not trusted.
        why: Untrusted,
        /// The one that was sent.
        requested: Option<String>,
    },
    /// The page that would hear the answer is not among the client's web origins: a page has to say it.
    WebOrigin(String),
    /// The client can be told.
    Redirect {
        /// How.
        to: Box<Reply>,
        /// What.
        why: OAuthError,
    },
}

/// Checks a request. The redirect comes first, because it decides who hears of everything else.
///
/// # Errors
/// The first [`Refused`] found.
pub fn check(request: &Request, client: &ClientMetadata) -> Result<Checked, Refused> {
    let audience = audience(request);
    let profile = client
        .profile()
        .for_request(audience.as_ref().ok().and_then(Option::as_ref));
    let to = trust(request, client, profile)?;
    let response_type = request
        .response_type
        .as_deref()
        .ok_or_else(|| refuse("Missing required parameter: response_type"))
        .and_then(ResponseType::read);
    let (reply, response_type) = match response_type {
        Ok(response_type) => (reply(request, client, to, response_type)?, response_type),
        // Without a type nobody knows where it would look, so it is told where every client can.
        Err(why) => {
            return Err(Refused::Redirect {
                to: Box::new(Reply::new(to, ResponseMode::Query, request)),
                why,
            });
        }
    };
    match judge(request, client, profile, response_type) {
        Ok(judged) => Ok(Checked {
            reply,
            response_type,
            profile,
            scope: judged.scope,
            audience: audience.unwrap_or_default(),
            nonce: request.nonce.clone(),
            challenge: judged.challenge,
            prompt: judged.prompt,
            max_age: judged.max_age,
            claims: judged.claims,
        }),
        Err(why) => Err(Refused::Redirect {
            to: Box::new(reply),
            why,
        }),
    }
}

fn trust(
    request: &Request,
    client: &ClientMetadata,
    profile: Profile,
) -> Result<TrustedRedirect, Refused> {
    let registered = client.redirect_uris.clone().unwrap_or_default();
    registered
        .trust(
            request.redirect_uri.as_deref(),
            profile.redirects(),
            client.loopback_port(),
        )
        .map_err(|why| Refused::Page {
            why,
            requested: request.redirect_uri.clone(),
        })
}

/// How the client will be answered, in success and error alike.
fn reply(
    request: &Request,
    client: &ClientMetadata,
    to: TrustedRedirect,
    response_type: ResponseType,
) -> Result<Reply, Refused> {
    let mode = request.response_mode.as_deref().map(ResponseMode::read);
    match mode {
        None => Ok(Reply::new(to, response_type.default_mode(), request)),
        Some(Some(ResponseMode::WebMessage)) => match to.origin() {
            Some(origin) if client.has_web_origin(&origin) => {
                Ok(Reply::new(to, ResponseMode::WebMessage, request))
            }
            origin => Err(Refused::WebOrigin(
                origin.unwrap_or_else(|| to.as_str().to_owned()),
            )),
        },
        Some(Some(mode)) if mode.suits(response_type) => Ok(Reply::new(to, mode, request)),
        Some(_) => Err(Refused::Redirect {
            to: Box::new(Reply::new(to, response_type.default_mode(), request)),
            why: refuse("Unsupported response_mode for this response_type"),
        }),
    }
}

struct Judged {
    scope: Scope,
    challenge: Option<Challenge>,
    prompt: Prompt,
    max_age: Option<MaxAge>,
    claims: AskedClaims,
}

/// Everything of which the client can be told.
fn judge(
    request: &Request,
    client: &ClientMetadata,
    profile: Profile,
    response_type: ResponseType,
) -> Result<Judged, OAuthError> {
    let refused = [
        (&request.request, Code::RequestNotSupported, "request"),
        (
            &request.request_uri,
            Code::RequestUriNotSupported,
            "request_uri",
        ),
        (
            &request.registration,
            Code::RegistrationNotSupported,
            "registration",
        ),
    ];
    for (sent, code, name) in refused {
        if sent.is_some() {
            let text = format!("The parameter {name} is not supported");
            return Err(OAuthError::new(code, text));
        }
    }
    if client.must_push() || profile.pushes_requests() {
        return Err(refuse("This client must push its authorization requests"));
    }
    response_type.permitted(client, profile)?;
    audience(request)?;
    let scope: Scope = request
        .scope
        .as_deref()
        .unwrap_or_default()
        .parse()
        .map_err(|_| OAuthError::new(Code::InvalidScope, "Malformed scope"))?;
    if response_type.id_token && !scope.contains("openid") {
        let text = "An ID token needs the scope openid";
        return Err(OAuthError::new(Code::InvalidScope, text));
    }
    if response_type.id_token && request.nonce.is_none() && profile.front_id_tokens_need_nonce() {
        return Err(refuse("Missing required parameter: nonce"));
    }
    let challenge = match response_type.code {
        true => Challenge::parse(
            request.code_challenge.as_deref(),
            request.code_challenge_method.as_deref(),
            profile.pkce(client.client_type()),
        )
        .map_err(unproven)?,
        false => None,
    };
    let claims = AskedClaims::read(request.claims.as_deref());
    if claims.essential_acr {
        let text = "No authentication context that was called essential can be met";
        return Err(OAuthError::new(Code::AccessDenied, text));
    }
    Ok(Judged {
        scope,
        challenge,
        claims,
        prompt: Prompt::read(request.prompt.as_deref())?,
        max_age: MaxAge::read(request.max_age.as_deref())?,
    })
}

/// The API by either of its names; both must agree.
fn audience(request: &Request) -> Result<Option<Audience>, OAuthError> {
    match (&request.audience, &request.resource) {
        (Some(audience), Some(resource)) if audience != resource => Err(OAuthError::new(
            Code::InvalidTarget,
            "audience and resource name different APIs",
        )),
        (audience, resource) => audience
            .as_ref()
            .or(resource.as_ref())
            .map(|name| Audience::try_from(name.as_str()))
            .transpose()
            .map_err(|_| OAuthError::new(Code::InvalidTarget, "Malformed audience")),
    }
}

/// RFC 7636 §4.4.1.
fn unproven(why: BadChallenge) -> OAuthError {
    refuse(match why {
        BadChallenge::Required => "Missing required parameter: code_challenge",
        BadChallenge::MethodAlone => "code_challenge_method was sent without code_challenge",
        BadChallenge::UnknownMethod => "Unsupported code_challenge_method",
        BadChallenge::PlainRefused => "code_challenge_method must be S256",
        BadChallenge::Malformed => "Malformed code_challenge",
    })
}
