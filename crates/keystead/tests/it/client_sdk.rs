//! The native apps' library against the real server: what a person does in a browser, and what a network and a disk do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use keystead_client::{
    Credentials, Error, Lock, LoginReason, MemoryVault, Provider, Secret, Vault, VaultError, Want,
    reqwest::Url, transition::Prompt,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
};

use crate::{
    program::Folder,
    stage::{Demo, Person},
};

/// The demo's provider, but with its token endpoint behind another port.
async fn behind(demo: &Demo, port: u16) -> Provider {
    let mut document = demo.tells(".well-known/openid-configuration").await;
    document["token_endpoint"] = format!("http://127.0.0.1:{port}/oauth/token").into();
    Provider::from_json(&demo.issuer, document.to_string().as_bytes()).unwrap()
}

/// A port that leads to the server's and keeps this many of its next answers to itself.
async fn lossy(to: &str, lost: &Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = Url::parse(to).unwrap().port().unwrap();
    let lost = Arc::clone(lost);
    tokio::spawn(async move {
        loop {
            let (app, _) = listener.accept().await.unwrap();
            let keeps = lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
            tokio::spawn(carries(app, to, keeps.is_ok()));
        }
    });
    port
}

/// One request, and its answer or nothing.
async fn carries(mut app: TcpStream, to: u16, keeps: bool) {
    let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    if !keeps {
        let (mut from_app, mut to_app) = app.split();
        let (mut from_server, mut to_server) = server.split();
        let there = copy(&mut from_app, &mut to_server);
        let back = copy(&mut from_server, &mut to_app);
        let _ = tokio::join!(there, back);
        return;
    }
    let mut bytes = vec![0; 16 * 1024];
    let request = app.read(&mut bytes).await.unwrap();
    server.write_all(&bytes[..request]).await.unwrap();
    // The head has come, so the server has done what was asked.
    assert!(server.read(&mut bytes).await.unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_native_app_signs_in_renews_and_signs_out() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let session = demo.app(MemoryVault::new());
    let mut ada = Person::of(&demo);
    let silent = session.ask().prompt(Prompt::None);
    let why = ada.signs_in(&session, &silent).await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Interaction)),
        "{why}"
    );

    let first = ada
        .signs_in(&session, &session.ask().max_age(Duration::from_secs(60)))
        .await
        .unwrap();
    assert!(
        first.is_renewable() && first.scope().contains("read:messages"),
        "{first:?}"
    );
    let user = first.id_token().unwrap().subject().to_owned();
    assert!(user.starts_with("auth0|"), "{user}");

    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let session = session.clone();
        callers.spawn(async move {
            session
                .credentials_for(Want::new().renewed())
                .await
                .unwrap()
        });
    }
    let all = callers.join_all().await;
    let second = all[0].access_token();
    assert!(second != first.access_token() && all.iter().all(|one| one.access_token() == second));
    assert_eq!(all[0].id_token().unwrap().subject(), user);

    let out = session.sign_out(None).await.unwrap();
    assert!(out.revoked.is_ok(), "{out:?}");
    ada.walks(out.end_session.unwrap()).await;
    let why = ada.signs_in(&session, &silent).await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Interaction)),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_is_given_again() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let lost = Arc::new(AtomicUsize::new(0));
    let provider = behind(&demo, lossy(&demo.issuer, &lost).await).await;
    let vault = MemoryVault::new();
    let session = demo.app_with(vault.clone(), Some(provider.clone()));
    Person::of(&demo)
        .signs_in(&session, &session.ask())
        .await
        .unwrap();
    for (name, answers) in [("one", 1), ("both of one call", 2), ("none", 0)] {
        // Started again, so that no connection is left from before.
        let session = demo.app_with(vault.clone(), Some(provider.clone()));
        lost.store(answers, Ordering::SeqCst);
        let mut renewed = session.credentials_for(Want::new().renewed()).await;
        if answers == 2 {
            assert!(renewed.unwrap_err().is_temporary());
            renewed = session.credentials_for(Want::new().renewed()).await;
        }
        assert!(
            renewed.as_ref().is_ok_and(Credentials::is_renewable),
            "{name}: {renewed:?}"
        );
    }
}

/// A memory that fails at one of its writes, as if the process had died there.
#[derive(Clone)]
struct Dying(MemoryVault, Arc<AtomicUsize>);

impl Vault for Dying {
    fn load(&self) -> Result<Option<Secret>, VaultError> {
        self.0.load()
    }

    fn store(&self, text: &Secret) -> Result<(), VaultError> {
        let left = self
            .1
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        left.map_err(|_| VaultError::Busy)?;
        self.0.store(text)
    }

    fn clear(&self) -> Result<(), VaultError> {
        self.0.clear()
    }

    fn try_lock(&self) -> Result<Option<Lock>, VaultError> {
        self.0.try_lock()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_between_rotation_and_storing_is_forgiven_and_a_copy_is_not() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let vault = MemoryVault::new();
    let session = demo.app(vault.clone());
    let first = Person::of(&demo)
        .signs_in(&session, &session.ask())
        .await
        .unwrap();
    // The intent is kept, and what came is not.
    let dying = demo.app(Dying(vault.clone(), Arc::new(AtomicUsize::new(1))));
    let why = dying
        .credentials_for(Want::new().renewed())
        .await
        .unwrap_err();
    assert!(matches!(why, Error::Vault(_)), "{why}");
    let again = demo.app(vault.clone());
    let renewed = again.credentials().await.unwrap();
    assert_ne!(renewed.access_token(), first.access_token());

    // Whoever signs out ends the sign-in for every copy of it.
    let copy = MemoryVault::new();
    copy.store(&vault.load().unwrap().unwrap()).unwrap();
    assert!(again.sign_out(None).await.unwrap().revoked.is_ok());
    let why = demo
        .app(copy)
        .credentials_for(Want::new().renewed())
        .await
        .unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Revoked)),
        "{why}"
    );
}
