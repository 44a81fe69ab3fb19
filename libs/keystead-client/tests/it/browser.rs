//! The way back from the browser: one callback, and everything else that knocks at the port.

use std::{sync::mpsc, time::Duration};

use keystead_client::{Browser, CallbackRefusal, Credentials, Error, reqwest};
use reqwest::{Client, StatusCode, Url};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use crate::house::House;

struct Visit {
    house: House,
    signing_in: JoinHandle<Result<Credentials, Error>>,
    /// Where the browser was sent.
    request: Url,
    /// Where it is to come back to.
    redirect: Url,
}

async fn visit(timeout: Duration) -> Visit {
    let house = House::new().await;
    let (opened, opening) = mpsc::channel();
    let browser = Browser::with(move |url| {
        opened.send(url.clone()).unwrap();
        Ok(())
    });
    let browser = browser.timeout(timeout).app("Ada's <b>mailer</b>");
    let session = house.session.clone();
    let signing_in =
        tokio::spawn(async move { session.sign_in_with(&session.ask(), browser).await });
    let request = tokio::task::spawn_blocking(move || opening.recv().unwrap())
        .await
        .unwrap();
    let redirect = request
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap()
        .1
        .parse()
        .unwrap();
    Visit {
        house,
        signing_in,
        request,
        redirect,
    }
}

impl Visit {
    fn state(&self) -> String {
        self.request
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned()
    }

    async fn goes(&self, query: &str) -> (StatusCode, String, Option<String>) {
        let mut url = self.redirect.clone();
        url.set_query(Some(query));
        let client = Client::builder().no_proxy().build().unwrap();
        let response = client.get(url).send().await.unwrap();
        let policy = response.headers().get("content-security-policy");
        let policy = policy.map(|policy| policy.to_str().unwrap().to_owned());
        (response.status(), response.text().await.unwrap(), policy)
    }

    async fn comes_back(&self) -> String {
        let code = self.house.provider.grants_code(&self.request);
        let (state, issuer) = (self.state(), &self.house.issuer);
        let (status, page, policy) = self
            .goes(&format!("code={code}&state={state}&iss={issuer}"))
            .await;
        assert_eq!(status, StatusCode::OK);
        assert!(
            policy
                .unwrap()
                .starts_with("default-src 'none'; style-src 'sha256-")
        );
        page
    }

    /// A request written by hand; the status line of the answer.
    async fn says(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.redirect.port().unwrap()))
            .await
            .unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn the_browser_comes_back_and_the_user_is_signed_in() {
    let visit = visit(Duration::from_secs(30)).await;
    assert_eq!(
        (
            visit.redirect.scheme(),
            visit.redirect.host_str(),
            visit.redirect.path()
        ),
        ("http", Some("127.0.0.1"), "/callback")
    );
    let page = visit.comes_back().await;
    assert!(
        page.contains(
            "You can close this window and go on in Ada&#39;s &lt;b&gt;mailer&lt;/b&gt;."
        ),
        "{page}"
    );
    let credentials = visit.signing_in.await.unwrap().unwrap();
    assert_eq!(credentials.id_token().unwrap().subject(), "ada");
    assert!(visit.house.session.credentials().await.is_ok());
    let port = visit.redirect.port().unwrap();
    assert!(
        TcpStream::connect(("127.0.0.1", port)).await.is_err(),
        "the port is closed"
    );
}

#[tokio::test]
async fn whatever_else_knocks_changes_nothing() {
    let visit = visit(Duration::from_secs(30)).await;
    let (state, port) = (visit.state(), visit.redirect.port().unwrap());
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    for (name, request, want) in [
        (
            "an icon",
            format!("GET /favicon.ico HTTP/1.1\r\n{host}\r\n"),
            "HTTP/1.1 404 Not Found",
        ),
        (
            "another path",
            format!("GET /callback/?code=c&state={state} HTTP/1.1\r\n{host}\r\n"),
            "HTTP/1.1 404 Not Found",
        ),
        (
            "another host",
            format!(
                "GET /callback?error=access_denied&state={state} HTTP/1.1\r\nHost: evil.example.com:{port}\r\n\r\n"
            ),
            "HTTP/1.1 421 Misdirected Request",
        ),
        (
            "no host",
            format!("GET /callback?error=access_denied&state={state} HTTP/1.1\r\n\r\n"),
            "HTTP/1.1 421 Misdirected Request",
        ),
        (
            "a form",
            format!(
                "POST /callback?error=access_denied&state={state} HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"
            ),
            "HTTP/1.1 405 Method Not Allowed",
        ),
        (
            "a forged error",
            format!("GET /callback?error=access_denied HTTP/1.1\r\n{host}\r\n"),
            "HTTP/1.1 400 Bad Request",
        ),
        (
            "a guessed state",
            format!("GET /callback?code=c&state=guess HTTP/1.1\r\n{host}\r\n"),
            "HTTP/1.1 400 Bad Request",
        ),
        (
            "two states",
            format!("GET /callback?code=c&state=x&state={state} HTTP/1.1\r\n{host}\r\n"),
            "HTTP/1.1 400 Bad Request",
        ),
        (
            "another issuer",
            format!(
                "GET /callback?code=c&state={state}&iss=https://evil.example.com/ HTTP/1.1\r\n{host}\r\n"
            ),
            "HTTP/1.1 400 Bad Request",
        ),
        (
            "nonsense",
            "\u{1}\u{2}\u{3}\r\n\r\n".into(),
            "HTTP/1.1 400 Bad Request",
        ),
        (
            "an endless head",
            format!(
                "GET /callback?{} HTTP/1.1\r\n{host}\r\n",
                "x".repeat(40_000)
            ),
            "HTTP/1.1 4",
        ),
    ] {
        let answer = visit.says(&request).await;
        assert!(answer.starts_with(want), "{name}: {answer}");
    }
    // And one that says nothing.
    let _silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(!visit.signing_in.is_finished());
    visit.comes_back().await;
    assert!(visit.signing_in.await.unwrap().is_ok());
}

#[tokio::test]
async fn the_user_says_no() {
    let visit = visit(Duration::from_secs(30)).await;
    let query = format!(
        "error=access_denied&error_description=no+thanks&state={}&iss={}",
        visit.state(),
        visit.house.issuer
    );
    let (status, page, _) = visit.goes(&query).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("You were not signed in"), "{page}");
    let why = visit.signing_in.await.unwrap().unwrap_err();
    assert!(
        matches!(&why, Error::Denied(why) if why == "no thanks"),
        "{why}"
    );
}

#[tokio::test]
async fn the_user_never_comes_back() {
    let visit = visit(Duration::from_millis(200)).await;
    let why = visit.signing_in.await.unwrap().unwrap_err();
    assert!(matches!(why, Error::TimedOut), "{why}");
    assert!(
        TcpStream::connect(("127.0.0.1", visit.redirect.port().unwrap()))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_app_gives_up() {
    let visit = visit(Duration::from_secs(30)).await;
    visit.signing_in.abort();
    assert!(visit.signing_in.await.unwrap_err().is_cancelled());
    assert!(
        TcpStream::connect(("127.0.0.1", visit.redirect.port().unwrap()))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_browser_that_does_not_open_is_an_address_to_show() {
    let house = House::new().await;
    let broken = Browser::with(|_| Err(std::io::Error::other("no display")));
    let why = house
        .session
        .sign_in_with(&house.session.ask(), broken)
        .await
        .unwrap_err();
    assert!(
        matches!(&why, Error::Browser { url, .. } if url.path() == "/authorize"),
        "{why}"
    );
    // The text may be logged, and the address is worth a sign-in.
    let text = why.to_string();
    assert!(
        text.starts_with("no browser could be opened (no display)") && !text.contains("state="),
        "{text}"
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_so() {
    let house = House::new().await;
    let taken = house.wire.port();
    let browser = Browser::with(|_| Ok(())).port(taken);
    let why = house
        .session
        .sign_in_with(&house.session.ask(), browser)
        .await
        .unwrap_err();
    assert!(matches!(why, Error::Loopback(_)), "{why}");
}

#[tokio::test]
async fn a_callback_of_another_sign_in_is_not_finished() {
    let house = House::new().await;
    let (one, other) = (house.begins().await, house.begins().await);
    let callback = house.callback(one.url());
    let why = house.session.finish(&other, &callback).await.unwrap_err();
    assert!(
        matches!(why, Error::Callback(CallbackRefusal::State)),
        "{why}"
    );
    // Whoever sent it has not ended the sign-in that waits.
    let own = house.callback(other.url());
    house.session.finish(&other, &own).await.unwrap();
    house.session.finish(&one, &callback).await.unwrap();
    let late = house.begins().await;
    let why = house.session.finish(&late, &callback).await.unwrap_err();
    assert!(
        matches!(why, Error::Callback(CallbackRefusal::State)),
        "{why}"
    );
}
