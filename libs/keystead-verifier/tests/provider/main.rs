//! Tokens of a provider that others wrote: npm `oidc-provider`, run by Node.
//!
//! It is installed once, with the lock file beside this: copy `package.json` and `package-lock.json` to
//! `target/npm/oidc-provider` and run `npm ci` there. Without it, or without Node, the cases are listed as ignored,
//! unless `KEYSTEAD_TEST_REQUIRE` is set: then they fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic in a test is a failure with a line number"
)]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

use keystead_verifier::{
    Algorithm, Builder, ClaimRefusal, FetchError, Introspection, Refusal, Verifier,
};
use libtest_mimic::{Arguments, Failed, Trial};
use reqwest::Client;
use serde_json::Value;

fn main() {
    let jwt = |name: &'static str, algorithm| {
        Trial::test(format!("a {name} access token"), move || {
            run(jwt_is_accepted(name, algorithm))
        })
    };
    let trials = vec![
        jwt("rs256", Algorithm::RS256),
        jwt("ps256", Algorithm::PS256),
        jwt("es256", Algorithm::ES256),
        jwt("eddsa", Algorithm::EdDSA),
        Trial::test("an opaque access token, until it is revoked", || {
            run(opaque_is_asked_about())
        }),
        Trial::test("a JWT access token that is asked about too", || {
            run(jwt_is_asked_about())
        }),
    ];
    let wanted = is_installed() || variable("KEYSTEAD_TEST_REQUIRE");
    let trials = trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(!wanted));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn run(case: impl Future<Output = ()>) -> Result<(), Failed> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(case);
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by the environment"
)]
fn variable(name: &str) -> bool {
    std::env::var(name).is_ok()
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

    /// An API that trusts this provider.
    fn api(&self, audience: &str) -> Builder {
        Verifier::builder().issuer(&self.issuer).audience(audience)
    }

    fn introspection(&self) -> Introspection {
        let endpoint = format!("{}/token/introspection", self.issuer);
        Introspection::new(endpoint, "api", "machine-secret")
    }

    /// A machine's access token for an API.
    async fn token(&self, audience: &str) -> String {
        let form = format!("grant_type=client_credentials&scope=read:messages&resource={audience}");
        let answer: Value = serde_json::from_str(&self.post("/token", form).await).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn post(&self, path: &str, form: String) -> String {
        #[expect(
            clippy::disallowed_methods,
            reason = "a client of the provider's, not of the library"
        )]
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("{}{path}", self.issuer));
        let request = request
            .basic_auth("machine", Some("machine-secret"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {response:?}");
        response.text().await.unwrap()
    }
}

async fn jwt_is_accepted(name: &str, algorithm: Algorithm) {
    let audience = format!("https://{name}.example.com");
    let provider = &*PROVIDER;
    let token = provider.token(&audience).await;
    let verifier = provider
        .api(&audience)
        .algorithms([algorithm])
        .build()
        .unwrap();
    let claims = verifier.verify(&token).await.unwrap();
    assert_eq!(claims.client(), Some("machine"));
    assert_eq!(claims.require_scope("read:messages"), Ok(()));
    assert!(claims.require_scope("write:messages").is_err());

    let elsewhere = verifier.for_audience("https://other.example.com");
    let wrong = Some(Refusal::Claims(ClaimRefusal::WrongAudience));
    assert_eq!(elsewhere.verify(&token).await.err(), wrong);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature: Vec<char> = signature.chars().collect();
    signature.swap(3, 9);
    signature[0] = if signature[0] == 'A' { 'B' } else { 'A' };
    let tampered = format!("{signed}.{}", signature.iter().collect::<String>());
    assert!(verifier.verify(&tampered).await.is_err());
}

async fn opaque_is_asked_about() {
    let audience = "https://opaque.example.com";
    let provider = &*PROVIDER;
    let token = provider.token(audience).await;
    let api = provider
        .api(audience)
        .introspection(provider.introspection());
    let api = api.build().unwrap();
    let claims = api.verify(&token).await.unwrap();
    assert_eq!(claims.client(), Some("machine"));
    assert_eq!(claims.require_scope("read:messages"), Ok(()));

    let elsewhere = api.for_audience("https://rs256.example.com");
    let wrong = Some(Refusal::Claims(ClaimRefusal::WrongAudience));
    assert_eq!(elsewhere.verify(&token).await.err(), wrong);
    assert_eq!(api.verify("invented").await.err(), Some(Refusal::Inactive));
    provider
        .post("/token/revocation", format!("token={token}"))
        .await;
    assert_eq!(api.verify(&token).await.err(), Some(Refusal::Inactive));
}

/// This provider keeps no record of its JWTs and says that it cannot be asked about them. Whoever demands it all the same
/// must not let them in.
async fn jwt_is_asked_about() {
    let audience = "https://es256.example.com";
    let provider = &*PROVIDER;
    let token = provider.token(audience).await;
    let introspection = provider.introspection().every_token();
    let api = provider.api(audience).introspection(introspection);
    let why = api.build().unwrap().verify(&token).await.unwrap_err();
    assert!(
        matches!(
            why,
            Refusal::IntrospectionUnavailable(FetchError::Status { status: 400, .. })
        ),
        "{why}"
    );
}
