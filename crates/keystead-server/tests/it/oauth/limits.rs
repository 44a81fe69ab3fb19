//! Rate limits as callers meet them. Their arithmetic is tabled beside it.

use std::time::Duration;

use serde_json::json;

use crate::{
    actors::{Shows, Written},
    house::{Answer, Engine, House, NOON},
};

fn headers(answer: &Answer) -> [String; 4] {
    [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "retry-after",
    ]
    .map(|name| answer.header(name).to_owned())
}

#[tokio::test]
async fn who_asks_too_fast_waits_and_is_told_how_long() {
    let house = House::begun_with(Engine::Sqlite, &[("LIMITS__REQUESTS_PER_SECOND", "1")]).await;
    let visitor = house.visitor();
    let noon = NOON.as_secs();
    for (left, path) in [
        "/userinfo",
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/introspect",
        "/userinfo",
    ]
    .iter()
    .enumerate()
    {
        let answer = visitor
            .posts(
                axum::extract::Request::post(*path),
                &serde_json::Map::new(),
                Written::Form,
            )
            .await;
        assert!(
            [400, 401].contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.short()
        );
        let used = i64::try_from(left).unwrap() + 1;
        assert_eq!(
            headers(&answer),
            [
                "5".to_owned(),
                (5 - used).to_string(),
                (noon + used).to_string(),
                String::new()
            ]
        );
    }
    let answer = visitor.gets("/userinfo").await;
    assert_eq!(
        answer.short(),
        r#"429 {"error":"too_many_requests","error_description":"Too many requests; try again after Retry-After seconds"}"#
    );
    assert_eq!(
        headers(&answer),
        [
            "5".to_owned(),
            "0".to_owned(),
            (noon + 1).to_string(),
            "1".to_owned()
        ]
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    // What everybody reads is not counted, and nobody else waits.
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/healthz",
        "/readyz",
    ] {
        let answer = visitor.gets(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-ratelimit-limit")),
            (200, ""),
            "{path}"
        );
    }
    assert_eq!(
        house
            .visitor_from("203.0.113.10")
            .gets("/userinfo")
            .await
            .status,
        401
    );
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(visitor.gets("/userinfo").await.status, 401);
    assert_eq!(visitor.gets("/userinfo").await.status, 429);
}

#[tokio::test]
async fn who_guesses_is_shut_out_even_with_the_right_answer() {
    let variables = [
        ("LIMITS__FAILURES_PER_SECOND", "1"),
        ("LIMITS__REQUESTS_PER_SECOND", "0"),
    ];
    let house = House::begun_with(Engine::Sqlite, &variables).await;
    let api = house.api("https://api.example/", |_| {}).await;
    let machine = house.machine("robot").await;
    house.grants(&machine, &api, "read:messages").await;
    let form = || json!({ "grant_type": "client_credentials", "audience": "https://api.example/" });
    // What succeeds, or is merely malformed, is not counted.
    for _ in 0..20 {
        assert_eq!(machine.asks(form()).await.status, 200);
        assert_eq!(machine.asks(json!({})).await.status, 400);
    }
    let guesser = machine.showing(Shows::Post("a guess".to_owned()));
    for (path, token) in [
        ("/oauth/token", ""),
        ("/oauth/introspect", "x"),
        ("/oauth/revoke", "x"),
        ("/oauth/token", ""),
    ] {
        let mut guess = form();
        guess["token"] = json!(token);
        assert_eq!(
            guesser.posts(path, guess, Written::Json).await.refusal(),
            "401 invalid_client"
        );
    }
    assert_eq!(
        house.visitor().shows("a guess").await.refusal(),
        "401 invalid_token"
    );
    let shut_out = machine.asks(form()).await;
    assert_eq!(shut_out.refusal(), "429 too_many_requests");
    assert_eq!(shut_out.header("retry-after"), "1");
    assert_eq!(
        house
            .visitor_from("203.0.113.10")
            .gets("/userinfo")
            .await
            .status,
        401
    );
    house.waits(Duration::from_secs(1)).await;
    assert_eq!(machine.asks(form()).await.status, 200);
}

#[tokio::test]
async fn zero_switches_both_off() {
    let variables = [
        ("LIMITS__FAILURES_PER_SECOND", "0"),
        ("LIMITS__REQUESTS_PER_SECOND", "0"),
    ];
    let house = House::begun_with(Engine::Sqlite, &variables).await;
    let visitor = house.visitor();
    for _ in 0..1_100 {
        let answer = visitor.shows("a guess").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-ratelimit-limit")),
            (401, "")
        );
    }
}

/// A log of bounded length is not emptied of everybody else's lines within the hour by somebody who is nobody.
#[tokio::test]
async fn what_strangers_do_is_counted_in_few_lines_of_the_log() {
    let house = House::begun_with(Engine::Sqlite, &[("LIMITS__FAILURES_PER_SECOND", "0")]).await;
    let api = house.api("https://api.example/", |_| {}).await;
    let machine = house.machine("robot").await;
    house.grants(&machine, &api, "read:messages").await;
    let households = [
        vec![house.visitor_from("203.0.113.7")],
        vec![house.visitor_from("203.0.113.8")],
        (0..20)
            .map(|n| house.visitor_from(&format!("2001:db8::{n:x}")))
            .collect(),
    ];
    let nobody =
        json!({ "grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x" });
    for turn in 0..20 {
        for visitors in &households {
            let request = axum::extract::Request::post("/oauth/token");
            let visitor = &visitors[turn % visitors.len()];
            let answer = visitor
                .posts(request, nobody.as_object().unwrap(), Written::Form)
                .await;
            assert_eq!(answer.status, 401);
        }
        let good =
            json!({ "grant_type": "client_credentials", "audience": "https://api.example/" });
        assert_eq!(machine.asks(good).await.status, 200);
    }
    let strangers = house.lines("feccft").await;
    assert_eq!(
        house.lines("seccft").await.len(),
        20,
        "who is known has a line for each"
    );
    for beginning in ["203.0.113.7", "203.0.113.8", "2001:db8::"] {
        let from = |line: &&keystead_store::log::Entry| {
            line.address
                .as_deref()
                .is_some_and(|own| own.starts_with(beginning))
        };
        let count: u32 = strangers
            .iter()
            .filter(from)
            .map(|line| line.occurrences)
            .sum();
        assert_eq!(count, 20, "{beginning}");
    }
    assert!(
        strangers.len() < 40,
        "{} lines for 60 refusals",
        strangers.len()
    );
}
