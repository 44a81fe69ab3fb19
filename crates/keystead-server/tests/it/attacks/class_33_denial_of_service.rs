//! Class 33, denial of service: what one connection may cost, and what a flood of log-ins may.

use std::{
    net::Ipv4Addr,
    sync::mpsc,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::Request, response::IntoResponse as _, routing::get};
use keystead_server::{
    error::Fault,
    http::listen::Limits,
    identity::accounts::{self, CredentialCheck},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinHandle,
    time::sleep,
};

use crate::{
    house::{Engine, House, brisk, rest},
    identity::{HOME, PASSWORD, Town},
};

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// How long something took.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let outcome = work.await;
    (outcome, begun.elapsed())
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let open = House::new().open(brisk(), None).await;
    let mut stream = open.connects().await;
    let (heard, took) = timed(async {
        for byte in ASK.iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(30)).await;
        }
        rest(&mut stream).await
    })
    .await;
    assert_eq!(heard, "");
    assert!(
        took > Duration::from_millis(250) && took < Duration::from_millis(2_500),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut_off() {
    let open = House::new().open(brisk(), None).await;
    let (heard, took) = timed(async { rest(&mut open.connects().await).await }).await;
    assert_eq!(heard, "");
    assert!(
        took > Duration::from_millis(250) && took < Duration::from_millis(2_500),
        "{took:?}"
    );
}

#[tokio::test]
async fn between_requests_there_is_more_patience_than_within_one() {
    let open = House::new().open(brisk(), None).await;
    let mut stream = open.connects().await;
    let mut chunk = [0; 4096];
    // Longer than a head may take, shorter than a connection may idle; and the second head starts a clock of its own.
    for _ in 0..3 {
        stream.write_all(ASK).await.unwrap();
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(chunk[..count].starts_with(b"HTTP/1.1 200 OK"));
        sleep(Duration::from_millis(600)).await;
    }
    stream.write_all(&ASK[..10]).await.unwrap();
    let (heard, took) = timed(rest(&mut stream)).await;
    assert_eq!(heard, "");
    assert!(
        took < Duration::from_millis(1_800),
        "the second head is timed from its first byte: {took:?}"
    );
}

#[tokio::test]
async fn an_idle_connection_ends() {
    let open = House::new().open(brisk(), None).await;
    let mut stream = open.connects().await;
    stream.write_all(ASK).await.unwrap();
    let (heard, took) = timed(rest(&mut stream)).await;
    assert!(heard.starts_with("HTTP/1.1 200 OK"), "{heard}");
    assert!(took > Duration::from_millis(2_900), "{took:?}");
}

#[tokio::test]
async fn load_balancers_close_first() {
    let limits = Limits::default();
    assert!(
        limits.idle >= Duration::from_secs(75),
        "or answers are lost between them and us"
    );
    assert!(limits.head <= Duration::from_secs(15));
}

#[tokio::test]
async fn heads_have_a_size_and_a_count() {
    let open = House::new().open(brisk(), None).await;
    let with = |headers: String| {
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
    };
    for (name, head, want) in [
        ("usual", with(String::new()), "HTTP/1.1 200"),
        (
            "one large header",
            with(format!("X-Large: {}\r\n", "x".repeat(40_000))),
            "HTTP/1.1 431",
        ),
        (
            "a long path",
            format!(
                "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "x".repeat(40_000)
            ),
            "HTTP/1.1 431",
        ),
        (
            "ninety headers",
            with((0..90).map(|n| format!("X-{n}: 1\r\n")).collect()),
            "HTTP/1.1 200",
        ),
        (
            "many headers",
            with((0..101).map(|n| format!("X-{n}: 1\r\n")).collect()),
            "HTTP/1.1 431",
        ),
        (
            "no host",
            "GET /healthz HTTP/1.1\r\n\r\n".into(),
            "HTTP/1.1 400",
        ),
        (
            "a body too large",
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n".into(),
            "HTTP/1.1 413",
        ),
        (
            "not HTTP",
            "\u{16}\u{3}\u{1}\r\n\r\n".into(),
            "HTTP/1.1 400",
        ),
    ] {
        let mut stream = open.connects().await;
        let _ = stream.write_all(head.as_bytes()).await;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(str::from_utf8(&start).unwrap(), want, "{name}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let large = async || Body::from(vec![b'x'; 64 * 1024 * 1024]);
    let house = House::new().adding(Router::new().route("/large", get(large)));
    let open = house.open(brisk(), None).await;
    let mut stream = open.connects().await;
    stream
        .write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(1_200)).await;
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    assert!(
        !heard.is_empty() && heard.len() < 32 * 1024 * 1024,
        "{} bytes",
        heard.len()
    );
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let house = House::new();
    let open = house
        .open(
            Limits {
                connections: 2,
                ..brisk()
            },
            None,
        )
        .await;
    let (mut one, two) = (open.connects().await, open.connects().await);
    one.write_all(ASK).await.unwrap();
    one.read_exact(&mut [0; 12]).await.unwrap();
    let waiting =
        open.hears(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let leaves = tokio::spawn(async move {
        sleep(Duration::from_millis(150)).await;
        drop(two);
    });
    let (answer, took) = timed(waiting).await;
    leaves.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(took > Duration::from_millis(140), "{took:?}");
}

/// Occupies every thread that hashes until the senders are dropped, and fills the queue before them with what `others`
/// addresses want.
async fn crowded(town: &Town, others: usize) -> (Vec<mpsc::Sender<()>>, Vec<JoinHandle<()>>) {
    let passwords = &town.house.services.passwords;
    let threads = available_parallelism().unwrap().get();
    let (begin, begun) = mpsc::channel();
    let (mut releases, mut waiting) = (vec![], vec![]);
    for _ in 0..threads {
        let (release, held) = mpsc::channel::<()>();
        let (own, begin) = (passwords.clone(), begin.clone());
        releases.push(release);
        waiting.push(tokio::spawn(async move {
            let work = move || {
                begin.send(()).unwrap();
                let _ = held.recv();
            };
            own.ponder([192, 0, 2, 255].into(), work).await.unwrap();
        }));
        while begun.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
    }
    for n in 0..64 * threads {
        let own = passwords.clone();
        let from = Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n % others).unwrap());
        waiting.push(tokio::spawn(async move {
            let _: Result<(), _> = own.ponder(from.into(), || ()).await;
        }));
    }
    sleep(Duration::from_millis(100)).await;
    (releases, waiting)
}

#[tokio::test]
async fn a_flood_of_log_ins_from_one_address_does_not_keep_others_out() {
    let town = Town::new(House::begun(Engine::Sqlite).await, json!({})).await;
    town.resident("ada@example.org").await;
    let (release, waiting) = crowded(&town, 1).await;
    let attempt = async {
        sleep(Duration::from_millis(100)).await;
        drop(release);
    };
    let (answer, ()) = tokio::join!(town.answer("ada@example.org", PASSWORD, HOME), attempt);
    assert_eq!(answer, "in");
    for task in waiting {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn who_finds_no_room_to_hash_is_told_to_come_back_and_has_lost_no_attempt() {
    let town = Town::new(House::begun(Engine::Sqlite).await, json!({})).await;
    town.resident("ada@example.org").await;
    let (release, waiting) = crowded(&town, usize::MAX).await;
    let password = PASSWORD.into();
    let asked = CredentialCheck {
        connection: &town.connection,
        identifier: "ada@example.org",
        password: &password,
        address: HOME.parse().unwrap(),
        now: town.house.now(),
    };
    for _ in 0..20 {
        let answer = accounts::check(&town.house.services, &asked).await;
        assert!(matches!(answer, Err(Fault::Crowded)), "{answer:?}");
    }
    let response = Fault::Crowded.into_response();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    drop(release);
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
}

/// Each attempt that is counted is a write, with a hash after it: the eleventh would be one too many.
#[tokio::test]
async fn a_name_that_nobody_can_have_is_not_looked_for() {
    let house = House::begun(Engine::Sqlite).await;
    let app = house.shop("app").await;
    let browser = house.browser();
    let page = browser.comes_from(&app, &[]).await;
    let longest = "ä".repeat(254);
    for (name, more, eleventh) in [("too long", 59_000, 400), ("as long as may be", 0, 429)] {
        let typed = format!(" {longest}{} ", "x".repeat(more));
        for _ in 0..10 {
            let answer = browser.types(&page, &typed, PASSWORD).await;
            assert_eq!(answer.status, 400, "{name}");
            assert_eq!(answer.field("username"), longest, "{name}");
        }
        let answer = browser.types(&page, &typed, PASSWORD).await;
        assert_eq!(answer.status, eleventh, "{name}");
    }
    let lines = house.lines("fu").await;
    let seen: u64 = lines.iter().map(|line| u64::from(line.occurrences)).sum();
    assert_eq!(seen, 11 + 10);
    for line in lines {
        assert_eq!(line.details["user_name"], json!(longest));
    }
}

#[tokio::test]
async fn a_name_that_nobody_can_have_does_not_come_back_whole() {
    let house = House::begun(Engine::Sqlite).await;
    let app = house.shop("app").await;
    let browser = house.browser();
    let page = browser.comes_from(&app, &[("screen_hint", "signup")]).await;
    let (state, email) = (page.field("state"), format!("a@b.c{}", ".d".repeat(29_000)));
    let form = [
        ("state", state.as_str()),
        ("email", &email),
        ("password", PASSWORD),
        ("action", "submit"),
    ];
    let answer = browser.submits("/u/signup", &form).await;
    assert_eq!(answer.status, 400);
    assert!(answer.shows("form-error") && answer.shows("signup-form"));
    assert!(
        answer.field("email") == email[..254],
        "{}",
        answer.body.len()
    );
}

#[tokio::test]
async fn a_hundred_parameters_are_all_that_is_read() {
    let house = House::begun(Engine::Sqlite).await;
    let pairs: Vec<String> = (0..8_000).map(|n| format!("p{n}=")).collect();
    let members: Vec<String> = (0..6_000).map(|n| format!("\"p{n}\":0")).collect();
    for (kind, body) in [
        ("application/x-www-form-urlencoded", pairs.join("&")),
        ("application/json", format!("{{{}}}", members.join(","))),
    ] {
        let ask = Request::post("/oauth/token").header("content-type", kind);
        let answer = house.visitor().sends_body(ask, body.into()).await;
        assert_eq!(
            answer.short(),
            r#"400 {"error":"invalid_request","error_description":"Too many parameters"}"#,
            "{kind}"
        );
    }
}
