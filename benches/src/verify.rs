//! The verifier that APIs use: the function and the tower layer, on tokens of a running server, beside the signature alone.

use std::{convert::Infallible, future, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    },
};
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use keystead_verifier::{BearerLayer, Verifier, VerifyingKeys};
use tower::{Layer as _, Service as _, service_fn};

use crate::{
    Row, Settings,
    house::{ES256, RS256, Records},
    limits::{self, Rate, SIGNED},
    pin::Cores,
    server::ISSUER,
    token,
};

/// Each algorithm: the primitive, the function, the layer.
///
/// # Errors
/// Anything that keeps it from being measured.
pub fn verify(settings: &Settings) -> Result<Vec<Row>> {
    let cores = Cores::choose()?;
    let house = Records::new(None)?.serve(cores.server)?;
    let mut all = Vec::new();
    for (name, audience, primitive) in [("rs256", RS256, rs256 as Limit), ("es256", ES256, es256)] {
        let token = token::access_token(&house, audience)?;
        // Read after the token, because the first token of an algorithm makes its key.
        let keys = String::from_utf8(token::ask(
            &house,
            &crate::http::get("/.well-known/jwks.json"),
        )?)?;
        let verifier = Verifier::builder()
            .issuer(ISSUER)
            .audience(audience)
            .keys(VerifyingKeys::from_json(&keys).map_err(|why| anyhow!("{why}"))?)
            .build()?;
        let limit = primitive(cores.server, settings.time)?;
        let function = {
            let (verifier, token) = (verifier.clone(), token.clone());
            limits::looped(cores.server, settings.time, move || {
                Ok(verifier.verify_now(&token).map(drop)?)
            })?
        };
        let layer = layer(cores.server, verifier, &token, settings.time)?;
        all.push(Row::rate(format!("raw_{name}_verifications"), limit.cpu));
        all.push(Row::rate(format!("verify_{name}"), function.cpu).of(limit.cpu));
        all.push(Row::rate(format!("verify_{name}_tower_layer"), layer.cpu).of(limit.cpu));
    }
    Ok(all)
}

type Limit = fn(usize, Duration) -> Result<Rate>;

fn layer(core: usize, verifier: Verifier, token: &str, time: Duration) -> Result<Rate> {
    let bearer = HeaderValue::try_from(format!("Bearer {token}"))?;
    let api = |_: Request<()>| future::ready(Ok::<_, Infallible>(Response::new(String::new())));
    let mut service = BearerLayer::new(verifier).layer(service_fn(api));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    limits::looped(core, time, move || {
        let mut request = Request::new(());
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let answer = runtime.block_on(service.call(request))?;
        answer
            .status()
            .is_success()
            .then_some(())
            .context("the layer refuses the token")
    })
}

fn rs256(core: usize, time: Duration) -> Result<Rate> {
    let (key, random) = (RsaKeyPair::generate(KeySize::Rsa2048)?, SystemRandom::new());
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &random, &SIGNED, &mut signature)?;
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())?;
    limits::looped(core, time, move || {
        Ok(public.verify_sig(&SIGNED, &signature)?)
    })
}

fn es256(core: usize, time: Duration) -> Result<Rate> {
    let (key, random) = (
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
        SystemRandom::new(),
    );
    let signature = key.sign(&random, &SIGNED)?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref())?;
    limits::looped(core, time, move || {
        Ok(public.verify_sig(&SIGNED, signature.as_ref())?)
    })
}
