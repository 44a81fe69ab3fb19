//! What a page loads, and the colours and logo that an administrator chose for it.

use axum::http::{StatusCode, header};

use super::{asset, assets_of, every_page, text_of};
use crate::{
    pages::{Branding, FormAction, Landing, Look, Reader, render},
    tenant::Tenant,
};

#[tokio::test]
async fn a_page_weighs_little_and_what_it_loads_is_kept_for_ever() {
    for page in every_page().await {
        let mut weight = page.text.len();
        for path in assets_of(&page) {
            let response = asset(&path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let kept = response.headers()[header::CACHE_CONTROL].to_str().unwrap();
            assert!(kept.contains("immutable"), "{path}: {kept}");
            weight += text_of(response).await.len();
        }
        assert!(weight < 50 * 1024, "{}: {weight} bytes", page.name);
    }
}

#[tokio::test]
async fn the_picture_of_nobody_in_particular_is_for_every_app() {
    let response = asset("/avatar.png").await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers[header::CONTENT_TYPE], "image/png");
    assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
    assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=86400");
    let bytes = axum::body::to_bytes(response.into_body(), 8 * 1024).await;
    assert!(bytes.unwrap().starts_with(b"\x89PNG\r\n"));
}

#[tokio::test]
async fn the_asset_of_another_version_is_ours_and_is_not_kept() {
    for (path, status, kept) in [
        ("/assets/page-000000000000.css", 200, "no-store"),
        ("/assets/brand-ffd60a-0-000000000000.css", 200, "no-store"),
        (
            "/assets/brand-ffd60a-ffffff.000000.35-000000000000.css",
            200,
            "no-store",
        ),
        ("/assets/brand-ffd60a-0.css", 404, ""),
        ("/assets/brand-red-0-000000000000.css", 404, ""),
        (
            "/assets/brand-ffd60a-ffffff.000000.99999-000000000000.css",
            404,
            "",
        ),
        ("/assets/page-.css", 404, ""),
        ("/assets/page.css", 404, ""),
        ("/assets/..%2FCargo.toml", 404, ""),
    ] {
        let response = asset(path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let header = response.headers().get(header::CACHE_CONTROL);
        assert_eq!(
            header.map_or("", |value| value.to_str().unwrap()),
            kept,
            "{path}"
        );
    }
}

#[tokio::test]
async fn chosen_colours_reach_a_page_without_a_style_in_it() {
    let branding =
        serde_json::json!({ "colors": { "primary": "#FFD60A", "page_background": "#102030" } });
    let branding: Branding = serde_json::from_value(branding).unwrap();
    let look = Look::new(Reader::default(), &Tenant::default(), branding.into());
    let page = text_of(render(&Landing, &look, FormAction::Own)).await;
    let at = page.find("/assets/brand-ffd60a-102030-").unwrap();
    let path = page[at..].split('"').next().unwrap();
    let sheet = text_of(asset(path).await).await;
    // Yellow cannot be read or seen on white: text on it is black, and where it is text itself it is darker.
    assert!(sheet.contains("--button-text:#000000;"), "{sheet}");
    assert!(!sheet.contains("--accent:#ffd60a;--"), "{sheet}");
    assert!(sheet.contains("--page:#102030;"), "{sheet}");
}

#[test]
fn branding_is_read_strictly() {
    for (given, good) in [
        (
            r##"{"colors":{"primary":"#0f766e"},"logo_url":"https://a.example/l.png","font":{"url":"https://a.example/f"}}"##,
            true,
        ),
        (
            r##"{"colors":{"page_background":{"type":"linear-gradient","start":"#fff","end":"#000","angle_deg":35}}}"##,
            true,
        ),
        (r#"{"colors":{"primary":"red"}}"#, false),
        (
            r##"{"colors":{"page_background":{"type":"radial-gradient","start":"#fff","end":"#000","angle_deg":35}}}"##,
            false,
        ),
        (
            r#"{"colors":{"page_background":"url(https://a.example)"}}"#,
            false,
        ),
        (r#"{"logo_url":"http://a.example/l.png"}"#, false),
        (r#"{"logo_url":"javascript:alert(1)"}"#, false),
        (r#"{"logo_url":"https://a;b/l.png"}"#, false),
        (r#"{"logo_url":"https://ada:pw@a.example/l.png"}"#, false),
    ] {
        let read = serde_json::from_str::<Branding>(given);
        assert_eq!(read.is_ok(), good, "{given}: {read:?}");
        if let Ok(read) = read {
            let again: Branding =
                serde_json::from_value(serde_json::to_value(&read).unwrap()).unwrap();
            assert_eq!(read, again, "{given}");
        }
    }
}
