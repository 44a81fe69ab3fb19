//! Which pages and claims a client asks for.

use std::time::Duration;

use super::*;

const NOBODY: Prompt = Prompt::Pages {
    login: false,
    consent: false,
    select_account: false,
};

fn prompts(login: bool, consent: bool, select_account: bool) -> Option<Prompt> {
    Some(Prompt::Pages {
        login,
        consent,
        select_account,
    })
}

#[test]
fn prompts_are_a_list_in_which_none_stands_alone() {
    for (text, want) in [
        (None, Some(NOBODY)),
        (Some(" "), Some(NOBODY)),
        (Some("none"), Some(Prompt::None)),
        (Some(" none "), Some(Prompt::None)),
        (Some("login"), prompts(true, false, false)),
        (Some("consent login login"), prompts(true, true, false)),
        (Some("select_account"), prompts(false, false, true)),
        (Some("none login"), None),
        (Some("none none"), None),
        (Some("login none"), None),
        (Some("Login"), None),
        (Some("create"), None),
    ] {
        assert_eq!(Prompt::read(text).ok(), want, "{text:?}");
    }
}

#[test]
fn an_age_is_a_number_of_seconds_and_zero_is_never_young_enough() {
    let seconds = Duration::from_secs;
    for (text, age, want) in [
        ("60", seconds(60), false),
        ("60", seconds(60) + Duration::from_millis(1), true),
        ("0", seconds(0), true),
        ("007", seconds(7), false),
        ("4294967295", seconds(4_294_967_295), false),
    ] {
        let max_age = MaxAge::read(Some(text)).unwrap().unwrap();
        assert_eq!(max_age.is_exceeded_by(age), want, "{text} {age:?}");
    }
    for bad in ["-1", "+1", "1.5", "1e3", " 1", "x", "4294967296"] {
        assert!(MaxAge::read(Some(bad)).is_err(), "{bad}");
    }
    assert_eq!(MaxAge::read(None), Ok(None));
}

#[test]
fn claims_are_asked_for_by_name_and_nothing_unreadable_is_an_error() {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    for (text, id_token, userinfo) in [
        (
            r#"{"id_token":{"email":null,"auth_time":{"essential":true}}}"#,
            &["email"][..],
            &[][..],
        ),
        (
            r#"{"userinfo":{"name":{"essential":true},"unknown":null}}"#,
            &[],
            &["name"],
        ),
        (
            r#"{"userinfo":{"phone_number":{"value":"1"}},"id_token":3}"#,
            &[],
            &["phone_number"],
        ),
        (r#"{"userinfo":[],"other":{"email":null}}"#, &[], &[]),
        ("[]", &[], &[]),
        ("{", &[], &[]),
        ("null", &[], &[]),
    ] {
        let asked = AskedClaims::read(Some(text));
        assert_eq!(
            (asked.id_token, asked.userinfo),
            (names(id_token), names(userinfo)),
            "{text}"
        );
    }
    assert!(AskedClaims::read(None).is_empty());
}

#[test]
fn what_is_asked_for_by_name_is_agreed_to_by_scope() {
    let text =
        r#"{"id_token":{"email":null,"picture":null},"userinfo":{"name":null,"address":null}}"#;
    let asked = AskedClaims::read(Some(text));
    assert_eq!(asked.scope(), "email profile address".parse().unwrap());
}

#[test]
fn demands_are_heard() {
    for (text, subjects, acr) in [
        (
            r#"{"id_token":{"sub":{"value":"auth0|1"}}}"#,
            &["auth0|1"][..],
            false,
        ),
        (
            r#"{"userinfo":{"sub":{"value":"auth0|2"}}}"#,
            &["auth0|2"],
            false,
        ),
        (
            r#"{"id_token":{"sub":{"value":"auth0|1"}},"userinfo":{"sub":{"value":"auth0|1"}}}"#,
            &["auth0|1"],
            false,
        ),
        (
            r#"{"id_token":{"sub":{"value":"auth0|1"}},"userinfo":{"sub":{"value":"auth0|2"}}}"#,
            &["auth0|1", "auth0|2"],
            false,
        ),
        (
            r#"{"id_token":{"sub":null,"acr":{"essential":true,"values":["x"]}}}"#,
            &[],
            true,
        ),
        (r#"{"id_token":{"acr":{"essential":false}}}"#, &[], false),
        (r#"{"id_token":{"acr":{"values":["x"]}}}"#, &[], false),
    ] {
        let asked = AskedClaims::read(Some(text));
        assert_eq!(
            (asked.subjects, asked.essential_acr),
            (subjects.iter().map(|s| (*s).to_owned()).collect(), acr),
            "{text}"
        );
    }
}
