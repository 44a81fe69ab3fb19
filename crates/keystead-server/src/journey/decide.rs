//! Where a journey stands: who is signed in, what the client may have, what was agreed, and so what comes next.

use keystead_protocol::{
    authorize::Prompt,
    client::{ApplicationType, ClientMetadata},
    error::{Code, OAuthError},
    redirect::Reach,
    scope::Scope,
};
use keystead_store::{
    connections,
    consents::{self, Parties},
    users::User,
};

use super::{
    case::Case,
    next::{Ask, Expected, Policy, SignedIn, Step, next_step},
    refusal::Error,
    state::Done,
    visit::Visit,
};
use crate::{
    catalogue::KnownApi,
    identity::{
        entitlement::{self, Entitlement},
        id_tokens,
        sessions::Current,
    },
};

/// Where a journey stands.
pub(super) struct Position {
    /// What comes next. Never a page if the client wants none.
    pub(super) step: Step,
    /// Who is signed in, if somebody is.
    pub(super) here: Option<EndUser>,
}

/// Who is signed in, and what this client may have for them.
pub(super) struct EndUser {
    pub(super) current: Current,
    pub(super) user: User,
    pub(super) entitlement: Entitlement,
    /// Between whom a consent stands.
    pub(super) parties: Parties,
    /// What the user has to agree to, all of it.
    pub(super) to_agree: Scope,
}

impl EndUser {
    /// Whose account it is, as the user would call it.
    pub(super) fn account(&self) -> &str {
        let user = &self.user;
        let names = [&user.email, &user.username, &user.profile.name];
        let name = names.into_iter().flatten().next();
        name.map_or(user.id.as_str(), String::as_str)
    }
}

/// Finds out where a journey stands.
///
/// # Errors
/// An answer to the client: it may have nothing, or wants no page where one is needed. Or a fault of the store.
pub(super) async fn position(
    visit: &Visit,
    case: &Case,
    done: Done,
    current: Option<Current>,
) -> Result<Position, Error> {
    let expected = expected(visit, case).await?;
    let found = match current {
        None => None,
        Some(current) => look(visit, case, current).await?,
    };
    let ask = Ask {
        prompt: case.checked.prompt,
        max_age: case.checked.max_age,
        expected: expected.borrowed(),
        connection: case.connection.as_ref(),
        done,
    };
    let signed_in = found.as_ref().map(|(here, _)| SignedIn {
        user: here.user.id.as_str(),
        connection: &here.user.connection,
        authenticated_at: here.current.session.authenticated_at,
    });
    let policy = Policy {
        agreed: found.as_ref().is_none_or(|(_, agreed)| *agreed),
        unproven_app: is_unproven(visit, case),
    };
    let step = next_step(&ask, signed_in.as_ref(), policy, visit.now);
    if case.checked.prompt == Prompt::None {
        step.silently().map_err(|code| case.refuse(silent(code)))?;
    }
    Ok(Position {
        step,
        here: found.map(|(here, _)| here),
    })
}

/// What a client hears that wanted no page.
fn silent(code: Code) -> OAuthError {
    let text = match code {
        Code::LoginRequired => "Login required",
        Code::ConsentRequired => "Consent required",
        Code::AccountSelectionRequired => "Account selection required",
        _ => "Interaction required",
    };
    OAuthError::new(code, text)
}

/// The user of a session, as far as they may still be spoken for, and whether they have agreed.
async fn look(
    visit: &Visit,
    case: &Case,
    current: Current,
) -> Result<Option<(EndUser, bool)>, Error> {
    let parties = Parties {
        user: current.session.user.clone(),
        client: case.client.id.clone(),
        audience: case.api.as_ref().map(|known| known.api.identifier.clone()),
    };
    let asked = parties.clone();
    let read = visit.services.store.read(move |tx| {
        let Ok(user) = entitlement::active(tx, &asked.user)? else {
            return Ok(None);
        };
        // Not everybody who is signed in here is a user of this client: an administrator is one of the dashboard alone.
        if !connections::is_open_to(tx, &user.connection, &asked.client)? {
            return Ok(None);
        }
        let remembered = consents::find(tx, &asked)?;
        Ok::<_, keystead_store::Fault>(Some((user, remembered)))
    });
    // Whoever may not be spoken for is as good as absent.
    let Some((user, remembered)) = read.await? else {
        return Ok(None);
    };
    let entitlement = case.entitlement(visit, &user).await?;
    let to_agree = case.to_agree(&entitlement.scope);
    // Who asks for no scope asks for the API all the same, so an empty set needs a consent too.
    let agreed = goes_without_saying(case)
        || remembered.is_some_and(|remembered| to_agree.is_subset(&remembered));
    let here = EndUser {
        current,
        user,
        entitlement,
        parties,
        to_agree,
    };
    Ok(Some((here, agreed)))
}

/// Whether nobody has to be asked: the operator's own applications, where they ask for no API, or for one that says so. Any
/// program can listen on `localhost`, so nobody can say whose application that is.
fn goes_without_saying(case: &Case) -> bool {
    let skips = |known: &KnownApi| {
        known
            .api
            .settings
            .skip_consent_for_verifiable_first_party_clients
            && case.checked.reply.to().reach() != Reach::Machine
    };
    case.client.metadata.is_first_party && case.api.as_deref().is_none_or(skips)
}

/// Whether the redirect URI leaves open which app will hear the answer (RFC 8252 §8.6), and the user is to be asked.
///
/// Departure: Auth0 counts every loopback address. Here it must be a native app's: a site that is being developed on
/// `localhost` is asked for consent to its APIs instead, and its silent log-ins work.
fn is_unproven(visit: &Visit, case: &Case) -> bool {
    let metadata = &case.client.metadata;
    let unproven = match case.checked.reply.to().reach() {
        Reach::Site => false,
        Reach::App => true,
        Reach::Machine => is_native(metadata),
    };
    let skipped = metadata.skips_confirmation().unwrap_or_else(|| {
        let tenant = visit.services.catalogue.tenant();
        let setting = "skip_non_verifiable_callback_uri_confirmation_prompt";
        let set = tenant.others.get(setting);
        set.and_then(serde_json::Value::as_bool).unwrap_or(false)
    });
    unproven && !skipped && case.checked.profile.confirms_unproven_apps()
}

fn is_native(metadata: &ClientMetadata) -> bool {
    matches!(metadata.application_type, Some(ApplicationType::Native))
}

/// Whom the client expects, as it was read.
enum Wanted {
    Anybody,
    User(String),
    Unclear,
    Nobody,
}

impl Wanted {
    fn borrowed(&self) -> Expected<'_> {
        match self {
            Self::Anybody => Expected::Anybody,
            Self::User(user) => Expected::User(user),
            Self::Unclear => Expected::Unclear,
            Self::Nobody => Expected::Nobody,
        }
    }
}

/// A subject that the claims demand decides alone; a hint that cannot be read takes nothing from it, and one that names
/// somebody else leaves nobody.
async fn expected(visit: &Visit, case: &Case) -> Result<Wanted, Error> {
    let hinted = match &case.request.id_token_hint {
        None => Wanted::Anybody,
        Some(hint) => match id_tokens::read_hint(&visit.services, hint, visit.now).await? {
            Some(hint) => Wanted::User(hint.user.to_string()),
            None => Wanted::Unclear,
        },
    };
    Ok(match (case.checked.claims.subjects.as_slice(), hinted) {
        ([], hinted) => hinted,
        ([demanded], Wanted::User(hinted)) if *demanded != hinted => Wanted::Nobody,
        ([demanded], _) => Wanted::User(demanded.clone()),
        _ => Wanted::Nobody,
    })
}
