//! Asking the issuer about a token (RFC 7662): for tokens that cannot be read, or for revocation at once.

mod memory;

use std::{fmt, sync::Arc, time::Duration};

use keystead_protocol::{
    claims::{ClaimRefusal, ClaimsSet},
    endpoint::permitted,
    jwt::JwtRefusal,
    secret::{Digest, Secret},
    time::Timestamp,
};
use serde::{Deserialize, de::IgnoredAny};
use tokio::sync::Semaphore;
use url::{Url, form_urlencoded};

use self::memory::{Decision, Memory};
use crate::{BuildError, Claims, FetchError, Refusal, Verifier, fetch::Fetch};

/// Open questions; more are answered 503, so that a flood of invented tokens does not become the issuer's.
const MOST_AT_ONCE: usize = 256;

/// How to ask the issuer about tokens: as a client that authenticates with `client_secret_basic`.
///
/// Tokens that are not JWTs are always asked about; JWTs are checked offline, and that is all unless
/// [`every_token`](Self::every_token) is on.
#[derive(Clone)]
#[must_use]
pub struct Introspection {
    endpoint: String,
    client_id: String,
    client_secret: Secret,
    every_token: bool,
    remember: Duration,
}

impl Introspection {
    /// The endpoint, and the client that may ask there.
    pub fn new(
        endpoint: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<Secret>,
    ) -> Self {
        Self {
            endpoint: endpoint.into(),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            every_token: false,
            remember: Duration::ZERO,
        }
    }

    /// Asks about JWTs too, after they were checked: a revoked token is refused at once, for the price of a request.
    pub fn every_token(mut self) -> Self {
        self.every_token = true;
        self
    }

    /// Remembers what an answer decided so long, and never beyond the token's expiry. By default nothing is remembered,
    /// and a revocation holds from the next request on.
    ///
    /// There is room for 10,000 tokens that are admitted and for as many that are refused, so that invented tokens take
    /// no place from good ones; beyond that the oldest make room. An answer that cannot be read decides nothing.
    pub fn remember_for(mut self, span: Duration) -> Self {
        self.remember = span;
        self
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("endpoint", &self.endpoint)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Introspector {
    fetch: Fetch,
    endpoint: Url,
    settings: Introspection,
    open: Semaphore,
    memory: Memory,
}

impl Introspector {
    pub(crate) fn new(settings: Introspection, timeout: Duration) -> Result<Self, BuildError> {
        let endpoint = permitted(&settings.endpoint)
            .ok_or_else(|| BuildError::BadUrl(settings.endpoint.clone()))?;
        Ok(Self {
            fetch: Fetch::new(timeout, &endpoint)?,
            endpoint,
            settings,
            open: Semaphore::new(MOST_AT_ONCE),
            memory: Memory::default(),
        })
    }

    /// Whether the token may be accepted without asking, provided that it is checked.
    pub(crate) fn permits_offline(&self, token: &str) -> Result<(), Refusal> {
        if self.settings.every_token || !is_jwt(token) {
            return Err(Refusal::IntrospectionUnavailable(FetchError::NotYet));
        }
        Ok(())
    }

    pub(crate) async fn verify(
        &self,
        verifier: &Verifier,
        token: &str,
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
        if is_jwt(token) {
            let claims = verifier.verify_signed(token, now).await?;
            if self.settings.every_token {
                self.ask(verifier, token, now).await?;
            }
            return Ok(claims);
        }
        if token.len() > verifier.shared.limits.token {
            return Err(JwtRefusal::TooLong.into());
        }
        self.ask(verifier, token, now).await
    }

    async fn ask(&self, verifier: &Verifier, token: &str, now: Timestamp) -> Decision {
        if self.settings.remember.is_zero() {
            return judge(verifier, self.answer(token).await?, now);
        }
        let question = (Digest::of(token.as_bytes()), Arc::clone(&verifier.audience));
        if let Some(decision) = self.memory.recall(&question, now) {
            return decision;
        }
        // Whatever is not the issuer's judgement leaves here and is not remembered.
        let decision = judge(verifier, self.answer(token).await?, now);
        let mut until = now + self.settings.remember;
        if let Ok(claims) = &decision {
            until = claims.exp.map_or(until, |exp| until.min(exp));
        }
        self.memory.keep(question, decision.clone(), until);
        decision
    }

    /// The issuer's answer, if there is one that can be read.
    async fn answer(&self, token: &str) -> Result<Answer, Refusal> {
        let away = Refusal::IntrospectionUnavailable;
        let _open = self
            .open
            .try_acquire()
            .map_err(|_| away(FetchError::Busy))?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        // RFC 6749 §2.3.1: both are form-encoded before they are put into the header.
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let client = encode(&self.settings.client_id);
        let secret = encode(self.settings.client_secret.expose());
        let answer = self
            .fetch
            .post(&self.endpoint, (&client, &secret), form)
            .await;
        let answer = answer.and_then(|document| {
            let malformed = || FetchError::Malformed(self.endpoint.to_string());
            Answer::parse(document.body).ok_or_else(malformed)
        });
        answer.map_err(|why| {
            tracing::warn!(endpoint = %self.endpoint, %why, "introspection failed");
            away(why)
        })
    }
}

/// Three parts. An encrypted token has five, and only its issuer can read it.
fn is_jwt(token: &str) -> bool {
    token.bytes().filter(|&b| b == b'.').count() == 2
}

/// What the issuer said about a token (RFC 7662 §2.2). Not checked: anything that it says of an active one, see [`judge`].
enum Answer {
    Inactive,
    Active(Box<Active>),
}

struct Active {
    kind: Kind,
    set: ClaimsSet,
    payload: Vec<u8>,
}

/// What tells an access token from others that are active, in the words of several providers.
#[derive(Deserialize)]
struct Kind {
    token_type: Option<String>,
    token_use: Option<String>,
    typ: Option<String>,
    cnf: Option<IgnoredAny>,
}

impl Answer {
    /// `None` is an endpoint that is broken, or is none. It says nothing about the token, which may be good, and so
    /// must not become `invalid_token` (RFC 6750 §3.1).
    fn parse(payload: Vec<u8>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Judgement {
            active: bool,
        }

        // An array is no answer, though serde takes one for the fields of a struct.
        if !payload.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let Judgement { active } = serde_json::from_slice(&payload).ok()?;
        if !active {
            // Nothing else that it may say changes this.
            return Some(Self::Inactive);
        }
        Some(Self::Active(Box::new(Active {
            kind: serde_json::from_slice(&payload).ok()?,
            set: serde_json::from_slice(&payload).ok()?,
            payload,
        })))
    }
}

/// Accepts what the issuer says of a token for our audience. An issuer may leave `iss` and `exp` out, being asked itself
/// and at this moment; `aud` it may not, because a token for another API is active too.
fn judge(verifier: &Verifier, answer: Answer, now: Timestamp) -> Decision {
    let Answer::Active(active) = answer else {
        return Err(Refusal::Inactive);
    };
    let Active { kind, set, payload } = *active;
    let is = |said: &Option<String>, known: &[&str]| {
        let known = |said: &String| known.iter().any(|one| said.eq_ignore_ascii_case(one));
        said.as_ref().is_none_or(known)
    };
    let shared = &verifier.shared;
    let leeway = shared.leeway;
    let why = if !is(&kind.token_type, &["Bearer", "access_token"])
        || !is(&kind.token_use, &["access_token", "access"])
        || !is(&kind.typ, &["Bearer", "JWT", "at+jwt"])
    {
        ClaimRefusal::WrongType
    } else if set.nonce.is_some() || set.at_hash.is_some() {
        ClaimRefusal::IdTokenAsAccessToken
    } else if kind.cnf.is_some() {
        ClaimRefusal::SenderConstrained
    } else if set.iss.as_ref().is_some_and(|iss| *iss != shared.issuer) {
        ClaimRefusal::WrongIssuer
    } else if !set.is_for(&verifier.audience) {
        ClaimRefusal::WrongAudience
    } else if set.exp.is_some_and(|exp| now >= exp + leeway) {
        ClaimRefusal::Expired
    } else if set.nbf.is_some_and(|nbf| now + leeway < nbf) {
        ClaimRefusal::NotYetValid
    } else {
        return Ok(Claims::introspected(set, payload));
    };
    Err(why.into())
}
