//! Class 10: whatever is asked, scopes and audiences that come out are among those that were granted, for every grant.

use std::collections::BTreeSet;

use keystead_protocol::token::TokenRequest;
use keystead_store::client_grants::SubjectType;
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    actors::{Agreed, ISSUER, part},
    house::{Answer, Engine, House},
};

const WORDS: [&str; 7] = [
    "openid",
    "offline_access",
    "email",
    "read:messages",
    "write:messages",
    "delete:messages",
    "undefined:scope",
];
const DEFINED: [&str; 3] = ["read:messages", "write:messages", "delete:messages"];
const APIS: [&str; 2] = ["https://one.example", "https://two.example"];

type Words = BTreeSet<String>;

fn words(text: &str) -> Words {
    text.split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn some_words() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(WORDS.to_vec(), 0..=WORDS.len()).prop_shuffle()
}

/// What an answer gives, by its own account and by its token's.
fn given(answer: &Answer) -> (Words, Words) {
    let told = words(&answer.text("scope"));
    let token = answer.text("access_token");
    if !token.contains('.') {
        return (told, BTreeSet::from([format!("{ISSUER}userinfo")]));
    }
    let claims = part(&token, 1);
    assert_eq!(words(claims["scope"].as_str().unwrap_or_default()), told);
    let audience = match &claims["aud"] {
        serde_json::Value::String(one) => BTreeSet::from([one.clone()]),
        several => several
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect(),
    };
    (told, audience)
}

#[test]
fn nothing_comes_out_that_was_not_granted() {
    // A grant that is served here and not tried below would be missed.
    assert_eq!(TokenRequest::GRANTS.len(), 3);
    let runtime = Runtime::new().unwrap();
    let _guard = runtime.enter();
    let off = [
        ("LIMITS__REQUESTS_PER_SECOND", "0"),
        ("LIMITS__FAILURES_PER_SECOND", "0"),
    ];
    let house = runtime.block_on(House::begun_with(Engine::Sqlite, &off));
    let ada = runtime.block_on(house.user("ada"));
    for identifier in APIS {
        runtime.block_on(house.api(identifier, |api| {
            api.settings.subject_type_authorization.user.policy =
                keystead_store::apis::UserPolicy::RequireClientGrant;
            // Quick to sign for.
            api.settings.signing_alg = keystead_protocol::jwk::Algorithm::EdDSA;
        }));
    }
    let cases = (
        some_words(),
        some_words(),
        some_words(),
        select(APIS.to_vec()),
        proptest::option::of(select(APIS.to_vec())),
    );
    let next = std::sync::atomic::AtomicU32::new(0);
    let mut runner = TestRunner::new_with_rng(
        Config {
            failure_persistence: None,
            cases: 96,
            ..Config::default()
        },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let outcome = runner.run(&cases, |(granted, agreed, asked, audience, other)| {
        runtime.block_on(async {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let app = house
                .client(&format!("app-{number}"), json!({
                    "grant_types": ["client_credentials", "authorization_code", "refresh_token"],
                    "jwt_configuration": { "alg": "EdDSA" },
                }))
                .await;
            let identifier = audience.try_into().unwrap();
            let find = house.services.store.read(move |tx| keystead_store::apis::by_identifier(tx, &identifier));
            let api = find.await.unwrap().unwrap();
            house.grants(&app, &api, &granted.join(" ")).await;
            house.grants_for(SubjectType::User, &app, &api, &granted.join(" ")).await;
            let of_api: Words = words(&granted.join(" ")).intersection(&words(&DEFINED.join(" "))).cloned().collect();

            // For itself.
            let mut form = json!({ "grant_type": "client_credentials", "audience": other.unwrap_or(audience) });
            form["scope"] = json!(asked.join(" "));
            let answer = app.asks(form).await;
            if answer.status == 200 {
                let (scope, audiences) = given(&answer);
                assert!(scope.is_subset(&of_api), "{scope:?} of {of_api:?}");
                assert_eq!(audiences, BTreeSet::from([audience.to_owned()]));
            } else {
                assert_ne!(other.unwrap_or(audience), audience, "{}", answer.body);
            }

            // For a user, by a code and then by its refresh token.
            let terms = Agreed { scope: &agreed.join(" "), audience: Some(audience), ..Agreed::default() };
            let answer = app.redeems(&house.code(&app, &ada, terms).await).await;
            let ours = words("openid offline_access email");
            let most: Words = words(&agreed.join(" ")).intersection(&of_api.union(&ours).cloned().collect()).cloned().collect();
            let userinfo = format!("{ISSUER}userinfo");
            let allowed = BTreeSet::from([audience.to_owned(), userinfo]);
            let (first, audiences) = given(&answer);
            assert!(first.is_subset(&most) && audiences.is_subset(&allowed), "{first:?} of {most:?}, {audiences:?}");
            assert_eq!(audiences.len() == 2, first.contains("openid"));
            let Some(token) = answer.json().get("refresh_token").map(|_| answer.text("refresh_token")) else {
                assert!(!first.contains("offline_access"));
                return;
            };
            for scope in [asked.join(" "), WORDS.join(" "), agreed.join(" ")] {
                let mut form = json!({ "grant_type": "refresh_token", "refresh_token": token, "scope": scope });
                if let Some(other) = other {
                    form["audience"] = json!(other);
                }
                let answer = app.asks(form).await;
                if other.is_some_and(|other| other != audience) {
                    assert_eq!(answer.refusal(), "400 invalid_target");
                    continue;
                }
                let (now, audiences) = given(&answer);
                let asked = words(&scope);
                assert!(now.is_subset(&first), "{now:?} of {first:?}");
                assert!(asked.is_empty() || now.is_subset(&asked), "{now:?} of {asked:?}");
                assert!(audiences.is_subset(&allowed), "{audiences:?}");
            }
        });
        Ok(())
    });
    outcome.unwrap();
}
