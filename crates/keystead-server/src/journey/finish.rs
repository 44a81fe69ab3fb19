//! The end of a journey: the client is answered with a code, with tokens, or with both, once.

use axum::response::Response;
use keystead_protocol::{authorize::CODE_LIFETIME, ids::GrantId, secret::Secret, time::Timestamp};
use keystead_store::{
    Tx,
    access_tokens::{self, AccessToken},
    codes::{self, Code},
    grants::{self, Grant, Terms},
    journeys::{self, Progress},
    log::{self, Entry},
    sessions,
    token_key::{Purpose, TokenKey},
};

use super::{
    answer::send,
    case::Case,
    decide::EndUser,
    onward::After,
    refusal::{Error, Refusal},
    state::Known,
    visit::Visit,
};
use crate::{
    error::Fault,
    identity::{
        entitlement,
        issue::{Access, Beside, Endpoint, IdTokens, Identity, Keys},
        terms::{self, RedirectWas},
    },
};

/// Answers the client about whoever is signed in. Of all who try to end the same journey, one does.
///
/// # Errors
/// A page if the journey is over or the session ended in this very moment; or a fault.
pub(super) async fn finish(
    visit: &Visit,
    case: &Case,
    here: EndUser,
    known: Option<&Known>,
) -> Result<Response, Error> {
    let ending = Ending::prepare(visit, case, &here).await?;
    ending.settle(visit, case, &here, known).await?;
    let pairs = ending.pairs(visit, case, &here)?;
    let issuer = visit.services.config.issuer.as_str();
    let answer = case.checked.reply.success(pairs, issuer);
    let locales = case.request.ui_locales.as_deref();
    Ok(send(visit, &case.client, locales, answer, After::Get))
}

/// Ends a journey whose client hears an error instead.
///
/// # Errors
/// A fault of the store.
pub(super) async fn close(visit: &Visit, known: &Known) -> Result<(), Error> {
    let (key, version, now) = (known.key, known.journey.version, visit.now);
    // Whoever was quicker has answered the client already.
    let ended = visit
        .services
        .store
        .write(move |tx| journeys::end(tx, &key, version, now));
    let (Progress::Made | Progress::Stale | Progress::Over) = ended.await?;
    Ok(())
}

/// What an answer consists of, drawn and ready before anything is stored.
struct Ending {
    keys: Keys,
    code: Option<(Secret, TokenKey, Code)>,
    /// The family of the access token that comes along; the code's begins when it is redeemed.
    family: Option<Grant>,
    /// The access token, where it is not for an API.
    opaque: Option<(Secret, TokenKey, AccessToken)>,
    id_token: IdTokens,
}

impl Ending {
    async fn prepare(visit: &Visit, case: &Case, here: &EndUser) -> Result<Self, Error> {
        let (kind, profile) = (case.checked.response_type, case.checked.profile);
        let openid = here.entitlement.scope.contains("openid");
        let id_token =
            match kind.id_token || (kind.token && openid && profile.adds_id_token_to_token()) {
                true => IdTokens::One,
                false => IdTokens::None,
            };
        let api = case.api.as_deref().filter(|_| kind.token);
        let mut keys = Keys::of(&visit.services, &case.client, api, id_token, visit.now).await?;
        if profile.signs_front_id_tokens_itself() {
            keys = keys
                .not_shared(&visit.services, &case.client, visit.now)
                .await?;
        }
        let code = match kind.code {
            true => Some(code(visit, case, here)?),
            false => None,
        };
        let lifetime = entitlement::front_access_lifetime(case.api.as_deref());
        let family = match kind.token {
            true => Some(Grant {
                id: fresh_family(visit)?,
                client: case.client.id.clone(),
                user: here.user.id.clone(),
                session: Some(here.current.session.id.clone()),
                audience: here.parties.audience.clone(),
                scope: here.entitlement.scope.clone(),
                terms: agreed(case, here),
                expires_at: visit.now + lifetime,
            }),
            false => None,
        };
        let opaque = family
            .as_ref()
            .filter(|_| case.api.is_none())
            .map(|family| {
                let rng = &mut visit.services.rng();
                let (secret, key) = TokenKey::draw(Purpose::AccessToken, visit.now, rng);
                let token = AccessToken {
                    grant: family.id.clone(),
                    scope: family.scope.clone(),
                    expires_at: family.expires_at,
                    created_at: visit.now,
                };
                (secret, key, token)
            });
        Ok(Self {
            keys,
            code,
            family,
            opaque,
            id_token,
        })
    }

    /// One transaction: the journey ends, the code and the family of a token are there, and the session knows its client.
    /// It and the end of the session come one after the other.
    async fn settle(
        &self,
        visit: &Visit,
        case: &Case,
        here: &EndUser,
        known: Option<&Known>,
    ) -> Result<(), Error> {
        let journey = known.map(|known| (known.key, known.journey.version));
        let code = self
            .code
            .as_ref()
            .map(|(_, key, code)| (*key, code.clone()));
        let family = self.family.clone();
        let opaque = self
            .opaque
            .as_ref()
            .map(|(_, key, token)| (*key, token.clone()));
        let session = here.current.session.id.clone();
        let client = case.client.id.clone();
        // A log-in has its own line. Only what happened without any page is said here.
        let line = case.checked.prompt.is_none().then(|| Entry {
            client: Some(client.clone()),
            user: Some(here.user.id.clone()),
            ..visit.line("ssa")
        });
        let now = visit.now;
        let settled = visit.services.store.write(move |tx| {
            // First, as whoever ends it does: nobody then waits for the other in a circle.
            let held = sessions::hold(tx, &session, now)?;
            if let Some((key, version)) = &journey {
                match journeys::end(tx, key, *version, now)? {
                    Progress::Made => {}
                    Progress::Stale | Progress::Over => return Ok(Err(Refusal::JourneyOver)),
                }
            }
            if held.is_none() {
                return Err(Stopped::SignedOut);
            }
            sessions::join_client(tx, &session, &client)?;
            if let Some((key, code)) = &code {
                codes::issue(tx, key, code, now, now + CODE_LIFETIME)?;
            }
            if let Some(family) = &family {
                begin(tx, family, opaque.as_ref(), now)?;
            }
            if let Some(line) = &line {
                log::append(tx, line)?;
            }
            Ok(Ok(()))
        });
        match settled.await {
            Ok(settled) => Ok(settled?),
            Err(Stopped::SignedOut) => Err(Refusal::SessionOver.into()),
            Err(Stopped::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Signs what is to be signed, after the commit, and puts the answer together.
    fn pairs(
        &self,
        visit: &Visit,
        case: &Case,
        here: &EndUser,
    ) -> Result<Vec<(&'static str, String)>, Fault> {
        let mut pairs = vec![];
        let code = self.code.as_ref().map(|(secret, ..)| secret.expose());
        pairs.extend(code.map(|code| ("code", code.to_owned())));
        let access_token = self.access_token(visit, case, here)?;
        if let (Some(token), Some(family)) = (&access_token, &self.family) {
            let lifetime = family.expires_at.since(visit.now).as_secs();
            pairs.push(("access_token", token.clone()));
            pairs.push(("token_type", "Bearer".to_owned()));
            pairs.push(("expires_in", lifetime.to_string()));
            pairs.push(("scope", family.scope.to_string()));
        }
        if let (IdTokens::One, Some(key)) = (self.id_token, &self.keys.id) {
            let session = &here.current.session;
            let identity = Identity {
                client: &case.client,
                profile: case.checked.profile,
                user: &here.user,
                session: Some(&session.id),
                nonce: case.checked.nonce.as_deref(),
                authenticated_at: session.authenticated_at.as_secs(),
                methods: &methods(here),
                scope: &here.entitlement.scope,
                asked: &case.checked.claims.id_token,
                beside: Beside {
                    access_token: access_token.as_deref(),
                    code,
                    endpoint: Endpoint::Authorization,
                },
                issued_at: visit.now,
            };
            pairs.push(("id_token", identity.sign(&visit.services, key)?));
        }
        Ok(pairs)
    }

    fn access_token(
        &self,
        visit: &Visit,
        case: &Case,
        here: &EndUser,
    ) -> Result<Option<String>, Fault> {
        let Some(family) = &self.family else {
            return Ok(None);
        };
        match (case.api.as_deref(), &self.keys.access) {
            (Some(api), Some(key)) => Access {
                client: &case.client,
                subject: here.user.id.as_str(),
                family: Some(&family.id),
                api,
                scope: &family.scope,
                permissions: here.entitlement.permissions.as_ref(),
                grant_type: None,
                issued_at: visit.now,
                lifetime: family.expires_at.since(visit.now),
            }
            .sign(&visit.services, key)
            .map(Some),
            _ => Ok(self
                .opaque
                .as_ref()
                .map(|(secret, ..)| secret.expose().to_owned())),
        }
    }
}

/// What stops a settlement and undoes it.
enum Stopped {
    /// The session ended while the answer was being prepared.
    SignedOut,
    Fault(keystead_store::Fault),
}

impl From<keystead_store::Fault> for Stopped {
    fn from(fault: keystead_store::Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Begins the family of a token that goes straight to the browser.
fn begin(
    tx: &mut Tx<'_>,
    family: &Grant,
    opaque: Option<&(TokenKey, AccessToken)>,
    now: Timestamp,
) -> Result<(), keystead_store::Fault> {
    grants::begin(tx, family, now)?;
    if let Some((key, token)) = opaque {
        access_tokens::insert(tx, key, token)?;
    }
    Ok(())
}

fn fresh_family(visit: &Visit) -> Result<GrantId, Fault> {
    Ok(grants::fresh_id(visit.now, &mut visit.services.rng())?)
}

fn code(visit: &Visit, case: &Case, here: &EndUser) -> Result<(Secret, TokenKey, Code), Fault> {
    let (secret, key) = TokenKey::draw(Purpose::Code, visit.now, &mut visit.services.rng());
    let code = Code {
        grant: fresh_family(visit)?,
        client: case.client.id.clone(),
        user: here.user.id.clone(),
        session: Some(here.current.session.id.clone()),
        redirect_uri: case.checked.reply.to().as_str().to_owned(),
        challenge: case
            .checked
            .challenge
            .map(|challenge| challenge.to_string()),
        terms: agreed(case, here),
    };
    Ok((secret, key, code))
}

/// What was agreed to, as the code or family remembers it.
fn agreed(case: &Case, here: &EndUser) -> Terms {
    let redirect = match case.request.redirect_uri {
        Some(_) => RedirectWas::Named,
        None => RedirectWas::Unnamed,
    };
    Terms {
        scope: here.entitlement.scope.clone(),
        audience: here.parties.audience.clone(),
        nonce: case.checked.nonce.clone(),
        authenticated_at: here.current.session.authenticated_at.as_secs(),
        methods: methods(here),
        extra: terms::keep(&case.checked.claims, redirect),
    }
}

/// The claim `amr`. A password alone is not worth mentioning, as with Auth0.
fn methods(here: &EndUser) -> Vec<String> {
    let methods = here.current.session.methods.iter();
    let names: Vec<String> = methods.map(|method| method.name.clone()).collect();
    match names.as_slice() {
        [only] if only == "pwd" => vec![],
        _ => names,
    }
}
