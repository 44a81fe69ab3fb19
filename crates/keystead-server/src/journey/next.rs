//! What a journey needs next: a pure decision over request, session, policy and moment.

use keystead_protocol::{
    authorize::{MaxAge, Prompt},
    error::Code,
    ids::ConnectionId,
    time::Timestamp,
};

use super::state::Done;

#[cfg(test)]
mod tests;

/// What the client asks of whoever signs in.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Which pages must or must not be shown.
    pub prompt: Prompt,
    /// How fresh the sign-in must be.
    pub max_age: Option<MaxAge>,
    /// Who alone may be answered about: `id_token_hint`, and `sub` in `claims`.
    pub expected: Expected<'a>,
    /// Where the account must be.
    pub connection: Option<&'a ConnectionId>,
    /// Which steps are behind this journey.
    pub done: Done,
}

/// Whom the client expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected<'a> {
    /// It did not say.
    Anybody,
    /// The user of this id.
    User(&'a str),
    /// It said so in a way that we cannot read any more: whoever is signed in may be somebody else.
    Unclear,
    /// It named two, and nobody is both.
    Nobody,
}

/// Who is signed in.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn<'a> {
    /// The user.
    pub user: &'a str,
    /// Where the user's account is.
    pub connection: &'a ConnectionId,
    /// When the user last showed who they are.
    pub authenticated_at: Timestamp,
}

/// What must happen before this client is answered about this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether the user has agreed to everything that is asked for, or need not.
    pub agreed: bool,
    /// Whether the redirect URI leaves open which app will hear the answer, and somebody has to look.
    pub unproven_app: bool,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Somebody must sign in.
    Login(Why),
    /// The user must agree.
    Consent,
    /// The user must confirm that the app is the one meant.
    Confirm,
    /// The client can be answered.
    Finish,
    /// The client cannot be answered about whoever signed in.
    Refuse(Code),
}

/// Why somebody must sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody has.
    Nobody,
    /// The client wants it (`prompt=login`).
    Asked,
    /// The client wants an account to be chosen.
    SelectAccount,
    /// It was too long ago (`max_age`).
    TooOld,
    /// Somebody else is signed in than the client expects.
    SomebodyElse,
    /// The account is elsewhere than the client wants.
    OtherConnection,
}

/// Decides. A sign-in that happened on this very journey is fresh, whatever the clock says by now; nothing else that was
/// done before replaces it.
pub fn next_step(
    ask: &Ask<'_>,
    session: Option<&SignedIn<'_>>,
    policy: Policy,
    now: Timestamp,
) -> Step {
    if ask.expected == Expected::Nobody {
        return Step::Refuse(Code::LoginRequired);
    }
    let Some(session) = session else {
        return Step::Login(Why::Nobody);
    };
    if ask.done.signed_in {
        // Signing in once more would bring the same people here.
        if matches!(ask.expected, Expected::User(user) if user != session.user) {
            return Step::Refuse(Code::LoginRequired);
        }
    } else if let Some(why) = reauthenticate(ask, session, now) {
        return Step::Login(why);
    }
    let asked = matches!(ask.prompt, Prompt::Pages { consent: true, .. });
    if !policy.agreed || (asked && !ask.done.consented) {
        return Step::Consent;
    }
    // Whoever saw another page of this journey has seen which app began it.
    if policy.unproven_app && ask.done == Done::default() {
        return Step::Confirm;
    }
    Step::Finish
}

fn reauthenticate(ask: &Ask<'_>, session: &SignedIn<'_>, now: Timestamp) -> Option<Why> {
    let (login, select_account) = match ask.prompt {
        Prompt::None => (false, false),
        Prompt::Pages {
            login,
            select_account,
            ..
        } => (login, select_account),
    };
    let age = now.since(session.authenticated_at);
    match ask.expected {
        Expected::User(user) if user != session.user => Some(Why::SomebodyElse),
        Expected::Unclear => Some(Why::SomebodyElse),
        _ if ask.connection.is_some_and(|own| own != session.connection) => {
            Some(Why::OtherConnection)
        }
        _ if select_account => Some(Why::SelectAccount),
        _ if login => Some(Why::Asked),
        _ if ask.max_age.is_some_and(|max| max.is_exceeded_by(age)) => Some(Why::TooOld),
        Expected::Anybody | Expected::User(_) | Expected::Nobody => None,
    }
}

impl Step {
    /// What a client hears that wants no page shown (`prompt=none`, OpenID Connect Core §3.1.2.6).
    ///
    /// # Errors
    /// The code, unless nothing needs to be shown.
    pub fn silently(self) -> Result<(), Code> {
        match self {
            Self::Finish => Ok(()),
            Self::Login(Why::SelectAccount) => Err(Code::AccountSelectionRequired),
            Self::Login(
                Why::Nobody | Why::Asked | Why::TooOld | Why::SomebodyElse | Why::OtherConnection,
            ) => Err(Code::LoginRequired),
            Self::Consent => Err(Code::ConsentRequired),
            Self::Confirm => Err(Code::InteractionRequired),
            Self::Refuse(code) => Err(code),
        }
    }
}
