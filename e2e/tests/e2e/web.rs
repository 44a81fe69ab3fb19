//! What an app's own server does behind the browser's back: it asks for tokens, and for what they say.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Certificate, Client, RequestBuilder, redirect::Policy};
use serde_json::Value;
use url::Url;

use crate::ask::VERIFIER;

/// A program that talks to the server without a browser. It follows no redirect and keeps no cookie.
pub struct Web {
    pub client: Client,
    issuer: Url,
}

/// What was asked of the token endpoint, and granted.
pub struct Tokens(pub Value);

impl Web {
    /// `authority` is what the server's certificate is signed with, in PEM.
    pub fn new(issuer: &Url, address: std::net::SocketAddr, authority: Option<&[u8]>) -> Self {
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            // Each case has a runtime of its own, and a connection does not outlive the one that opened it.
            .pool_max_idle_per_host(0)
            .resolve(issuer.host_str().unwrap(), address);
        if let Some(pem) = authority {
            builder = builder.tls_certs_only([Certificate::from_pem(pem).unwrap()]);
        }
        Self {
            client: builder.build().unwrap(),
            issuer: issuer.clone(),
        }
    }

    /// An endpoint of the server.
    pub fn at(&self, path: &str) -> Url {
        self.issuer.join(path).unwrap()
    }

    /// Redeems a code as a public client does: status and body.
    pub async fn redeem(&self, client: &str, redirect_uri: &str, code: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", redirect_uri),
        ];
        json(self.client.post(self.at("oauth/token")).form(&form)).await
    }

    /// Redeems a code that must be good.
    pub async fn tokens(&self, client: &str, redirect_uri: &str, code: &str) -> Tokens {
        let (status, body) = self.redeem(client, redirect_uri, code).await;
        assert_eq!(status, 200, "{body}");
        Tokens(body)
    }

    /// What the server says of the user of an access token.
    pub async fn userinfo(&self, tokens: &Tokens) -> Value {
        let token = tokens.0["access_token"].as_str().unwrap();
        let (status, body) = json(self.client.get(self.at("userinfo")).bearer_auth(token)).await;
        assert_eq!(status, 200, "{body}");
        body
    }
}

async fn json(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

impl Tokens {
    /// A claim of the ID token. Its signature is looked at by others: it came over a connection to the issuer.
    pub fn claim(&self, name: &str) -> Value {
        let token = self.0["id_token"].as_str().unwrap();
        let claims = URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        serde_json::from_slice::<Value>(&claims).unwrap()[name].clone()
    }
}
