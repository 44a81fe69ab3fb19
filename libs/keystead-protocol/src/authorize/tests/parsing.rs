//! What is read of a query, and what is refused before anybody can be answered.

use proptest::prelude::*;

use super::*;

fn read(query: &str) -> Result<Request, String> {
    Request::parse(query.as_bytes()).map_err(|e| e.description().to_owned())
}

#[test]
fn a_request_without_one_client_or_with_anything_twice_is_refused() {
    let long = format!("client_id=app&state={}", "x".repeat(8 * 1024));
    for (name, query, want) in [
        ("nothing", "", "Missing required parameter: client_id"),
        (
            "an empty client",
            "client_id=",
            "Missing required parameter: client_id",
        ),
        (
            "two clients",
            "client_id=a&client_id=a",
            "Duplicate parameter: client_id",
        ),
        ("no client's name", "client_id=a%20b", "Unknown client: a b"),
        (
            "a redirect twice",
            "client_id=a&redirect_uri=x&redirect_uri=x",
            "Duplicate parameter: redirect_uri",
        ),
        (
            "once without a value",
            "client_id=a&state&state=x",
            "Duplicate parameter: state",
        ),
        (
            "spelled in two ways",
            "client_id=a&scope=x&s%63ope=y",
            "Duplicate parameter: scope",
        ),
        ("a zero", "client_id=a&state=%00", "Malformed request"),
        ("no UTF-8", "client_id=a&state=%ff", "Malformed request"),
        ("endless", &long, "The request is too long"),
    ] {
        assert_eq!(read(query), Err(want.to_owned()), "{name}");
    }
}

#[test]
fn unknown_parameters_are_ignored_however_often_they_come() {
    let request = read("client_id=a&ext-x=1&ext-x=2&auth0Client=e30%3D&&=&state=s").unwrap();
    let mut want = Request::of("a".try_into().unwrap());
    want.state = Some("s".to_owned());
    assert_eq!(request, want);
    assert_eq!(
        read("client_id=a&scope=&state").unwrap(),
        Request::of("a".try_into().unwrap())
    );
}

#[test]
fn a_plus_is_a_plus_in_an_address_and_a_space_anywhere_else() {
    for (name, query, want) in [
        (
            "as old libraries send it",
            "login_hint=a+b@x.io",
            "a+b@x.io",
        ),
        ("as forms send it", "login_hint=a%2Bb%40x.io", "a+b@x.io"),
        ("a name", "login_hint=Ada+Lovelace", "Ada Lovelace"),
        (
            "a name in an address",
            "login_hint=Ada%20Lovelace+a@x.io",
            "Ada Lovelace a@x.io",
        ),
    ] {
        assert_eq!(parsed(query).login_hint.as_deref(), Some(want), "{name}");
    }
    assert_eq!(
        parsed("scope=openid+email").scope.as_deref(),
        Some("openid email")
    );
    assert_eq!(parsed("state=a+b@x.io").state.as_deref(), Some("a b@x.io"));
}

#[test]
fn nothing_that_was_sent_shows() {
    let request = parsed("state=hunter2&id_token_hint=ey.ey.x&login_hint=ada@example.com");
    assert_eq!(
        format!("{request:?}"),
        r#"Request of app with {"state", "id_token_hint", "login_hint"}"#
    );
}

proptest! {
    /// What is put away is what is taken up, and long values come through whole.
    #[test]
    fn every_value_comes_through_unchanged(values in prop::collection::vec("[^\0]{1,60}", Request::PARAMETERS.len())) {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", "app");
        for (name, value) in Request::PARAMETERS.iter().zip(&values) {
            query.append_pair(name, value);
        }
        // In an address a plus is a plus, so that no space may be written as one.
        let encoded = query.finish().replace('+', "%20");
        let request = read(&encoded).unwrap();
        let json = serde_json::to_value(&request).unwrap();
        for (name, value) in Request::PARAMETERS.iter().zip(&values) {
            prop_assert_eq!(&json[*name], value, "{}", name);
        }
        prop_assert_eq!(&serde_json::from_value::<Request>(json).unwrap(), &request);
        prop_assert_eq!(read(&request.to_query()).unwrap(), request);
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Request::parse(&bytes);
    }
}
