//! A wire between app and provider that can be cut, and what that does to credentials.

use std::sync::{Arc, Mutex};

use keystead_client::{Error, LoginReason, Want};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{house::House, provider::NOON};

/// Where the wire is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    Nowhere,
    /// The connection is closed before anything is read.
    BeforeRequest,
    /// The provider gets the request and acts; not a byte of its answer arrives.
    BeforeAnswer,
    /// The answer breaks off in its body.
    InAnswer,
    /// The next connection is cut before the answer, those after it are not.
    OnceBeforeAnswer,
}

/// What happens to the next connections.
struct Plan {
    /// How many are carried before.
    passing: usize,
    cut: Cut,
}

impl Plan {
    fn next(&mut self) -> Cut {
        if self.passing > 0 {
            self.passing -= 1;
            return Cut::Nowhere;
        }
        let now = self.cut;
        if now == Cut::OnceBeforeAnswer {
            self.cut = Cut::Nowhere;
        }
        now
    }
}

/// A port that leads to the provider's, as long as it is plugged in.
pub struct Wire {
    port: u16,
    to: u16,
    plan: Arc<Mutex<Plan>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Wire {
    pub async fn to(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Self {
            port,
            to,
            plan: Arc::new(Mutex::new(Plan {
                passing: 0,
                cut: Cut::Nowhere,
            })),
            task: Mutex::new(None),
        };
        wire.carry(listener);
        wire
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn cut(&self, cut: Cut) {
        self.cut_after(0, cut);
    }

    /// Carries this many connections before.
    pub fn cut_after(&self, passing: usize, cut: Cut) {
        *self.plan.lock().unwrap() = Plan { passing, cut };
    }

    /// Nobody listens any more.
    pub async fn unplug(&self) {
        let task = self.task.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    pub async fn plug_in(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.carry(listener);
    }

    fn carry(&self, listener: TcpListener) {
        let (plan, to) = (Arc::clone(&self.plan), self.to);
        let carry = async move {
            loop {
                let (app, _) = listener.accept().await.unwrap();
                let now = plan.lock().unwrap().next();
                tokio::spawn(connect(app, to, now));
            }
        };
        *self.task.lock().unwrap() = Some(tokio::spawn(carry));
    }
}

async fn connect(mut app: TcpStream, to: u16, cut: Cut) {
    if cut == Cut::BeforeRequest {
        return;
    }
    let mut provider = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    let (mut from_provider, mut to_provider) = provider.split();
    let (mut from_app, mut to_app) = app.split();
    let request = async {
        let _ = copy(&mut from_app, &mut to_provider).await;
    };
    let answer = async {
        let mut answer = Vec::new();
        let _ = from_provider.read_to_end(&mut answer).await;
        let carried = match cut {
            Cut::BeforeAnswer | Cut::OnceBeforeAnswer => 0,
            Cut::InAnswer => answer.len() - 10,
            Cut::Nowhere | Cut::BeforeRequest => answer.len(),
        };
        let _ = to_app.write_all(&answer[..carried]).await;
    };
    // The provider closes after each answer; the app's side may stay open.
    tokio::select! { () = answer => {}, () = async { request.await; std::future::pending::<()>().await } => {} }
}

/// Signed in, with a token that has ended.
async fn due() -> House {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    house
}

#[tokio::test]
async fn a_network_that_is_away_costs_nothing() {
    let house = due().await;
    house.wire.unplug().await;
    for _ in 0..3 {
        let why = house.session.credentials().await.unwrap_err();
        assert!(
            matches!(why, Error::Network { .. }) && why.is_temporary(),
            "{why}"
        );
    }
    assert_eq!(house.provider.house().renewals, 0);
    // Nothing was sent, so nothing is in doubt, however long it takes.
    assert!(
        !house.kept().contains("\"renewing_since\":1"),
        "{}",
        house.kept()
    );
    house.wire.plug_in().await;
    house.clock.advance(86_400);
    let credentials = house.session.credentials().await.unwrap();
    assert!(credentials.is_renewable());
}

#[tokio::test]
async fn an_answer_that_is_lost_once_is_asked_for_again() {
    let house = due().await;
    house.wire.cut(Cut::OnceBeforeAnswer);
    let credentials = house.session.credentials().await.unwrap();
    assert_eq!(house.provider.house().renewals, 2);
    assert!(!house.provider.house().is_revoked);
    assert!(credentials.is_renewable());
    house.clock.advance(600);
    assert!(house.session.credentials().await.is_ok());
}

/// Discovery, renewal and keys: a process that has just started asks for all three.
#[tokio::test]
async fn a_cut_network_keeps_the_credentials_at_every_step() {
    let mut failures = 0;
    for cut in [Cut::BeforeRequest, Cut::BeforeAnswer, Cut::InAnswer] {
        for passing in 0..=3 {
            let house = due().await;
            let session = house.started_again();
            house.wire.cut_after(passing, cut);
            let name = format!("{cut:?} after {passing}");
            let outcome = session.credentials().await;
            if let Err(why) = &outcome {
                assert!(matches!(why, Error::Network { .. }), "{name}: {why}");
                failures += 1;
            }
            let kept = session.current().await.unwrap();
            assert!(kept.is_some_and(|kept| kept.is_renewable()), "{name}");
            // What has come was kept; what has not can be had again for a while.
            house.clock.advance(if outcome.is_ok() { 600 } else { 9 });
            house.wire.cut(Cut::Nowhere);
            let credentials = session.credentials().await;
            assert!(credentials.is_ok(), "{name}: {credentials:?}");
            house.clock.advance(600);
            assert!(session.credentials().await.is_ok(), "{name}, and goes on");
            assert!(!house.provider.house().is_revoked, "{name}");
        }
    }
    // Without keys the ID token of a renewal waits; the access token does not.
    assert_eq!(failures, 6);
}

#[tokio::test]
async fn an_answer_that_is_lost_for_too_long_needs_a_sign_in() {
    let house = due().await;
    house.wire.cut(Cut::BeforeAnswer);
    assert!(
        house
            .session
            .credentials()
            .await
            .unwrap_err()
            .is_temporary()
    );
    house.clock.advance(11);
    house.wire.cut(Cut::Nowhere);
    let why = house.session.credentials().await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Interrupted)),
        "{why}"
    );
    let why = house.session.credentials().await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::NotSignedIn)),
        "{why}"
    );
    assert!(house.session.current().await.unwrap().is_none());
    house.signs_in().await;
    assert!(house.session.credentials().await.is_ok());
}

#[tokio::test]
async fn a_renewal_that_failed_does_not_take_a_good_token_away() {
    let house = House::new().await;
    let first = house.signs_in().await;
    house.wire.cut(Cut::BeforeAnswer);
    let forced = house.session.credentials_for(Want::new().renewed()).await;
    assert!(forced.unwrap_err().is_temporary());
    // Within the seconds of grace the session tries again for its own sake.
    let credentials = house.session.credentials().await.unwrap();
    assert_eq!(credentials.access_token(), first.access_token());
    assert_eq!(house.provider.house().renewals, 4);
    house.clock.advance(11);
    house.session.credentials().await.unwrap();
    assert_eq!(house.provider.house().renewals, 4);
}

#[tokio::test]
async fn a_sign_in_over_a_cut_network_leaves_nothing() {
    for cut in [Cut::BeforeRequest, Cut::BeforeAnswer, Cut::InAnswer] {
        // At the code, and at the keys that check what it brought.
        for passing in 0..=1 {
            let house = House::new().await;
            let login = house.begins().await;
            let callback = house.callback(login.url());
            house.wire.cut_after(passing, cut);
            let why = house.session.finish(&login, &callback).await.unwrap_err();
            assert!(why.is_temporary(), "{cut:?} after {passing}: {why}");
            assert!(house.session.current().await.unwrap().is_none());
            house.wire.cut(Cut::Nowhere);
            house.signs_in().await;
        }
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_found_is_asked_again() {
    let house = House::new().await;
    house.wire.unplug().await;
    let begun = house
        .session
        .begin(&house.session.ask(), "com.example.app:/callback")
        .await;
    assert!(begun.unwrap_err().is_temporary());
    house.wire.plug_in().await;
    assert_eq!(house.clock.now(), NOON);
    house.signs_in().await;
}
