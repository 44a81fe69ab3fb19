//! The decision as a table: what is asked, who is there, what has been done, and what comes next.

use keystead_protocol::{
    authorize::{Request, check},
    client::ClientMetadata,
};
use serde_json::json;

use super::*;

mod pages;
mod sign_in;

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

fn connection(id: &str) -> ConnectionId {
    ConnectionId::try_from(id).unwrap()
}

/// Ada, who signed in so many seconds ago.
fn ada(connection: &ConnectionId, age: i64) -> SignedIn<'_> {
    SignedIn {
        user: "auth0|ada",
        connection,
        authenticated_at: Timestamp::from_secs(1_000 - age),
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
