//! Cookies: how they are spelled for each scheme, and which of a request's are read.

use rand::{SeedableRng as _, rngs::StdRng};

use super::*;

fn cookies(issuer: &str) -> Cookies {
    Cookies::of(&Issuer::parse(issuer).unwrap())
}

fn sent(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(COOKIE, line.parse().unwrap());
    }
    headers
}

#[test]
fn the_scheme_decides_name_and_attributes() {
    let rng = &mut StdRng::seed_from_u64(1);
    let secret = Secret::from("c2VjcmV0");
    let browser = Browser::new(rng);
    for (issuer, session, forgotten, other) in [
        (
            "https://id.example/",
            "__Host-keystead=c2VjcmV0; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=None",
            "__Host-keystead=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=None",
            "__Host-keystead-browser=VALUE; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            "http://localhost:3000/",
            "keystead=c2VjcmV0; Max-Age=60; Path=/; HttpOnly; SameSite=Lax",
            "keystead=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
            "keystead-browser=VALUE; Path=/; HttpOnly; SameSite=Lax",
        ),
    ] {
        let cookies = cookies(issuer);
        let kept = cookies.keep_session(&secret, Duration::from_secs(60));
        assert_eq!(kept.0, session);
        assert!(kept.0.is_sensitive());
        assert_eq!(cookies.forget_session().0, forgotten);
        let line = other.replace("VALUE", browser.0.expose());
        assert_eq!(cookies.keep_browser(&browser).0, line);
    }
}

#[test]
fn a_browser_is_recognised_by_a_whole_value_of_its_own_cookie() {
    let rng = &mut StdRng::seed_from_u64(2);
    let browser = Browser::new(rng);
    let value = browser.0.expose();
    let own = cookies("http://localhost:3000/");
    for (name, lines, want) in [
        ("alone", vec![format!("keystead-browser={value}")], true),
        (
            "among others",
            vec![format!("a=b;keystead-browser={value} ; keystead=x")],
            true,
        ),
        (
            "on a line of its own",
            vec!["a=b".to_owned(), format!("keystead-browser={value}")],
            true,
        ),
        (
            "under the other scheme's name",
            vec![format!("__Host-keystead-browser={value}")],
            false,
        ),
        (
            "under a longer name",
            vec![format!("xkeystead-browser={value}")],
            false,
        ),
        (
            "cut",
            vec![format!("keystead-browser={}", &value[..42])],
            false,
        ),
        (
            "extended",
            vec![format!("keystead-browser={value}A")],
            false,
        ),
        ("empty", vec!["keystead-browser=".to_owned()], false),
        ("nothing", vec![], false),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let found = own.browser(&sent(&lines));
        assert_eq!(found.as_ref() == Some(&browser), want, "{name}");
    }
}

#[test]
fn a_browser_is_no_session_and_a_session_no_browser() {
    let rng = &mut StdRng::seed_from_u64(3);
    let own = cookies("http://localhost:3000/");
    let browser = Browser::new(rng);
    let (session, key) = TokenKey::draw(Purpose::Session, Timestamp::from_secs(1), rng);
    let swapped = format!(
        "keystead={}; keystead-browser={}",
        browser.0.expose(),
        session.expose()
    );
    assert_eq!(own.session(&sent(&[&swapped])), None);
    assert_eq!(own.browser(&sent(&[&swapped])), None);
    let right = format!("keystead={}", session.expose());
    assert_eq!(own.session(&sent(&[&right])), Some(key));
}
