//! What holds for every page, in every state, language and look.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt as _;
use scraper::{ElementRef, Html, Selector};
use tower::ServiceExt as _;

use super::{
    FormPost, Locale, WebMessage, routes,
    samples::{self, HOSTILE},
};

mod assets;

/// A sample as a browser has it.
struct Shown {
    name: String,
    page: &'static str,
    state: &'static str,
    locale: Locale,
    status: StatusCode,
    headers: HeaderMap,
    text: String,
    html: Html,
}

impl Shown {
    fn all(&self, selector: &str) -> Vec<ElementRef<'_>> {
        let selector = Selector::parse(selector).unwrap();
        self.html.select(&selector).collect()
    }

    fn one(&self, selector: &str) -> ElementRef<'_> {
        let found = self.all(selector);
        assert_eq!(found.len(), 1, "{}: {selector}", self.name);
        found[0]
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(&name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

async fn text_of(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn every_page() -> Vec<Shown> {
    let mut all = Vec::new();
    for (locale, look, sample) in samples::render_all() {
        let (parts, body) = sample.response.into_parts();
        let text = text_of(Response::new(body)).await;
        all.push(Shown {
            name: format!("{}/{} {locale} {look}", sample.page, sample.state),
            page: sample.page,
            state: sample.state,
            locale,
            status: parts.status,
            headers: parts.headers,
            html: Html::parse_document(&text),
            text,
        });
    }
    all
}

async fn asset(path: &str) -> Response {
    let router: Router = routes();
    let request = Request::get(path).body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap()
}

fn assets_of(page: &Shown) -> BTreeSet<String> {
    let named = page.all("link[href], script[src], img[src]").into_iter();
    named
        .filter_map(|element| element.attr("href").or(element.attr("src")))
        .filter(|path| !path.starts_with("https://images.example/"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_page_is_sound_html() {
    for page in every_page().await {
        let name = &page.name;
        // A NUL is the one thing that a document cannot hold in any spelling.
        let foreign = |fault: &&std::borrow::Cow<'_, str>| !fault.contains('\0');
        let faults: Vec<_> = page.html.errors.iter().filter(foreign).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
        assert_eq!(
            page.one("html").attr("lang"),
            Some(page.locale.tag()),
            "{name}"
        );
        assert_eq!(page.one("html").attr("dir"), Some("ltr"), "{name}");
        for element in ["main", "h1", "title"] {
            let text: String = page.one(element).text().collect();
            assert!(!text.trim().is_empty(), "{name}: {element} is empty");
        }
        let ids: Vec<&str> = page
            .all("[id]")
            .iter()
            .filter_map(|e| e.attr("id"))
            .collect();
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "{name}: {ids:?}");
        for relation in [
            "for",
            "aria-describedby",
            "aria-labelledby",
            "aria-controls",
            "data-reveal",
        ] {
            for element in page.all(&format!("[{relation}]")) {
                for id in element.attr(relation).unwrap().split_whitespace() {
                    assert!(distinct.contains(id), "{name}: {relation} names {id}");
                }
            }
        }
        for input in page.all("input:not([type=hidden])") {
            let id = input.attr("id").unwrap();
            let label: String = page.one(&format!("label[for={id}]")).text().collect();
            assert!(!label.trim().is_empty(), "{name}: {id}");
            assert!(input.attr("placeholder").is_none(), "{name}: {id}");
            assert!(input.attr("autocomplete").is_some(), "{name}: {id}");
        }
        assert!(page.all("[autofocus]").len() <= 1, "{name}");
        for button in page.all("button, a") {
            let text: String = button.text().collect();
            assert!(!text.trim().is_empty(), "{name}: {}", button.html());
        }
        for image in page.all("img") {
            assert!(
                image.attr("alt").is_some_and(|alt| !alt.is_empty()),
                "{name}"
            );
        }
        assert!(
            !page.text.contains("${") || page.state == "hostile",
            "{name}: a placeholder is left"
        );
    }
}

#[tokio::test]
async fn nothing_is_inline_and_nothing_is_foreign() {
    for page in every_page().await {
        let name = &page.name;
        assert!(
            page.all("style, [style], base, iframe, object, embed")
                .is_empty(),
            "{name}"
        );
        for script in page.all("script") {
            assert!(
                script.attr("src").unwrap().starts_with("/assets/"),
                "{name}"
            );
            assert_eq!(script.inner_html(), "", "{name}");
        }
        for element in page.all("*") {
            let handler = element
                .value()
                .attrs()
                .find(|(attr, _)| attr.starts_with("on"));
            assert!(handler.is_none(), "{name}: {}", element.html());
        }
        for path in assets_of(&page) {
            assert!(path.starts_with("/assets/"), "{name}: {path}");
        }
        for link in page.all("a[href]") {
            assert!(link.attr("href").unwrap().starts_with("/u/"), "{name}");
        }
    }
}

#[tokio::test]
async fn hostile_words_are_only_words() {
    for page in every_page().await {
        let name = &page.name;
        assert!(!page.text.contains("<script>alert"), "{name}");
        assert!(page.all("img[onerror], img[src=x]").is_empty(), "{name}");
        let shown: String = page.one("html").text().collect();
        for hidden in ['\u{202e}', '\u{0}', '\u{fffd}'] {
            assert!(!shown.contains(hidden), "{name}: {hidden:?}");
        }
        if page.page == "error" && page.state == "hostile" {
            let code: String = page.one("#error-code").text().collect();
            assert!(code.contains("<script>alert(1)</script>"), "{name}: {code}");
        }
    }
}

#[tokio::test]
async fn automation_finds_what_is_promised() {
    let promised = BTreeMap::from([
        (
            "login",
            "form#login-form input#username[name=username], #login-form input#password[name=password], #login-form button#login-submit[name=action][value=submit], #login-form button#login-cancel[value=cancel]",
        ),
        (
            "signup",
            "form#signup-form input#email[name=email], #signup-form input#password[name=password], #signup-form button#signup-submit[value=submit], #signup-form button#signup-cancel[value=cancel], a#to-login",
        ),
        (
            "consent",
            "form#consent-form button#consent-allow[value=allow], #consent-form button#consent-deny[value=deny], #account",
        ),
        (
            "confirm",
            "form#confirm-form button#confirm-continue[value=submit], #confirm-form button#confirm-cancel[value=cancel]",
        ),
        (
            "logout",
            "form#logout-form button#logout-yes[value=yes], #logout-form button#logout-no[value=no]",
        ),
        ("logged-out", "#signed-out, #still-signed-in"),
        ("landing", "#landing"),
        (
            "setup",
            "form#setup-form input#email[name=email], #setup-form input#password[name=password], #setup-form button#setup-submit",
        ),
        ("setup-done", "#setup-done, #issuer"),
        (
            "error",
            "#error-page #error-code, #error-page #error-cause, #error-page #error-quote",
        ),
        ("form-post", "form#response-form button#response-submit"),
        ("web-message", "#response"),
    ]);
    for page in every_page().await {
        let name = &page.name;
        let wanted = promised[page.page];
        let count = if page.page == "logged-out" {
            1
        } else {
            wanted.split(", ").count()
        };
        assert_eq!(page.all(wanted).len(), count, "{name}");
        for form in page.all("form[action^='/u/']") {
            let carried = form
                .select(&Selector::parse("input[type=hidden]").unwrap())
                .count();
            let wanted = if page.page == "consent" { 2 } else { 1 };
            assert_eq!(carried, wanted, "{name}");
        }
        let failed = page.status.is_client_error() && page.page != "error";
        assert_eq!(
            page.all("#form-error[role=alert]").len(),
            usize::from(failed),
            "{name}"
        );
    }
}

#[test]
fn what_a_client_is_handed_is_not_written_for_debugging() {
    let to = &samples::redirect("https://app.example/callback").unwrap();
    let (client, pairs) = (
        samples::CLIENT,
        &[("code", "c-1_x"), ("id_token", "e30.e30")],
    );
    for text in [
        format!("{:?}", FormPost { to, client, pairs }),
        format!("{:?}", WebMessage { to, client, pairs }),
    ] {
        assert!(text.contains(r#"pairs: ["code", "id_token"]"#), "{text}");
        assert!(!text.contains("c-1_x") && !text.contains("e30"), "{text}");
    }
}

#[tokio::test]
async fn the_first_button_of_a_form_is_what_enter_presses() {
    for page in every_page().await {
        for form in page.all("form") {
            let first = form
                .select(&Selector::parse("button:not([type=button])").unwrap())
                .next();
            assert_eq!(first.unwrap().attr("class"), Some("main"), "{}", page.name);
        }
    }
}

#[tokio::test]
async fn headers_forbid_what_no_page_needs() {
    for page in every_page().await {
        let name = &page.name;
        let policy = page.header(header::CONTENT_SECURITY_POLICY);
        let directives: BTreeMap<&str, &str> = policy
            .split("; ")
            .map(|directive| directive.split_once(' ').unwrap())
            .collect();
        for (directive, want) in [
            ("default-src", "'none'"),
            ("style-src", "'self'"),
            ("script-src", "'self'"),
            ("base-uri", "'none'"),
        ] {
            assert_eq!(directives[directive], want, "{name}");
        }
        let images = match page.state {
            "endless" => "'self' data: https://images.example",
            _ => "'self' data:",
        };
        assert_eq!(directives["img-src"], images, "{name}");
        let forms = match (page.page, page.state) {
            ("login", "first") => Some("'self' https:"),
            ("confirm", "first") => Some("'self' com.acme.notes:"),
            ("form-post", _) => None,
            _ => Some("'self'"),
        };
        assert_eq!(directives.get("form-action").copied(), forms, "{name}");
        let (ancestors, options) = match page.page {
            "web-message" => ("https://notes.acme.example", ""),
            _ => ("'none'", "DENY"),
        };
        assert_eq!(directives["frame-ancestors"], ancestors, "{name}");
        assert_eq!(page.header(header::X_FRAME_OPTIONS), options, "{name}");
        assert_eq!(
            directives.len(),
            7 - usize::from(forms.is_none()),
            "{name}: {policy}"
        );
        for (header, want) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_LANGUAGE, page.locale.tag()),
        ] {
            assert_eq!(page.header(header), want, "{name}");
        }
        let wait = page.header(header::RETRY_AFTER);
        assert_eq!(
            page.status == StatusCode::TOO_MANY_REQUESTS,
            !wait.is_empty(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn answers_arrive_as_they_were() {
    let want = HOSTILE.replace('\0', "\u{fffd}");
    for page in every_page()
        .await
        .iter()
        .filter(|page| page.state == "hostile")
    {
        if page.page == "form-post" {
            let form = page.one("form#response-form");
            assert_eq!(
                form.attr("action"),
                Some("https://notes.acme.example/callback?from=keystead")
            );
            assert_eq!(form.attr("method"), Some("post"));
            let inputs = Selector::parse("input").unwrap();
            let pairs = form.select(&inputs);
            let pairs: Vec<_> = pairs
                .map(|e| (e.attr("name").unwrap(), e.attr("value").unwrap()))
                .collect();
            assert_eq!(
                pairs,
                [
                    ("code", &*want),
                    ("state", &*want),
                    ("iss", "https://id.example.com/")
                ]
                .to_vec()
            );
        }
        if page.page == "web-message" {
            let main = page.one("main#response");
            assert_eq!(main.attr("data-origin"), Some("https://notes.acme.example"));
            let message: serde_json::Value =
                serde_json::from_str(main.attr("data-message").unwrap()).unwrap();
            assert_eq!(message["type"], "authorization_response");
            assert_eq!(message["response"]["state"], HOSTILE);
        }
    }
}
