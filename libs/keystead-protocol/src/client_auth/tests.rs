//! Cases of presented credentials: which method is recognised, which request is refused.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const TYPE: &str =
    "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// A token that nobody signed: what is presented is not yet believed.
fn unsigned(payload: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"ES256"}"#),
        part(payload),
        part("signature")
    )
}

fn read(header: Option<&str>, body: &str) -> Result<(String, Credentials), AuthRefusal> {
    let form = Form::from_urlencoded(body.as_bytes()).unwrap();
    Presented::read(header, &form).map(|p| (p.client_id.to_string(), p.credentials))
}

fn header(scheme: &str, pair: impl AsRef<[u8]>) -> String {
    format!("{scheme} {}", STANDARD.encode(pair))
}

// One row, one line: a table is read down its columns.
#[rustfmt::skip]
#[test]
fn each_method_is_recognised() {
    let post = |secret: &str| Credentials::Post(secret.into());
    let basic = |secret: &str| Credentials::Basic(secret.into());
    let jwt = unsigned(r#"{"sub":"app"}"#);
    for (name, header, body, id, want) in [
        ("a public client", None, "client_id=app".to_owned(), "app", Credentials::None),
        ("an empty secret is none", None, "client_id=app&client_secret=".to_owned(), "app", Credentials::None),
        ("a secret in the body", None, "client_id=app&client_secret=s%26+t".to_owned(), "app", post("s& t")),
        ("a secret in the header", Some(header("Basic", "app:s")), String::new(), "app", basic("s")),
        ("and client_id in the body", Some(header("Basic", "app:s")), "client_id=app".to_owned(), "app", basic("s")),
        ("the scheme in another case", Some(header("bASIC", "app:s")), String::new(), "app", basic("s")),
        ("form-encoded parts", Some(header("Basic", "a%3Ab%2Fc:s%3A%25+%2B")), String::new(), "a:b/c", basic("s:% +")),
        ("a colon in the secret", Some(header("Basic", "app:s:t")), String::new(), "app", basic("s:t")),
        ("letters outside ASCII", Some(header("Basic", "app:%C3%A9é")), String::new(), "app", basic("éé")),
        ("no secret in the header", Some(header("Basic", "app:")), String::new(), "app", basic("")),
        ("an assertion", None, format!("{TYPE}&client_id=app&client_assertion={jwt}"), "app", Credentials::Assertion(jwt.as_str().into())),
        ("an assertion alone", None, format!("{TYPE}&client_assertion={jwt}"), "app", Credentials::Assertion(jwt.as_str().into())),
        ("an assertion of another client, found out later", None, format!("{TYPE}&client_id=other&client_assertion={jwt}"), "other", Credentials::Assertion(jwt.as_str().into())),
    ] {
        assert_eq!(read(header.as_deref(), &body), Ok((id.to_owned(), want)), "{name}");
    }
}

#[rustfmt::skip]
#[test]
fn what_is_wrong_is_refused() {
    use AuthRefusal::*;
    let good = header("Basic", "app:s");
    let good = Some(good.as_str());
    let bearer = header("Bearer", "app:s");
    let long = header("Basic", format!("{}:s", "x".repeat(129)));
    for (name, header, body, want) in [
        ("nothing", None, String::new(), ClientIdMissing),
        ("a secret of nobody", None, "client_secret=s".to_owned(), ClientIdMissing),
        ("a client_id with a quote", None, "client_id=%22".to_owned(), ClientIdMalformed),
        ("a client_id with a space", None, "client_id=a+b".to_owned(), ClientIdMalformed),
        ("a long client_id in the header", Some(long.as_str()), String::new(), ClientIdMalformed),
        ("no client_id in the header", Some("Basic OnM="), String::new(), ClientIdMalformed),
        ("header and secret", good, "client_secret=s".to_owned(), SeveralMethods),
        ("header and another secret", good, "client_id=app&client_secret=t".to_owned(), SeveralMethods),
        ("header and assertion", good, format!("{TYPE}&client_assertion=x"), SeveralMethods),
        ("secret and assertion", None, format!("{TYPE}&client_id=app&client_secret=s&client_assertion=x"), SeveralMethods),
        ("another client in the body", good, "client_id=other".to_owned(), ClientIdMismatch),
        ("the same client in another case", good, "client_id=App".to_owned(), ClientIdMismatch),
        ("another scheme with what would do", Some(bearer.as_str()), String::new(), HeaderMalformed),
        ("a bearer token", Some("Bearer abc"), "client_id=app".to_owned(), HeaderMalformed),
        ("an empty header", Some(""), "client_id=app".to_owned(), HeaderMalformed),
        ("the scheme alone", Some("Basic"), "client_id=app".to_owned(), HeaderMalformed),
        ("no colon", Some("Basic YXBw"), String::new(), HeaderMalformed),
        ("what is no base64", Some("Basic a:b"), String::new(), HeaderMalformed),
        ("base64 for URLs", Some("Basic YTpfX_8_"), String::new(), HeaderMalformed),
        ("bytes that are not UTF-8", Some("Basic YTr/"), String::new(), HeaderMalformed),
        ("escapes that are not UTF-8", Some("Basic YTolZmY="), String::new(), HeaderMalformed),
        ("an assertion without type", None, "client_id=app&client_assertion=x".to_owned(), AssertionTypeMissing),
        ("an assertion of SAML", None, "client_assertion=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer".to_owned(), AssertionTypeUnknown),
        ("a type without assertion", None, format!("client_id=app&{TYPE}"), AssertionMissing),
        ("an assertion that is no token", None, format!("{TYPE}&client_assertion=x"), AssertionMalformed),
        ("an assertion without subject", None, format!("{TYPE}&client_assertion={}", unsigned(r#"{"iss":"app"}"#)), AssertionMalformed),
        ("an assertion with two subjects", None, format!("{TYPE}&client_assertion={}", unsigned(r#"{"sub":"app","sub":"b"}"#)), AssertionMalformed),
        ("an assertion of an impossible client", None, format!("{TYPE}&client_assertion={}", unsigned(r#"{"sub":"a\"b"}"#)), AssertionMalformed),
    ] {
        assert_eq!(read(header, &body), Err(want), "{name}");
    }
}

#[test]
fn only_the_registered_method_will_do() {
    use AuthMethod::*;
    let presented = |credentials| Presented {
        client_id: "app".try_into().unwrap(),
        credentials,
    };
    let every = [
        None,
        ClientSecretPost,
        ClientSecretBasic,
        ClientSecret,
        PrivateKeyJwt,
    ];
    for (credentials, want) in [
        (Credentials::None, vec![None]),
        (
            Credentials::Post("s".into()),
            vec![ClientSecretPost, ClientSecret],
        ),
        (
            Credentials::Basic("s".into()),
            vec![ClientSecretBasic, ClientSecret],
        ),
        (Credentials::Assertion("s".into()), vec![PrivateKeyJwt]),
    ] {
        let presented = presented(credentials);
        let conforms = |method: &AuthMethod| presented.conforms(*method).is_ok();
        assert_eq!(
            every.into_iter().filter(conforms).collect::<Vec<_>>(),
            want,
            "{presented:?}"
        );
    }
}

#[test]
fn a_refusal_tells_nothing_about_the_client() {
    use AuthRefusal::*;
    for refusal in [
        ClientIdMalformed,
        ClientIdMismatch,
        HeaderMalformed,
        AssertionMalformed,
        WrongMethod,
    ] {
        assert_eq!(
            refusal.public().to_string(),
            "invalid_client: Client authentication failed"
        );
    }
    assert_eq!(
        ClientIdMissing.public().to_string(),
        "invalid_request: Missing required parameter: client_id"
    );
    assert_eq!(SeveralMethods.public().code(), Code::InvalidRequest);
}

#[test]
fn credentials_do_not_show() {
    let form = Form::from_urlencoded(b"client_id=app&client_secret=hunter2").unwrap();
    let shown = format!("{:?}", Presented::read(Option::None, &form).unwrap());
    assert!(
        shown.contains("app") && !shown.contains("hunter2"),
        "{shown}"
    );
}
