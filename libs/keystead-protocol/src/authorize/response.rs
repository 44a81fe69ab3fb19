//! What an authorization request is answered with, and in which part of the redirect.

use crate::{
    client::ClientMetadata,
    error::{Code, OAuthError},
    grant_type::GrantType,
    profile::Profile,
};

/// What stands in a successful answer: a code, tokens, or both (OAuth 2.0 Multiple Response Type Encoding Practices).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseType {
    /// An authorization code.
    pub code: bool,
    /// An access token.
    pub token: bool,
    /// An ID token.
    pub id_token: bool,
}

impl ResponseType {
    /// Every response type that is served, as discovery lists them.
    pub const ALL: [&str; 7] = [
        "code",
        "token",
        "id_token",
        "id_token token",
        "code token",
        "code id_token",
        "code id_token token",
    ];

    /// Reads the parameter. The order of its words means nothing (RFC 6749 §3.1.1), and a word twice is no type.
    pub(super) fn read(text: &str) -> Result<Self, OAuthError> {
        let mut read = Self {
            code: false,
            token: false,
            id_token: false,
        };
        for word in text.split(' ') {
            let flag = match word {
                "code" => &mut read.code,
                "token" => &mut read.token,
                "id_token" => &mut read.id_token,
                _ => return Err(unsupported(text)),
            };
            if std::mem::replace(flag, true) {
                return Err(unsupported(text));
            }
        }
        Ok(read)
    }

    /// Whether a token comes straight from the authorization endpoint, through the browser.
    pub fn is_front_channel(self) -> bool {
        self.token || self.id_token
    }

    /// Where the answer stands if nothing else is asked for.
    pub fn default_mode(self) -> ResponseMode {
        if self.is_front_channel() {
            ResponseMode::Fragment
        } else {
            ResponseMode::Query
        }
    }

    /// Whether the client may be answered so: codes and tokens are two grants to be registered for, and a hybrid answer
    /// needs both.
    pub(super) fn permitted(
        self,
        client: &ClientMetadata,
        profile: Profile,
    ) -> Result<(), OAuthError> {
        if self.is_front_channel() && !profile.takes_tokens_from_the_front() {
            return Err(OAuthError::new(
                Code::UnsupportedResponseType,
                "This client is answered with codes only",
            ));
        }
        let needed = [
            (self.code, GrantType::AuthorizationCode),
            (self.is_front_channel(), GrantType::Implicit),
        ];
        for (needed, grant) in needed {
            if needed && !client.allows(grant) {
                return Err(OAuthError::new(
                    Code::UnauthorizedClient,
                    format!("Grant type '{grant}' not allowed for the client."),
                ));
            }
        }
        Ok(())
    }
}

fn unsupported(text: &str) -> OAuthError {
    OAuthError::new(
        Code::UnsupportedResponseType,
        format!("Unsupported response type: {text}"),
    )
}

/// In which part of the redirect, or by what page, the answer reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query.
    Query,
    /// In the fragment, which browsers keep from servers.
    Fragment,
    /// By a form that posts itself (OAuth 2.0 Form Post Response Mode).
    FormPost,
    /// By a message to the page that opened or framed ours (draft-sakimura-oauth-wmrm): what silent log-in uses.
    WebMessage,
}

impl ResponseMode {
    /// Every mode with its name.
    pub const ALL: [(&str, Self); 4] = [
        ("query", Self::Query),
        ("fragment", Self::Fragment),
        ("form_post", Self::FormPost),
        ("web_message", Self::WebMessage),
    ];

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(name, mode)| (name == text).then_some(mode))
    }

    /// Whether answers of this type may come this way: what is in a query ends in logs and histories, so no token may be.
    pub(super) fn suits(self, response: ResponseType) -> bool {
        match self {
            Self::Query => !response.is_front_channel(),
            Self::Fragment | Self::FormPost | Self::WebMessage => true,
        }
    }
}
