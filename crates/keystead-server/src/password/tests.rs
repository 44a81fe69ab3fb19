//! Every form against hashes that others made, every text without a panic, and the counts.

use std::net::IpAddr;

use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};
use serde::Deserialize;
use serde_json::json;

use super::{
    import::{CustomPasswordHash, password_hash},
    *,
};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

#[derive(Deserialize)]
struct Case {
    name: String,
    password: String,
    password_hash: Option<String>,
    custom_password_hash: Option<CustomPasswordHash>,
}

impl Case {
    fn stored(&self) -> Secret {
        match (&self.password_hash, &self.custom_password_hash) {
            (Some(hash), None) => password_hash(&hash.as_str().into()),
            (None, Some(hash)) => hash.stored(),
            _ => panic!("{}: one of both", self.name),
        }
        .unwrap_or_else(|why| panic!("{}: {why}", self.name))
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../tests/data/imported_passwords.json")).unwrap()
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(5)
}

fn verify(password: &str, stored: &str) -> bool {
    let stored = Stored::parse(stored).unwrap();
    stored.verify(password, &mut Memory::default())
}

#[test]
fn what_others_hashed_is_verified_and_nothing_else() {
    let all = cases();
    assert!(all.len() > 50, "{}", all.len());
    let mut memory = Memory::default();
    for case in all {
        let (name, stored) = (&case.name, case.stored());
        let stored = Stored::parse(stored.expose()).unwrap();
        assert!(stored.verify(&case.password, &mut memory), "{name}");
        // Its first character in the other case, it without its last, and nothing.
        let mut others = vec![String::new()];
        let first = case.password.chars().next().unwrap();
        let swapped = if first.is_lowercase() {
            first.to_ascii_uppercase()
        } else {
            first.to_ascii_lowercase()
        };
        others.push(format!("{swapped}{}", &case.password[first.len_utf8()..]));
        if case.password.len() <= 72 {
            others.push(case.password[..case.password.len() - 1].to_owned());
            others.push(format!("{}\0", case.password));
        }
        for other in others {
            assert!(!stored.verify(&other, &mut memory), "{name}: {other:?}");
        }
    }
}

#[test]
fn bcrypt_looks_at_72_bytes_and_such_a_hash_is_not_upgraded() {
    let long = cases()
        .into_iter()
        .find(|case| case.name == "bcrypt of 100 bytes");
    let stored = long.unwrap().stored();
    let stored = Stored::parse(stored.expose()).unwrap();
    let (whole, cut, other) = ("y".repeat(100), "y".repeat(72), "y".repeat(71));
    let memory = &mut Memory::default();
    assert!(stored.verify(&whole, memory) && stored.verify(&cut, memory));
    assert!(!stored.verify(&other, memory));
    assert!(
        !stored.is_all_of(&whole),
        "28 bytes of it were never verified"
    );
    assert!(stored.is_all_of(&cut));
}

#[test]
fn a_character_that_an_encoding_has_not_is_a_wrong_password() {
    let stored = cases()
        .into_iter()
        .find(|case| case.name == "md5 of latin1");
    let stored = stored.unwrap().stored();
    assert!(!verify("Correct-Hőrse 7", stored.expose()));
}

#[test]
fn what_would_cost_too_much_or_prove_too_little_is_refused() {
    let salt = "c2FsdHNhbHQ";
    let sum = "AAAAAAAAAAAAAAAAAAAAAA";
    for (name, text) in [
        ("nothing", String::new()),
        ("a password", "hunter2".to_owned()),
        ("bcrypt at cost 15", format!("$2b$15${}", "a".repeat(53))),
        ("bcrypt at cost 31", format!("$2b$31${}", "a".repeat(53))),
        ("bcrypt at cost 3", format!("$2b$03${}", "a".repeat(53))),
        (
            "bcrypt of the broken kind",
            format!("$2x$10${}", "a".repeat(53)),
        ),
        ("bcrypt cut short", format!("$2b$10${}", "a".repeat(52))),
        (
            "bcrypt with other characters",
            format!("$2b$10${}é", "a".repeat(51)),
        ),
        (
            "argon2 of too much memory",
            format!("$argon2id$v=19$m=262145,t=1,p=1${salt}${sum}"),
        ),
        (
            "argon2 of too many passes",
            format!("$argon2id$v=19$m=65536,t=17,p=1${salt}${sum}"),
        ),
        (
            "argon2 of endless passes",
            format!("$argon2id$v=19$m=8,t=4294967295,p=1${salt}${sum}"),
        ),
        (
            "argon2 of too many lanes",
            format!("$argon2id$v=19$m=65536,t=1,p=17${salt}${sum}"),
        ),
        (
            "argon2 of no memory",
            format!("$argon2id$v=19$m=0,t=1,p=1${salt}${sum}"),
        ),
        (
            "argon2 of another version",
            format!("$argon2id$v=20$m=256,t=1,p=1${salt}${sum}"),
        ),
        (
            "argon2 without salt",
            format!("$argon2id$v=19$m=256,t=1,p=1$${sum}"),
        ),
        (
            "argon2 without parameters",
            format!("$argon2id$v=19${salt}${sum}"),
        ),
        (
            "scrypt of 2^21",
            format!("$scrypt$ln=21,r=1,p=1${salt}${sum}"),
        ),
        (
            "scrypt of 2^99",
            format!("$scrypt$ln=99,r=8,p=1${salt}${sum}"),
        ),
        (
            "scrypt of many blocks",
            format!("$scrypt$ln=10,r=4294967295,p=4294967295${salt}${sum}"),
        ),
        (
            "scrypt of nothing",
            format!("$scrypt$ln=10,r=0,p=0${salt}${sum}"),
        ),
        (
            "pbkdf2 for hours",
            format!("$pbkdf2-sha512$i=4294967295${salt}${sum}"),
        ),
        (
            "pbkdf2 of no rounds",
            format!("$pbkdf2-sha512$i=0${salt}${sum}"),
        ),
        (
            "pbkdf2 with md4",
            format!("$pbkdf2-md4$i=1000${salt}${sum}"),
        ),
        (
            "pbkdf2 of another length",
            format!("$pbkdf2-sha512$i=1000,l=64${salt}${sum}"),
        ),
        ("an empty digest", format!("$digest$d=md5,s=prefix${salt}$")),
        ("a digest of a byte", format!("$pbkdf2-sha1$i=1${salt}$AA")),
        (
            "a cut digest",
            format!("$digest$d=sha256,s=prefix${salt}${sum}"),
        ),
        (
            "hmac without a key",
            format!("$hmac$d=md5,s=prefix${salt}${sum}"),
        ),
        (
            "a digest with a key",
            format!("$digest$d=md5,k=AA,s=prefix${salt}${sum}"),
        ),
        ("an LDAP scheme of a system", "{CRYPT}$1$x$y".to_owned()),
        ("clear text of LDAP", "{CLEARTEXT}hunter2".to_owned()),
        (
            "a salted LDAP hash without salt",
            format!("{{SMD5}}{sum}=="),
        ),
        ("an unknown kind", format!("$yescrypt$j9T${salt}${sum}")),
        ("a text without end", "$".repeat(100_000)),
    ] {
        assert!(Stored::parse(&text).is_err(), "{name}");
    }
}

#[test]
fn what_an_import_may_not_bring() {
    let good = json!({
        "algorithm": "sha256", "hash": { "value": "00".repeat(32), "encoding": "hex" },
        "salt": { "value": "x", "position": "prefix" }
    });
    let stored = |hash: serde_json::Value| {
        serde_json::from_value::<CustomPasswordHash>(hash)
            .map_err(|why| why.to_string())
            .and_then(|hash| hash.stored().map_err(|why| why.to_string()))
    };
    assert!(stored(good.clone()).is_ok());
    for (name, pointer, value) in [
        ("an unknown algorithm", "/algorithm", json!("whirlpool")),
        ("no encoding", "/hash/encoding", json!(null)),
        ("another encoding", "/hash/encoding", json!("rot13")),
        ("no hexadecimal", "/hash/value", json!("zz".repeat(32))),
        ("a sign is no digit", "/hash/value", json!("+0".repeat(32))),
        ("half a byte", "/hash/value", json!("0".repeat(63))),
        ("another length", "/hash/value", json!("00".repeat(31))),
        ("a salt in the middle", "/salt/position", json!("middle")),
        ("a bcrypt that is none", "/algorithm", json!("bcrypt")),
        ("an hmac without a key", "/algorithm", json!("hmac")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(stored(bad).is_err(), "{name}");
    }
    let bad = json!({ "algorithm": "md5", "hash": { "value": "é", "encoding": "hex" } });
    assert!(stored(bad).is_err());
    assert!(password_hash(&"$argon2id$".into()).is_err());
    let shown = serde_json::from_value::<CustomPasswordHash>(good).unwrap();
    assert_eq!(format!("{shown:?}"), "CustomPasswordHash(Sha256, ..)");
}

#[tokio::test]
async fn each_check_costs_one_hash_of_ours_whatever_there_is_to_compare() {
    let passwords = Passwords::new(NonZeroUsize::MIN);
    let ours = passwords
        .hash(HOME, &"right".into(), &mut rng())
        .await
        .unwrap();
    assert!(ours.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let imported = |password: &str| {
        let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, password.as_bytes());
        let hash = json!({
            "algorithm": "sha256",
            "hash": { "encoding": "base64", "value": phc::BASE64.encode(sum) }
        });
        let hash: CustomPasswordHash = serde_json::from_value(hash).unwrap();
        hash.stored().unwrap()
    };
    use base64::Engine as _;
    let (foreign, broken) = (imported("right"), Secret::from("$2b$99$nonsense"));
    for (name, given, stored, right, foreign) in [
        ("right", "right", Some(&ours), true, 0),
        ("wrong", "wrong", Some(&ours), false, 0),
        ("nobody", "right", None, false, 0),
        ("imported and right", "right", Some(&foreign), true, 1),
        ("imported and wrong", "wrong", Some(&foreign), false, 1),
        ("unreadable", "right", Some(&broken), false, 0),
        (
            "too long",
            &"x".repeat(LONGEST_SHOWN + 1),
            Some(&ours),
            false,
            0,
        ),
    ] {
        let before = passwords.operations();
        let (given, rng) = (Secret::from(given), &mut rng());
        let verdict = passwords.verify(HOME, &given, stored, rng).await.unwrap();
        let after = passwords.operations();
        assert_eq!(after.argon2id - before.argon2id, 1, "{name}");
        assert_eq!(after.imported - before.imported, foreign, "{name}");
        assert_eq!(matches!(verdict, Verdict::Right { .. }), right, "{name}");
        if let Verdict::Right {
            better: Some(better),
        } = verdict
        {
            assert_eq!(foreign, 1, "{name}");
            assert!(verify("right", better.expose()) && !verify("wrong", better.expose()));
        } else {
            assert!(!right || foreign == 0, "{name}: not upgraded");
        }
    }
    let former = [ours, foreign];
    for (given, want) in [("right", true), ("wrong", false)] {
        let before = passwords.operations();
        let found = passwords.is_one_of(HOME, &given.into(), &former).await;
        assert_eq!(found.unwrap(), want, "{given}");
        let after = passwords.operations();
        assert_eq!(
            (
                after.argon2id - before.argon2id,
                after.imported - before.imported
            ),
            (1, 1)
        );
    }
}

#[tokio::test]
async fn two_hashes_of_one_password_differ() {
    let passwords = Passwords::for_this_machine();
    let rng = &mut rng();
    let one = passwords.hash(HOME, &"same".into(), rng).await.unwrap();
    let two = passwords.hash(HOME, &"same".into(), rng).await.unwrap();
    assert_ne!(one, two);
    assert!(verify("same", one.expose()) && verify("same", two.expose()));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _ = Stored::parse(&text);
    }

    #[test]
    fn no_text_that_looks_like_a_hash_does_either(
        id in "(argon2id|argon2i|scrypt|pbkdf2-sha1|pbkdf2-sha512|digest|hmac|2b)",
        middle in prop::collection::vec("(v=19|m=[0-9]{0,4}|[a-z]{1,2}=[a-z0-9+/=,]{0,8}|\\PC{0,4})", 0..4),
        end in "[a-zA-Z0-9+/=$]{0,90}",
    ) {
        let text = format!("${id}${}${end}", middle.join(","));
        if let Ok(stored) = Stored::parse(&text) {
            prop_assert!(!stored.verify("x", &mut Memory::default()));
        }
    }

    #[test]
    fn a_change_anywhere_in_a_good_one_does_not_either(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        to in "(\\PC|[a-zA-Z0-9$,=/+.{}]{0,3})",
    ) {
        let all = cases();
        let case = which.get(&all);
        let mut text: Vec<char> = case.stored().expose().chars().collect();
        let at = at.index(text.len());
        text.splice(at..=at, to.chars());
        let text: String = text.into_iter().collect();
        if let Ok(changed) = Stored::parse(&text) {
            // What it answers is open: some changes mean the same, as `2a` for `2b`.
            let _ = changed.verify(&case.password, &mut Memory::default());
        }
    }
}
