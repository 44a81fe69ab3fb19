//! What this process knows of the keys is what was read last.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Wake, Waker},
};

use keystead_store::{Database, Effect, Tx};
use rand::{SeedableRng as _, rngs::StdRng};

use super::*;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One refresh has its answer from the store and is not resumed until a key was revoked and another refresh was asked for.
#[tokio::test]
async fn an_older_read_does_not_bring_a_revoked_key_back() {
    let folder = tempfile::tempdir().unwrap();
    let rng = &mut StdRng::seed_from_u64(1);
    let keyring = Arc::new(Keyring::load_or_create(&folder.path().join("key"), rng).unwrap());
    let database = Database::sqlite(folder.path().join("keystead.db"));
    let opened = tokio::task::spawn_blocking(move || Store::open(&database));
    let store = opened.await.unwrap().unwrap();
    let (keys, now) = (
        Arc::new(Keys::default()),
        Timestamp::from_secs(1_790_000_000),
    );
    let signer = keys
        .signing_or_new(Algorithm::ES256, &store, &keyring, rng, now)
        .await
        .unwrap();
    let kid = signer.key().kid().unwrap().clone();

    // Whoever reads waits: there are no more readers than these.
    let open = Arc::new(AtomicBool::new(false));
    for _ in 0..8 {
        let (store, open) = (store.clone(), Arc::clone(&open));
        tokio::spawn(async move {
            let wait = move |_: &mut Tx<'_>| {
                while !open.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok::<_, keystead_store::Fault>(())
            };
            store.read(wait).await
        });
    }
    tokio::task::yield_now().await;
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut older = pin!(keys.refresh(&store, &keyring, now));
    let begun = older.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(begun.is_pending());
    open.store(true, Ordering::SeqCst);
    while !woken.0.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let revoked = kid.clone();
    let done = store.write(move |tx| keys::revoke(tx, &revoked, now));
    let done: Result<Effect, keystead_store::Fault> = done.await;
    assert_eq!(done, Ok(Effect::Done));
    let mut newer = {
        let (keys, store, keyring) = (Arc::clone(&keys), store.clone(), Arc::clone(&keyring));
        tokio::spawn(async move { keys.refresh(&store, &keyring, now).await })
    };
    // It may end first, or wait for the older one.
    let early = tokio::time::timeout(Duration::from_millis(300), &mut newer).await;
    older.await.unwrap();
    match early {
        Ok(ended) => ended,
        Err(_) => newer.await,
    }
    .unwrap()
    .unwrap();

    assert!(keys.verifying(kid.as_str()).is_none());
    assert!(keys.signing(Algorithm::ES256, now).is_none());
    store.close();
}
