//! A token has one spelling, and nothing else is a token (class 31 of the threat list).

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use keystead_protocol::jwt::{JwtRefusal, Limits, Signer, Token, Typ};

use crate::tokens::{CLAIMS, decode, encode, forge, vector, verify, victim};

#[test]
fn a_token_has_one_spelling() {
    let (honest, victim) = victim();
    let token = Signer::new(honest)
        .encode(Typ::Jwt, CLAIMS.as_bytes())
        .unwrap();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("not three parts")
    };
    assert_eq!(
        verify(&token, &victim).unwrap().payload(),
        CLAIMS.as_bytes()
    );

    // 256 bytes end with a character of four significant bits, 17 bytes with one of two.
    let stray = |part: &str| {
        let last = part.bytes().last().unwrap();
        format!("{}{}", &part[..part.len() - 1], char::from(last + 1))
    };
    for (name, token, want) in [
        (
            "padded signature",
            format!("{token}=="),
            JwtRefusal::Encoding,
        ),
        (
            "padded payload",
            format!("{header}.{payload}=.{signature}"),
            JwtRefusal::BadSignature,
        ),
        (
            "padded header",
            format!("{header}=.{payload}.{signature}"),
            JwtRefusal::Encoding,
        ),
        ("leading space", format!(" {token}"), JwtRefusal::Encoding),
        (
            "trailing line end",
            format!("{token}\n"),
            JwtRefusal::Encoding,
        ),
        (
            "trailing zero byte",
            format!("{token}\0"),
            JwtRefusal::Encoding,
        ),
        (
            "line end in the signature",
            token.replace(
                &signature[..9],
                &format!("{}\n{}", &signature[..4], &signature[4..9]),
            ),
            JwtRefusal::Encoding,
        ),
        (
            "alphabet of plain base64",
            format!(
                "{header}.{payload}.{}",
                signature.replace('-', "+").replace('_', "/")
            ),
            JwtRefusal::Encoding,
        ),
        (
            "stray bits in the signature",
            format!("{header}.{payload}.{}", stray(signature)),
            JwtRefusal::Encoding,
        ),
        (
            "signature short of a byte",
            token[..token.len() - 2].to_owned(),
            JwtRefusal::BadSignature,
        ),
        (
            "signature with a byte more",
            format!("{}A", &token),
            JwtRefusal::BadSignature,
        ),
        (
            "zero before the signature",
            format!(
                "{header}.{payload}.{}",
                encode([&[0], decode(signature).as_slice()].concat())
            ),
            JwtRefusal::BadSignature,
        ),
        (
            "endless signature",
            format!("{header}.{payload}.{}", "A".repeat(8000)),
            JwtRefusal::Encoding,
        ),
        ("no part", String::new(), JwtRefusal::NotThreeParts),
        ("one part", header.to_owned(), JwtRefusal::NotThreeParts),
        (
            "two parts",
            format!("{header}.{payload}"),
            JwtRefusal::NotThreeParts,
        ),
        (
            "four parts",
            format!("{token}.{signature}"),
            JwtRefusal::NotThreeParts,
        ),
        (
            "five parts, an encrypted token",
            format!("{token}.{signature}.{signature}"),
            JwtRefusal::NotThreeParts,
        ),
        ("three empty parts", "..".to_owned(), JwtRefusal::Header),
        (
            "JSON serialization",
            format!(
                r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#
            ),
            JwtRefusal::NotThreeParts,
        ),
        (
            "the scheme left on",
            format!("Bearer {token}"),
            JwtRefusal::Encoding,
        ),
        (
            "another payload",
            format!("{header}.{}.{signature}", encode(r#"{"sub":"admin"}"#)),
            JwtRefusal::BadSignature,
        ),
    ] {
        assert_eq!(verify(&token, &victim).unwrap_err(), want, "{name}");
    }
}

#[test]
fn headers_that_are_no_headers() {
    let (honest, victim) = victim();
    for (name, header) in [
        ("an array", r#"["alg","RS256"]"#.to_owned()),
        ("a string", r#""RS256""#.to_owned()),
        ("null", "null".to_owned()),
        ("no algorithm", r#"{"kid":"victim"}"#.to_owned()),
        ("an algorithm that is a number", r#"{"alg":1}"#.to_owned()),
        ("an algorithm that is null", r#"{"alg":null}"#.to_owned()),
        ("algorithms in an array", r#"{"alg":["RS256"]}"#.to_owned()),
        (
            "a key id that is a number",
            r#"{"alg":"RS256","kid":7}"#.to_owned(),
        ),
        (
            "a type that is null",
            r#"{"alg":"RS256","typ":null}"#.to_owned(),
        ),
        ("something after the end", r#"{"alg":"RS256"}{}"#.to_owned()),
        (
            "a byte order mark",
            "\u{feff}{\"alg\":\"RS256\"}".to_owned(),
        ),
        ("a comment", r#"{"alg":"RS256"/**/}"#.to_owned()),
        (
            "half a surrogate pair",
            r#"{"alg":"RS256","kid":"\ud800"}"#.to_owned(),
        ),
        (
            "great depth",
            format!(
                r#"{{"alg":"RS256","x":{}{}}}"#,
                "[".repeat(999),
                "]".repeat(999)
            ) + "]",
        ),
        (
            "more members than anyone has",
            format!(
                r#"{{"alg":"RS256"{}}}"#,
                (0..40).map(|n| format!(r#","{n}":0"#)).collect::<String>()
            ),
        ),
    ] {
        let token = forge(&header, CLAIMS, &honest);
        assert_eq!(
            verify(&token, &victim).unwrap_err(),
            JwtRefusal::Header,
            "{name}"
        );
    }
    let token = format!(
        "{}.e30.AA",
        encode([b"{\"alg\":\"RS256\",\"kid\":\"", &[0xff][..], b"\"}"].concat())
    );
    assert_eq!(
        Token::parse(&token).unwrap_err(),
        JwtRefusal::Header,
        "not UTF-8"
    );
}

#[test]
fn nothing_is_read_beyond_the_limits() {
    let (honest, victim) = victim();
    let honest = Signer::new(honest);
    let long = honest.encode(Typ::Jwt, &vec![b'x'; 12 * 1024]).unwrap();
    assert_eq!(verify(&long, &victim).unwrap_err(), JwtRefusal::TooLong);
    let roomy = Limits {
        token: 20_000,
        ..Limits::default()
    };
    assert!(
        Token::parse_within(&long, roomy)
            .unwrap()
            .verify(&victim)
            .is_ok()
    );
    let tight = Limits {
        token: long.len() - 1,
        ..roomy
    };
    assert_eq!(
        Token::parse_within(&long, tight).unwrap_err(),
        JwtRefusal::TooLong
    );

    let header = format!(r#"{{"alg":"RS256","x5c":["{}"]}}"#, "A".repeat(3200));
    assert_eq!(
        verify(&forge(&header, CLAIMS, honest.key()), &victim).unwrap_err(),
        JwtRefusal::TooLong
    );
}

#[test]
fn ecdsa_signatures_are_two_numbers_in_range_and_nothing_else() {
    let es256 = vector("RFC 7515 A.3");
    let verifying = es256.verifying_key();
    let (input, _) = es256.token.rsplit_once('.').unwrap();
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&order[2 * at..][..2], 16).unwrap())
        .collect();
    let asn1 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &es256.pkcs8())
        .unwrap()
        .sign(&SystemRandom::new(), input.as_bytes())
        .unwrap();
    for (name, signature) in [
        ("zeros", vec![0; 64]),
        ("the order of the group", [order.clone(), order].concat()),
        ("ones", vec![0xff; 64]),
        ("a right signature in ASN.1", asn1.as_ref().to_vec()),
        ("nothing", Vec::new()),
    ] {
        let token = format!("{input}.{}", encode(signature));
        assert_eq!(
            verify(&token, &verifying).unwrap_err(),
            JwtRefusal::BadSignature,
            "{name}"
        );
    }
}
