//! `keystead login`, `token`, `call` and `logout`: this program as a native app, of Keystead or of any other provider.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use etcetera::{BaseStrategy as _, choose_base_strategy};
use keystead_client::{
    Credentials, Error, FileVault, Session,
    reqwest::{
        Method,
        header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
    },
    transition::SignIn,
};
use serde::Serialize;
use url::Url;

use self::{
    advice::{more_scope, next_step},
    login::{Opening, Wanted, login},
    target::Target,
};
use crate::{
    output::{self, Shape},
    typed::program,
};

mod advice;
mod login;
mod target;

/// What this program does as an app.
#[derive(Subcommand)]
pub(crate) enum RemoteCommand {
    /// Sign in through the browser and keep the tokens on this machine.
    ///
    /// They are kept in an encrypted file of the user's. Its key lies in the keychain on macOS and Windows, and in a file
    /// beside it elsewhere; a program that was built with `--features keychain` uses the Secret Service of a Linux desktop.
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
        let outcome = runtime.block_on(async {
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
        });
        // A browser that is a program of this terminal may still be open: nobody waits for it.
        runtime.shutdown_background();
        outcome
    }
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

async fn token(shape: Shape) -> anyhow::Result<ExitCode> {
    let (target, session) = signed_in()?;
    let credentials = session
        .credentials()
        .await
        .map_err(|why| next_step(why, &target))?;
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
    let (target, session) = signed_in()?;
    let api = session.api(url.as_str())?;
    let mut request = api.request(method, url.as_str())?;
    if let Some(data) = data {
        request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(data);
    }
    let answer = api.send(request).await.map_err(|why| match why {
        // The API, or the issuer that was to renew the token.
        Error::Network { host, why } => anyhow!("no answer from {host}: {why}\n  is it running?"),
        why => next_step(why, &target),
    })?;
    let status = answer.status();
    let challenge = answer.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge
        .and_then(|text| text.to_str().ok())
        .map(str::to_owned);
    let body = answer
        .bytes()
        .await
        .context("the answer broke off; call again")?;
    match shape {
        Shape::Json => output::print_json(&Answered {
            status: status.as_u16(),
            challenge: challenge.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })?,
        Shape::Text => pass_on(&body)?,
    }
    if status.is_success() {
        return Ok(ExitCode::SUCCESS);
    }
    let why = challenge.unwrap_or_default();
    let next = match status.as_u16() {
        403 if why.contains("insufficient_scope") => format!("\n  {}", more_scope(&why, &target)),
        401 => format!("\n  to sign in again: {} login", program()),
        _ => String::new(),
    };
    bail!("the API answered {status} {why}{next}");
}

/// Writes an answer byte for byte, since it may be a file. Only a person needs its last line ended.
fn pass_on(body: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let is_open = out.is_terminal() && !body.ends_with(b"\n");
    let end: &[u8] = if is_open { b"\n" } else { b"" };
    let written = out.write_all(body).and_then(|()| out.write_all(end));
    match written.and_then(|()| out.flush()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => Err(why.into()),
        _ => Ok(()),
    }
}

async fn logout(shape: Shape) -> anyhow::Result<ExitCode> {
    let (target, session) = signed_in()?;
    let out = session.sign_out(None).await?;
    let elsewhere = out.end_session;
    match (shape, &out.revoked) {
        (Shape::Json, revoked) => output::print_json(&serde_json::json!({
            "issuer": target.issuer,
            "revoked": revoked.is_ok(),
            "end_session": elsewhere.map(String::from),
        }))?,
        (Shape::Text, Ok(())) => {
            let mut text =
                "Signed out: no token is kept here, and no refresh token is good any more.\n"
                    .to_owned();
            if let Some(mut url) = elsewhere {
                // Without the ID token, which a terminal would remember: the page asks instead.
                url.query_pairs_mut()
                    .clear()
                    .append_pair("client_id", &target.client_id);
                text += &format!("  The browser may still be signed in; to end that too: {url}\n");
            }
            output::print(&text)?;
        }
        (Shape::Text, Err(why)) => output::print(&format!(
            "The tokens are forgotten here. The refresh token was not revoked, and is good until it ends: {}\n",
            told_nobody(why)
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Why the issuer does not know of a sign-out. There is nothing left to try again with, whatever the error proposes.
fn told_nobody(why: &Error) -> String {
    match why {
        Error::Network { host, why } => format!("no answer from {host}: {why}"),
        Error::Unavailable { status, .. } => format!("the issuer answered {status}"),
        other => other.to_string(),
    }
}

fn signed_in() -> anyhow::Result<(Target, Session)> {
    let folder = folder()?;
    let target = Target::last(&folder)?.with_context(|| {
        format!(
            "nobody has signed in here; to sign in: {} login --client-id ID --audience IDENTIFIER --scope SCOPES",
            program()
        )
    })?;
    let session = session(&target, &folder)?;
    Ok((target, session))
}

fn session(target: &Target, folder: &Path) -> Result<Session, Error> {
    let mut ask = SignIn::new().scope(format!(
        "openid profile email offline_access {}",
        target.scope
    ));
    if let Some(audience) = &target.audience {
        ask = ask.audience(audience);
    }
    Session::builder(&target.issuer, &target.client_id)
        .sign_in(ask)
        .vault(vault(folder))
        .build()
}

/// Where the tokens are kept: an encrypted file, whose key is in the keychain, or beside it.
#[cfg(any(windows, target_os = "macos", feature = "keychain"))]
fn vault(folder: &Path) -> FileVault {
    FileVault::new(folder, "dev.keystead.cli")
}

#[cfg(not(any(windows, target_os = "macos", feature = "keychain")))]
fn vault(folder: &Path) -> FileVault {
    FileVault::with_key_file(folder)
}

/// Where this program keeps what it is given as an app.
fn folder() -> anyhow::Result<PathBuf> {
    let user = choose_base_strategy().context("this user has no folder for data; set HOME")?;
    Ok(user.data_dir().join("keystead"))
}
