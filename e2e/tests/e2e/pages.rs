//! Every page as people meet it: readable to all, in both languages, light and dark, narrow and wide, small and alone.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::Url;

use crate::{
    ask::Ask,
    browser::Browser,
    cases,
    driver::Person,
    house::House,
    party::party,
    records::{API, PARTNER, PHONE, PHONE_CALLBACK},
    setup,
};

cases! {
    ONE "in English nobody is shut out of any page" => in_english;
    ONE "in German nobody is shut out of any page" => in_german;
    ONE "a page is small and asks nobody else for anything" => small_and_alone;
    ONE "no page is shown inside another site's" => not_framed;
    ONE "each step has an address of its own" => addresses;
}

/// Narrow and wide: a phone, and a screen.
pub const WIDTHS: [u32; 2] = [360, 1_280];
const MOST_BYTES: f64 = 50.0 * 1024.0;

async fn in_english(house: &House) {
    everything(house, "en-US,en", "en").await;
}

async fn in_german(house: &House) {
    everything(house, "de-DE,de", "de").await;
}

async fn everything(house: &House, languages: &'static str, language: &str) {
    let person = Person {
        languages,
        ..Person::default()
    };
    let mut wrong = Vec::new();
    let mut titles = BTreeSet::new();
    let mut pages = Walk::begin(house, person).await;
    while let Some(name) = pages.next().await {
        let browser = pages.browser();
        let document = browser
            .runs(
                "return [document.documentElement.lang, document.title]",
                &[],
            )
            .await;
        if document[0] != language {
            wrong.push(format!("{name}: is in {}", document[0]));
        }
        titles.insert(document[1].to_string());
        for dark in [false, true] {
            for width in WIDTHS {
                look(browser, dark, width).await;
                let shade = if dark { "dark" } else { "light" };
                let found = browser.violations().await.into_iter();
                wrong.extend(found.map(|what| format!("{name}, {shade}, {width} px: {what}")));
                let wider = "return document.documentElement.scrollWidth > innerWidth";
                if browser.runs(wider, &[]).await == true {
                    wrong.push(format!("{name}, {width} px: is wider than the screen"));
                }
            }
        }
        look(browser, false, 1_280).await;
    }
    let seen = pages.seen();
    pages.end().await;
    assert!(
        wrong.is_empty(),
        "{seen} pages, {} violations:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        titles.len() + 4 > seen,
        "pages are told apart by their titles: {titles:#?}"
    );
}

/// Light or dark, and a width.
pub async fn look(browser: &Browser, dark: bool, width: u32) {
    let scheme = if dark { "dark" } else { "light" };
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    browser.commands("Emulation.setEmulatedMedia", media).await;
    let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
    browser
        .commands("Emulation.setDeviceMetricsOverride", metrics)
        .await;
}

/// A person who comes to every page, one after another.
struct Walk<'h> {
    house: &'h House,
    /// An installation without an owner.
    empty: House,
    browser: Browser,
    /// The same person where one script does not load, so that an answer by form post stands still.
    plain: Browser,
    email: String,
    step: usize,
}

impl<'h> Walk<'h> {
    async fn begin(house: &'h House, person: Person) -> Self {
        let plain = Browser::of(person).await;
        let blocked = json!({ "urls": ["*form-post*.js"] });
        plain.commands("Network.setBlockedURLs", blocked).await;
        Self {
            house,
            empty: House::empty(house.engine),
            browser: Browser::of(person).await,
            plain,
            email: house.somebody(),
            step: 0,
        }
    }

    fn browser(&self) -> &Browser {
        if self.step == STEPS {
            &self.plain
        } else {
            &self.browser
        }
    }

    fn seen(&self) -> usize {
        self.step
    }

    async fn end(self) {
        self.browser.was_quiet().await;
    }

    /// Goes on to the next page: its name.
    async fn next(&mut self) -> Option<&'static str> {
        self.step += 1;
        let (browser, house) = (&self.browser, self.house);
        let partner = house.asks(PARTNER).with("audience", API);
        let partner = partner.with(
            "scope",
            "openid profile email offline_access read:messages write:messages",
        );
        let name = match self.step {
            1 => {
                browser.asks(&house.site_asks()).await;
                "log-in"
            }
            2 => {
                browser.tries(&self.email, "not-the-Passw0rd").await;
                browser.sees("#form-error").await;
                "log-in after a mistake"
            }
            3 => {
                browser.clicks("#to-signup").await;
                browser.comes_to("/u/signup").await;
                "sign-up"
            }
            4 => {
                browser.types("#email", "new@example.com").await;
                browser.types("#password", "short").await;
                browser.clicks("#signup-submit").await;
                browser.sees("#form-error").await;
                "sign-up after a mistake"
            }
            5 => {
                browser.asks(&partner).await;
                browser.logs_in(&self.email).await;
                browser.comes_to("/u/consent").await;
                "consent"
            }
            6 => {
                browser
                    .goes(&house.asks_to(PHONE, PHONE_CALLBACK).url())
                    .await;
                browser.comes_to("/u/confirm").await;
                "confirmation"
            }
            7 => {
                browser
                    .asks(&house.site_asks().with("prompt", "login"))
                    .await;
                "log-in again"
            }
            8 => {
                browser.goes(&house.url("oidc/logout")).await;
                browser.comes_to("/u/logout").await;
                "log-out"
            }
            9 => {
                browser.clicks("#logout-no").await;
                browser.sees("#still-signed-in").await;
                "still logged in"
            }
            10 => {
                browser.goes(&house.url("oidc/logout")).await;
                browser.clicks("#logout-yes").await;
                browser.sees("#signed-out").await;
                "logged out"
            }
            11 => {
                browser
                    .goes(&house.asks_to("site", party().evil("/").as_str()).url())
                    .await;
                browser.reads_error().await;
                "error"
            }
            12 => {
                browser.goes(&house.url("u/login?state=x")).await;
                browser.reads_error().await;
                "expired"
            }
            13 => {
                browser
                    .goes(&house.url("ios/com.example.app/callback"))
                    .await;
                "landing"
            }
            14 => {
                browser.goes(&setup::link(&self.empty).await).await;
                browser.sees("#setup-form").await;
                "set-up"
            }
            STEPS => {
                let ask = house.asks_to("site", party().url("/form-post").as_str());
                let ask = ask
                    .with("response_mode", "form_post")
                    .with("prompt", "none");
                self.plain.goes(&ask.url()).await;
                self.plain.sees("#response-submit").await;
                "form post"
            }
            _ => {
                self.step -= 1;
                return None;
            }
        };
        Some(name)
    }
}

const STEPS: usize = 15;

/// What a page has asked for: each URL and how many bytes came.
async fn loads(browser: &Browser) -> Vec<(String, f64)> {
    let mut urls: Vec<(Value, String, f64)> = Vec::new();
    for (method, event) in browser.events().await {
        let id = &event["requestId"];
        match method.as_str() {
            "Network.requestWillBeSent" => {
                let url = event["request"]["url"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                urls.push((id.clone(), url, 0.0));
            }
            "Network.loadingFinished" => {
                let bytes = event["encodedDataLength"].as_f64().unwrap_or_default();
                if let Some(load) = urls.iter_mut().rev().find(|(own, ..)| own == id) {
                    load.2 = bytes;
                }
            }
            _ => {}
        }
    }
    urls.into_iter()
        .map(|(_, url, bytes)| (url, bytes))
        .collect()
}

async fn small_and_alone(house: &House) {
    let mut pages = Walk::begin(house, Person::default()).await;
    pages
        .browser
        .commands("Network.setCacheDisabled", json!({ "cacheDisabled": true }))
        .await;
    let mut wrong = Vec::new();
    while let Some(name) = pages.next().await {
        let browser = pages.browser();
        browser.events().await;
        let url = browser.stands().await;
        browser.client().refresh().await.unwrap();
        let loads = loads(browser).await;
        let bytes: f64 = loads.iter().map(|(_, bytes)| bytes).sum();
        if bytes == 0.0 || bytes > MOST_BYTES {
            wrong.push(format!("{name} has {bytes} bytes: {loads:#?}"));
        }
        let foreign = |load: &str| {
            Url::parse(load)
                .is_ok_and(|load| load.scheme() != "data" && load.origin() != url.origin())
        };
        wrong.extend(
            loads
                .iter()
                .filter(|(load, _)| foreign(load))
                .map(|(load, _)| format!("{name} asks for {load}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn not_framed(house: &House) {
    let browser = Browser::open().await;
    let ask: Ask = house.site_asks();
    for url in [ask.url(), house.url("oidc/logout"), house.url("v2/logout")] {
        let mut page = party().evil("/embed");
        page.query_pairs_mut().append_pair("url", url.as_str());
        browser.goes(&page).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let refused = browser.complaints().await;
        let refused = refused
            .iter()
            .any(|complaint| complaint.text.contains("frame"));
        let frame = browser.sees("#frame").await;
        frame.enter_frame().await.unwrap();
        assert!(refused && !browser.has("form").await, "{url} is framed");
        browser.client().enter_parent_frame().await.unwrap();
    }
}

/// oidc L2: whoever automates a browser knows by the path alone where it is.
async fn addresses(house: &House) {
    let mut pages = Walk::begin(house, Person::default()).await;
    let mut paths = Vec::new();
    while let Some(name) = pages.next().await {
        paths.push((name, pages.browser().stands().await.path().to_owned()));
    }
    let of = |name: &str| {
        paths
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, path)| path.as_str())
    };
    let steps = [
        "log-in",
        "sign-up",
        "consent",
        "confirmation",
        "log-out",
        "still logged in",
        "logged out",
        "error",
        "set-up",
    ]
    .map(of);
    assert_eq!(
        steps.iter().collect::<BTreeSet<_>>().len(),
        steps.len(),
        "{paths:#?}"
    );
    assert_eq!(of("log-in"), of("log-in again"));
    assert_eq!(of("log-in"), of("log-in after a mistake"));
    assert_eq!(of("sign-up"), of("sign-up after a mistake"));
    assert_eq!(of("error"), of("expired"));
}
