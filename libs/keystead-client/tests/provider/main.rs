//! Sign-in, renewal, revocation and log-out at a provider that others wrote: npm `oidc-provider`, run by Node.
//!
//! It is installed once, with the lock file of keystead-verifier's `tests/provider`: copy its `package.json` and
//! `package-lock.json` to `target/npm/oidc-provider` and run `npm ci` there. Without it, or without Node, the cases are
//! listed as ignored, unless `KEYSTEAD_TEST_REQUIRE` is set: then they fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic in a test is a failure with a line number"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests are configured by the environment, and a browser has a client of its own"
)]

mod person;

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
};

use keystead_client::{
    Browser, Error, LoginReason, MemoryVault, Session, Timestamp, Want,
    transition::{Prompt, SignIn},
};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use crate::person::Person;

fn main() {
    let mut trials: Vec<Trial> = ["RS256", "PS256", "ES256", "EdDSA"]
        .map(|alg| {
            Trial::test(format!("sign-in and renewal with {alg}"), move || {
                run(signs_in(alg))
            })
        })
        .into();
    trials.extend([
        Trial::test("an API's token, by RFC 8707", || run(asks_for_an_api())),
        Trial::test("a silent sign-in", || run(silently())),
        Trial::test("somebody who says no", || run(says_no())),
        Trial::test("scope by renewal", || run(scope_by_renewal())),
        Trial::test("a refresh token that somebody else has used", || {
            run(stolen())
        }),
        Trial::test("a sign-out", || run(signs_out())),
    ]);
    let wanted = is_installed() || std::env::var("KEYSTEAD_TEST_REQUIRE").is_ok();
    let trials = trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(!wanted));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn run(case: impl Future<Output = ()>) -> Result<(), Failed> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(case);
    Ok(())
}

fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("npm/oidc-provider")
}

fn is_installed() -> bool {
    let node = Command::new("node").arg("--version").output();
    node.is_ok() && folder().join("node_modules/oidc-provider").is_dir()
}

/// The one provider of all cases. It ends when its standard input is closed, which the end of this process does.
static PROVIDER: LazyLock<Provider> = LazyLock::new(Provider::start);

struct Provider {
    issuer: String,
    _process: Child,
}

impl Provider {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider/provider.mjs");
        let text = std::fs::read_to_string(script).unwrap();
        // By `--eval`, so that its imports are looked up in the folder where they are installed.
        let mut process = Command::new("node")
            .args(["--input-type=module", "--eval", &text])
            .current_dir(folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node runs, and target/npm/oidc-provider exists");
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let hello: Value =
            serde_json::from_str(&line).expect("`npm ci` was run in target/npm/oidc-provider");
        Self {
            issuer: hello["issuer"].as_str().unwrap().to_owned(),
            _process: process,
        }
    }
}

/// This machine's clock, and how far the case has moved it.
#[derive(Clone, Default)]
struct Moved(Arc<AtomicI64>);

impl Moved {
    fn by(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Timestamp::from_secs(self.0.load(Ordering::SeqCst)) + since
    }
}

struct App {
    session: Session,
    vault: MemoryVault,
    clock: Moved,
    person: Person,
}

fn app(client_id: &str, ask: SignIn) -> App {
    let (vault, clock) = (MemoryVault::new(), Moved::default());
    let time = clock.clone();
    let session = Session::builder(&PROVIDER.issuer, client_id)
        .sign_in(ask.prompt(Prompt::Consent))
        .vault(vault.clone())
        .clock(move || time.now())
        .build()
        .unwrap();
    App {
        session,
        vault,
        clock,
        person: Person::default(),
    }
}

fn offline() -> SignIn {
    SignIn::new().scope("offline_access")
}

impl App {
    async fn signs_in(&self, ask: &SignIn) -> Result<keystead_client::Credentials, Error> {
        let browser = Browser::with(self.person.opener());
        self.session.sign_in_with(ask, browser).await
    }
}

async fn signs_in(alg: &str) {
    let app = app(alg, offline());
    let first = app
        .signs_in(
            &app.session
                .ask()
                .max_age(std::time::Duration::from_secs(60)),
        )
        .await
        .unwrap();
    let id_token = first.id_token().unwrap();
    assert_eq!(
        (id_token.subject(), id_token.iss.as_deref()),
        ("ada", Some(PROVIDER.issuer.as_str()))
    );
    assert_eq!(
        id_token.custom::<Value>().unwrap()["email"],
        "ada@example.com"
    );
    assert!(id_token.auth_time.is_some());
    let header = id_token
        .token()
        .expose()
        .split('.')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(header, id_token_header(alg));

    app.clock.by(250);
    let second = app.session.credentials().await.unwrap();
    assert_ne!(second.access_token(), first.access_token());
    assert_eq!(second.id_token().unwrap().subject(), "ada");
    let third = app
        .session
        .credentials_for(Want::new().renewed())
        .await
        .unwrap();
    assert_ne!(second.access_token(), third.access_token());
}

fn id_token_header(alg: &str) -> String {
    let header = format!(r#"{{"alg":"{alg}","kid":"{alg}"}}"#);
    keystead_client::Secret::from_bytes(header.as_bytes())
        .expose()
        .to_owned()
}

async fn asks_for_an_api() {
    let ask = SignIn::new()
        .scope("offline_access read:messages")
        .resource("https://api.example.com");
    let app = app("ES256", ask);
    let credentials = app.signs_in(&app.session.ask()).await.unwrap();
    let audience = |token: &str| {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let payload = URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        serde_json::from_slice::<Value>(&payload).unwrap()["aud"].clone()
    };
    assert_eq!(
        audience(credentials.access_token().expose()),
        "https://api.example.com"
    );
    assert!(
        credentials.scope().contains("read:messages"),
        "{credentials:?}"
    );
    app.clock.by(250);
    let renewed = app.session.credentials().await.unwrap();
    assert_eq!(
        audience(renewed.access_token().expose()),
        "https://api.example.com"
    );
}

/// This provider asks for every native app anew, because anybody may listen on loopback (RFC 8252 §8.6).
async fn silently() {
    let app = app("RS256", SignIn::new());
    let silent = app.session.ask().prompt(Prompt::None);
    for is_known in [false, true] {
        let why = app.signs_in(&silent).await.unwrap_err();
        assert!(
            matches!(why, Error::LoginRequired(LoginReason::Interaction)),
            "{is_known}: {why}"
        );
        let loud = app.signs_in(&app.session.ask()).await.unwrap();
        assert!(!loud.is_renewable());
    }
}

async fn says_no() {
    let app = app("RS256", offline());
    let browser = Browser::with(app.person.opener_who_aborts());
    let why = app
        .session
        .sign_in_with(&app.session.ask(), browser)
        .await
        .unwrap_err();
    assert!(matches!(why, Error::Denied(_)), "{why}");
    assert!(app.session.credentials().await.unwrap_err().needs_login());
}

async fn scope_by_renewal() {
    let app = app("RS256", offline());
    app.signs_in(&app.session.ask()).await.unwrap();
    let more = Want::new().scope("read:messages".parse().unwrap());
    for _ in 0..2 {
        let why = app.session.credentials_for(more.clone()).await.unwrap_err();
        assert!(matches!(why, Error::ScopeNotGranted { .. }), "{why}");
    }
    app.clock.by(250);
    assert!(
        app.session.credentials().await.is_ok(),
        "the refresh token was not spent by it"
    );
}

/// This provider forgives no reuse: it ends the whole grant.
async fn stolen() {
    use keystead_client::Vault as _;

    let app = app("RS256", offline());
    app.signs_in(&app.session.ask()).await.unwrap();
    let (copy, time) = (MemoryVault::new(), app.clock.clone());
    copy.store(&app.vault.load().unwrap().unwrap()).unwrap();
    let thief = Session::builder(&PROVIDER.issuer, "RS256")
        .vault(copy)
        .clock(move || time.now())
        .build()
        .unwrap();
    thief.credentials_for(Want::new().renewed()).await.unwrap();
    for session in [&app.session, &thief] {
        let why = session
            .credentials_for(Want::new().renewed())
            .await
            .unwrap_err();
        assert!(
            matches!(why, Error::LoginRequired(LoginReason::Revoked)),
            "{why}"
        );
    }
}

async fn signs_out() {
    use keystead_client::Vault as _;

    let app = app("RS256", offline());
    app.signs_in(&app.session.ask()).await.unwrap();
    let before = app.vault.load().unwrap().unwrap();
    let out = app
        .session
        .sign_out(Some("http://127.0.0.1/bye"))
        .await
        .unwrap();
    assert!(out.revoked.is_ok(), "{out:?}");
    let end = app.person.logs_out(out.end_session.unwrap()).await;
    assert!(end.as_str().starts_with("http://127.0.0.1/bye"), "{end}");
    // Neither the browser nor a copy of the vault is signed in any more.
    let why = app
        .signs_in(&app.session.ask().prompt(Prompt::None))
        .await
        .unwrap_err();
    assert!(matches!(why, Error::LoginRequired(_)), "{why}");
    app.vault.store(&before).unwrap();
    let why = app
        .session
        .credentials_for(Want::new().renewed())
        .await
        .unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Revoked)),
        "{why}"
    );
}
