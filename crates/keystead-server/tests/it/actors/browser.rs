//! A browser: keeps cookies, follows redirects as far as our own pages go, and sends forms as a page or an attacker's does.

use std::{cell::RefCell, collections::BTreeMap};

use axum::{
    body::Body,
    extract::Request,
    http::{StatusCode, request::Builder},
};
use url::{Url, form_urlencoded};

use crate::house::{Answer, House, Visitor};

/// Somebody's browser. Cookies are kept by name; where `SameSite` says so, they stay home.
pub struct Browser {
    visitor: Visitor,
    issuer: Url,
    jar: RefCell<BTreeMap<String, Cookie>>,
    stands: RefCell<String>,
}

#[derive(Clone)]
struct Cookie {
    value: String,
    line: String,
}

/// Which page a request was begun by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// One of ours.
    Here,
    /// Another site's.
    Elsewhere,
    /// None: it was typed.
    Typed,
}

impl House {
    /// A browser that has never been here.
    pub fn browser(&self) -> Browser {
        self.browser_from("203.0.113.9")
    }

    pub fn browser_from(&self, address: &str) -> Browser {
        Browser {
            visitor: self.visitor_from(address),
            issuer: self.services.config.issuer.url().clone(),
            jar: RefCell::default(),
            stands: RefCell::default(),
        }
    }
}

impl Browser {
    /// Opens an address of ours, absolute or a path, and stays there.
    pub async fn opens(&self, address: &str) -> Answer {
        self.gets(address, Begun::Typed).await
    }

    pub async fn gets(&self, address: &str, begun: Begun) -> Answer {
        let request = Request::get(self.path(address)).header("accept", "text/html");
        self.sends(request, begun, Body::empty()).await
    }

    /// Opens an address and goes where it leads, until a page or somebody else's place.
    pub async fn visits(&self, address: &str) -> Answer {
        let answer = self.opens(address).await;
        self.follows(answer).await
    }

    /// Goes where an answer leads, until a page or somebody else's place.
    pub async fn follows(&self, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            match answer.to() {
                Some(to) if self.is_ours(&to) => answer = self.opens(&to).await,
                _ => return answer,
            }
        }
        panic!("it goes round in circles: {}", answer.short())
    }

    /// Sends a form from one of our pages.
    pub async fn submits(&self, address: &str, pairs: &[(&str, &str)]) -> Answer {
        self.posts(address, pairs, Begun::Here).await
    }

    pub async fn posts(&self, address: &str, pairs: &[(&str, &str)], begun: Begun) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let request = Request::post(self.path(address))
            .header("content-type", "application/x-www-form-urlencoded");
        self.sends(request, begun, Body::from(body)).await
    }

    /// Sends any request with this browser's cookies, and keeps what the answer sets. Whoever is sent to the page that says
    /// what went wrong goes there at once: the answer is then that page, with the cookies that were set on the way.
    pub async fn sends(&self, request: Builder, begun: Begun, body: Body) -> Answer {
        let answer = self.sends_once(request, begun, body).await;
        match answer.to() {
            Some(to) if to.starts_with("/u/error?") => {
                let request = Request::get(to).header("accept", "text/html");
                let mut page = self.sends_once(request, begun, Body::empty()).await;
                for line in answer.headers.get_all("set-cookie") {
                    page.headers.append("set-cookie", line.clone());
                }
                page
            }
            _ => answer,
        }
    }

    /// The path of the page that it shows.
    pub fn stands(&self) -> String {
        self.stands.borrow().clone()
    }

    async fn sends_once(&self, mut request: Builder, begun: Begun, body: Body) -> Answer {
        let is_get = request.method_ref() == Some(&axum::http::Method::GET);
        let sent = |cookie: &Cookie| match begun {
            Begun::Here | Begun::Typed => true,
            Begun::Elsewhere => {
                cookie.line.contains("SameSite=None")
                    || is_get && cookie.line.contains("SameSite=Lax")
            }
        };
        let cookies: Vec<String> = self
            .jar
            .borrow()
            .iter()
            .filter(|(_, cookie)| sent(cookie))
            .map(|(name, cookie)| format!("{name}={}", cookie.value))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        request = request.header(
            "sec-fetch-site",
            match begun {
                Begun::Here => "same-origin",
                Begun::Elsewhere => "cross-site",
                Begun::Typed => "none",
            },
        );
        let modern = [
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        for (name, value) in modern {
            request = request.header(name, value);
        }
        let uri = request.uri_ref().map(|uri| uri.path().to_owned());
        *self.stands.borrow_mut() = uri.unwrap_or_default();
        let answer = self.visitor.sends_body(request, body).await;
        self.keeps(&answer);
        answer
    }

    fn keeps(&self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut jar = self.jar.borrow_mut();
            if attributes.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                let (value, line) = (value.to_owned(), line.to_owned());
                jar.insert(name.to_owned(), Cookie { value, line });
            }
        }
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar
            .borrow()
            .get(name)
            .map(|cookie| cookie.value.clone())
    }

    /// Plants a cookie, or takes one away.
    pub fn plants(&self, name: &str, value: Option<&str>) {
        let mut jar = self.jar.borrow_mut();
        match value {
            None => drop(jar.remove(name)),
            Some(value) => {
                let (value, line) = (value.to_owned(), "SameSite=Lax".to_owned());
                jar.insert(name.to_owned(), Cookie { value, line });
            }
        }
    }

    /// A second browser with the same cookies, which then go their own ways.
    pub fn copied(&self) -> Self {
        Self {
            visitor: self.visitor.clone(),
            issuer: self.issuer.clone(),
            jar: RefCell::new(self.jar.borrow().clone()),
            stands: RefCell::default(),
        }
    }

    fn is_ours(&self, address: &str) -> bool {
        let there = self.issuer.join(address).unwrap();
        there.origin() == self.issuer.origin()
    }

    fn path(&self, address: &str) -> String {
        let there = self.issuer.join(address).unwrap();
        assert_eq!(
            there.origin(),
            self.issuer.origin(),
            "{address} is not ours"
        );
        there[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
    }
}

impl Answer {
    /// Where it sends the browser, if it does.
    pub fn to(&self) -> Option<String> {
        let sends = [StatusCode::FOUND, StatusCode::SEE_OTHER].contains(&self.status);
        sends.then(|| self.header("location").to_owned())
    }

    /// A parameter of the place where it sends the browser, in the query or the fragment.
    pub fn sent(&self, name: &str) -> Option<String> {
        let to = Url::parse(&self.to()?).unwrap_or_else(|e| panic!("{e}: {:?}", self.to()));
        let text = [to.query(), to.fragment()];
        let pairs = text
            .iter()
            .flatten()
            .flat_map(|text| form_urlencoded::parse(text.as_bytes()));
        let mut found = pairs.filter(|(own, _)| own == name);
        found.next().map(|(_, value)| value.into_owned())
    }

    /// The value of a field on a page.
    pub fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\"");
        let tag = self.body.split('<').find(|tag| tag.contains(&start));
        let tag = tag.unwrap_or_else(|| panic!("no field {name} on {}", self.short()));
        let value = tag.split_once("value=\"").map_or("", |(_, rest)| {
            rest.split_once('"').map_or("", |(value, _)| value)
        });
        value
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&amp;", "&")
            .replace("&#38;", "&")
    }

    /// Whether the page has an element of this id.
    pub fn shows(&self, id: &str) -> bool {
        self.body.contains(&format!("id=\"{id}\""))
    }

    /// The text of an element without children.
    pub fn says(&self, id: &str) -> String {
        let start = format!("id=\"{id}\"");
        let (_, rest) = self
            .body
            .split_once(&start)
            .unwrap_or_else(|| panic!("no #{id} on {}", self.short()));
        let (_, rest) = rest.split_once('>').unwrap();
        rest.split_once('<').unwrap().0.trim().to_owned()
    }
}
