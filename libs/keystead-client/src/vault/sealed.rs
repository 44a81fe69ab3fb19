//! The form of the file: a line that says what it is and where its key lies, then AES-256-GCM.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use keystead_protocol::secret::Secret;
use zeroize::Zeroizing;

use crate::VaultError;

/// 256 bits that open a vault.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Where the key of a file lies. It stands in the file, so that a keychain that is away today is not mistaken for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Given,
    KeyFile,
    Keychain,
}

impl Place {
    const ALL: [Self; 3] = [Self::Given, Self::KeyFile, Self::Keychain];

    /// The first line, authenticated with the rest: a file cannot be passed off as one with another key or purpose.
    fn line(self) -> &'static [u8] {
        match self {
            Self::Given => b"keystead-client vault 1, key given\n",
            Self::KeyFile => b"keystead-client vault 1, key file\n",
            Self::Keychain => b"keystead-client vault 1, keychain\n",
        }
    }
}

/// Where the key of this file lies.
pub(super) fn place(file: &[u8], path: &Path) -> Result<Place, VaultError> {
    let mut places = Place::ALL.into_iter();
    places
        .find(|place| file.starts_with(place.line()))
        .ok_or_else(|| VaultError::Sealed(path.to_owned()))
}

/// Encrypts under a nonce of chance, which is safe for 2^32 times with one key.
pub(super) fn seal(
    text: &Secret,
    key: &Key,
    place: Place,
    path: &Path,
) -> Result<Vec<u8>, VaultError> {
    let sealed = || VaultError::Sealed(path.to_owned());
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| sealed())?;
    // Room for the tag, so that the plain text is never moved and left behind.
    let mut body = Zeroizing::new(Vec::with_capacity(
        text.expose().len() + AES_256_GCM.tag_len(),
    ));
    body.extend_from_slice(text.expose().as_bytes());
    let nonce = cipher
        .seal_in_place_append_tag(Aad::from(place.line()), &mut *body)
        .map_err(|_| sealed())?;
    Ok([place.line(), nonce.as_ref(), &body].concat())
}

/// Decrypts what [`seal`] wrote, if nobody touched it.
pub(super) fn open(file: &[u8], key: &Key, path: &Path) -> Result<Secret, VaultError> {
    let sealed = || VaultError::Sealed(path.to_owned());
    let line = place(file, path)?.line();
    let (nonce, body) = file
        .get(line.len()..)
        .and_then(|rest| rest.split_first_chunk::<NONCE_LEN>())
        .ok_or_else(sealed)?;
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| sealed())?;
    let mut body = Zeroizing::new(body.to_vec());
    let text = cipher
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(line),
            &mut body,
        )
        .map_err(|_| sealed())?;
    str::from_utf8(text).map(Secret::from).map_err(|_| sealed())
}
