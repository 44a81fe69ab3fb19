//! The caller: one kept connection, HTTP/1.1, and no more work for each answer than reading it takes.

use std::{collections::VecDeque, net::SocketAddr};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What a caller asks, again and again.
#[derive(Debug, Clone)]
pub enum Script {
    /// The same, which is answered 200.
    Same(Vec<u8>),
    /// The same, which is answered 303: a form that took a browser further.
    Form(Vec<u8>),
    /// A browser that is signed in: from the client's request over the code to its tokens.
    Flow(Flow),
    /// To renew tokens in turn: each answer brings the one that will be sent next time.
    Renew {
        /// The path of the token endpoint.
        path: &'static str,
        /// The form, up to the token.
        form: String,
        /// The tokens.
        tokens: VecDeque<String>,
    },
}

/// What a browser and its app send for one set of tokens.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The request that the browser brings, up to the parameter `state`.
    pub authorize: String,
    /// The browser's cookies.
    pub cookies: String,
    /// What the app sends to the token endpoint, up to the code.
    pub redeem: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Where it leads.
    pub location: Option<String>,
    /// The cookies that it sets, `name=value`.
    pub cookies: Vec<String>,
}

/// A connection and what is asked on it.
pub struct Caller {
    stream: TcpStream,
    answer: Vec<u8>,
    script: Script,
}

#[derive(Deserialize)]
struct Renewed {
    refresh_token: String,
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// If nobody listens there.
    pub async fn connect(address: SocketAddr, script: Script) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(8 * 1024),
            script,
        })
    }

    /// Asks once.
    ///
    /// # Errors
    /// If the answer is not 200: a refusal is no measurement.
    pub async fn ask(&mut self) -> Result<()> {
        match &mut self.script {
            Script::Same(request) => {
                self.stream.write_all(request).await?;
                self.hear(200).await?;
            }
            Script::Form(request) => {
                self.stream.write_all(request).await?;
                self.hear(303).await?;
            }
            Script::Flow(flow) => {
                let flow = flow.clone();
                self.flow(&flow).await?;
            }
            Script::Renew { path, form, tokens } => {
                let token = tokens.pop_front().context("a caller without tokens")?;
                self.stream
                    .write_all(&post(path, &format!("{form}{token}")))
                    .await?;
                let body = self.hear(200).await?;
                let renewed: Renewed =
                    serde_json::from_slice(self.answer.get(body..).unwrap_or_default())?;
                if let Script::Renew { tokens, .. } = &mut self.script {
                    tokens.push_back(renewed.refresh_token);
                }
            }
        }
        Ok(())
    }

    /// Asks once and gives the body.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn learn(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        let body = self.hear(200).await?;
        Ok(self.answer.split_off(body))
    }

    /// Asks once, whatever the answer is.
    ///
    /// # Errors
    /// If there is none.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.read().await.map(|(answer, _)| answer)
    }

    async fn flow(&mut self, flow: &Flow) -> Result<()> {
        let mut next = flow.authorize.clone();
        let code = loop {
            let answer = self.exchange(&visit(&next, &flow.cookies)).await?;
            let on = answer.location.context("a browser that is led nowhere")?;
            match on.split_once("code=") {
                Some((_, code)) => break code.split('&').next().unwrap_or_default().to_owned(),
                None if on.starts_with('/') => next = on,
                None => bail!("the browser was sent to {on}"),
            }
        };
        let redeem = post("/oauth/token", &format!("{}{code}", flow.redeem));
        self.stream.write_all(&redeem).await?;
        self.hear(200).await.map(drop)
    }

    /// Reads one answer to its end and gives where its body begins.
    async fn hear(&mut self, status: u16) -> Result<usize> {
        let (answer, body) = self.read().await?;
        if answer.status != status {
            bail!("{}", String::from_utf8_lossy(&self.answer));
        }
        Ok(body)
    }

    async fn read(&mut self) -> Result<(Answer, usize)> {
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the server closed the connection");
            }
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(body) = head.parse(&self.answer)? else {
                continue;
            };
            let length = head
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case("content-length"));
            let length: usize =
                str::from_utf8(length.context("an answer without its length")?.value)?.parse()?;
            if self.answer.len() < body + length {
                continue;
            }
            let values = |name: &'static str| {
                let named = head
                    .headers
                    .iter()
                    .filter(move |header| header.name.eq_ignore_ascii_case(name));
                named.map(|header| String::from_utf8_lossy(header.value).into_owned())
            };
            let answer = Answer {
                status: head.code.unwrap_or_default(),
                location: values("location").next(),
                cookies: values("set-cookie")
                    .filter_map(|cookie| cookie.split(';').next().map(str::to_owned))
                    .collect(),
            };
            return Ok((answer, body));
        }
    }
}

/// A GET request.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n").into_bytes()
}

/// A GET request of a browser with cookies.
pub fn visit(path: &str, cookies: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\ncookie: {cookies}\r\n\r\n"
    )
    .into_bytes()
}

/// A POST request with a form.
pub fn post(path: &str, form: &str) -> Vec<u8> {
    post_as(path, "localhost", "", form)
}

/// The same to a host by name, with more header lines.
pub fn post_as(path: &str, host: &str, headers: &str, form: &str) -> Vec<u8> {
    let length = form.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\n{headers}\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
    )
    .into_bytes()
}
