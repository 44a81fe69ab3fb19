//! Somebody in front of a browser: what they open, type and press, and what they come to see.

use std::time::{Duration, Instant};

use axum::http::Method;
use fantoccini::{
    Client, Locator,
    actions::{InputSource as _, KeyAction, KeyActions},
    elements::Element,
    key::Key,
    wd::{WebDriverCompatibleCommand, WindowHandle},
};
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::{
    ask::{Answer, Ask},
    driver::{Person, Session},
    house::House,
    needs,
    records::PASSWORD,
};

/// How long a page may take, on a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(15);

/// A browser with an empty profile.
pub struct Browser {
    session: Session,
}

/// One line of the browser's console.
#[derive(Debug, Clone)]
pub struct Complaint {
    pub source: String,
    pub text: String,
}

impl Browser {
    /// A person who reads English, in a browser that runs scripts.
    pub async fn open() -> Self {
        Self::of(Person::default()).await
    }

    pub async fn of(person: Person) -> Self {
        Self {
            session: Session::begin(person).await,
        }
    }

    pub fn client(&self) -> &Client {
        &self.session.client
    }

    /// Goes to a page by the address bar.
    pub async fn goes(&self, url: &Url) {
        self.client().goto(url.as_str()).await.unwrap();
    }

    /// Where the browser stands.
    pub async fn stands(&self) -> Url {
        self.client().current_url().await.unwrap()
    }

    /// Waits until the browser stands at a path, on whichever site.
    pub async fn comes_to(&self, path: &str) -> Url {
        let began = Instant::now();
        loop {
            let url = self.stands().await;
            if url.path() == path {
                return url;
            }
            if began.elapsed() > PATIENCE {
                let text = self.text("body").await;
                panic!("stands at {url} instead of {path}, before:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an element is there and shown.
    pub async fn sees(&self, css: &str) -> Element {
        let began = Instant::now();
        loop {
            if let Ok(element) = self.client().find(Locator::Css(css)).await
                && element.is_displayed().await.unwrap_or(false)
            {
                return element;
            }
            if began.elapsed() > PATIENCE {
                let (url, text) = (self.stands().await, self.text("body").await);
                panic!("sees no {css} at {url}, but:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether an element is there now.
    pub async fn has(&self, css: &str) -> bool {
        let all = self.client().find_all(Locator::Css(css)).await;
        !all.unwrap().is_empty()
    }

    /// The text of an element as it is shown; empty if there is none.
    pub async fn text(&self, css: &str) -> String {
        match self.client().find(Locator::Css(css)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Replaces what stands in a field.
    pub async fn types(&self, css: &str, text: &str) {
        let field = self.sees(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn clicks(&self, css: &str) {
        self.sees(css).await.click().await.unwrap();
    }

    /// Presses and releases a key, wherever the focus is.
    pub async fn presses(&self, key: Key) {
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: key.into() })
            .then(KeyAction::Up { value: key.into() });
        self.client().perform_actions(keys).await.unwrap();
    }

    /// Types wherever the focus is.
    pub async fn writes(&self, text: &str) {
        let focused = self.client().active_element().await.unwrap();
        focused.send_keys(text).await.unwrap();
    }

    /// Presses Tab until an element has the focus.
    pub async fn tabs_to(&self, id: &str) {
        let mut passed = Vec::new();
        for _ in 0..30 {
            let focused = self.runs("return document.activeElement.id", &[]).await;
            if focused == id {
                return;
            }
            passed.push(focused);
            self.presses(Key::Tab).await;
        }
        panic!("Tab never comes to {id}, but to {passed:?}");
    }

    /// Runs a script in the page, for a look at it.
    pub async fn runs(&self, script: &str, arguments: &[Value]) -> Value {
        let run = self.client().execute(script, arguments.to_vec());
        run.await.unwrap()
    }

    /// Gives a command of the Chrome DevTools Protocol.
    pub async fn commands(&self, name: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": name, "params": parameters });
        self.vendor("goog/cdp/execute", body).await
    }

    async fn vendor(&self, path: &'static str, body: Value) -> Value {
        let command = Vendor { path, body };
        self.client().issue_cmd(command).await.unwrap()
    }

    /// A second tab of the same profile, in front; and the one that was there.
    pub async fn opens_tab(&self) -> (WindowHandle, WindowHandle) {
        let first = self.client().window().await.unwrap();
        let second = self.client().new_window(true).await.unwrap().handle;
        self.client()
            .switch_to_window(second.clone())
            .await
            .unwrap();
        (first, second)
    }

    /// Comes back to a tab.
    pub async fn turns_to(&self, tab: &WindowHandle) {
        self.client().switch_to_window(tab.clone()).await.unwrap();
    }

    /// What the driver has recorded since the last look: `method` and `params` of each event of the DevTools protocol.
    pub async fn events(&self) -> Vec<(String, Value)> {
        let log = self
            .vendor("se/log", json!({ "type": "performance" }))
            .await;
        let entries = log.as_array().unwrap().iter();
        let event = |entry: &Value| {
            let text = entry["message"].as_str().unwrap();
            let mut message: Value = serde_json::from_str(text).unwrap();
            let event = message["message"].take();
            (
                event["method"].as_str().unwrap_or_default().to_owned(),
                event["params"].clone(),
            )
        };
        entries.map(event).collect()
    }

    /// What the browser has complained about since the last look. That a page itself was refused is no complaint: its
    /// status is what a case asks for.
    pub async fn complaints(&self) -> Vec<Complaint> {
        let log = self.vendor("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().unwrap().iter();
        let complaint = |entry: &Value| Complaint {
            source: entry["source"].as_str().unwrap_or_default().to_owned(),
            text: entry["message"].as_str().unwrap_or_default().to_owned(),
        };
        let of_a_page = |complaint: &Complaint| {
            let url = complaint.text.split(' ').next().unwrap_or_default();
            let asset = Url::parse(url).is_ok_and(|url| url.path().starts_with("/assets/"));
            complaint.source == "network" && !asset
        };
        entries
            .map(complaint)
            .filter(|complaint| !of_a_page(complaint))
            .collect()
    }

    /// Nothing went wrong behind what the person saw: no script, no policy, no file.
    pub async fn was_quiet(&self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// The violations of WCAG and good practice that axe-core finds on the page, one a line.
    pub async fn violations(&self) -> Vec<String> {
        if self.runs("return typeof axe", &[]).await == "undefined" {
            let axe = std::fs::read_to_string(needs::axe()).unwrap();
            self.runs(&axe, &[]).await;
        }
        let script = "const done = arguments[0];
            // What is still fading from one colour to another is judged by where it arrives.
            document.getAnimations().forEach(animation => animation.finish());
            axe.run(document, { resultTypes: ['violations'], preload: false }).then(result => done(result.violations.map(violation =>
                violation.id + ': ' + violation.nodes.map(node => node.target.join(' ')
                    + ' (' + node.any.concat(node.all).map(check => check.message).join('; ') + ')').join(', '))),
                error => done(['axe failed: ' + error]));";
        let found = self
            .client()
            .execute_async(script, Vec::new())
            .await
            .unwrap();
        let found = found.as_array().unwrap().iter();
        found
            .map(|line| line.as_str().unwrap().to_owned())
            .collect()
    }

    /// The cookies of the page, by name.
    pub async fn cookie(&self, name: &str) -> Option<Value> {
        let all = self.commands("Network.getAllCookies", json!({})).await;
        let mut cookies = all["cookies"].as_array().unwrap().iter();
        cookies.find(|cookie| cookie["name"] == name).cloned()
    }
}

/// The ways that nearly every case goes.
impl Browser {
    /// Opens an app's request, which must lead to the log-in page.
    pub async fn asks(&self, ask: &Ask) {
        self.goes(&ask.url()).await;
        self.comes_to("/u/login").await;
        self.sees("#login-form").await;
    }

    /// Fills in the log-in page and sends it off.
    pub async fn logs_in(&self, email: &str) {
        self.tries(email, PASSWORD).await;
    }

    /// The same with a password that may be wrong.
    pub async fn tries(&self, email: &str, password: &str) {
        self.types("#username", email).await;
        self.types("#password", password).await;
        self.clicks("#login-submit").await;
    }

    /// Waits for the app's page, and reads what the app was answered in the query.
    pub async fn arrives(&self) -> Answer {
        let url = self.comes_to("/callback").await;
        self.sees("#arrived").await;
        Answer::of_query(&url)
    }

    /// Logs somebody in to an app, from its request to its page.
    pub async fn enters(&self, ask: &Ask, email: &str) -> Answer {
        self.asks(ask).await;
        self.logs_in(email).await;
        self.arrives().await
    }

    /// Whether an app's silent request finds somebody logged in: the error that it is answered, or nothing.
    pub async fn silently(&self, house: &House) -> Option<String> {
        let ask = house.site_asks().with("prompt", "none");
        self.goes(&ask.url()).await;
        let answer = self.arrives().await;
        match answer.get("error") {
            "" => {
                answer.code(&ask);
                None
            }
            _ => Some(answer.error(&ask).to_owned()),
        }
    }

    /// Comes to the error page and reads it: its code and its cause.
    pub async fn reads_error(&self) -> (String, String) {
        self.comes_to("/u/error").await;
        self.sees("#error-page").await;
        assert!(
            !self.text("#error-quote").await.is_empty(),
            "nothing to quote"
        );
        (
            self.text("#error-code").await,
            self.text("#error-cause").await,
        )
    }
}

/// A command that only Chromium's driver knows.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
