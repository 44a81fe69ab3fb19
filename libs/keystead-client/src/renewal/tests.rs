//! When to renew, as a table of records, wishes and clocks.

use std::time::Duration;

use keystead_protocol::{scope::Scope, secret::Secret, time::Timestamp};

use super::{Record, Step, Want, Whose};
use crate::{Credentials, Error, LoginReason, transition::Tokens};

const WHOSE: Whose<'_> = Whose {
    issuer: "https://id.example.com/",
    client_id: "app",
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn tokens(life: Option<u64>, refresh_token: Option<&str>, granted: Option<&str>) -> Tokens {
    Tokens {
        access_token: "access".into(),
        expires_in: life.map(Duration::from_secs),
        refresh_token: refresh_token.map(Secret::from),
        id_token: None,
        scope: granted.map(scope),
    }
}

/// Made at 1000, granted `a b` of `a b c`.
fn record(life: Option<u64>, refresh_token: Option<&str>) -> Record {
    let asked = scope("a b c");
    let tokens = tokens(life, refresh_token, Some("a b"));
    Record::new(Credentials::new(tokens, None, &asked, at(1000)), &asked)
}

#[test]
fn a_renewal_is_made_when_it_helps() {
    let long = || record(Some(600), Some("r"));
    let bare = || record(Some(600), None);
    let want = Want::new;
    let a_minute = Duration::from_secs(60);
    for (name, record, want, now, expected) in [
        ("new", long(), want(), 1000, "use"),
        (
            "with a minute and a second to go",
            long(),
            want(),
            1539,
            "use",
        ),
        ("with a minute to go", long(), want(), 1540, "renew"),
        ("ended", long(), want(), 5000, "renew"),
        (
            "little life is enough",
            long(),
            want().min_ttl(Duration::ZERO),
            1599,
            "use",
        ),
        (
            "much life is asked",
            long(),
            want().min_ttl(a_minute * 10),
            1000,
            "renew",
        ),
        (
            "a new one is asked",
            long(),
            want().renewed(),
            1000,
            "renew",
        ),
        (
            "of unknown life",
            record(None, Some("r")),
            want(),
            99_000,
            "use",
        ),
        (
            "scope it has",
            long(),
            want().scope(scope("a")),
            1000,
            "use",
        ),
        (
            "scope that is the refresh token",
            long(),
            want().scope(scope("a offline_access")),
            1000,
            "use",
        ),
        (
            "scope that was refused",
            long(),
            want().scope(scope("c")),
            1000,
            "not granted: c",
        ),
        (
            "scope that was refused, when it is time",
            long(),
            want().scope(scope("c")),
            1590,
            "renew",
        ),
        (
            "scope that was never asked for",
            long(),
            want().scope(scope("a d")),
            1000,
            "renew with a b d",
        ),
        (
            "the clock was set back a little",
            long(),
            want(),
            941,
            "use",
        ),
        ("the clock was set back far", long(), want(), 939, "renew"),
        ("no refresh token", bare(), want(), 1000, "use"),
        (
            "no refresh token, the clock set back",
            bare(),
            want(),
            0,
            "use",
        ),
        (
            "no refresh token, at its end",
            bare(),
            want(),
            1540,
            "log in",
        ),
        (
            "no refresh token, a new one is asked",
            bare(),
            want().renewed(),
            1000,
            "log in",
        ),
        (
            "no refresh token, more scope",
            bare(),
            want().scope(scope("d")),
            1000,
            "not granted: d",
        ),
        (
            "no refresh token, though it is asked for",
            bare(),
            want().scope(scope("offline_access")),
            1000,
            "not granted: offline_access",
        ),
        (
            "a renewal was just cut short",
            long().renewing(at(1000)),
            want(),
            1010,
            "renew",
        ),
        (
            "a renewal was cut short long ago",
            long().renewing(at(1000)),
            want(),
            1011,
            "use",
        ),
        (
            "the same, when it is time",
            long().renewing(at(1000)),
            want(),
            1590,
            "renew",
        ),
    ] {
        let step = match record.step(&want, at(now)) {
            Step::Use => "use".to_owned(),
            Step::Renew(None) => "renew".to_owned(),
            Step::Renew(Some(scope)) => format!("renew with {scope}"),
            Step::Refuse(Error::ScopeNotGranted { missing }) => format!("not granted: {missing}"),
            Step::Refuse(Error::LoginRequired(LoginReason::NoRefreshToken)) => "log in".to_owned(),
            Step::Refuse(why) => why.to_string(),
        };
        assert_eq!(step, expected, "{name}");
    }
}

#[test]
fn the_first_intent_that_matters_is_the_one_that_counts() {
    let record = record(Some(600), Some("r"));
    let is_due = |record: &Record, now| !matches!(record.step(&Want::new(), at(now)), Step::Use);
    let soon = record.renewing(at(1000)).renewing(at(1009));
    assert!(is_due(&soon, 1010) && !is_due(&soon, 1011));
    let late = record.renewing(at(1000)).renewing(at(1020));
    assert!(is_due(&late, 1030) && !is_due(&late, 1031));
    assert!(soon.was_interrupted() && !record.was_interrupted());
}

#[test]
fn a_renewal_keeps_what_it_does_not_bring() {
    let before = record(Some(600), Some("old")).renewing(at(1590));
    let same = before.renewed(tokens(Some(600), None, None), None, at(1590));
    assert_eq!(
        same.credentials.refresh_token.as_ref().unwrap().expose(),
        "old"
    );
    assert_eq!(same.credentials.scope, scope("a b"));
    assert!(!same.was_interrupted());
    let wider = scope("a b d");
    let rotated = before.renewed(
        tokens(Some(30), Some("new"), Some("a")),
        Some(&wider),
        at(1590),
    );
    assert_eq!(
        rotated.credentials.refresh_token.as_ref().unwrap().expose(),
        "new"
    );
    assert_eq!(rotated.credentials.scope, scope("a"));
    let outcome = |record: &Record, want: Want| record.outcome(&want, at(1590)).map(|_| ());
    assert!(outcome(&same, Want::new()).is_ok());
    assert!(matches!(
        outcome(&rotated, Want::new().scope(scope("d"))),
        Err(Error::ScopeNotGranted { .. })
    ));
    let short = outcome(&rotated, Want::new()).unwrap_err();
    assert_eq!(
        short.to_string(),
        "a new token lives only 30s; ask for a `min_ttl` below that"
    );
    // What the provider would not grant is not asked for again.
    let again = rotated.step(
        &Want::new().min_ttl(Duration::ZERO).scope(scope("d")),
        at(1591),
    );
    assert!(
        matches!(again, Step::Refuse(Error::ScopeNotGranted { .. })),
        "{again:?}"
    );
}

#[test]
fn what_is_kept_comes_back_to_its_own_app_only() {
    let mut record = record(Some(600), Some("with \"quotes\" and \\")).renewing(at(1200));
    record.credentials.access_token = "access".into();
    let text = record.to_text(WHOSE).unwrap();
    let back = Record::from_text(&text, WHOSE).unwrap();
    assert_eq!(
        back.credentials.refresh_token,
        record.credentials.refresh_token
    );
    assert_eq!(back.credentials.expires_at, Some(at(1600)));
    assert_eq!(back.renewing_since, Some(at(1200)));
    assert_eq!(
        (back.asked, back.credentials.scope),
        (scope("a b c"), scope("a b"))
    );
    for (name, whose) in [
        (
            "another provider",
            Whose {
                issuer: "https://evil.example.com/",
                ..WHOSE
            },
        ),
        (
            "another client",
            Whose {
                client_id: "other",
                ..WHOSE
            },
        ),
    ] {
        assert!(Record::from_text(&text, whose).is_none(), "{name}");
    }
    let later = Secret::from(text.expose().replace("\"version\":1", "\"version\":2"));
    assert!(Record::from_text(&later, WHOSE).is_none());
    assert!(!format!("{record:?}").contains("access\""), "{record:?}");
}
