//! PHC strings, `$id$v=19$m=1,t=2$salt$digest`, with salts and digests of any length: imports keep to no library's limits.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Bytes of a digest that is compared. Fewer could be guessed.
const DIGEST: std::ops::RangeInclusive<usize> = 16..=128;

/// Why a stored text cannot be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(pub(super) &'static str);

/// Imports are padded or not.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The parts of a PHC string.
#[derive(Debug)]
pub(super) struct Phc<'a> {
    pub(super) id: &'a str,
    pub(super) version: Option<u32>,
    parameters: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) digest: Vec<u8>,
}

impl<'a> Phc<'a> {
    /// Splits a text; says nothing about what its parts mean.
    pub(super) fn parse(text: &'a str) -> Result<Self, Unreadable> {
        let rest = text
            .strip_prefix('$')
            .ok_or(Unreadable("not a PHC string"))?;
        let segments: Vec<&str> = rest.split('$').collect();
        let (id, version, parameters, salt, digest) = match segments[..] {
            [id, salt, digest] => (id, None, "", salt, digest),
            [id, version, salt, digest] if version.starts_with("v=") => {
                (id, Some(version), "", salt, digest)
            }
            [id, parameters, salt, digest] => (id, None, parameters, salt, digest),
            [id, version, parameters, salt, digest] => {
                (id, Some(version), parameters, salt, digest)
            }
            _ => return Err(Unreadable("a PHC string with too few or too many parts")),
        };
        let version = version.map(|version| {
            let number = version.strip_prefix("v=").and_then(|n| n.parse().ok());
            number.ok_or(Unreadable("a PHC string whose version is no number"))
        });
        let bytes = |part| {
            BASE64
                .decode(part)
                .map_err(|_| Unreadable("a PHC string whose salt or digest is not base64"))
        };
        Ok(Self {
            id,
            version: version.transpose()?,
            parameters,
            salt: bytes(salt)?,
            digest: bytes(digest)?,
        })
    }

    /// A parameter as it is written.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .split(',')
            .filter_map(|parameter| parameter.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// A parameter that must be a number.
    pub(super) fn number(&self, name: &str) -> Result<u32, Unreadable> {
        self.text(name)
            .and_then(|value| value.parse().ok())
            .ok_or(Unreadable("a cost parameter is missing or no number"))
    }
}

/// Refuses a digest so short that a wrong password could well fit, or longer than any.
pub(super) fn of_sound_length(digest: &[u8]) -> Result<(), Unreadable> {
    if DIGEST.contains(&digest.len()) {
        Ok(())
    } else {
        Err(Unreadable("a digest of a length that is not verified"))
    }
}
