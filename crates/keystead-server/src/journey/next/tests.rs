//! The decision as a table: what is asked, who is there, what has been done, and what comes next.

use keystead_protocol::{
    authorize::{Request, check},
    client::ClientMetadata,
};
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000);

const NOTHING: Done = Done {
    signed_in: false,
    consented: false,
    confirmed: false,
};
const SIGNED_IN: Done = Done {
    signed_in: true,
    ..NOTHING
};
const CONSENTED: Done = Done {
    consented: true,
    ..NOTHING
};
const BOTH: Done = Done {
    signed_in: true,
    consented: true,
    ..NOTHING
};
const CONFIRMED: Done = Done {
    confirmed: true,
    ..NOTHING
};

const EASY: Policy = Policy {
    agreed: true,
    unproven_app: false,
};
const UNAGREED: Policy = Policy {
    agreed: false,
    ..EASY
};
const UNPROVEN: Policy = Policy {
    unproven_app: true,
    ..EASY
};
const NEITHER: Policy = Policy {
    agreed: false,
    unproven_app: true,
};

/// What a query asks for, read as the endpoint reads it.
fn ask(query: &str) -> (Prompt, Option<MaxAge>) {
    let client: ClientMetadata = serde_json::from_value(json!({
        "callbacks": ["https://app.example/"], "grant_types": ["authorization_code"], "oidc_conformant": true,
    }))
    .unwrap();
    let query = format!("client_id=app&response_type=code&{query}");
    let checked = check(&Request::parse(query.as_bytes()).unwrap(), &client).unwrap();
    (checked.prompt, checked.max_age)
}

#[test]
fn what_comes_next() {
    use Expected::{Anybody, Unclear, User};
    let (own, other) = (
        ConnectionId::try_from("con_0123456789abcdef").unwrap(),
        ConnectionId::try_from("con_fedcba9876543210").unwrap(),
    );
    let ada = |age: i64| {
        Some(SignedIn {
            user: "auth0|ada",
            connection: &own,
            authenticated_at: Timestamp::from_secs(1_000 - age),
        })
    };
    for (name, query, session, expected, connection, done, policy, want) in [
        (
            "nobody is signed in",
            "",
            None,
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Login(Why::Nobody),
        ),
        (
            "a session is enough",
            "",
            ada(500),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Finish,
        ),
        (
            "the session ended on the way",
            "",
            None,
            Anybody,
            None,
            BOTH,
            EASY,
            Step::Login(Why::Nobody),
        ),
        (
            "silently, nobody",
            "prompt=none",
            None,
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Login(Why::Nobody),
        ),
        (
            "silently, somebody",
            "prompt=none",
            ada(500),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Finish,
        ),
        (
            "log in again",
            "prompt=login",
            ada(0),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Login(Why::Asked),
        ),
        (
            "logged in again",
            "prompt=login",
            ada(0),
            Anybody,
            None,
            SIGNED_IN,
            EASY,
            Step::Finish,
        ),
        (
            "agreeing is no log-in",
            "prompt=login",
            ada(0),
            Anybody,
            None,
            CONSENTED,
            EASY,
            Step::Login(Why::Asked),
        ),
        (
            "choose an account",
            "prompt=select_account",
            ada(0),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Login(Why::SelectAccount),
        ),
        (
            "chosen",
            "prompt=select_account",
            ada(0),
            Anybody,
            None,
            SIGNED_IN,
            EASY,
            Step::Finish,
        ),
        (
            "max_age has not passed",
            "max_age=60",
            ada(60),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Finish,
        ),
        (
            "max_age has passed",
            "max_age=60",
            ada(61),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Login(Why::TooOld),
        ),
        (
            "max_age passed on the way",
            "max_age=60",
            ada(90),
            Anybody,
            None,
            SIGNED_IN,
            EASY,
            Step::Finish,
        ),
        (
            "never young enough",
            "max_age=0",
            ada(0),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Login(Why::TooOld),
        ),
        (
            "until signed in",
            "max_age=0",
            ada(0),
            Anybody,
            None,
            SIGNED_IN,
            EASY,
            Step::Finish,
        ),
        (
            "a sign-in from the future",
            "max_age=60",
            ada(-60),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Finish,
        ),
        (
            "the one expected",
            "",
            ada(0),
            User("auth0|ada"),
            None,
            NOTHING,
            EASY,
            Step::Finish,
        ),
        (
            "another one",
            "",
            ada(0),
            User("auth0|bob"),
            None,
            NOTHING,
            EASY,
            Step::Login(Why::SomebodyElse),
        ),
        (
            "another one silently",
            "prompt=none",
            ada(0),
            User("auth0|bob"),
            None,
            NOTHING,
            EASY,
            Step::Login(Why::SomebodyElse),
        ),
        (
            "another one again",
            "",
            ada(0),
            User("auth0|bob"),
            None,
            SIGNED_IN,
            EASY,
            Step::Refuse(Code::LoginRequired),
        ),
        (
            "a hint that nobody can read",
            "",
            ada(0),
            Unclear,
            None,
            NOTHING,
            EASY,
            Step::Login(Why::SomebodyElse),
        ),
        (
            "and a fresh sign-in",
            "",
            ada(0),
            Unclear,
            None,
            SIGNED_IN,
            EASY,
            Step::Finish,
        ),
        (
            "the right connection",
            "",
            ada(0),
            Anybody,
            Some(&own),
            NOTHING,
            EASY,
            Step::Finish,
        ),
        (
            "the wrong connection",
            "",
            ada(0),
            Anybody,
            Some(&other),
            NOTHING,
            EASY,
            Step::Login(Why::OtherConnection),
        ),
        (
            "not agreed",
            "",
            ada(0),
            Anybody,
            None,
            NOTHING,
            UNAGREED,
            Step::Consent,
        ),
        (
            "not agreed to the rest",
            "",
            ada(0),
            Anybody,
            None,
            BOTH,
            UNAGREED,
            Step::Consent,
        ),
        (
            "log-in comes before consent",
            "prompt=login",
            ada(0),
            Anybody,
            None,
            NOTHING,
            UNAGREED,
            Step::Login(Why::Asked),
        ),
        (
            "agree again",
            "prompt=consent",
            ada(0),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Consent,
        ),
        (
            "agreed again",
            "prompt=consent",
            ada(0),
            Anybody,
            None,
            CONSENTED,
            EASY,
            Step::Finish,
        ),
        (
            "both again",
            "prompt=login%20consent",
            ada(0),
            Anybody,
            None,
            SIGNED_IN,
            EASY,
            Step::Consent,
        ),
        (
            "both done",
            "prompt=login%20consent",
            ada(0),
            Anybody,
            None,
            BOTH,
            EASY,
            Step::Finish,
        ),
        (
            "an app that nobody can prove",
            "",
            ada(0),
            Anybody,
            None,
            NOTHING,
            UNPROVEN,
            Step::Confirm,
        ),
        (
            "confirmed",
            "",
            ada(0),
            Anybody,
            None,
            CONFIRMED,
            UNPROVEN,
            Step::Finish,
        ),
        (
            "seen at the log-in",
            "",
            ada(0),
            Anybody,
            None,
            SIGNED_IN,
            UNPROVEN,
            Step::Finish,
        ),
        (
            "seen at the consent",
            "",
            ada(0),
            Anybody,
            None,
            CONSENTED,
            UNPROVEN,
            Step::Finish,
        ),
        (
            "consent shows it too",
            "",
            ada(0),
            Anybody,
            None,
            NOTHING,
            NEITHER,
            Step::Consent,
        ),
        (
            "unproven, silently",
            "prompt=none",
            ada(0),
            Anybody,
            None,
            NOTHING,
            UNPROVEN,
            Step::Confirm,
        ),
        (
            "confirming is no log-in",
            "max_age=0",
            ada(0),
            Anybody,
            None,
            CONFIRMED,
            UNPROVEN,
            Step::Login(Why::TooOld),
        ),
    ] {
        let (prompt, max_age) = ask(query);
        let ask = Ask {
            prompt,
            max_age,
            expected,
            connection,
            done,
        };
        assert_eq!(
            next_step(&ask, session.as_ref(), policy, NOW),
            want,
            "{name}"
        );
    }
}

#[test]
fn what_is_said_instead_of_a_page() {
    for (step, want) in [
        (Step::Finish, Ok(())),
        (Step::Login(Why::Nobody), Err(Code::LoginRequired)),
        (Step::Login(Why::TooOld), Err(Code::LoginRequired)),
        (Step::Login(Why::SomebodyElse), Err(Code::LoginRequired)),
        (
            Step::Login(Why::SelectAccount),
            Err(Code::AccountSelectionRequired),
        ),
        (Step::Consent, Err(Code::ConsentRequired)),
        (Step::Confirm, Err(Code::InteractionRequired)),
    ] {
        assert_eq!(step.silently(), want, "{step:?}");
    }
}
