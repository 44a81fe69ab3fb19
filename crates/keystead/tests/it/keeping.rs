//! What an operator keeps: keys that turn over under a running server, backups, and the key that seals secrets.

mod killed;

use std::{
    fs,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::program::{Folder, Server, free_port, get, post};

pub const SECRET: &str = "a-secret-of-the-automation-that-is-long-enough";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.puts("secret", SECRET);
    folder.puts(
        "keystead.toml",
        "[bootstrap]\nclient_id = \"automation\"\nclient_secret_file = \"secret\"\n",
    );
    folder
}

fn json(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// A token of the client that the configuration names, and the `kid` of its key.
pub fn token(port: u16, issuer: &str) -> (String, String) {
    let audience = issuer.replace(':', "%3A").replace('/', "%2F") + "api%2Fv2%2F";
    let form = format!(
        "grant_type=client_credentials&client_id=automation&client_secret={SECRET}&audience={audience}"
    );
    let answer = json(&post(port, "/oauth/token", &form));
    let token = answer["access_token"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned();
    let header = token.split('.').next().unwrap();
    let header = URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    (token, header["kid"].as_str().unwrap().to_owned())
}

fn issuer(port: u16) -> String {
    format!("http://localhost:{port}/")
}

pub fn is_active(port: u16, token: &str) -> bool {
    let form = format!("client_id=automation&client_secret={SECRET}&token={token}");
    json(&post(port, "/oauth/introspect", &form))["active"]
        .as_bool()
        .unwrap()
}

pub fn published(port: u16) -> Vec<String> {
    let set = json(&get(port, "/.well-known/jwks.json"));
    set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

pub fn stop(server: Server) {
    server.hears("-TERM");
    assert!(server.ends().0.success());
}

/// A change by another process is in force within a second.
pub fn within_a_second(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while !holds() {
        assert!(Instant::now() < deadline, "not within a second: {what}");
    }
}

/// What `keystead keys list` says of the keys of an algorithm, newest first.
fn states(folder: &Folder, algorithm: &str) -> Vec<(String, String)> {
    let (code, said, _) = folder.runs(&["keys", "list", "--json"]);
    assert_eq!(code, 0, "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    let all = said["keys"].as_array().unwrap();
    all.iter()
        .filter(|key| key["alg"] == algorithm)
        .map(|key| {
            let text = |name: &str| key[name].as_str().unwrap().to_owned();
            (text("kid"), text("state"))
        })
        .collect()
}

fn named((kid, state): (String, &str)) -> (String, String) {
    (kid, state.to_owned())
}

#[test]
fn a_rotated_key_is_published_before_it_signs_and_a_revoked_one_is_gone_within_a_second() {
    let (folder, port) = (folder(), free_port());
    let server = folder.serves(port, &[]);
    let (before, first) = token(port, &issuer(port));

    let (code, said, _) = folder.runs(&["keys", "rotate", "--json"]);
    assert_eq!(code, 0, "{said}");
    let next = serde_json::from_str::<Value>(&said).unwrap()["next"]
        .as_str()
        .unwrap()
        .to_owned();
    within_a_second("the next key is published", || {
        published(port).contains(&next)
    });
    assert_eq!(
        states(&folder, "RS256"),
        [(next.clone(), "next"), (first.clone(), "current")].map(named)
    );
    assert_eq!(
        token(port, &issuer(port)).1,
        first,
        "the next key signs although it was published just now"
    );

    let (code, said, _) = folder.runs(&["keys", "revoke", &first]);
    assert_eq!(code, 0, "{said}");
    within_a_second("the revoked key has left", || {
        !published(port).contains(&first)
    });
    assert!(states(&folder, "RS256").contains(&named((first.clone(), "revoked"))));
    assert!(
        !is_active(port, &before),
        "a token of a revoked key is still good"
    );
    let (_, third) = token(port, &issuer(port));
    assert!(third != first && third != next, "{third}");

    let (code, said, _) = folder.runs(&["keys", "revoke", "nosuchkey"]);
    assert_eq!((code, said.as_str()), (1, ""));
    stop(server);
}

#[test]
fn what_was_issued_before_a_restore_is_worthless_after_it() {
    let (folder, port) = (folder(), free_port());
    let server = folder.serves(port, &[]);
    let (old, kid) = token(port, &issuer(port));
    assert!(is_active(port, &old));
    let (code, said, complaint) = folder.runs(&["backup", "saved"]);
    assert_eq!(code, 0, "{said}{complaint}");
    let (code, _, complaint) = folder.runs(&["backup", "saved"]);
    assert!(code == 1 && complaint.contains("in the way"), "{complaint}");
    stop(server);

    let (code, _, complaint) = folder.runs(&["restore", "saved"]);
    assert!(code == 1 && complaint.contains("--replace"), "{complaint}");
    let (code, said, complaint) = folder.runs(&["restore", "--replace", "saved"]);
    assert_eq!(code, 0, "{said}{complaint}");

    let server = folder.serves(port, &[]);
    assert!(
        !is_active(port, &old),
        "a token of before the restore is good again"
    );
    // `iat` is in whole seconds: what is issued in the second of the restore counts as issued before it.
    std::thread::sleep(Duration::from_millis(1_100));
    let (new, other) = token(port, &issuer(port));
    assert_ne!(other, kid, "the key may have been revoked since the backup");
    assert!(is_active(port, &new));
    stop(server);
}

#[test]
fn a_backup_without_its_key_asks_for_it_and_refuses_a_wrong_one() {
    let (folder, port) = (folder(), free_port());
    let server = folder.serves(port, &[]);
    stop(server);
    let (code, _, complaint) = folder.runs(&["backup", "--without-key", "saved"]);
    assert_eq!(code, 0, "{complaint}");
    assert!(!folder.path().join("saved/sealing.key").exists());

    let key = folder.path().join("keystead-data/sealing.key");
    let kept = fs::read_to_string(&key).unwrap();
    fs::remove_dir_all(folder.path().join("keystead-data")).unwrap();
    let (code, _, complaint) = folder.runs(&["restore", "saved"]);
    assert!(
        code == 1 && complaint.contains("put your copy of it at"),
        "{complaint}"
    );

    let other = Folder::new();
    stop(other.serves(free_port(), &[]));
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    fs::copy(other.path().join("keystead-data/sealing.key"), &key).unwrap();
    let (code, _, complaint) = folder.runs(&["restore", "--replace", "saved"]);
    assert!(
        code == 1 && complaint.contains("is not the key"),
        "{complaint}"
    );

    fs::write(&key, kept).unwrap();
    let (code, _, complaint) = folder.runs(&["restore", "--replace", "saved"]);
    assert_eq!(code, 0, "{complaint}");
    let server = folder.serves(port, &[]);
    token(port, &issuer(port));
    stop(server);
}

#[test]
fn a_new_sealing_key_opens_everything_and_the_old_one_nothing() {
    let (folder, port) = (folder(), free_port());
    let server = folder.serves(port, &[]);
    let (_, kid) = token(port, &issuer(port));
    stop(server);

    let file = folder.path().join("keystead-data/sealing.key");
    let old = fs::read_to_string(&file).unwrap();
    let (code, said, complaint) = folder.runs(&["keys", "reseal", "--json"]);
    assert_eq!(code, 0, "{complaint}");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["resealed"], 2);
    let new = fs::read_to_string(&file).unwrap();
    assert_ne!(old, new);

    let server = folder.serves(port, &[]);
    assert_eq!(token(port, &issuer(port)).1, kid);
    stop(server);
    fs::write(&file, old).unwrap();
    let listen = format!("127.0.0.1:{port}");
    let (code, _, complaint) = folder.runs(&["serve", "--listen", &listen]);
    assert!(
        code == 1 && complaint.contains("sealing_key_file"),
        "{complaint}"
    );
}
