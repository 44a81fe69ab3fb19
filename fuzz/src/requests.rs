//! What clients send: forms, JSON, credentials, authorization requests, and the small grammars inside them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    authorize::{Refused, Request, check},
    client::ClientMetadata,
    client_auth::{Credentials, Presented},
    form::Form,
    grant_type::GrantType,
    logout::EndSession,
    pkce::{self, Challenge, Verifier},
    profile::{ClientType, PkceRule, Profile},
    scope::Scope,
    secret::Digest,
    token::TokenRequest,
};
use serde_json::json;

use crate::{Target, owned, redirects};

/// The body of a request to the token endpoint or of an end-session request, as a form and as JSON.
pub const FORM: Target = Target {
    name: "form",
    seeds: || {
        owned(&[
            "grant_type=client_credentials&client_id=app&client_secret=s3cret&audience=https%3A%2F%2Fapi&scope=read%3Ax+b",
            "grant_type=authorization_code&code=abc&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "grant_type=refresh_token&refresh_token=abc&resource=https%3A%2F%2Fapi&audience=https%3A%2F%2Fapi",
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhcHAifQ.AA",
            r#"{"grant_type":"client_credentials","client_id":"app","client_secret":"s3cret","audience":"https://api","n":[1,null,{"a":"\u0000"}]}"#,
            r#"{"grant_type":"refresh_token","refresh_token":"abc","scope":null,"x":1e3}"#,
            "id_token_hint=a.b.c&client_id=app&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=x&logout_hint=s1",
        ])
    },
    run: |bytes| {
        for form in [Form::from_urlencoded(bytes), Form::from_json(bytes)] {
            match form {
                Ok(form) => read(&form),
                Err(why) => assert_eq!(why.status(Profile::Compat), 400),
            }
        }
    },
};

fn read(form: &Form) {
    for name in [
        "grant_type",
        "client_id",
        "code",
        "scope",
        "redirect_uri",
        "n",
    ] {
        assert!(
            form.get(name)
                .is_none_or(|value| !value.is_empty() && !value.contains('\0'))
        );
    }
    match TokenRequest::parse(form) {
        Ok(request) => {
            let named = form.get("grant_type").expect("a request has a grant type");
            assert_eq!(GrantType::try_from(named).ok(), Some(request.grant_type()));
        }
        Err(why) => assert!((400..500).contains(&why.status(Profile::Compat)), "{why:?}"),
    }
    if let Ok(presented) = Presented::read(None, form) {
        assert!(!matches!(presented.credentials, Credentials::Basic(_)));
        let named = form.get("client_id");
        assert!(named.is_none_or(|id| id == presented.client_id.as_str()));
    }
    if let Ok(asked) = EndSession::parse(form) {
        assert_eq!(asked.state.as_deref(), form.get("state"));
    }
}

/// The value of an `Authorization` header at the token endpoint.
pub const AUTHORIZATION_HEADER: Target = Target {
    name: "authorization header",
    seeds: || {
        owned(&[
            "Basic YXBwOnNlY3JldA==",
            "basic YXBwOg==",
            "Basic YXBwOmElM0FiJTAw",
            "Basic  OnNlY3JldA==",
            "Bearer abc",
        ])
    },
    run: |bytes| {
        let (Ok(header), Ok(empty)) = (str::from_utf8(bytes), Form::from_pairs([])) else {
            return;
        };
        match Presented::read(Some(header), &empty) {
            Ok(presented) => {
                assert!(matches!(presented.credentials, Credentials::Basic(_)));
                assert!(
                    header
                        .get(..6)
                        .is_some_and(|start| start.eq_ignore_ascii_case("basic "))
                );
            }
            Err(why) => assert!((400..500).contains(&why.public().status(Profile::Compat))),
        }
    },
};

/// The query of an authorization request, checked against a client.
pub const AUTHORIZE: Target = Target {
    name: "authorization request",
    seeds: || {
        owned(&[
            "client_id=app&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=openid+read%3Ax&state=a%26b",
            "client_id=app&response_type=code&redirect_uri=https://a.wild.example/cb&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
            "client_id=app&response_type=code id_token&response_mode=form_post&nonce=n&max_age=0&prompt=login consent&ui_locales=de en",
            "client_id=app&response_type=token&response_mode=web_message&redirect_uri=http://127.0.0.1:5000/cb",
            "client_id=app&response_type=code&redirect_uri=demo://app/cb&claims=%7B%22userinfo%22%3A%7B%22name%22%3Anull%7D%2C%22id_token%22%3A%7B%22sub%22%3A%7B%22value%22%3A%22x%22%7D%7D%7D",
        ])
    },
    run: |bytes| {
        let Ok(request) = Request::parse(bytes) else {
            return;
        };
        let again = Request::parse(request.to_query().as_bytes());
        assert_eq!(
            again.as_ref().ok(),
            Some(&request),
            "what is put away is what is taken up"
        );
        let registered = [
            "https://app.example/cb",
            "https://*.wild.example/cb",
            "http://127.0.0.1/cb",
            "demo://app/cb",
        ];
        for (conformant, kind) in [(true, "native"), (false, "native"), (true, "spa")] {
            let client: ClientMetadata = serde_json::from_value(json!({
                "redirect_uris": registered, "callbacks": registered, "app_type": kind, "oidc_conformant": conformant,
                "grant_types": ["authorization_code", "implicit", "refresh_token"],
            }))
            .expect("a client");
            let reply = match check(&request, &client) {
                Ok(checked) => checked.reply,
                Err(Refused::Redirect { to, .. }) => *to,
                Err(Refused::Page { .. } | Refused::WebOrigin(_)) => continue,
            };
            let to = reply.to().as_str();
            assert!(
                registered.iter().any(|own| redirects::leads_to(own, to)),
                "{to}"
            );
        }
    },
};

/// A set of scopes.
pub const SCOPE: Target = Target {
    name: "scope",
    seeds: || {
        owned(&[
            "openid profile read:messages",
            "openid openid",
            "a b\nb c",
            "\nread:x",
            "",
        ])
    },
    run: |bytes| {
        let Ok(text) = str::from_utf8(bytes) else {
            return;
        };
        let (one, other) = text.split_once('\n').unwrap_or((text, "openid"));
        let (Ok(one), Ok(other)) = (one.parse::<Scope>(), other.parse::<Scope>()) else {
            return;
        };
        assert_eq!(one.to_string().parse().as_ref(), Ok(&one));
        let (both, either) = (one.intersect(&other), one.union(&other));
        assert!(both.is_subset(&one) && both.is_subset(&other));
        assert!(one.is_subset(&either) && other.is_subset(&either));
        assert!(one.minus(&other).intersect(&other).is_empty());
    },
};

/// A challenge, its method and a verifier, a line each.
pub const PKCE: Target = Target {
    name: "pkce",
    seeds: || {
        owned(&[
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\nS256\ndBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\nplain\ndBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\n\ndBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ])
    },
    run: |bytes| {
        let Ok(text) = str::from_utf8(bytes) else {
            return;
        };
        let mut lines = text.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let (sent, method, verifier) = (line(), line(), line());
        let verified = verifier.and_then(|text| Verifier::try_from(text).ok());
        for rule in [
            PkceRule::Optional,
            PkceRule::OptionalS256,
            PkceRule::RequiredS256,
        ] {
            let Ok(Some(challenge)) = Challenge::parse(sent, method, rule) else {
                continue;
            };
            let good = pkce::check(Some(&challenge), verified.as_ref(), ClientType::Public).is_ok();
            let digest =
                verifier.map(|text| URL_SAFE_NO_PAD.encode(Digest::of(text.as_bytes()).as_bytes()));
            let plain = method.is_none_or(|method| method == "plain");
            assert!(!plain || rule == PkceRule::Optional);
            let proves = verified.is_some()
                && if plain {
                    sent == verifier
                } else {
                    sent == digest.as_deref()
                };
            assert_eq!(good, proves);
        }
    },
};
