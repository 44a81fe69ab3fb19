//! Ctrl-C and SIGTERM: what the demo leaves behind, and what its next start finds.

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    os::unix::process::ExitStatusExt as _,
    time::{Duration, Instant},
};

use keystead_client::{MemoryVault, Want, reqwest::header};

use crate::{
    program::Folder,
    stage::{CALLBACK, Demo, Person, client, two_free_ports},
};

/// Longer than any answer takes; shorter than anybody waits before pressing Ctrl-C again.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_is_clean_and_a_second_start_finds_everything() {
    stops_and_starts("-INT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_sigterm() {
    stops_and_starts("-TERM").await;
}

async fn stops_and_starts(signal: &str) {
    let (folder, port) = (Folder::new(), two_free_ports());
    let demo = Demo::starts_at(&folder, port);
    let (cast, keys) = (demo.cast.clone(), demo.tells(".well-known/jwks.json").await);
    let session = demo.app(MemoryVault::new());
    let mut ada = Person::of(&demo);
    let first = ada.signs_in(&session, &session.ask()).await.unwrap();
    let cookies = ada.leaves();
    let site = port + 1;

    // A page that is open, a connection made in advance, and requests that never come to an end.
    let browser = client();
    browser.get(demo.site.clone()).send().await.unwrap();
    browser.get(&demo.issuer).send().await.unwrap();
    let silent = [port, site].map(|port| TcpStream::connect(("127.0.0.1", port)).unwrap());
    let halves = [port, site].map(begins_a_request);
    // What was acknowledged last is there afterwards.
    let second = session.credentials_for(Want::new().renewed()).await;
    second.unwrap();

    let told = Instant::now();
    demo.hears(signal);
    let (status, said) = demo.ends();
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < SOON, "{:?}", told.elapsed());
    assert!(
        said.contains("keystead-demo"),
        "says where its data is: {said}"
    );
    for port in [port, site] {
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "{port}");
    }
    let log = folder.path().join("keystead-demo/keystead.db-wal");
    assert!(!log.exists(), "everything is in the database itself");
    drop((silent, halves));

    let demo = Demo::starts_at(&folder, port);
    assert_eq!(demo.cast, cast);
    assert_eq!(demo.tells(".well-known/jwks.json").await, keys);
    let renewed = session
        .credentials_for(Want::new().renewed())
        .await
        .unwrap();
    let user = first.id_token().unwrap().subject();
    assert_eq!(renewed.id_token().unwrap().subject(), user);
    // The browser is signed in as before: it is asked to go on, and not for a password.
    let login = session.begin(&session.ask(), CALLBACK).await.unwrap();
    let mut ada = Person::comes_back(&demo, cookies);
    let next = ada.sends(login.url(), None).await;
    let next = next.headers()[header::LOCATION].to_str().unwrap();
    assert!(next.contains("/u/confirm"), "{next}");
    // And whoever knows only the password.
    let session = demo.app(MemoryVault::new());
    let anew = Person::of(&demo).signs_in(&session, &session.ask()).await;
    assert_eq!(anew.unwrap().id_token().unwrap().subject(), user);
}

/// Sends half a form, and nothing more.
fn begins_a_request(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 100\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type="
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let _half = begins_a_request(demo.site.port().unwrap() - 1);
    demo.hears("-INT");
    std::thread::sleep(Duration::from_millis(100));
    let told = Instant::now();
    demo.hears("-INT");
    let (status, _) = demo.ends();
    assert_eq!((status.code(), status.signal()), (Some(130), None));
    assert!(told.elapsed() < Duration::from_secs(1));
    // Nothing that was acknowledged is lost by that either.
    Demo::starts(&folder);
}

#[test]
fn a_check_that_is_stopped_leaves_nothing() {
    let folder = Folder::new();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let mut check = folder
        .command(&["demo", "--check"])
        .env("TMPDIR", &inside)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Its first line comes when the folder is there.
    let mut lines = std::io::BufReader::new(check.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut lines, &mut String::new()).unwrap();
    crate::program::hears(check.id(), "-INT");
    let status = crate::stage::ended(&mut check);
    assert_eq!(status.code(), Some(130), "{status}");
    assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0);
}
