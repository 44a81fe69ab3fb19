//! Authorization responses that travel inside a page: `form_post` and `web_message`.

use std::fmt;

use askama::Template;
use keystead_protocol::redirect::TrustedRedirect;
use serde_json::{Map, Value, json};

use super::{ClientFace, Frame, Page, Screen, policy};

/// Posts the parameters of an authorization response to the client (OAuth 2.0 Form Post Response Mode). Its script only
/// presses the button; without scripts a person does. `Debug` does not tell the parameters' values.
#[derive(Clone)]
pub struct FormPost<'a> {
    /// Where the response goes.
    pub to: &'a TrustedRedirect,
    /// The client.
    pub client: ClientFace<'a>,
    /// The parameters, in order.
    pub pairs: &'a [(&'a str, &'a str)],
}

/// Hands the parameters of an authorization response to the window that opened or framed this one, and to nobody else
/// (Web Message Response Mode): the script posts `{type: "authorization_response", response}` to the redirect's origin. `Debug` does
/// not tell the parameters' values.
#[derive(Clone)]
pub struct WebMessage<'a> {
    /// The redirect URI, whose origin alone may read the response.
    pub to: &'a TrustedRedirect,
    /// The client.
    pub client: ClientFace<'a>,
    /// The parameters.
    pub pairs: &'a [(&'a str, &'a str)],
}

impl fmt::Debug for FormPost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormPost")
            .field("to", self.to)
            .field("client", &self.client)
            .field("pairs", &names(self.pairs))
            .finish()
    }
}

impl fmt::Debug for WebMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebMessage")
            .field("to", self.to)
            .field("client", &self.client)
            .field("pairs", &names(self.pairs))
            .finish()
    }
}

fn names<'a>(pairs: &[(&'a str, &str)]) -> Vec<&'a str> {
    pairs.iter().map(|(name, _)| *name).collect()
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormView<'a> {
    frame: &'a Frame<'a>,
    page: &'a FormPost<'a>,
}

#[derive(Template)]
#[template(path = "web_message.html")]
struct MessageView<'a> {
    frame: &'a Frame<'a>,
    origin: String,
    message: String,
}

impl Page for FormPost<'_> {
    fn screen(&self) -> Screen {
        Screen::new("response", "form-post")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        FormView { frame, page: self }.render()
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        Some(self.client)
    }
}

impl WebMessage<'_> {
    fn message(&self) -> Value {
        let response: Map<String, Value> = self
            .pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        json!({ "type": "authorization_response", "response": response })
    }
}

impl Page for WebMessage<'_> {
    fn screen(&self) -> Screen {
        Screen::new("response", "web-message")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        MessageView {
            frame,
            // An origin that cannot be named receives nothing: the script posts only to what is an origin.
            origin: policy::origin(self.to.as_str()).unwrap_or_default(),
            message: self.message().to_string(),
        }
        .render()
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        Some(self.client)
    }

    fn framed_by(&self) -> Option<String> {
        policy::origin(self.to.as_str())
    }
}
