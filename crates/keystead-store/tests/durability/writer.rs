//! A process that writes under load and says what was acknowledged, and its case's hold on it.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    ops::Range,
    os::fd::AsFd as _,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use keystead_protocol::secret::Secret;
use keystead_store::{Database, Store};

use crate::pairs::{self, Ledger, Outcome};

/// As this program's first argument, it makes it a writer.
const FLAG: &str = "--as-writer";
/// How many writes are under way at once.
const TASKS: usize = 16;
/// How long a task waits after a fault before it writes the next pair. No two wait alike: then they do not storm a
/// server that recovers, and yet soon see that it has.
fn breath(task: usize) -> Duration {
    Duration::from_millis(250 + 50 * task as u64)
}

/// A `postgres://` URL, or the path of a SQLite file.
pub fn database(place: &str) -> Database {
    if place.starts_with("postgres://") {
        Database::postgres(Secret::from(place))
    } else {
        Database::sqlite(place)
    }
}

pub fn was_asked_for() -> bool {
    std::env::args().nth(1).as_deref() == Some(FLAG)
}

/// The writer's side: writes the pairs of a range, and says of each how it ended with one `write(2)`.
pub fn run() {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [place, first, end] = arguments.as_slice() else {
        panic!("{FLAG} needs a database, a first number and an end");
    };
    let (next, end): (AtomicU64, u64) =
        (first.parse::<u64>().unwrap().into(), end.parse().unwrap());
    std::thread::spawn(|| {
        // Nobody writes there: it ends when the case has had enough, or has died.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let store = Store::open(&database(place)).unwrap();
    let (next, told) = (Arc::new(next), Arc::new(unbuffered_stdout()));
    crate::runtime().block_on(async {
        let task = |task| {
            let (store, next, told) = (store.clone(), Arc::clone(&next), Arc::clone(&told));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return;
                    }
                    let outcome = Outcome::from(&pairs::write(&store, number).await);
                    let failed = outcome != Outcome::Kept;
                    say(&told, number, &outcome);
                    if failed {
                        tokio::time::sleep(breath(task)).await;
                    }
                }
            })
        };
        for task in (0..TASKS).map(task).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    store.close();
}

fn unbuffered_stdout() -> File {
    File::from(std::io::stdout().as_fd().try_clone_to_owned().unwrap())
}

/// The text that tells of an acknowledged pair.
pub fn acknowledgement(number: u64) -> String {
    format!("ack {number}\n")
}

fn say(mut told: &File, number: u64, outcome: &Outcome) {
    let line = match outcome {
        Outcome::Kept => acknowledgement(number),
        Outcome::Undone(why) => format!("undone {number} {}\n", why.replace('\n', " ")),
        Outcome::Unknown(why) => format!("unknown {number} {}\n", why.replace('\n', " ")),
    };
    if told.write_all(line.as_bytes()).is_err() {
        std::process::exit(0);
    }
}

fn understand(line: &str) -> (u64, Outcome) {
    let mut words = line.splitn(3, ' ');
    let (word, number) = (words.next().unwrap(), words.next().unwrap());
    let why = words.next().unwrap_or_default().to_owned();
    let outcome = match word {
        "ack" => Outcome::Kept,
        "undone" => Outcome::Undone(why),
        "unknown" => Outcome::Unknown(why),
        other => panic!("the writer said {other}"),
    };
    (number.parse().unwrap(), outcome)
}

/// The case's side: a running writer. It is killed when this goes.
pub struct Writer {
    process: Child,
    said: mpsc::Receiver<(u64, Outcome)>,
    /// Held open: the writer ends when it closes.
    line: Option<ChildStdin>,
}

impl Writer {
    pub fn start(place: &str, numbers: Range<u64>) -> Self {
        Self::start_under(None, place, numbers)
    }

    /// Starts it as the child of another program, such as `strace` with its options.
    pub fn start_under(tracer: Option<Command>, place: &str, numbers: Range<u64>) -> Self {
        let this = std::env::current_exe().unwrap();
        let mut command = match tracer {
            Some(mut tracer) => {
                tracer.arg(this);
                tracer
            }
            None => Command::new(this),
        };
        let mut process = command
            .args([
                FLAG,
                place,
                &numbers.start.to_string(),
                &numbers.end.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (line, output) = (process.stdin.take(), process.stdout.take().unwrap());
        let (teller, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if teller.send(understand(&line)).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            said,
            line,
        }
    }

    /// Waits for the next pair to be acknowledged, noting all that is said before.
    pub fn acknowledges(&self, ledger: &mut Ledger, within: Duration) {
        let until = crate::now() + within;
        loop {
            let left = until.saturating_duration_since(crate::now());
            let (number, outcome) = self
                .said
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("nothing was acknowledged within {within:?}"));
            let kept = outcome == Outcome::Kept;
            ledger.note(number, outcome);
            if kept {
                return;
            }
        }
    }

    /// Notes what has been said so far.
    pub fn tell(&self, ledger: &mut Ledger) {
        for (number, outcome) in self.said.try_iter() {
            ledger.note(number, outcome);
        }
    }

    /// `kill -9`, and notes what it had said by then.
    pub fn kill(mut self, ledger: &mut Ledger) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        for (number, outcome) in self.said.iter() {
            ledger.note(number, outcome);
        }
    }

    /// Has it end at once, without closing its store, which also ends what it was started under.
    pub fn abandon(mut self, ledger: &mut Ledger) {
        drop(self.line.take());
        self.finish(ledger);
    }

    /// Waits until it has written all its pairs.
    pub fn finish(mut self, ledger: &mut Ledger) {
        for (number, outcome) in self.said.iter() {
            ledger.note(number, outcome);
        }
        let status = self.process.wait().unwrap();
        assert!(status.success(), "the writer ended with {status}");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.line.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
