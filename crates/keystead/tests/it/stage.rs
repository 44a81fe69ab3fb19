//! A demo that runs, and Ada at her browser before it.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use keystead_client::{
    Credentials, Error, Provider, Session, Vault,
    reqwest::{Client, Response, Url, header, redirect::Policy},
    transition::SignIn,
};
use serde_json::Value;

use crate::program::{Folder, hears};

/// Where an app would listen. The person's browser stops there, and the address is handed over.
pub const CALLBACK: &str = "http://127.0.0.1:49152/callback";

/// `keystead demo`, which has an app, an API and a user. Its data is in `keystead-demo` of the folder.
pub struct Demo {
    pub issuer: String,
    /// Where the guided page stands.
    pub site: Url,
    pub cast: Value,
    /// What it said when it had started.
    pub welcome: String,
    process: Child,
    rest: BufReader<ChildStdout>,
}

impl Demo {
    /// Starts it on two ports that are free.
    pub fn starts(folder: &Folder) -> Self {
        Self::starts_at(folder, two_free_ports())
    }

    /// Starts it and reads what it says, to the last line.
    pub fn starts_at(folder: &Folder, port: u16) -> Self {
        let mut process = folder
            .command(&["demo", "--port", &port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut rest = BufReader::new(process.stdout.take().unwrap());
        let mut welcome = String::new();
        while !welcome.contains("Ctrl-C") {
            assert_ne!(rest.read_line(&mut welcome).unwrap(), 0, "{welcome}");
        }
        Self {
            issuer: format!("http://localhost:{port}/"),
            site: Url::parse(&format!("http://127.0.0.1:{}/", port + 1)).unwrap(),
            cast: read(&folder.path().join("keystead-demo/demo.json")),
            welcome,
            process,
            rest,
        }
    }

    /// Something that the demo made up, by its name in `demo.json`.
    pub fn of(&self, name: &str) -> &str {
        self.cast[name].as_str().unwrap()
    }

    pub fn app(&self, vault: impl Vault) -> Session {
        self.app_with(vault, None)
    }

    pub fn app_with(&self, vault: impl Vault, provider: Option<Provider>) -> Session {
        let ask = SignIn::new()
            .audience("https://api.mysite.com")
            .scope("offline_access read:messages");
        let builder = Session::builder(&self.issuer, self.of("native"))
            .sign_in(ask)
            .vault(vault);
        match provider {
            Some(provider) => builder.provider(provider).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }

    /// A document of the server's.
    pub async fn tells(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.issuer);
        let text = client().get(url).send().await.unwrap().text().await;
        serde_json::from_str(&text.unwrap()).unwrap()
    }

    pub fn hears(&self, signal: &str) {
        hears(self.process.id(), signal);
    }

    /// Waits for the end: how, and what was said after the welcome.
    pub fn ends(mut self) -> (ExitStatus, String) {
        let status = ended(&mut self.process);
        let mut said = String::new();
        self.rest.read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Already gone where its end is looked at.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for a process that should end by itself.
pub fn ended(process: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match process.try_wait().unwrap() {
            Some(status) => return status,
            None if Instant::now() > deadline => {
                let _ = process.kill();
                panic!("it did not end");
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Two ports in a row that nobody uses now: the first of them.
pub fn two_free_ports() -> u16 {
    loop {
        let one = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = one.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

/// One that follows nothing by itself.
pub fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap()
}

/// What a browser keeps between two visits.
pub struct Cookies(Vec<(String, String)>);

/// Ada at her browser.
pub struct Person<'d> {
    demo: &'d Demo,
    cookies: Vec<(String, String)>,
}

impl<'d> Person<'d> {
    pub fn of(demo: &'d Demo) -> Self {
        Self {
            demo,
            cookies: Vec::new(),
        }
    }

    /// Closes the browser, which keeps its cookies.
    pub fn leaves(self) -> Cookies {
        Cookies(self.cookies)
    }

    /// The same browser before a demo that was started again.
    pub fn comes_back(demo: &'d Demo, Cookies(cookies): Cookies) -> Self {
        Self { demo, cookies }
    }

    pub async fn signs_in(
        &mut self,
        session: &Session,
        ask: &SignIn,
    ) -> Result<Credentials, Error> {
        let login = session.begin(ask, CALLBACK).await.unwrap();
        let back = self.walks(login.url().clone()).await;
        session.finish(&login, back.as_str()).await
    }

    /// Follows every redirect and fills in every form, until the app's address or a page without a form.
    pub async fn walks(&mut self, start: Url) -> Url {
        let (mut at, mut form) = (start, None);
        for _ in 0..20 {
            if at.as_str().starts_with(CALLBACK) {
                return at;
            }
            let answer = self.sends(&at, form.take()).await;
            if let Some(on) = answer.headers().get(header::LOCATION) {
                at = at.join(on.to_str().unwrap()).unwrap();
                continue;
            }
            let action = match at.path() {
                "/u/login" | "/u/confirm" => "submit",
                "/u/consent" => "allow",
                _ => return at,
            };
            let state = at
                .query_pairs()
                .find(|(name, _)| name == "state")
                .unwrap()
                .1;
            let page = answer.text().await.unwrap();
            let shown = page.split_once(r#"name="shown" value=""#);
            let shown = shown.map_or("", |(_, rest)| rest.split_once('"').unwrap().0);
            let pairs = [
                ("state", &*state),
                ("shown", shown),
                ("username", self.demo.of("email")),
                ("password", self.demo.of("password")),
                ("action", action),
            ];
            // A request is the shortest way to a form that is encoded.
            let query = Url::parse_with_params("http://localhost/", pairs).unwrap();
            form = query.query().map(str::to_owned);
        }
        panic!("round and round, at last at {at}")
    }

    /// One request, with the cookies that came before.
    pub async fn sends(&mut self, url: &Url, form: Option<String>) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = match form {
            None => client().get(url.clone()),
            Some(form) => client()
                .post(url.clone())
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, url.origin().ascii_serialization())
                .header("sec-fetch-site", "same-origin")
                .body(form),
        };
        let answer = request
            .header(header::COOKIE, cookies.join("; "))
            .send()
            .await
            .unwrap();
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }

    /// A page as it is shown.
    pub async fn looks_at(&mut self, url: &Url) -> String {
        self.sends(url, None).await.text().await.unwrap()
    }

    /// Presses a button of the guided page, and comes to see the page again.
    pub async fn presses(&mut self, path: &str, form: &str) -> String {
        let site = self.demo.site.clone();
        let action = site.join(path).unwrap();
        let pressed = self.sends(&action, Some(form.to_owned())).await;
        let on = pressed.headers()[header::LOCATION].to_str().unwrap();
        let on = action.join(on).unwrap();
        if on.origin() != site.origin() {
            assert_eq!(self.walks(on).await.origin(), site.origin(), "{path}");
        }
        self.looks_at(&site).await
    }
}
