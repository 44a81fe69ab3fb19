//! A link that breaks at one exact message: only a lost answer to COMMIT leaves a doubt, and the store says so.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
};

use keystead_protocol::secret::Secret;
use keystead_store::{Database, Fault, Store, feed};

use crate::{
    Case,
    cluster::Scratch,
    needs::Need,
    pairs::{self, Found},
};

pub const CASES: &[Case] = &[(
    "only an answer to COMMIT that got lost leaves a write in doubt",
    &[Need::Server],
    at_each_message,
)];

/// On which side of a message the link breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The server never sees it.
    Before,
    /// The server acts on it; its answer is lost.
    After,
}

/// Where the link shall break once: at the next message to the server that contains some bytes.
type Cut = Mutex<Option<(Vec<u8>, Moment)>>;

/// A link to the server that breaks when it is told to.
struct Link {
    url: String,
    cut: Arc<Cut>,
}

impl Link {
    fn to(url: &str) -> Self {
        let mut url = url::Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let link = Self {
            url: url.into(),
            cut: Arc::default(),
        };
        let cut = Arc::clone(&link.cut);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (cut, server) = (Arc::clone(&cut), TcpStream::connect(&server).unwrap());
                thread::spawn(move || carry(client, server, &cut));
            }
        });
        link
    }

    fn break_at(&self, message: &[u8], moment: Moment) {
        *self.cut.lock().unwrap() = Some((message.to_owned(), moment));
    }

    fn has_broken(&self) -> bool {
        self.cut.lock().unwrap().is_none()
    }
}

/// Carries bytes both ways until either side ends, or the link shall break.
fn carry(mut client: TcpStream, mut server: TcpStream, cut: &Cut) {
    let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let silent = Arc::new(AtomicBool::new(false));
    let silenced = Arc::clone(&silent);
    let returns = thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = answers.read(&mut buffer) {
            if silenced.load(Ordering::SeqCst) || back.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = (
            back.shutdown(Shutdown::Both),
            answers.shutdown(Shutdown::Both),
        );
    });
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..length];
        let here = |(message, _): &mut (Vec<u8>, Moment)| {
            sent.windows(message.len()).any(|window| window == message)
        };
        match cut.lock().unwrap().take_if(here) {
            Some((_, Moment::Before)) => break,
            Some((_, Moment::After)) => silent.store(true, Ordering::SeqCst),
            None => {}
        }
        if server.write_all(sent).is_err() {
            break;
        }
    }
    let _ = (
        client.shutdown(Shutdown::Both),
        server.shutdown(Shutdown::Both),
    );
    let _ = returns.join();
}

/// What a closure does, and what its caller must hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Read,
    Write,
    /// Writes, and then refuses.
    Refuse,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
struct End {
    answer: Answer,
    /// How often the closure ran.
    runs: u32,
    kept: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Done,
    Refused,
    Unknown,
    Other(Fault),
}

impl From<Fault> for Answer {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::CommitUnknown(_) => Self::Unknown,
            other => Self::Other(other),
        }
    }
}

fn at_each_message() {
    let scratch = Scratch::new("cut");
    let runtime = crate::runtime();
    let link = Link::to(&scratch.url());
    let store = Store::open(&Database::Postgres {
        url: Secret::from(link.url.as_str()),
        ca_file: None,
        pool_size: 1,
    })
    .unwrap();
    let perform = |work: Work, number: u64| {
        let runs = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&runs);
        let closure = move |tx: &mut keystead_store::Tx<'_>| {
            count.fetch_add(1, Ordering::Relaxed);
            match work {
                Work::Read => Ok(feed::newest(tx).map(drop)?),
                Work::Write => Ok(pairs::put(tx, number)?),
                Work::Refuse => pairs::put(tx, number)
                    .map_err(Answer::from)
                    .and(Err(Answer::Refused)),
            }
        };
        let answer = runtime.block_on(async {
            match work {
                Work::Read => store.read(closure).await,
                Work::Write | Work::Refuse => store.write(closure).await,
            }
        });
        End {
            answer: answer.err().unwrap_or(Answer::Done),
            runs: runs.load(Ordering::Relaxed),
            kept: Found::in_postgres(&scratch.url()).has(number),
        }
    };
    let row = |number| pairs::name(number, 'b').into_bytes();
    let text = |text: &str| text.as_bytes().to_vec();
    use {Answer::*, Moment::*, Work::*};
    let cuts = [
        (Write, text("BEGIN"), Before, Done, 1, true),
        (Write, text("BEGIN"), After, Done, 1, true),
        (Write, row(2), Before, Done, 2, true),
        (Write, row(3), After, Done, 2, true),
        (Write, text("COMMIT\0"), Before, Unknown, 1, false),
        (Write, text("COMMIT\0"), After, Unknown, 1, true),
        (Refuse, row(6), After, Refused, 2, false),
        (Refuse, text("ROLLBACK"), Before, Refused, 2, false),
        (Refuse, text("ROLLBACK"), After, Refused, 2, false),
        (Read, text("BEGIN"), Before, Done, 1, false),
        (Read, text("COMMIT\0"), Before, Done, 2, false),
        (Read, text("COMMIT\0"), After, Done, 2, false),
    ];
    let count = cuts.len();
    for (number, (work, message, moment, answer, runs, kept)) in (0..).zip(cuts) {
        let name = format!(
            "{number}. {work:?}, cut {moment:?} {}",
            message.escape_ascii()
        );
        link.break_at(&message, moment);
        let end = perform(work, number);
        assert!(link.has_broken(), "{name}: the link did not break");
        assert_eq!(end, End { answer, runs, kept }, "{name}");
        let next = perform(Write, 1000 + number);
        assert_eq!(
            (next.answer, next.kept),
            (Done, true),
            "{name}: then another write"
        );
    }
    note!("{count} cuts");
    store.close();
}
