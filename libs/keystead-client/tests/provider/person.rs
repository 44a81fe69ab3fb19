//! Somebody at a browser: follows redirects, keeps cookies, fills in the provider's development forms.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use keystead_client::reqwest::{
    Client, Response, Url,
    header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE},
    redirect::Policy,
};
use tokio::runtime::Handle;

/// One browser of one person. Cookies go to every path, since each belongs to this one provider.
#[derive(Clone, Default)]
pub struct Person {
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// What the person does where there is a choice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Agree,
    Abort,
}

impl Person {
    /// Opens a sign-in, as the system's browser would: signs in as ada, agrees, and goes back to the app.
    pub fn opener(&self) -> impl FnOnce(&Url) -> io::Result<()> + Send + 'static {
        self.opening(Choice::Agree)
    }

    pub fn opener_who_aborts(&self) -> impl FnOnce(&Url) -> io::Result<()> + Send + 'static {
        self.opening(Choice::Abort)
    }

    fn opening(&self, choice: Choice) -> impl FnOnce(&Url) -> io::Result<()> + Send + 'static {
        let (person, runtime) = (self.clone(), Handle::current());
        move |url: &Url| {
            let url = url.clone();
            runtime.spawn(async move { person.walks(url, choice).await });
            Ok(())
        }
    }

    /// Goes from page to page until one has no form; answers its address.
    async fn walks(&self, start: Url, choice: Choice) -> Url {
        let (mut url, mut form) = (start, None);
        for _ in 0..30 {
            let response = self.visits(&url, form.take()).await;
            if let Some(next) = response.headers().get(LOCATION) {
                let next = url.join(next.to_str().unwrap()).unwrap();
                if next.path() == "/bye" {
                    return next;
                }
                url = next;
                continue;
            }
            let page = response.text().await.unwrap();
            let Some((action, body)) = fills_in(&page, choice) else {
                return url;
            };
            url = url.join(&action).unwrap();
            form = body;
        }
        panic!("round and round, at last at {url}")
    }

    pub async fn logs_out(&self, url: Url) -> Url {
        self.walks(url, Choice::Agree).await
    }

    async fn visits(&self, url: &Url, form: Option<String>) -> Response {
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .unwrap();
        let request = match form {
            None => client.get(url.clone()),
            Some(body) => client
                .post(url.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body),
        };
        let jar: Vec<String> = {
            let cookies = self.cookies.lock().unwrap();
            cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect()
        };
        let response = request.header(COOKIE, jar.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if value.is_empty() {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }
}

/// Where the page's form goes, and what the person writes into it; nothing if there is none to fill in.
fn fills_in(page: &str, choice: Choice) -> Option<(String, Option<String>)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        Some(
            rest.split_once('"')?
                .0
                .replace("&#x2F;", "/")
                .replace("&amp;", "&"),
        )
    };
    if choice == Choice::Abort {
        let link = page.split("<a ").find(|tag| tag.contains("/abort\""))?;
        return Some((attribute(link, "href")?, None));
    }
    let form = page.split("<form ").nth(1)?;
    let action = attribute(form, "action")?;
    let hidden = form
        .split("<input ")
        .skip(1)
        .filter(|input| input.contains("hidden"))
        .filter_map(|input| {
            Some(format!(
                "{}={}",
                attribute(input, "name")?,
                attribute(input, "value")?
            ))
        });
    let mut body: Vec<String> = hidden.collect();
    if form.contains("name=\"login\"") {
        body.extend(["login=ada".to_owned(), "password=anything".to_owned()]);
    }
    if form.contains("name=\"logout\"") {
        body.push("logout=yes".to_owned());
    }
    Some((action, Some(body.join("&"))))
}
