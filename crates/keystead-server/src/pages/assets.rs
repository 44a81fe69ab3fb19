//! What a browser loads beside a page: embedded, named after its content, and so kept for ever. And the picture of whoever
//! has none, which apps show.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};

use crate::config::Issuer;

use super::{branding, fingerprint::fingerprint, policy::CROSS_ORIGIN_RESOURCE_POLICY};

/// A file in `assets/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asset {
    /// The style of every page.
    Sheet,
    /// What pages can do more with scripts than without.
    Script,
    /// Presses the button of a `form_post` response.
    FormPost,
    /// Hands a `web_message` response over.
    WebMessage,
    /// The icon of the browser's tab.
    Icon,
}

impl Asset {
    const ALL: [Self; 5] = [
        Self::Sheet,
        Self::Script,
        Self::FormPost,
        Self::WebMessage,
        Self::Icon,
    ];

    /// Its name without a fingerprint, and its content.
    fn file(self) -> (&'static str, Kind, &'static str) {
        match self {
            Self::Sheet => ("page", Kind::Css, include_str!("../../assets/page.css")),
            Self::Script => ("page", Kind::Js, include_str!("../../assets/page.js")),
            Self::FormPost => (
                "form-post",
                Kind::Js,
                include_str!("../../assets/form-post.js"),
            ),
            Self::WebMessage => (
                "web-message",
                Kind::Js,
                include_str!("../../assets/web-message.js"),
            ),
            Self::Icon => ("icon", Kind::Svg, include_str!("../../assets/icon.svg")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Css,
    Js,
    Svg,
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Self::Css => "css",
            Self::Js => "js",
            Self::Svg => "svg",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Css => "text/css; charset=utf-8",
            Self::Js => "text/javascript; charset=utf-8",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// The names with their fingerprints, in the order of [`Asset::ALL`].
static NAMES: LazyLock<[String; 5]> = LazyLock::new(|| {
    Asset::ALL.map(|asset| {
        let (stem, kind, content) = asset.file();
        let hash = fingerprint(content.as_bytes());
        format!("{stem}-{hash}.{}", kind.extension())
    })
});

/// Where a page finds it.
pub(super) fn path(asset: Asset) -> String {
    let at = Asset::ALL.iter().position(|known| *known == asset);
    let name = at.and_then(|at| NAMES.get(at)).map_or("", String::as_str);
    format!("/assets/{name}")
}

/// Somebody, without a face.
const AVATAR: &[u8] = include_bytes!("../../assets/avatar.png");
const AVATAR_PATH: &str = "avatar.png";

/// Where the picture of a user is who has none of their own. It stands in tokens and in apps' records, so it stays there.
pub fn avatar_of(issuer: &Issuer) -> String {
    format!("{}{AVATAR_PATH}", issuer.as_str())
}

/// The routes of everything that pages load, and of the picture.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/assets/{name}", get(file))
        .route(&format!("/{AVATAR_PATH}"), get(avatar))
}

/// Pages of every app may show it.
async fn avatar() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=86400"),
        ),
        (
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static("cross-origin"),
        ),
    ];
    (headers, AVATAR)
}

/// Gives a file out. A name whose fingerprint is another's belongs to a node of another version, which is being
/// replaced: it gets what is here, and nobody may keep it.
async fn file(Path(name): Path<String>) -> Response {
    let current = Asset::ALL
        .into_iter()
        .zip(NAMES.iter())
        .find(|(asset, current)| is_version_of(&name, current, *asset));
    if let Some((asset, current)) = current {
        let (_, kind, content) = asset.file();
        return give(kind, content.to_owned(), name == *current);
    }
    if let Some(colors) = branding::of_name(&name) {
        let current = branding::sheet_name(&colors);
        let is_current = current.as_deref() == Some(name.as_str());
        return give(Kind::Css, branding::sheet(&colors), is_current);
    }
    StatusCode::NOT_FOUND.into_response()
}

/// Whether both are names of one file: equal but for the fingerprint.
fn is_version_of(name: &str, current: &str, asset: Asset) -> bool {
    let (stem, kind, _) = asset.file();
    let hash = name
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.strip_suffix(kind.extension()))
        .and_then(|rest| rest.strip_suffix('.'));
    name.len() == current.len()
        && hash.is_some_and(|hash| hash.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

fn give(kind: Kind, content: String, for_ever: bool) -> Response {
    let kept = if for_ever {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, HeaderValue::from_static(kind.media_type())),
        (CACHE_CONTROL, HeaderValue::from_static(kept)),
        (
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
    ];
    (headers, content).into_response()
}
