//! `keystead login`, `token`, `call` and `logout`: this program as a native app, of Keystead or of any other provider.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use etcetera::{BaseStrategy as _, choose_base_strategy};
use keystead_client::{
    Browser, Credentials, Error, FileVault, Session, Want,
    reqwest::{
        Method,
        header::{CONTENT_TYPE, HeaderValue},
    },
    transition::SignIn,
};
use serde::Serialize;
use url::Url;

use self::target::Target;
use crate::output::{self, Shape};

mod target;

/// What this program does as an app.
#[derive(Subcommand)]
pub(crate) enum RemoteCommand {
    /// Sign in through the browser and keep the tokens on this machine.
    #[command(after_help = "\
Examples:
  keystead login --client-id f3mQ… --audience https://api.mysite.com --scope read:messages
  keystead login                         the same as last time
  keystead login --no-browser            print the address instead, for another browser of this machine")]
    Login {
        /// Who issues the tokens [default: as last time, at first http://localhost:3000/]
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// A native application of the issuer, with the callback http://127.0.0.1/callback [default: as last time]
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
        /// The identifier of the API that the token is for [default: as last time]
        #[arg(long, value_name = "IDENTIFIER")]
        audience: Option<String>,
        /// The scopes of that API; those of a log-in are added [default: as last time]
        #[arg(long, value_name = "SCOPES")]
        scope: Option<String>,
        /// Print the address instead of opening a browser
        #[arg(long)]
        no_browser: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print an access token, renewed if little of its life is left.
    #[command(after_help = "\
Examples:
  curl -H \"Authorization: Bearer $(keystead token)\" http://127.0.0.1:3001/api/messages
  keystead token --json")]
    Token {
        /// Print JSON, with the scope and the end of its life.
        #[arg(long)]
        json: bool,
    },
    /// Call an API with the access token. Exit code 1 if the answer is not a success.
    #[command(after_help = "\
Examples:
  keystead call GET http://127.0.0.1:3001/api/messages
  keystead call POST http://127.0.0.1:3001/api/messages --data '{\"text\":\"hello\"}'")]
    Call {
        /// GET, POST, PUT, PATCH or DELETE
        method: Method,
        /// https, or http on this machine
        url: Url,
        /// A body, sent as JSON
        #[arg(long, value_name = "JSON")]
        data: Option<String>,
        /// Print status, challenge and body as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget the tokens here and revoke the refresh token at the issuer.
    #[command(after_help = "Example:\n  keystead logout")]
    Logout {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl RemoteCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            match self {
                Self::Login {
                    issuer,
                    client_id,
                    audience,
                    scope,
                    no_browser,
                    json,
                } => {
                    let wanted = Wanted {
                        issuer,
                        client_id,
                        audience,
                        scope,
                    };
                    let opening = if no_browser {
                        Opening::Print
                    } else {
                        Opening::Open
                    };
                    login(wanted, opening, Shape::of(json)).await
                }
                Self::Token { json } => token(Shape::of(json)).await,
                Self::Call {
                    method,
                    url,
                    data,
                    json,
                } => call(method, &url, data, Shape::of(json)).await,
                Self::Logout { json } => logout(Shape::of(json)).await,
            }
        })
    }
}

/// What `login` was told; the rest is as last time.
struct Wanted {
    issuer: Option<String>,
    client_id: Option<String>,
    audience: Option<String>,
    scope: Option<String>,
}

/// How the browser hears of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Open,
    Print,
}

/// What a log-in gave, for a script.
#[derive(Serialize)]
struct Kept<'a> {
    issuer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    renewable: bool,
}

impl<'a> Kept<'a> {
    fn of(target: &'a Target, credentials: &'a Credentials) -> Self {
        Self {
            issuer: &target.issuer,
            subject: credentials.id_token().map(|token| token.subject()),
            scope: credentials.scope().to_string(),
            access_token: None,
            expires_at: credentials.expires_at().map(|at| at.as_secs()),
            renewable: credentials.is_renewable(),
        }
    }
}

async fn login(wanted: Wanted, opening: Opening, shape: Shape) -> anyhow::Result<ExitCode> {
    let folder = folder()?;
    let last = Target::last(&folder)?;
    let target = Target::new(
        wanted.issuer,
        wanted.client_id,
        wanted.audience,
        wanted.scope,
        last,
    )?;
    let session = session(&target, &folder)?;
    let browser = match opening {
        Opening::Open => Browser::system(),
        Opening::Print => Browser::with(|url| {
            writeln!(
                std::io::stderr(),
                "Open this address in a browser of this machine:\n\n  {url}\n"
            )
        }),
    };
    let credentials = session
        .sign_in_with(&session.ask(), browser.app("the terminal"))
        .await
        .map_err(|why| match why {
            Error::Browser { .. } => anyhow::Error::from(why)
                .context("to open the address by hand: keystead login --no-browser"),
            other => other.into(),
        })?;
    target.remember(&folder)?;
    match shape {
        Shape::Json => output::print_json(&Kept::of(&target, &credentials))?,
        Shape::Text => {
            let who = credentials
                .id_token()
                .map_or("somebody", |token| token.subject());
            output::print(&format!(
                "Signed in as {who} at {}, with the scopes {}\n  Next: keystead token\n        keystead call GET URL\n",
                target.issuer,
                credentials.scope()
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn token(shape: Shape) -> anyhow::Result<ExitCode> {
    let (target, session) = signed_in()?;
    let credentials = session.credentials().await.map_err(next_step)?;
    let text = credentials.access_token().expose();
    match shape {
        Shape::Text => output::print(&format!("{text}\n"))?,
        Shape::Json => output::print_json(&Kept {
            access_token: Some(text),
            ..Kept::of(&target, &credentials)
        })?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What an API answered, for a script.
#[derive(Serialize)]
struct Answered {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    body: String,
}

async fn call(
    method: Method,
    url: &Url,
    data: Option<String>,
    shape: Shape,
) -> anyhow::Result<ExitCode> {
    let (_, session) = signed_in()?;
    let api = session.api(url.as_str())?.want(Want::new());
    let mut request = api.request(method, url.as_str())?;
    if let Some(data) = data {
        request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(data);
    }
    let answer = api.send(request).await.map_err(next_step)?;
    let status = answer.status();
    let challenge = answer.headers().get("www-authenticate");
    let answered = Answered {
        status: status.as_u16(),
        challenge: challenge
            .and_then(|text| text.to_str().ok())
            .map(str::to_owned),
        body: answer.text().await?,
    };
    match shape {
        Shape::Json => output::print_json(&answered)?,
        Shape::Text => {
            output::print(&answered.body)?;
            if !answered.body.ends_with('\n') {
                output::print("\n")?;
            }
        }
    }
    if status.is_success() {
        return Ok(ExitCode::SUCCESS);
    }
    if shape == Shape::Text {
        let why = answered.challenge.unwrap_or_default();
        let next = match answered.status {
            403 if why.contains("insufficient_scope") => {
                "\n  to ask for more: keystead login --scope \"…\""
            }
            401 => "\n  to sign in again: keystead login",
            _ => "",
        };
        bail!("the API answered {status} {why}{next}");
    }
    Ok(ExitCode::FAILURE)
}

async fn logout(shape: Shape) -> anyhow::Result<ExitCode> {
    let (target, session) = signed_in()?;
    let out = session.sign_out(None).await?;
    let elsewhere = out.end_session.map(String::from);
    match (shape, &out.revoked) {
        (Shape::Json, revoked) => output::print_json(&serde_json::json!({
            "issuer": target.issuer,
            "revoked": revoked.is_ok(),
            "end_session": elsewhere,
        }))?,
        (Shape::Text, Ok(())) => output::print(
            "Signed out: the tokens are forgotten here, and the refresh token is revoked.\n",
        )?,
        (Shape::Text, Err(why)) => output::print(&format!(
            "The tokens are forgotten here. The issuer could not be told: {why}\n"
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// An error of the client, with the command that mends it.
fn next_step(why: Error) -> anyhow::Error {
    let again = why.needs_login();
    let why = anyhow::Error::from(why);
    if again {
        why.context("nobody is signed in any more; to sign in: keystead login")
    } else {
        why
    }
}

fn signed_in() -> anyhow::Result<(Target, Session)> {
    let folder = folder()?;
    let target = Target::last(&folder)?.context(
        "nobody has signed in here; to sign in: keystead login --client-id ID --audience IDENTIFIER --scope SCOPES",
    )?;
    let session = session(&target, &folder)?;
    Ok((target, session))
}

fn session(target: &Target, folder: &std::path::Path) -> Result<Session, Error> {
    let mut ask = SignIn::new().scope(format!(
        "openid profile email offline_access {}",
        target.scope
    ));
    if let Some(audience) = &target.audience {
        ask = ask.audience(audience);
    }
    #[cfg(any(windows, target_os = "macos"))]
    let vault = FileVault::new(folder, "dev.keystead.cli");
    #[cfg(not(any(windows, target_os = "macos")))]
    let vault = FileVault::with_key_file(folder);
    Session::builder(&target.issuer, &target.client_id)
        .sign_in(ask)
        .vault(vault)
        .build()
}

/// Where this program keeps what it is given as an app.
fn folder() -> anyhow::Result<PathBuf> {
    let user = choose_base_strategy().context("this user has no folder for data; set HOME")?;
    Ok(user.data_dir().join("keystead"))
}
