//! Cases of token requests.

use super::*;

fn read(body: &str) -> Result<TokenRequest, String> {
    let form = Form::from_urlencoded(body.as_bytes()).map_err(|e| e.to_string())?;
    TokenRequest::parse(&form).map_err(|e| e.to_string())
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn each_grant_is_read_with_its_parameters() {
    let api = Audience::try_from("https://api.example/").unwrap();
    let scope: Scope = "b a".parse().unwrap();
    assert_eq!(
        read(
            "grant_type=client_credentials&audience=https://api.example/&scope=b+a&client_id=c&x=1"
        ),
        Ok(TokenRequest::ClientCredentials(ClientCredentials {
            audience: Some(api.clone()),
            scope: Some(scope.clone())
        }))
    );
    assert_eq!(
        read("grant_type=client_credentials&scope="),
        Ok(TokenRequest::ClientCredentials(ClientCredentials {
            audience: None,
            scope: None
        }))
    );
    assert_eq!(
        read(&format!(
            "grant_type=authorization_code&code=abc&redirect_uri=demo://x/CB&code_verifier={VERIFIER}"
        )),
        Ok(TokenRequest::AuthorizationCode(AuthorizationCode {
            code: "abc".into(),
            redirect_uri: Some("demo://x/CB".into()),
            code_verifier: Some(VERIFIER.try_into().unwrap()),
        }))
    );
    assert_eq!(
        read("grant_type=refresh_token&refresh_token=r&resource=https://api.example/&scope=a+b"),
        Ok(TokenRequest::RefreshToken(RefreshToken {
            refresh_token: "r".into(),
            audience: Some(api),
            scope: Some(scope)
        }))
    );
}

// One row, one line: a table is read down its columns.
#[rustfmt::skip]
#[test]
fn a_bad_request_is_named() {
    for (name, body, want) in [
        ("no grant", "code=x", "invalid_request: Missing required parameter: grant_type"),
        ("an empty grant", "grant_type=", "invalid_request: Missing required parameter: grant_type"),
        ("an unknown grant", "grant_type=magic", "unsupported_grant_type: Unsupported grant type: magic"),
        ("a hostile grant", "grant_type=%22%0d%0a", "unsupported_grant_type: Unsupported grant type: '??"),
        ("a grant in another case", "grant_type=Refresh_Token", "unsupported_grant_type: Unsupported grant type: Refresh_Token"),
        ("a grant that is not served", "grant_type=implicit", "unsupported_grant_type: Unsupported grant type: implicit"),
        ("no code", "grant_type=authorization_code", "invalid_request: Missing required parameter: code"),
        ("an empty code", "grant_type=authorization_code&code=", "invalid_request: Missing required parameter: code"),
        ("no refresh token", "grant_type=refresh_token&scope=a", "invalid_request: Missing required parameter: refresh_token"),
        ("two grants", "grant_type=refresh_token&grant_type=refresh_token", "invalid_request: Duplicate parameter: grant_type"),
        ("two codes", "grant_type=authorization_code&code=a&code=b", "invalid_request: Duplicate parameter: code"),
        ("two scopes", "grant_type=client_credentials&scope=a&scope=b", "invalid_request: Duplicate parameter: scope"),
        ("a scope with a quote", "grant_type=client_credentials&scope=%22", "invalid_scope: Malformed scope"),
        ("an audience with a line feed", "grant_type=client_credentials&audience=a%0a", "invalid_target: Malformed audience"),
        ("audience against resource", "grant_type=client_credentials&audience=a&resource=b", "invalid_target: audience and resource name different APIs"),
        ("a verifier that is none", "grant_type=authorization_code&code=a&code_verifier=short", "invalid_grant: Failed to verify code verifier"),
    ] {
        assert_eq!(read(body), Err(want.to_owned()), "{name}");
    }
}

#[test]
fn json_and_form_are_one() {
    let json = Form::from_json(
        br#"{"grant_type":"refresh_token","refresh_token":"r","scope":null,"client_id":"c"}"#,
    );
    assert_eq!(
        TokenRequest::parse(&json.unwrap()).unwrap(),
        read("grant_type=refresh_token&refresh_token=r").unwrap()
    );
}

#[test]
fn the_list_is_what_is_served() {
    let served: Vec<_> = TokenRequest::GRANTS
        .iter()
        .map(|(grant, _)| *grant)
        .collect();
    assert_eq!(
        served,
        [
            GrantType::ClientCredentials,
            GrantType::AuthorizationCode,
            GrantType::RefreshToken
        ]
    );
    for &(grant, parameters) in TokenRequest::GRANTS {
        let mut pairs: Vec<_> = parameters
            .iter()
            .map(|&name| (name.to_owned(), VERIFIER.to_owned()))
            .collect();
        pairs.push(("grant_type".to_owned(), grant.to_string()));
        let request = TokenRequest::parse(&Form::from_pairs(pairs).unwrap()).unwrap();
        assert_eq!(request.grant_type(), grant);
    }
}

#[test]
fn credentials_do_not_show() {
    let shown = format!(
        "{:?}",
        read(&format!(
            "grant_type=authorization_code&code=c0de&code_verifier={VERIFIER}"
        ))
        .unwrap()
    );
    assert!(
        !shown.contains("c0de") && !shown.contains(VERIFIER),
        "{shown}"
    );
}
