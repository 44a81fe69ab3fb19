//! Payloads that are no claims, and dates as JSON writes them.

use keystead_protocol::{
    claims::ClaimRefusal,
    jwk::Algorithm,
    jwt::{Signer, Typ},
};
use serde_json::json;

use crate::{
    claims::{API, NOW, access, judge, with},
    tokens::key,
};

#[test]
fn payloads_that_are_no_claims() {
    let date = |exp: &str| access().to_string().replace(&(NOW + 60).to_string(), exp);
    let inner = Signer::new(key(Algorithm::HS256))
        .encode(Typ::Jwt, access().to_string().as_bytes())
        .unwrap();
    for (name, payload) in [
        ("a token within a token", inner.clone()),
        (
            "a token within a token, as a string",
            json!(inner).to_string(),
        ),
        ("an array", "[]".to_owned()),
        ("nothing", String::new()),
        ("something after the end", access().to_string() + "{}"),
        (
            "two audiences of one name",
            access().to_string().replacen('{', r#"{"aud":"evil","#, 1),
        ),
        (
            "two ends",
            access()
                .to_string()
                .replacen('{', r#"{"exp":99999999999,"#, 1),
        ),
        (
            "two ends, one in escapes",
            access()
                .to_string()
                .replacen('{', r#"{"\u0065xp":99999999999,"#, 1),
        ),
        (
            "an audience that is a number",
            with(access(), json!({"aud": 5})).to_string(),
        ),
        (
            "audiences that are not all text",
            with(access(), json!({"aud": ["https://api.example", 5]})).to_string(),
        ),
        (
            "an issuer in an array",
            with(access(), json!({"iss": ["https://issuer.example/"]})).to_string(),
        ),
        (
            "scopes in an array",
            with(access(), json!({"scope": ["read:x"]})).to_string(),
        ),
        (
            "permissions in one string",
            with(access(), json!({"permissions": "read:x"})).to_string(),
        ),
        ("an end in a string", date("\"1700000060\"")),
        ("a negative end", date("-1")),
        ("a slightly negative end", date("-0.5")),
        ("an end beyond the year 9999", date("253402300800")),
        ("an end in milliseconds", date("1700000060000")),
        ("an end beyond 64 bits", date("18446744073709551616")),
        ("an end beyond signed 64 bits", date("9223372036854775808")),
        ("an end beyond all numbers", date("1e999")),
        ("an absurd end", date("1e300")),
        ("an end that is not a number", date("NaN")),
        ("an end that is true", date("true")),
    ] {
        let refusal = judge(None, &payload, &API).map(drop);
        assert_eq!(refusal, Err(ClaimRefusal::Malformed), "{name}: {payload}");
    }
    for (name, exp) in [
        ("the last second of 9999", "253402300799"),
        ("an exponent", "1.70000006e9"),
        ("null is no end", "null"),
    ] {
        let want = if exp == "null" {
            Err(ClaimRefusal::MissingExpiry)
        } else {
            Ok(())
        };
        assert_eq!(judge(None, &date(exp), &API).map(drop), want, "{name}");
    }
}
