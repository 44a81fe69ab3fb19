//! `kill -9` under log-ins: whoever was told to be logged in is, and no log-in is there by half.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use keystead_store::{
    Fault, Store, Tx, connections,
    log::{self, Whose},
    sessions, users,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::{
    RequestBuilder, Response,
    header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE},
};
use url::Url;

use crate::{
    ask::{Answer, Ask},
    cases,
    house::{House, Scheme, blocking, now},
    login::callback,
    records::{PASSWORD, SITE},
};

cases! {
    BOTH "who was told to be logged in is logged in after the server's death" => deaths;
}

const DEATHS: usize = 6;
/// How many people log in at the same time: more than there are threads that hash.
const AT_ONCE: usize = 8;

/// What one person was told before the connection broke.
#[derive(Debug, Default)]
struct Told {
    session: Option<String>,
    code: Option<String>,
}

/// The server between two deaths.
#[derive(Default)]
struct Life {
    /// How many it has acknowledged.
    log_ins: AtomicUsize,
    is_over: AtomicBool,
}

async fn deaths(house: &House) {
    let house = &House::open(house.engine, Scheme::Http);
    let people: Vec<String> = (0..AT_ONCE).map(|_| house.somebody()).collect();
    let seed = std::env::var("KEYSTEAD_TEST_SEED");
    let seed = seed.map_or(std::process::id().into(), |seed| seed.parse().unwrap());
    let rng = &mut StdRng::seed_from_u64(seed);
    let (mut sessions, mut codes) = (0, 0);
    for _ in 0..DEATHS {
        let life = Life::default();
        let log_ins = join_all(people.iter().map(|email| until_death(house, email, &life)));
        let death = async {
            // A moment that no clock decides: a busy machine is as good as a quiet one.
            let enough = rng.random_range(AT_ONCE..3 * AT_ONCE);
            while life.log_ins.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..40))).await;
            life.is_over.store(true, Ordering::Relaxed);
            house.dies();
        };
        let (told, ()) = tokio::join!(log_ins, death);
        house.rises();
        for told in told.into_iter().flatten() {
            sessions += usize::from(told.session.is_some());
            codes += usize::from(told.code.is_some());
            is_true(house, &told).await;
        }
    }
    println!(
        "\n    seed {seed}: {DEATHS} deaths, {sessions} sessions and {codes} codes acknowledged"
    );
    assert!(
        sessions > DEATHS && codes > DEATHS,
        "too few log-ins to show anything"
    );
    blocking(|| nothing_by_half(house, sessions));
}

/// Logs somebody in again and again, as a new browser each time; the last time may end anywhere.
async fn until_death(house: &House, email: &str, life: &Life) -> Vec<Told> {
    let mut all = Vec::new();
    while !life.is_over.load(Ordering::Relaxed) {
        let mut told = Told::default();
        let finished = log_in(house, email, life, &mut told).await.is_some();
        assert!(
            finished || life.is_over.load(Ordering::Relaxed),
            "a log-in failed on a living server: {told:?}"
        );
        all.push(told);
    }
    all
}

/// One log-in, hop by hop as a browser goes; `None` if the server does not answer any more.
async fn log_in(house: &House, email: &str, life: &Life, told: &mut Told) -> Option<()> {
    let mut jar = Jar::default();
    let client = &house.web.client;
    let ask = house.site_asks();
    let to_login = jar.send(client.get(ask.url())).await?;
    let page = location(house, &to_login);
    assert_eq!(page.path(), "/u/login", "{to_login:?}");
    let (_, state) = page
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    let form = [
        ("state", &*state),
        ("username", email),
        ("password", PASSWORD),
        ("action", "submit"),
    ];
    let own = house.issuer.origin().ascii_serialization();
    let post = client.post(house.url("u/login")).form(&form);
    let mut hop = jar
        .send(
            post.header(ORIGIN, own)
                .header("sec-fetch-site", "same-origin"),
        )
        .await?;
    told.session = jar.0.get("keystead").cloned();
    assert!(told.session.is_some(), "{} {hop:?}", hop.status());
    life.log_ins.fetch_add(1, Ordering::Relaxed);
    loop {
        let next = location(house, &hop);
        if next.as_str().starts_with(&callback()) {
            told.code = Some(Answer::of_query(&next).code(&ask).to_owned());
            return Some(());
        }
        hop = jar.send(client.get(next)).await?;
    }
}

fn location(house: &House, answer: &Response) -> Url {
    let place = answer.headers().get(LOCATION);
    let place = place.unwrap_or_else(|| panic!("no redirect but {answer:?}"));
    house.issuer.join(place.to_str().unwrap()).unwrap()
}

/// What was told holds: the cookie opens a session, and the code is worth tokens.
async fn is_true(house: &House, told: &Told) {
    if let Some(code) = &told.code {
        house.web.tokens(SITE, &callback(), code).await;
    }
    if let Some(session) = &told.session {
        let ask: Ask = house.site_asks().with("prompt", "none");
        let mut jar = Jar(BTreeMap::from([("keystead".to_owned(), session.clone())]));
        let answer = jar.send(house.web.client.get(ask.url())).await.unwrap();
        Answer::of_query(&location(house, &answer)).code(&ask);
    }
}

/// Every session was counted at its user and has its line in the log, and no user or line tells of one that is not there.
fn nothing_by_half(house: &House, told: usize) {
    let store = Store::open(house.database()).unwrap();
    let counts = |tx: &mut Tx<'_>| -> Result<(usize, usize, usize), Fault> {
        let connection = &connections::list(tx, None, 1)?[0].id;
        let (mut counted, mut found) = (0, 0);
        for user in users::list(tx, connection, None, 1_000)? {
            counted += user.logins as usize;
            found += sessions::of_user(tx, &user.id, None, 100_000, now())?.len();
        }
        let lines = log::newest(tx, Whose::Everybody, None, 100_000)?;
        let lines = lines.iter().filter(|line| line.kind == "s").count();
        Ok((counted, found, lines))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let (counted, found, lines) = runtime.unwrap().block_on(store.read(counts)).unwrap();
    store.close();
    assert!(
        found >= told,
        "{told} sessions were acknowledged, {found} are there"
    );
    assert_eq!(
        (counted, lines),
        (found, found),
        "log-ins counted and lines written, beside sessions"
    );
}

/// The cookies of one browser.
#[derive(Default)]
struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Sends a request with the cookies and keeps what the answer sets.
    async fn send(&mut self, request: RequestBuilder) -> Option<Response> {
        let cookies: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = request
            .header(COOKIE, cookies.join("; "))
            .send()
            .await
            .ok()?;
        for line in answer.headers().get_all(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.0.insert(name.to_owned(), value.to_owned());
        }
        Some(answer)
    }
}
