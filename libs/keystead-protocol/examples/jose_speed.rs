//! How much of the primitive's speed is left when a token is made or read.
//!
//! `cargo run --release -p keystead-protocol --example jose_speed`
//!
//! One thread. Each round times the bare primitive of aws-lc-rs and our function one after the other on the same bytes,
//! so that a noisy machine disturbs both; the table shows the median of the rounds.

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use keystead_protocol::{
    claims::{Expected, TokenUse, check},
    jwk::{Algorithm, SigningKey},
    jwt::{Signer, Token, Typ},
    time::Timestamp,
};

const PAYLOAD: &[u8] = br#"{"iss":"https://tenant.example.com/","sub":"auth0|5f7c8ec7c33c6c004bbafe82","aud":["https://api.example.com/v1","https://tenant.example.com/userinfo"],"iat":1700000000,"exp":1700086400,"scope":"openid profile email read:orders write:orders","azp":"x2DsMdpAWPUcXgRdSwWqgsBAhNFoKmZ4","jti":"q7pX0Vw1ZcDk3LrT5yHn8Bfa","permissions":["read:orders","write:orders"]}"#;

const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(40);

const EXPECTED: Expected<'_> = Expected {
    issuer: "https://tenant.example.com/",
    audience: "https://api.example.com/v1",
    leeway: Duration::ZERO,
    token_use: TokenUse::AccessToken,
};

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{:<26}{:>14}{:>14}{:>9}",
        "", "primitive/s", "ours/s", "ratio"
    );
    let chance = SystemRandom::new();

    let key = SigningKey::generate(Algorithm::RS256)?;
    let pair = RsaKeyPair::from_pkcs8(&key.to_pkcs8()?)?;
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key())?;
    let mut buffer = vec![0; pair.public_modulus_len()];
    measure(
        key,
        |message| {
            pair.sign(&RSA_PKCS1_SHA256, &chance, message, &mut buffer)
                .is_ok()
        },
        |message, signature| public.verify_sig(message, signature).is_ok(),
    )?;

    let key = SigningKey::generate(Algorithm::ES256)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.to_pkcs8()?)?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())?;
    measure(
        key,
        |message| pair.sign(&chance, message).is_ok(),
        |message, signature| public.verify_sig(message, signature).is_ok(),
    )?;

    let key = SigningKey::generate(Algorithm::EdDSA)?;
    let pair = Ed25519KeyPair::from_pkcs8(&key.to_pkcs8()?)?;
    let public = ParsedPublicKey::new(&ED25519, pair.public_key())?;
    measure(
        key,
        |message| pair.try_sign(message).is_ok(),
        |message, signature| public.verify_sig(message, signature).is_ok(),
    )?;

    let secret = [7; 32];
    let key = SigningKey::from_secret(Algorithm::HS256, &secret)?;
    let raw = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    measure(
        key,
        |message| hmac::sign(&raw, message).as_ref().len() == 32,
        |message, signature| hmac::verify(&raw, message, signature).is_ok(),
    )
}

fn measure(
    key: SigningKey,
    mut sign: impl FnMut(&[u8]) -> bool,
    mut verify: impl FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), Box<dyn Error>> {
    let public = key.to_verifying_key()?;
    let signer = Signer::new(key);
    let key = signer.key();
    let token = signer.encode(Typ::Jwt, PAYLOAD)?;
    let (input, _) = token.rsplit_once('.').ok_or("three parts")?;
    let mut signature = Vec::new();
    key.sign(input.as_bytes(), &mut signature)?;
    let now = Timestamp::from_secs(1_700_000_001);
    let read = |token: &str| Token::parse(token).and_then(|token| token.verify(&public));

    compare(
        &format!("{} encode", key.alg()),
        || sign(black_box(input.as_bytes())),
        || signer.encode(Typ::Jwt, black_box(PAYLOAD)).is_ok(),
    )?;
    compare(
        &format!("{} verify", key.alg()),
        || verify(black_box(input.as_bytes()), black_box(&signature)),
        || read(black_box(&token)).is_ok(),
    )?;
    compare(
        &format!("{} verify and check", key.alg()),
        || verify(black_box(input.as_bytes()), black_box(&signature)),
        || read(black_box(&token)).is_ok_and(|token| check(token, &EXPECTED, now).is_ok()),
    )
}

fn compare(
    name: &str,
    mut primitive: impl FnMut() -> bool,
    mut ours: impl FnMut() -> bool,
) -> Result<(), Box<dyn Error>> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push((rate(&mut primitive)?, rate(&mut ours)?));
    }
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(ROUNDS / 2).copied().unwrap_or_default()
    };
    println!(
        "{name:<26}{:>14.0}{:>14.0}{:>8.1}%",
        median(|round| round.0),
        median(|round| round.1),
        100.0 * median(|round| round.1 / round.0),
    );
    Ok(())
}

/// Calls a second, over one round.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock; the library does not"
)]
fn rate(call: &mut impl FnMut() -> bool) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut calls = 0_u32;
    loop {
        for _ in 0..32 {
            if !call() {
                return Err("a signature failed".into());
            }
        }
        calls += 32;
        let spent = start.elapsed();
        if spent >= ROUND {
            return Ok(f64::from(calls) / spent.as_secs_f64());
        }
    }
}
