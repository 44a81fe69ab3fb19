//! Who relies on Keystead, on a site of its own: where answers arrive, an app in a browser, and a site that attacks.
//!
//! Its pages are the same for everybody: what one is about stands in the URL and is read by its script.

use std::{io, net::SocketAddr, sync::LazyLock};

use axum::{
    Form, Router,
    http::{
        HeaderName,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{Html, IntoResponse, Redirect},
    routing::{get, post},
    serve::Listener,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use url::Url;

use crate::{needs, program::free_address};

/// An app's site, and one that nobody trusts. Both are this server.
pub struct Party {
    port: u16,
}

static PARTY: LazyLock<Party> = LazyLock::new(Party::open);

/// The one party of all cases; it ends with the process.
pub fn party() -> &'static Party {
    &PARTY
}

impl Party {
    fn open() -> Self {
        let address = free_address();
        let (opened, open) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = Encrypted {
                    listener: TcpListener::bind(address).await.unwrap(),
                    acceptor: acceptor(),
                };
                opened.send(()).unwrap();
                axum::serve(listener, routes()).await.unwrap();
            });
        });
        open.recv().unwrap();
        Self {
            port: address.port(),
        }
    }

    /// A page of the app's site.
    pub fn url(&self, path: &str) -> Url {
        self.at("app.party.test", path)
    }

    /// A page of the site that attacks.
    pub fn evil(&self, path: &str) -> Url {
        self.at("evil.test", path)
    }

    /// The origin of the app's site.
    pub fn origin(&self) -> String {
        self.url("/").origin().ascii_serialization()
    }

    fn at(&self, host: &str, path: &str) -> Url {
        format!("https://{host}:{}{path}", self.port)
            .parse()
            .unwrap()
    }
}

fn routes() -> Router {
    let page = |text: &'static str| get(async move || Html(text));
    let strict = [(CONTENT_SECURITY_POLICY, "form-action 'self'")];
    Router::new()
        .route(
            "/callback",
            page("<!doctype html><title>App</title><h1 id=arrived>Arrived</h1>"),
        )
        .route(
            "/signed-out",
            page("<!doctype html><title>App</title><h1 id=left>Left</h1>"),
        )
        .route("/form-post", post(received))
        .route("/spa", page(SPA))
        .route("/spa-js", page(SPA_JS))
        .route("/auth0-spa-js.js", get(spa_js))
        .route("/embed", page(EMBED))
        .route("/forge", page(FORGE))
        .route("/lenient", page(LEAVE))
        .route("/strict", get(async move || strict_page(strict)))
        .route("/leave", post(leave))
}

fn strict_page(policy: [(HeaderName, &'static str); 1]) -> impl IntoResponse {
    (policy, Html(LEAVE))
}

/// Asks for authorization in a hidden frame, as an app does that renews its tokens, and shows what it hears.
const SPA: &str = "<!doctype html><title>App</title><pre id=heard></pre><script>
addEventListener('message', event => {
    document.getElementById('heard').textContent = JSON.stringify({ origin: event.origin, data: event.data });
});
const frame = document.createElement('iframe');
frame.src = new URLSearchParams(location.search).get('url');
document.body.append(frame);
</script>";

/// An app that has Auth0's library for browsers, and is told what to do with it from outside.
const SPA_JS: &str = "<!doctype html><title>App</title><script src=/auth0-spa-js.js></script>";

async fn spa_js() -> impl IntoResponse {
    let script = std::fs::read_to_string(needs::spa_js()).unwrap();
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], script)
}

/// Puts somebody else's page into a frame, for a user to click on without knowing.
const EMBED: &str =
    "<!doctype html><title>Evil</title><iframe id=frame width=800 height=600></iframe><script>
document.getElementById('frame').src = new URLSearchParams(location.search).get('url');
</script>";

/// Posts somebody else's form: `url` is where, every other parameter is a field.
const FORGE: &str = "<!doctype html><title>Evil</title><form id=form method=post></form><script>
const form = document.getElementById('form');
for (const [name, value] of new URLSearchParams(location.search)) {
    if (name === 'url') { form.action = value; continue; }
    const field = document.createElement('input');
    [field.type, field.name, field.value] = ['hidden', name, value];
    form.append(field);
}
HTMLFormElement.prototype.submit.call(form);
</script>";

/// A form whose answer is a redirect to `to`: with a policy that forbids it, and without one.
const LEAVE: &str = "<!doctype html><title>App</title><form method=post action=/leave>
<input type=hidden name=to id=to><button id=go>Go</button></form><script>
document.getElementById('to').value = new URLSearchParams(location.search).get('to');
</script>";

#[derive(Deserialize)]
struct Leave {
    to: String,
}

async fn leave(Form(Leave { to }): Form<Leave>) -> Redirect {
    Redirect::to(&to)
}

/// Shows the form that it was sent, as JSON.
async fn received(Form(pairs): Form<Vec<(String, String)>>) -> Html<String> {
    let text = serde_json::to_string(&pairs).unwrap();
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    Html(format!(
        "<!doctype html><title>App</title><pre id=received>{text}</pre>"
    ))
}

/// A listener whose connections are encrypted.
struct Encrypted {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else {
                continue;
            };
            // A browser opens connections that it never uses: none may keep the next one waiting.
            let handshake = self.acceptor.accept(stream);
            let patience = std::time::Duration::from_secs(1);
            if let Ok(Ok(stream)) = tokio::time::timeout(patience, handshake).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Nobody checks the certificate: the browser is told to accept any.
fn acceptor() -> TlsAcceptor {
    let names = ["app.party.test", "evil.test"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(
        rustls::crypto::aws_lc_rs::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
    .unwrap();
    TlsAcceptor::from(std::sync::Arc::new(config))
}
