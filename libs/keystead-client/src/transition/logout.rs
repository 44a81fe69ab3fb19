//! The end: the address that signs the user out at the provider, and the form that revokes a token.

use keystead_protocol::secret::Secret;
use url::Url;

use super::{IdToken, token::form};
use crate::{Error, Provider};

/// Where the browser goes to end the session at the provider (OpenID Connect RP-Initiated Logout §2).
///
/// `back_to` must be registered at the provider. The address holds the ID token, so it is for the browser only.
///
/// # Errors
/// [`Error::NotOffered`] without `end_session_endpoint`.
pub fn end_session_url(
    provider: &Provider,
    client_id: &str,
    hint: Option<&IdToken>,
    back_to: Option<&str>,
) -> Result<Url, Error> {
    let endpoint = provider.end_session_endpoint.as_ref();
    let mut url = endpoint
        .ok_or(Error::NotOffered("end_session_endpoint"))?
        .clone();
    let mut query = url.query_pairs_mut();
    query.append_pair("client_id", client_id);
    if let Some(hint) = hint {
        query.append_pair("id_token_hint", hint.token().expose());
    }
    if let Some(back_to) = back_to {
        query.append_pair("post_logout_redirect_uri", back_to);
    }
    drop(query);
    Ok(url)
}

/// The form that revokes a refresh token, and with it what was made from it (RFC 7009 §2.1).
pub fn revocation_request(client_id: &str, refresh_token: &Secret) -> Secret {
    form(&[
        ("client_id", client_id),
        ("token", refresh_token.expose()),
        ("token_type_hint", "refresh_token"),
    ])
}
