//! A Keystead that runs: its records, its address, and who visits it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use keystead_protocol::time::Timestamp;
use tempfile::TempDir;
use url::Url;

use crate::{
    ask::Ask,
    engine::{Engine, Kept},
    party::party,
    program::{Program, free_address},
    records::{self, PEOPLE, SITE},
    web::Web,
};

/// The issuer's host: another site than the apps', as it is in the world.
const HOST: &str = "id.keystead.test";

static HOUSES: Mutex<[Option<Arc<House>>; 2]> = Mutex::new([None, None]);

/// A running server. All cases of a database share one: each brings people of its own.
pub struct House {
    pub engine: Engine,
    pub issuer: Url,
    pub web: Web,
    program: Mutex<Program>,
    next: AtomicUsize,
    address: SocketAddr,
    kept: Kept,
    folder: TempDir,
}

/// How a house is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the open, on `localhost` alone: what a developer sees first.
    Http,
    /// Encrypted, under a name: what everybody else sees.
    Https,
}

impl House {
    /// The house of all cases of a database.
    pub fn of(engine: Engine) -> Arc<Self> {
        let houses = &mut *HOUSES.lock().unwrap();
        let place = &mut houses[usize::from(engine == Engine::Postgres)];
        Arc::clone(place.get_or_insert_with(|| Arc::new(Self::open(engine, Scheme::Https))))
    }

    /// Ends the servers that cases have shared.
    pub fn close_all() {
        if let Ok(mut houses) = HOUSES.lock() {
            houses.iter_mut().for_each(|house| drop(house.take()));
        }
    }

    /// A house of a case's own.
    pub fn open(engine: Engine, scheme: Scheme) -> Self {
        let folder = TempDir::new().unwrap();
        let kept = engine.make(folder.path());
        blocking(|| records::write(folder.path(), &kept.database, now()));
        Self::serve(engine, folder, kept, scheme)
    }

    /// A house that nobody has ever been in.
    pub fn empty(engine: Engine) -> Self {
        let folder = TempDir::new().unwrap();
        let kept = engine.make(folder.path());
        // A SQLite file that is there without its sealing key is taken for a loss; PostgreSQL wants to be migrated first.
        if engine == Engine::Postgres {
            blocking(|| keystead_store::migrate(&kept.database).unwrap());
        }
        Self::serve(engine, folder, kept, Scheme::Https)
    }

    fn serve(engine: Engine, folder: TempDir, kept: Kept, scheme: Scheme) -> Self {
        let address = free_address();
        let port = address.port();
        let issuer = match scheme {
            Scheme::Http => format!("http://localhost:{port}/"),
            Scheme::Https => format!("https://{HOST}:{port}/"),
        };
        let issuer: Url = issuer.parse().unwrap();
        let program = start(folder.path(), &kept, &issuer, address);
        let authority = folder.path().join("dev-tls").join(HOST).join("ca.pem");
        let web = Web::new(&issuer, address, std::fs::read(authority).ok().as_deref());
        Self {
            engine,
            issuer,
            web,
            program: Mutex::new(program),
            next: AtomicUsize::new(0),
            address,
            kept,
            folder,
        }
    }

    /// `kill -9`.
    pub fn dies(&self) {
        self.program.lock().unwrap().kill();
    }

    /// Starts again on the same records, at the same address.
    pub fn rises(&self) {
        let mut program = self.program.lock().unwrap();
        *program = start(self.folder.path(), &self.kept, &self.issuer, self.address);
    }

    /// Where its records are.
    pub fn database(&self) -> &keystead_store::Database {
        &self.kept.database
    }

    /// Somebody whom no other case knows: an e-mail address.
    pub fn somebody(&self) -> String {
        let person = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(
            person < PEOPLE,
            "there are not enough people: see records.rs"
        );
        records::email(person)
    }

    /// A page of the server.
    pub fn url(&self, path: &str) -> Url {
        self.issuer.join(path).unwrap()
    }

    /// The request that our own app makes.
    pub fn site_asks(&self) -> Ask {
        self.asks(SITE)
    }

    /// The same of another app in a browser.
    pub fn asks(&self, client: &str) -> Ask {
        self.asks_to(client, party().url("/callback").as_str())
    }

    /// The same with an answer that goes elsewhere.
    pub fn asks_to(&self, client: &str, redirect_uri: &str) -> Ask {
        Ask::new(&self.issuer, client, redirect_uri)
    }

    /// All that the server has said.
    pub fn log(&self) -> String {
        self.program
            .lock()
            .map_or_else(|_| String::new(), |program| program.log())
    }

    /// Its last words that are not about a request that went well.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| !line.contains(r#""level":"INFO""#))
            .collect();
        format!(
            "the server's log:\n{}",
            lines[lines.len().saturating_sub(8)..].join("\n")
        )
    }
}

fn start(folder: &std::path::Path, kept: &Kept, issuer: &Url, address: SocketAddr) -> Program {
    let mut arguments = vec!["--issuer", issuer.as_str()];
    if issuer.scheme() == "https" {
        arguments.push("--dev-tls");
    }
    let url = kept
        .url
        .as_deref()
        .map(|url| ("KEYSTEAD_DATABASE__URL", url));
    Program::start(folder, address, &arguments, url.as_slice())
}

/// Opening a database blocks on a runtime of its own. A case that opens a house is on one already, and no thread can be
/// on two.
pub fn blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap()
}

/// The moment, as the server will read it.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_millis(0) + since
}
