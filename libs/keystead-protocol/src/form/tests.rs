//! Cases of parameter lists in both notations.

use proptest::prelude::*;

use super::*;

fn pairs(form: &Form) -> Vec<(&str, &str)> {
    form.0
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect()
}

fn refusal(body: &str) -> String {
    Form::from_urlencoded(body.as_bytes())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_form_is_decoded() {
    let form =
        Form::from_urlencoded(b"&a=1+2%2B3&b=%C3%A9&c=&d&&e=x=y%26z&%66=%zz&g=+4+&h=%20").unwrap();
    assert_eq!(
        pairs(&form),
        [
            ("a", "1 2+3"),
            ("b", "é"),
            ("c", ""),
            ("d", ""),
            ("e", "x=y&z"),
            ("f", "%zz"),
            ("g", " 4 "),
            ("h", " ")
        ]
    );
    assert_eq!(
        (form.get("a"), form.get("c"), form.get("d"), form.get("x")),
        (Some("1 2+3"), None, None, None)
    );
}

#[test]
fn json_says_the_same() {
    let form =
        Form::from_json(br#" {"a":"1 2+3","n":5,"t":true,"z":null,"o":{"k":[1]},"e":"\u00e9"} "#)
            .unwrap();
    assert_eq!(
        pairs(&form),
        [
            ("a", "1 2+3"),
            ("e", "é"),
            ("n", "5"),
            ("o", r#"{"k":[1]}"#),
            ("t", "true"),
            ("z", "")
        ]
    );
}

#[test]
fn a_parameter_comes_once() {
    for (name, body, want) in [
        (
            "twice the same",
            "code=a&code=a",
            "invalid_request: Duplicate parameter: code",
        ),
        (
            "twice, once encoded",
            "code=a&c%6Fde=b",
            "invalid_request: Duplicate parameter: code",
        ),
        (
            "once without value",
            "code=&code=b",
            "invalid_request: Duplicate parameter: code",
        ),
        (
            "an unknown one twice",
            "x=1&x=2",
            "invalid_request: Duplicate parameter: x",
        ),
        (
            "the name is made harmless",
            "%0d%0aX:%22=1&%0d%0aX:%22=2",
            "invalid_request: Duplicate parameter: ??X:'",
        ),
    ] {
        assert_eq!(refusal(body), want, "{name}");
    }
    let twice = Form::from_json(br#"{"code":"a","code":null}"#).unwrap_err();
    assert_eq!(twice.description(), "Duplicate parameter: code");
    // Names are compared by case.
    assert!(Form::from_urlencoded(b"code=a&Code=b").is_ok());
}

#[test]
fn a_broken_body_is_refused() {
    for (name, body) in [
        ("bytes that are not UTF-8", b"a=\xff".as_slice()),
        ("escapes that are not UTF-8", b"a=%ff"),
        ("half a character", b"a=%C3"),
        ("U+0000", b"a=x%00y"),
    ] {
        assert_eq!(
            Form::from_urlencoded(body).unwrap_err().code(),
            Code::InvalidRequest,
            "{name}"
        );
    }
    for body in [
        "",
        "[]",
        "\"a\"",
        "1",
        "{",
        "{\"a\":1}x",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "\u{feff}{}",
    ] {
        assert_eq!(
            Form::from_json(body.as_bytes()).unwrap_err().code(),
            Code::InvalidRequest,
            "{body}"
        );
    }
    let deep = "{\"a\":".repeat(100_000);
    assert!(Form::from_json(deep.as_bytes()).is_err());
}

/// What stands behind the hundred and first is broken: nobody has read so far.
#[test]
fn a_hundred_parameters_are_enough() {
    let form = |count: usize, tail: &str| {
        let pairs: Vec<String> = (0..count).map(|n| format!("p{n}=v")).collect();
        Form::from_urlencoded(format!("{}{tail}", pairs.join("&&")).as_bytes())
    };
    let json = |count: usize, tail: &str| {
        let members: Vec<String> = (0..count).map(|n| format!("\"p{n}\":1")).collect();
        Form::from_json(format!("{{{}{tail}", members.join(",")).as_bytes())
    };
    assert_eq!(form(100, "").unwrap().get("p99"), Some("v"));
    assert_eq!(json(100, "}").unwrap().get("p99"), Some("1"));
    let pairs = (0..101).map(|n| (format!("p{n}"), String::new()));
    for (name, refused) in [
        ("a form", form(101, "&x=%ff")),
        ("JSON", json(101, ",\"x\":oops")),
        ("pairs", Form::from_pairs(pairs)),
    ] {
        let why = refused.unwrap_err().to_string();
        assert_eq!(why, "invalid_request: Too many parameters", "{name}");
    }
}

#[test]
fn an_array_costs_its_text_only() {
    let read = |value: &str| Form::from_json(format!("{{\"a\": {value} }}").as_bytes());
    let flat = format!("[0{}]", ", 0".repeat(20_000));
    for kept in ["[1, {\"b\": 1.50}]", "1.50", "-0", &flat] {
        assert_eq!(read(kept).unwrap().get("a"), Some(kept));
    }
    for broken in [
        "[1,]",
        "{\"b\"}",
        "[\"\u{1}\"]",
        &format!("[{}]", ["[]"; 100].join(",")),
    ] {
        let why = read(broken).unwrap_err().to_string();
        assert_eq!(why, "invalid_request: Malformed request body", "{broken}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let form = Form::from_urlencoded(b"code=").unwrap();
    assert_eq!(
        form.require("code").unwrap_err().to_string(),
        "invalid_request: Missing required parameter: code"
    );
}

#[test]
fn values_do_not_show() {
    let form = Form::from_urlencoded(b"client_secret=hunter2&code=c0de").unwrap();
    assert_eq!(format!("{form:?}"), r#"Form{"client_secret", "code"}"#);
}

proptest! {
    #[test]
    fn both_notations_agree(fields in prop::collection::btree_map("[a-z]{1,4}", "[^\0]{0,8}", 0..5)) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let json = serde_json::to_vec(&fields).unwrap();
        let form = Form::from_urlencoded(body.as_bytes()).unwrap();
        prop_assert_eq!(&form, &Form::from_json(&json).unwrap());
        prop_assert!(pairs(&form).into_iter().eq(fields.iter().map(|(n, v)| (n.as_str(), v.as_str()))));
    }

    #[test]
    fn nothing_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        drop(Form::from_urlencoded(&body));
        drop(Form::from_json(&body));
    }
}
