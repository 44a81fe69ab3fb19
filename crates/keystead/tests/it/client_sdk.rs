//! The native apps' library against the real server: what a person does in a browser, and what a network and a disk do.

mod guide;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use keystead_client::{
    Credentials, Error, Lock, LoginReason, MemoryVault, Provider, Secret, Session, Vault,
    VaultError, Want,
    reqwest::{Client, Response, Url, header, redirect::Policy},
    transition::{Prompt, SignIn},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
};

use crate::program::free_port;

/// Where the app would listen. The person's browser stops there, and the address is handed over.
const CALLBACK: &str = "http://127.0.0.1:49152/callback";

/// `keystead demo`, which has an app, an API and a user.
struct Demo {
    issuer: String,
    /// Where the guided page stands.
    site: Url,
    cast: Value,
    process: Child,
    _folder: TempDir,
}

impl Demo {
    fn starts() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let data = folder.path().join("data");
        let mut process = Command::new(env!("CARGO_BIN_EXE_keystead"))
            .args(["demo", "--port", &port.to_string(), "--data-dir"])
            .arg(&data)
            .env_clear()
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().contains("The demo is running")),
            "the demo starts"
        );
        Self {
            issuer: format!("http://localhost:{port}/"),
            site: Url::parse(&format!("http://127.0.0.1:{}/", port + 1)).unwrap(),
            cast: read(&data.join("demo.json")),
            process,
            _folder: folder,
        }
    }

    fn app(&self, vault: impl Vault) -> Session {
        self.app_with(vault, None)
    }

    fn app_with(&self, vault: impl Vault, provider: Option<Provider>) -> Session {
        let ask = SignIn::new()
            .audience("https://api.mysite.com")
            .scope("offline_access read:messages");
        let client_id = self.cast["native"].as_str().unwrap();
        let builder = Session::builder(&self.issuer, client_id)
            .sign_in(ask)
            .vault(vault);
        match provider {
            Some(provider) => builder.provider(provider).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }

    /// The provider, but with its token endpoint behind another port.
    async fn behind(&self, port: u16) -> Provider {
        let url = Provider::discovery_url(&self.issuer).unwrap();
        let document = client()
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let mut document: Value = serde_json::from_str(&document).unwrap();
        document["token_endpoint"] = format!("http://127.0.0.1:{port}/oauth/token").into();
        Provider::from_json(&self.issuer, document.to_string().as_bytes()).unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap()
}

/// Ada at her browser.
struct Person<'d> {
    demo: &'d Demo,
    cookies: Vec<(String, String)>,
}

impl<'d> Person<'d> {
    fn of(demo: &'d Demo) -> Self {
        Self {
            demo,
            cookies: Vec::new(),
        }
    }

    async fn signs_in(&mut self, session: &Session, ask: &SignIn) -> Result<Credentials, Error> {
        let login = session.begin(ask, CALLBACK).await.unwrap();
        let back = self.walks(login.url().clone()).await;
        session.finish(&login, back.as_str()).await
    }

    /// Follows every redirect and fills in every form, until the app's address or a page without a form.
    async fn walks(&mut self, start: Url) -> Url {
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
            let [email, password] =
                ["email", "password"].map(|name| self.demo.cast[name].as_str().unwrap());
            let page = answer.text().await.unwrap();
            let shown = page.split_once(r#"name="shown" value=""#);
            let shown = shown.map_or("", |(_, rest)| rest.split_once('"').unwrap().0);
            let pairs = [
                ("state", &*state),
                ("shown", shown),
                ("username", email),
                ("password", password),
                ("action", action),
            ];
            // A request is the shortest way to a form that is encoded.
            let query = Url::parse_with_params("http://localhost/", pairs).unwrap();
            form = query.query().map(str::to_owned);
        }
        panic!("round and round, at last at {at}")
    }

    async fn sends(&mut self, url: &Url, form: Option<String>) -> Response {
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
}

/// A port that leads to the server's and keeps this many of its next answers to itself.
async fn lossy(to: &str, lost: &Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = Url::parse(to).unwrap().port().unwrap();
    let lost = Arc::clone(lost);
    tokio::spawn(async move {
        loop {
            let (app, _) = listener.accept().await.unwrap();
            let keeps = lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
            tokio::spawn(carries(app, to, keeps.is_ok()));
        }
    });
    port
}

/// One request, and its answer or nothing.
async fn carries(mut app: TcpStream, to: u16, keeps: bool) {
    let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    if !keeps {
        let (mut from_app, mut to_app) = app.split();
        let (mut from_server, mut to_server) = server.split();
        let there = copy(&mut from_app, &mut to_server);
        let back = copy(&mut from_server, &mut to_app);
        let _ = tokio::join!(there, back);
        return;
    }
    let mut bytes = vec![0; 16 * 1024];
    let request = app.read(&mut bytes).await.unwrap();
    server.write_all(&bytes[..request]).await.unwrap();
    // The head has come, so the server has done what was asked.
    assert!(server.read(&mut bytes).await.unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_native_app_signs_in_renews_and_signs_out() {
    let demo = Demo::starts();
    let session = demo.app(MemoryVault::new());
    let mut ada = Person::of(&demo);
    let silent = session.ask().prompt(Prompt::None);
    let why = ada.signs_in(&session, &silent).await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Interaction)),
        "{why}"
    );

    let first = ada
        .signs_in(&session, &session.ask().max_age(Duration::from_secs(60)))
        .await
        .unwrap();
    assert!(
        first.is_renewable() && first.scope().contains("read:messages"),
        "{first:?}"
    );
    let user = first.id_token().unwrap().subject().to_owned();
    assert!(user.starts_with("auth0|"), "{user}");

    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let session = session.clone();
        callers.spawn(async move {
            session
                .credentials_for(Want::new().renewed())
                .await
                .unwrap()
        });
    }
    let all = callers.join_all().await;
    let second = all[0].access_token();
    assert!(second != first.access_token() && all.iter().all(|one| one.access_token() == second));
    assert_eq!(all[0].id_token().unwrap().subject(), user);

    let out = session.sign_out(None).await.unwrap();
    assert!(out.revoked.is_ok(), "{out:?}");
    ada.walks(out.end_session.unwrap()).await;
    let why = ada.signs_in(&session, &silent).await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Interaction)),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_is_given_again() {
    let demo = Demo::starts();
    let lost = Arc::new(AtomicUsize::new(0));
    let provider = demo.behind(lossy(&demo.issuer, &lost).await).await;
    let vault = MemoryVault::new();
    let session = demo.app_with(vault.clone(), Some(provider.clone()));
    Person::of(&demo)
        .signs_in(&session, &session.ask())
        .await
        .unwrap();
    for (name, answers) in [("one", 1), ("both of one call", 2), ("none", 0)] {
        // Started again, so that no connection is left from before.
        let session = demo.app_with(vault.clone(), Some(provider.clone()));
        lost.store(answers, Ordering::SeqCst);
        let mut renewed = session.credentials_for(Want::new().renewed()).await;
        if answers == 2 {
            assert!(renewed.unwrap_err().is_temporary());
            renewed = session.credentials_for(Want::new().renewed()).await;
        }
        assert!(
            renewed.as_ref().is_ok_and(Credentials::is_renewable),
            "{name}: {renewed:?}"
        );
    }
}

/// A memory that fails at one of its writes, as if the process had died there.
#[derive(Clone)]
struct Dying(MemoryVault, Arc<AtomicUsize>);

impl Vault for Dying {
    fn load(&self) -> Result<Option<Secret>, VaultError> {
        self.0.load()
    }

    fn store(&self, text: &Secret) -> Result<(), VaultError> {
        let left = self
            .1
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        left.map_err(|_| VaultError::Busy)?;
        self.0.store(text)
    }

    fn clear(&self) -> Result<(), VaultError> {
        self.0.clear()
    }

    fn try_lock(&self) -> Result<Option<Lock>, VaultError> {
        self.0.try_lock()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_between_rotation_and_storing_is_forgiven_and_a_copy_is_not() {
    let demo = Demo::starts();
    let vault = MemoryVault::new();
    let session = demo.app(vault.clone());
    let first = Person::of(&demo)
        .signs_in(&session, &session.ask())
        .await
        .unwrap();
    // The intent is kept, and what came is not.
    let dying = demo.app(Dying(vault.clone(), Arc::new(AtomicUsize::new(1))));
    let why = dying
        .credentials_for(Want::new().renewed())
        .await
        .unwrap_err();
    assert!(matches!(why, Error::Vault(_)), "{why}");
    let again = demo.app(vault.clone());
    let renewed = again.credentials().await.unwrap();
    assert_ne!(renewed.access_token(), first.access_token());

    // Whoever signs out ends the sign-in for every copy of it.
    let copy = MemoryVault::new();
    copy.store(&vault.load().unwrap().unwrap()).unwrap();
    assert!(again.sign_out(None).await.unwrap().revoked.is_ok());
    let why = demo
        .app(copy)
        .credentials_for(Want::new().renewed())
        .await
        .unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Revoked)),
        "{why}"
    );
}
