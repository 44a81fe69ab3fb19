//! `keystead demo --check`: the guided page's steps over HTTP, as a browser and an app would take them, a line each.

use std::{process::ExitCode, time::Instant};

use anyhow::{Context as _, bail, ensure};
use keystead_client::{
    Error, Session, Want,
    reqwest::{Client, Method, StatusCode, header},
    transition::{Prompt, SignIn},
};
use keystead_protocol::secret::Secret;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::{
    Stage,
    api::MESSAGES,
    records::AUDIENCE,
    visitors::{Scopes, ask},
};
use crate::output::{self, Shape};

/// More pages than a log-in has.
const HOPS: usize = 16;

/// A step that was taken.
#[derive(Serialize)]
struct Step {
    step: &'static str,
    found: String,
    ms: u128,
}

/// The whole walk.
#[derive(Serialize)]
struct Report {
    ok: bool,
    steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    ms: u128,
}

/// Takes every step, and stops at the first that fails. Exit code 1 if one does.
pub(super) async fn walk(stage: &Stage, shape: Shape, begun: Instant) -> anyhow::Result<ExitCode> {
    let mut steps = Steps {
        shape,
        taken: Vec::new(),
        last: begun,
    };
    let outcome = all(stage, &mut steps).await;
    let error = outcome.err().map(|why| format!("{why:#}"));
    let report = Report {
        ok: error.is_none(),
        steps: steps.taken,
        error,
        ms: begun.elapsed().as_millis(),
    };
    match (shape, &report.error) {
        (Shape::Json, _) => output::print_json(&report)?,
        (Shape::Text, None) => output::print(&format!("\nEverything works. {} ms.\n", report.ms))?,
        (Shape::Text, Some(why)) => output::print(&format!("  ✗ {why}\n"))?,
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Steps {
    shape: Shape,
    taken: Vec<Step>,
    last: Instant,
}

impl Steps {
    fn took(&mut self, step: &'static str, found: impl Into<String>) -> anyhow::Result<()> {
        let (found, ms) = (found.into(), self.last.elapsed().as_millis());
        self.last += self.last.elapsed();
        if self.shape == Shape::Text {
            output::print(&format!("  ✓ {step}: {found} ({ms} ms)\n"))?;
        }
        self.taken.push(Step { step, found, ms });
        Ok(())
    }
}

async fn all(stage: &Stage, steps: &mut Steps) -> anyhow::Result<()> {
    let api = Api { stage };
    let mut browser = Browser {
        http: stage.http.clone(),
        cookies: Vec::new(),
    };
    let session = Session::builder(&stage.issuer, stage.cast.native.as_str()).build()?;

    steps.took(
        "the server, the API and the app are there",
        stage.issuer.as_str(),
    )?;

    let (status, challenge) = api.call(Method::GET, None).await?;
    ensure!(
        status == StatusCode::UNAUTHORIZED && challenge.starts_with("Bearer"),
        "without a token: {status}, {challenge}"
    );
    steps.took(
        "the API refuses a request without a token",
        format!("401, {challenge}"),
    )?;

    let credentials = browser
        .signs_in(stage, &session, &ask(Scopes::Read))
        .await?;
    let scope = credentials.scope().to_string();
    steps.took(
        "the hosted page lets Ada in, and the app has its tokens",
        scope,
    )?;

    let token = credentials.access_token().clone();
    let (status, _) = api.call(Method::GET, Some(&token)).await?;
    ensure!(status == StatusCode::OK, "with the token: {status}");
    steps.took("the API answers with the token", "200")?;

    let (status, challenge) = api.call(Method::POST, Some(&token)).await?;
    ensure!(
        status == StatusCode::FORBIDDEN && challenge.contains("insufficient_scope"),
        "without the scope: {status}, {challenge}"
    );
    steps.took(
        "the API refuses what the scope does not permit",
        "403, insufficient_scope",
    )?;

    let renewed = session.credentials_for(Want::new().renewed()).await?;
    ensure!(
        renewed.access_token().expose() != token.expose(),
        "the renewed token is the old one"
    );
    let (status, _) = api.call(Method::GET, Some(renewed.access_token())).await?;
    ensure!(status == StatusCode::OK, "with the renewed token: {status}");
    steps.took("the app renews its token", "200")?;

    let more = browser
        .signs_in(stage, &session, &ask(Scopes::ReadAndWrite))
        .await?;
    let (status, _) = api.call(Method::POST, Some(more.access_token())).await?;
    ensure!(status == StatusCode::OK, "with the scope: {status}");
    steps.took(
        "more scope, without another password",
        more.scope().to_string(),
    )?;

    let machine = api.machine_token().await?;
    let (status, _) = api.call(Method::GET, Some(&machine)).await?;
    ensure!(
        status == StatusCode::OK,
        "with the machine's token: {status}"
    );
    steps.took("a machine gets a token for itself", "200")?;

    let out = session.sign_out(Some(&stage.site)).await?;
    out.revoked.context("the refresh token was not revoked")?;
    browser
        .visit(out.end_session.context("no end_session_endpoint")?)
        .await?;
    let silent = ask(Scopes::Read).prompt(Prompt::None);
    match browser.signs_in(stage, &session, &silent).await {
        Err(why) if is_login_required(&why) => {}
        Err(why) => return Err(why),
        Ok(_) => bail!("signed out, and still signed in"),
    }
    steps.took("signed out, the session is gone", "login_required")
}

fn is_login_required(why: &anyhow::Error) -> bool {
    why.downcast_ref::<Error>()
        .is_some_and(|why| why.to_string().contains("login_required") || why.needs_login())
}

struct Api<'a> {
    stage: &'a Stage,
}

impl Api<'_> {
    /// Calls the API, and gives its status and challenge.
    async fn call(
        &self,
        method: Method,
        token: Option<&Secret>,
    ) -> anyhow::Result<(StatusCode, String)> {
        let url = format!("{}{}", self.stage.site, MESSAGES.trim_start_matches('/'));
        let mut request = self.stage.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        let answer = request.send().await?;
        let challenge = answer.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.map_or("", |text| text.to_str().unwrap_or_default());
        Ok((answer.status(), challenge.to_owned()))
    }

    async fn machine_token(&self) -> anyhow::Result<Secret> {
        let cast = &self.stage.cast;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", cast.machine.as_str()),
            ("client_secret", cast.machine_secret.expose()),
            ("audience", AUDIENCE),
        ];
        let url = format!("{}oauth/token", self.stage.issuer);
        let answer = self
            .stage
            .http
            .post(url)
            .header(header::CONTENT_TYPE, FORM)
            .body(encoded(&form))
            .send()
            .await?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let token = answer["access_token"].as_str();
        Ok(token
            .with_context(|| format!("no token for the machine: {answer}"))?
            .into())
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn encoded(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}

/// What a consent page wants to hear again.
fn shown(page: &str) -> &str {
    let field = page.split_once(r#"name="shown" value=""#);
    let value = field.and_then(|(_, rest)| rest.split_once('"'));
    value.map_or("", |(value, _)| value)
}

/// A browser with cookies and without windows.
struct Browser {
    http: Client,
    cookies: Vec<(String, String)>,
}

impl Browser {
    /// Takes an app's user through the hosted pages and back to the app.
    async fn signs_in(
        &mut self,
        stage: &Stage,
        session: &Session,
        ask: &SignIn,
    ) -> anyhow::Result<keystead_client::Credentials> {
        let back = format!("{}callback", stage.site);
        let login = session.begin(ask, &back).await?;
        let mut at = login.url().clone();
        for _ in 0..HOPS {
            if at.as_str().starts_with(&back) {
                return Ok(session.finish(&login, at.as_str()).await?);
            }
            at = match self.send(Method::GET, &at, None).await? {
                Shown::Moved(on) => on,
                Shown::Page(text) => {
                    let form = self.filled_in(stage, &at, &text)?;
                    match self.send(Method::POST, &at, Some(form)).await? {
                        Shown::Moved(on) => on,
                        Shown::Page(text) => bail!("{} was not taken: {}", at.path(), gist(&text)),
                    }
                }
            };
        }
        bail!("no end of redirects; the last was to {}", at.path())
    }

    /// What a person would fill in on this page.
    fn filled_in(&self, stage: &Stage, at: &Url, page: &str) -> anyhow::Result<String> {
        let state = at.query_pairs().find(|(name, _)| name == "state");
        let state = state
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default();
        let cast = &stage.cast;
        let form: &[(&str, &str)] = match at.path() {
            "/u/login" => &[
                ("state", &state),
                ("username", &cast.email),
                ("password", cast.password.expose()),
                ("action", "submit"),
            ],
            "/u/confirm" => &[("state", &state), ("action", "submit")],
            "/u/consent" => &[
                ("state", &state),
                ("shown", shown(page)),
                ("action", "allow"),
            ],
            other => bail!("stopped at {other}: {}", gist(page)),
        };
        Ok(encoded(form))
    }

    /// Goes to an address and wherever it leads on this server.
    async fn visit(&mut self, url: Url) -> anyhow::Result<()> {
        let (mut at, host) = (url.clone(), url.port());
        for _ in 0..HOPS {
            match self.send(Method::GET, &at, None).await? {
                Shown::Moved(on) if on.port() == host => at = on,
                Shown::Moved(_) | Shown::Page(_) => return Ok(()),
            }
        }
        bail!("no end of redirects; the last was to {}", at.path())
    }

    async fn send(
        &mut self,
        method: Method,
        url: &Url,
        form: Option<String>,
    ) -> anyhow::Result<Shown> {
        let mut request = self.http.request(method, url.clone());
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(form) = form {
            request = request
                .header(header::CONTENT_TYPE, FORM)
                .header(header::ORIGIN, url.origin().ascii_serialization())
                .header("sec-fetch-site", "same-origin")
                .body(form);
        }
        let answer = request.send().await?;
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie
                .to_str()?
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='));
            if let Some((name, value)) = pair {
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        match answer.headers().get(header::LOCATION) {
            Some(on) if answer.status().is_redirection() => {
                Ok(Shown::Moved(url.join(on.to_str()?)?))
            }
            _ => Ok(Shown::Page(answer.text().await?)),
        }
    }
}

/// What an address answers a browser.
enum Shown {
    Moved(Url),
    Page(String),
}

/// The words of a page, without its tags, as far as they fit a line.
fn gist(page: &str) -> String {
    let mut inside = false;
    let words: String = page
        .chars()
        .filter(|c| {
            match c {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    return false;
                }
                _ => {}
            }
            !inside
        })
        .collect();
    let words: Vec<&str> = words.split_whitespace().take(40).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_in_its_words() {
        assert_eq!(
            gist("<p id=\"a\">Wrong <b>e-mail</b>\n or password.</p>"),
            "Wrong e-mail or password."
        );
    }
}
