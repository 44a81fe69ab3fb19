//! Writes every page in every state to a folder, with what it loads, so that a browser can show them from there.
//!
//! `cargo run -p keystead-server --example pages -- FOLDER`; `cargo xtask pages` photographs what it writes.

use std::{collections::BTreeSet, error::Error, fs, path::Path};

use axum::{Router, body::Body, http::Request, response::Response};
use http_body_util::BodyExt as _;
use keystead_server::pages::{Locale, routes, samples};
use tower::ServiceExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("name the folder to write to")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder.join("assets"))?;
    let mut assets = BTreeSet::new();
    for locale in Locale::ALL {
        for (look, dressed) in samples::looks(locale) {
            for sample in samples::render_in(&dressed) {
                let page = text_of(sample.response).await?;
                assets.extend(
                    page.split('"')
                        .filter(|part| part.starts_with("/assets/"))
                        .map(str::to_owned),
                );
                let name = format!("{}.{}.{locale}.{look}.html", sample.page, sample.state);
                // Opened as files, pages have no root to find their assets at.
                fs::write(folder.join(&name), page.replace("\"/assets/", "\"assets/"))?;
                println!("{name}");
            }
        }
    }
    let router: Router = routes();
    // Without its script a form_post response stays where it can be looked at.
    for path in assets.iter().filter(|path| !path.contains("form-post")) {
        let asset = router
            .clone()
            .oneshot(Request::get(path).body(Body::empty())?)
            .await?;
        fs::write(
            folder.join(path.trim_start_matches('/')),
            text_of(asset).await?,
        )?;
    }
    Ok(())
}

async fn text_of(response: Response) -> Result<String, Box<dyn Error>> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec())?)
}
