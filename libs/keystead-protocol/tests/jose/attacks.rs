//! Tokens whose header lies about algorithm and key (class 12 of the threat list): each row says what is tried.

use aws_lc_rs::{
    encoding::AsDer,
    signature::{KeyPair, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use keystead_protocol::{
    jwk::{Algorithm, SigningKey},
    jwt::JwtRefusal,
};

use crate::tokens::{CLAIMS, encode, forge, key, vector, verify, victim};

#[test]
fn what_the_header_says_never_chooses_the_algorithm_or_the_key() {
    let (honest, victim) = victim();
    let mallory = SigningKey::generate(Algorithm::RS256).unwrap();
    let mallorys_jwk = serde_json::to_string(&mallory.to_jwk().unwrap()).unwrap();
    let by_mallory = |header: &str| forge(header, CLAIMS, &mallory);
    let by_honest = |header: &str| forge(header, CLAIMS, &honest);

    for (name, token, want) in [
        (
            "no signature, and `alg` says so",
            format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(CLAIMS)),
            JwtRefusal::UnsupportedAlgorithm,
        ),
        (
            "`none` in another case",
            format!("{}.{}.", encode(r#"{"alg":"NoNe"}"#), encode(CLAIMS)),
            JwtRefusal::UnsupportedAlgorithm,
        ),
        (
            "the right algorithm and an empty signature",
            format!("{}.{}.", encode(r#"{"alg":"RS256"}"#), encode(CLAIMS)),
            JwtRefusal::BadSignature,
        ),
        (
            "an algorithm in the wrong case",
            by_honest(r#"{"alg":"rs256"}"#),
            JwtRefusal::UnsupportedAlgorithm,
        ),
        (
            "an encryption algorithm",
            by_honest(r#"{"alg":"RSA-OAEP"}"#),
            JwtRefusal::UnsupportedAlgorithm,
        ),
        (
            "a key brought along as `jwk`",
            by_mallory(&format!(r#"{{"alg":"RS256","jwk":{mallorys_jwk}}}"#)),
            JwtRefusal::BadSignature,
        ),
        (
            "a key brought along as `jwk`, under the victim's `kid`",
            by_mallory(&format!(
                r#"{{"alg":"RS256","kid":"victim","jwk":{mallorys_jwk}}}"#
            )),
            JwtRefusal::BadSignature,
        ),
        (
            "a key set to be fetched, `jku`",
            by_mallory(r#"{"alg":"RS256","jku":"https://mallory.example/jwks"}"#),
            JwtRefusal::BadSignature,
        ),
        (
            "certificates, `x5u` and `x5c`",
            by_mallory(r#"{"alg":"RS256","x5u":"https://mallory.example/","x5c":["AAAA"]}"#),
            JwtRefusal::BadSignature,
        ),
        (
            "another key's `kid` over a right signature",
            by_honest(r#"{"alg":"RS256","kid":"other"}"#),
            JwtRefusal::KeyMismatch,
        ),
        (
            "a `kid` that is a path",
            by_honest(r#"{"alg":"RS256","kid":"../../dev/null"}"#),
            JwtRefusal::KeyMismatch,
        ),
        (
            "two algorithms, the right one last",
            by_honest(r#"{"alg":"none","alg":"RS256"}"#),
            JwtRefusal::DuplicateMember,
        ),
        (
            "two algorithms, the right one first",
            by_honest(r#"{"alg":"RS256","alg":"HS256"}"#),
            JwtRefusal::DuplicateMember,
        ),
        (
            "two algorithms, one with an escape in its name",
            by_honest(r#"{"\u0061lg":"HS256","alg":"RS256"}"#),
            JwtRefusal::DuplicateMember,
        ),
        (
            "two unknown members of one name",
            by_honest(r#"{"alg":"RS256","x":1,"x":2}"#),
            JwtRefusal::DuplicateMember,
        ),
        (
            "an extension that must be understood",
            by_honest(r#"{"alg":"RS256","crit":["exp"],"exp":1}"#),
            JwtRefusal::Critical,
        ),
        (
            "an empty list of such extensions",
            by_honest(r#"{"alg":"RS256","crit":[]}"#),
            JwtRefusal::Critical,
        ),
        (
            "an unencoded payload, as RFC 7797 has it",
            by_honest(r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#),
            JwtRefusal::Critical,
        ),
    ] {
        assert_eq!(verify(&token, &victim).unwrap_err(), want, "{name}");
    }
}

#[test]
fn a_public_key_is_not_a_secret() {
    let pair = RsaKeyPair::from_pkcs8(&vector("RFC 7515 A.2").pkcs8()).unwrap();
    let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
    let base64 = STANDARD.encode(&spki);
    let lines: Vec<&str> = (0..base64.len())
        .step_by(64)
        .map(|at| &base64[at..base64.len().min(at + 64)])
        .collect();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    );
    let (honest, victim) = victim();
    let jwk = serde_json::to_vec(&honest.to_jwk().unwrap()).unwrap();

    for (name, secret) in [
        ("the PEM file", pem.as_bytes()),
        (
            "the PEM file without its last line end",
            pem.trim_end().as_bytes(),
        ),
        ("SubjectPublicKeyInfo in DER", &spki),
        ("RSAPublicKey in DER", pair.public_key().as_ref()),
        ("the JSON Web Key", &jwk),
    ] {
        for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let signer = SigningKey::from_secret(alg, secret).unwrap();
            let token = forge(&format!(r#"{{"alg":"{alg}"}}"#), CLAIMS, &signer);
            assert_eq!(
                verify(&token, &victim).unwrap_err(),
                JwtRefusal::AlgorithmMismatch,
                "{alg} with {name}"
            );
            let relabelled = forge(r#"{"alg":"RS256"}"#, CLAIMS, &signer);
            assert_eq!(
                verify(&relabelled, &victim).unwrap_err(),
                JwtRefusal::BadSignature,
                "{alg} as RS256 with {name}"
            );
        }
    }
}

#[test]
fn a_key_serves_one_algorithm_even_if_its_numbers_would_fit() {
    for signed in Algorithm::ALL {
        let signer = key(signed);
        for pinned in Algorithm::ALL {
            let verifier = key(pinned).to_verifying_key().unwrap();
            for claimed in Algorithm::ALL {
                let token = forge(&format!(r#"{{"alg":"{claimed}"}}"#), CLAIMS, &signer);
                let fresh = signed == Algorithm::ES384;
                let want = match () {
                    () if claimed != pinned => Err(JwtRefusal::AlgorithmMismatch),
                    () if signed != pinned || fresh => Err(JwtRefusal::BadSignature),
                    () => Ok(()),
                };
                assert_eq!(
                    verify(&token, &verifier).map(drop),
                    want,
                    "signed with {signed}, labelled {claimed}, key pinned to {pinned}"
                );
            }
        }
    }
}

/// What the strictness must not cost: odd but honest headers.
#[test]
fn honest_headers_of_others_are_read() {
    let (honest, victim) = victim();
    for (name, header) in [
        ("without type and key id", r#"{"alg":"RS256"}"#),
        (
            "with spaces and line ends",
            "{\"typ\":\"JWT\",\r\n \"alg\":\"RS256\" }",
        ),
        (
            "with a `jku` beside the right key",
            r#"{"alg":"RS256","kid":"victim","jku":"https://issuer.example/jwks"}"#,
        ),
        (
            "with a certificate's hash",
            r#"{"typ":"JWT","alg":"RS256","x5t":"abc","kid":"victim"}"#,
        ),
        ("with a name in escapes", r#"{"\u0061lg":"RS256"}"#),
    ] {
        assert!(
            verify(&forge(header, CLAIMS, &honest), &victim).is_ok(),
            "{name}"
        );
    }
    let ed = vector("RFC 8037 A.4");
    let renamed = forge(r#"{"alg":"Ed25519"}"#, CLAIMS, &ed.signing_key(ed.alg));
    assert!(
        verify(&renamed, &ed.verifying_key()).is_ok(),
        "the name of RFC 9864"
    );
}
