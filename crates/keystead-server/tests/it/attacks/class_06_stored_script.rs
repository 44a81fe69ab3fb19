//! Class 6: script that lies in wait in something kept: a logo, an icon, a colour, a name, a picture. Nothing can be uploaded
//! here yet; what an administrator or a client's developer can have us keep is text, and pages show it to everybody.

use axum::{
    body::Body,
    extract::Request,
    http::{Method, StatusCode},
};
use keystead_server::pages::Branding;
use keystead_store::{
    Update,
    clients::{self, Client},
    settings,
    users::{self, User},
};
use serde_json::{Value, json};

use crate::{
    actors::{App, Browser},
    house::{Answer, House, on_both},
};

/// Addresses that are no images, or that are more than one.
const NO_IMAGES: &[&str] = &[
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\u{1}javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "blob:https://id.example/1",
    "file:///etc/passwd",
    "http://cdn.example/logo.png",
    "//cdn.example/logo.png",
    "/logo.png",
    "logo.png",
    "",
    "https://ada:secret@cdn.example/logo.png",
    "https://cdn.example;script-src 'unsafe-inline'/logo.png",
    "https://cdn.example,https://evil.example/logo.png",
    "https:// cdn.example/logo.png",
];

/// Addresses of images that would like to be more, once they stand in an attribute or a header.
const ODD_IMAGES: &[&str] = &[
    "https://cdn.example/a.svg\" onerror=\"alert(1)",
    "https://cdn.example/a.svg'><script>alert(1)</script>",
    "https://cdn.example/a.svg#<script>alert(1)</script>",
    "https://cdn.example/?a=\"><script>alert(1)</script>",
    "https://cdn.example/a.svg; script-src *",
    "https://cdn.example/a.svg\r\nset-cookie: evil=1",
    "https://CDN.example:443/a.svg",
];

const NO_COLOURS: &[&str] = &[
    "red",
    "#fff;}body{background:url(//evil.example)",
    "#fff}</style><script>alert(1)</script>",
    "url(javascript:alert(1))",
    "expression(alert(1))",
    "var(--x)",
    "#ffffff80",
    "#12345",
    "",
];

const NAMES: &[&str] = &[
    "</title><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "{{7*7}}${clientName}<%= 1 %>",
    "\u{202e}evil\u{2066}\u{200b}",
];

/// What no page may hold, whatever was kept: markup that is not ours, or a handler.
fn is_clean(answer: &Answer, what: &str) {
    for markup in [
        "<script>",
        "<img src=x",
        "onerror=\"",
        "onfocus='",
        "onload='",
        "</title><",
        "javascript:",
        "src=\"data:",
        "href=\"data:",
        "\u{202e}",
    ] {
        assert!(
            !answer.body.to_lowercase().contains(markup),
            "{what}: {markup} in {}",
            answer.body
        );
    }
    let policy = answer.header("content-security-policy");
    for word in [
        "script-src *",
        "unsafe",
        "evil",
        "data: 'self'; script-src data:",
    ] {
        assert!(!policy.contains(word), "{what}: {word} in {policy}");
    }
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self';"),
        "{what}: {policy}"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert!(!answer.header("set-cookie").contains("evil"), "{what}");
}

/// The pages that show a client, the installation and somebody's account.
async fn pages(house: &House, app: &App, ada: &User) -> Vec<Answer> {
    let browser = house.signed_in(ada).await;
    let again = app.authorizes(&[("prompt", "login")]);
    let (login, consent) = (
        app.authorizes(&[]),
        app.authorizes(&[("scope", "openid profile")]),
    );
    let mut shown = vec![];
    let visits: [(&Browser, &str, &str); 4] = [
        (&house.browser(), login.as_str(), "login-form"),
        (&browser, &again, "login-form"),
        (&browser, &consent, "consent-form"),
        (&browser, "/oidc/logout?client_id=third", "logout-form"),
    ];
    for (browser, address, id) in visits {
        let page = browser.visits(address).await;
        assert!(page.shows(id), "{address}: {}", page.short());
        shown.push(page);
    }
    shown
}

/// Somebody else's client, which is asked about.
async fn third(house: &House, ada: &User) -> App {
    house
        .asker("third", ada, json!({ "is_first_party": false }))
        .await
}

/// Changes what is kept of a client.
async fn changes(house: &House, app: &App, change: impl Fn(&mut Client) + Send + 'static) {
    let (id, now) = (app.client_id(), house.now());
    let changed = house.writes(move |tx| {
        let mut client = clients::find(tx, &id)?.unwrap();
        change(&mut client);
        clients::update(tx, &client, now)
    });
    assert_eq!(changed.await, Update::Done);
}

async fn brand(house: &House, branding: Value) {
    let branding: Branding = serde_json::from_value(branding).unwrap();
    let now = house.now();
    house
        .writes(move |tx| settings::put(tx, &branding, now))
        .await;
}

#[test]
fn what_could_run_cannot_be_kept_as_a_setting() {
    let refused = |branding: Value| {
        let read = serde_json::from_value::<Branding>(branding.clone());
        assert!(read.is_err(), "{branding}: {read:?}");
    };
    for address in NO_IMAGES {
        refused(json!({ "logo_url": address }));
        refused(json!({ "favicon_url": address }));
    }
    for colour in NO_COLOURS {
        refused(json!({ "colors": { "primary": colour } }));
        refused(json!({ "colors": { "page_background": colour } }));
        for (start, end) in [(*colour, "#fff"), ("#fff", *colour)] {
            let gradient =
                json!({ "type": "linear-gradient", "start": start, "end": end, "angle_deg": 1 });
            refused(json!({ "colors": { "page_background": gradient } }));
        }
    }
    for angle in [json!("1deg);}"), json!(-1), json!(1.5)] {
        let gradient = json!({ "type": "linear-gradient", "start": "#fff", "end": "#fff", "angle_deg": angle });
        refused(json!({ "colors": { "page_background": gradient } }));
    }
}

on_both! {
    async fn a_clients_logo_that_is_no_image_is_not_shown(house) {
        let ada = house.user("ada").await;
        let app = third(&house, &ada).await;
        for address in NO_IMAGES {
            changes(&house, &app, |client| drop(client.metadata.other.insert("logo_uri".to_owned(), (*address).into()))).await;
            for page in pages(&house, &app, &ada).await {
                is_clean(&page, address);
                assert!(!page.body.contains("class=\"logo\""), "{address}: {}", page.body);
                assert!(page.header("content-security-policy").contains("img-src 'self' data:;"), "{address}");
            }
        }
    }

    async fn an_image_stays_in_its_attribute_and_its_origin_in_the_policy(house) {
        let ada = house.user("ada").await;
        let app = third(&house, &ada).await;
        for address in ODD_IMAGES {
            brand(&house, json!({ "logo_url": address, "favicon_url": address })).await;
            for page in pages(&house, &app, &ada).await {
                is_clean(&page, address);
                let policy = page.header("content-security-policy");
                assert!(policy.contains("img-src 'self' data: https://cdn.example;"), "{address}: {policy}");
                let (_, rest) = page.body.split_once("class=\"logo\" src=\"").unwrap();
                let (source, _) = rest.split_once('"').unwrap();
                assert!(source.starts_with("https://cdn.example/") && !source.contains(['<', '>', ' ']), "{source}");
            }
        }
    }

    async fn a_name_is_text_wherever_it_stands(house) {
        let ada = house.user("ada").await;
        let app = third(&house, &ada).await;
        for name in NAMES {
            house.tenant_is(json!({ "friendly_name": name })).await;
            changes(&house, &app, |client| client.name = (*name).to_owned()).await;
            let (id, now) = (ada.id.clone(), house.now());
            let profile = json!({ "name": name, "nickname": name, "picture": NO_IMAGES[0] });
            let changed = house.writes(move |tx| {
                let mut user = users::find(tx, &id)?.unwrap();
                user.email = None;
                user.profile = serde_json::from_value(profile.clone()).unwrap();
                users::update(tx, &user, now)
            });
            assert_eq!(changed.await, users::Update::Done);
            for page in pages(&house, &app, &ada).await {
                is_clean(&page, name);
            }
        }
    }

    async fn what_pages_load_is_what_it_says_it_is(house) {
        brand(&house, json!({ "colors": { "primary": "#ffd60a" } })).await;
        let page = house.browser().opens("/u/logged-out").await;
        let paths = page.body.split(['"', '\'']).filter(|part| part.starts_with("/assets/"));
        let mut kinds = vec![];
        for path in paths {
            let answer = house.visitor().gets(path).await;
            let kind = answer.header("content-type").to_owned();
            let want = match path.rsplit_once('.').unwrap().1 {
                "css" => "text/css; charset=utf-8",
                "js" => "text/javascript; charset=utf-8",
                "svg" => "image/svg+xml",
                other => panic!("{other} is a new kind of file"),
            };
            assert_eq!((answer.status.as_u16(), kind.as_str()), (200, want), "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            // Opened by itself, an image that is a document may load and run nothing.
            let policy = answer.header("content-security-policy");
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
            assert!(!answer.body.contains("<script") && !answer.body.contains("onload"), "{path}");
            kinds.push(want);
        }
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), 3, "a sheet, a script and an icon were looked at");
        for name in [
            "brand-ffd60a;}-0-000000000000.css", "brand-ffd60a%7D-0-000000000000.css", "brand-%3Cscript%3E-0-000000000000.css",
            "brand-ffd60a-url(x)-000000000000.css", "..%2F..%2FCargo.toml", "page.html", "evil.svg",
        ] {
            assert_eq!(house.visitor().gets(&format!("/assets/{name}")).await.status, 404, "{name}");
        }
    }

    async fn nothing_can_be_put_where_pages_load_from(house) {
        for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            for path in ["/assets/evil.svg", "/assets/icon-000000000000.svg"] {
                let request = Request::builder().method(&method).uri(path).header("content-type", "image/svg+xml");
                let answer = house.visitor().sends_body(request, Body::from("<svg onload='alert(1)'/>")).await;
                assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            }
        }
    }
}
