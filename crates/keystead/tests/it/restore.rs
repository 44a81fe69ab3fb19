//! A restore: what it ends, what it leaves if the operator says so, and that one which fails has touched nothing.

use std::{fs, time::Duration};

use keystead_protocol::{
    ids::{ConnectionId, GrantId, SessionId, UserId},
    secret::Secret,
    time::Timestamp,
};
use keystead_server::services::{Clock, Entropy};
use keystead_store::{
    Database as Place, Fault, Store,
    connections::{self, Connection},
    grants::{self, Ended, Grant, Standing, Terms},
    sessions::{self, Session},
    token_key::{Purpose, TokenKey},
    users::{self, User},
};
use serde_json::{Value, json};

use crate::{
    keeping::{SECRET, is_active, published, stop, token},
    postgres::Database,
    program::{Folder, free_port},
};

/// What somebody who logged in has: a browser's cookie, and an app's token family.
struct LoggedIn {
    cookie: TokenKey,
    family: GrantId,
}

/// The database of a folder, open while its server is not.
struct Records {
    store: Store,
    runtime: tokio::runtime::Runtime,
    now: Timestamp,
}

impl Records {
    fn open(place: &Place) -> Self {
        Self {
            store: Store::open(place).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            now: Clock::system().now(),
        }
    }

    fn log_in(&self) -> LoggedIn {
        let (now, rng) = (self.now, &mut Entropy::system());
        let (_, cookie) = TokenKey::draw(Purpose::Session, now, rng);
        let family = grants::fresh_id(now, rng).unwrap();
        let later = now + Duration::from_hours(24);
        let connection = Connection::new(
            ConnectionId::generate(rng),
            "people".to_owned(),
            "auth0".to_owned(),
            now,
        );
        let user = User::new(UserId::generate(rng), connection.id.clone(), now);
        let session = Session {
            id: SessionId::generate(rng),
            user: user.id.clone(),
            methods: vec![],
            authenticated_at: now,
            seen_at: now,
            idle_until: later,
            expires_at: later,
            created_at: now,
        };
        let terms = Terms {
            scope: "openid".parse().unwrap(),
            audience: None,
            nonce: None,
            authenticated_at: now.as_secs(),
            methods: vec![],
            extra: serde_json::Map::new(),
        };
        let grant = Grant {
            id: family.clone(),
            client: "automation".try_into().unwrap(),
            user: user.id.clone(),
            session: Some(session.id.clone()),
            audience: None,
            scope: terms.scope.clone(),
            terms,
            expires_at: later,
        };
        let logged_in = self.store.write(move |tx| {
            let _ = connections::insert(tx, &connection)?;
            let _ = users::insert(tx, &user)?;
            sessions::start(tx, &cookie, &session)?;
            grants::begin(tx, &grant, now)
        });
        let logged_in: Result<(), Fault> = self.runtime.block_on(logged_in);
        logged_in.unwrap();
        LoggedIn { cookie, family }
    }

    /// Whether the session lives, and how the family stands.
    fn of(&self, LoggedIn { cookie, family }: &LoggedIn) -> (bool, Standing) {
        let (cookie, family, now) = (*cookie, family.clone(), self.now);
        let read = self.store.read(move |tx| {
            let session = sessions::find(tx, &cookie, now)?;
            Ok::<_, Fault>((session.is_some(), grants::standing(tx, &family, now)?))
        });
        self.runtime.block_on(read).unwrap()
    }

    fn revoke(&self, LoggedIn { family, .. }: &LoggedIn) {
        let (family, now) = (family.clone(), self.now);
        let revoke = self
            .store
            .write(move |tx| grants::revoke(tx, &family, Ended::ByUser, now));
        let revoked: Result<(), Fault> = self.runtime.block_on(revoke);
        revoked.unwrap();
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.store.close();
    }
}

/// Runs a command that must succeed, and reads what it says.
fn report(folder: &Folder, arguments: &[&str]) -> Value {
    let (code, said, complaint) = folder.runs(&[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{said}{complaint}");
    serde_json::from_str(&said).unwrap()
}

fn issuer(port: u16) -> String {
    format!("http://localhost:{port}/")
}

/// A folder whose configuration names a client for automation, on SQLite.
fn automated() -> Folder {
    let folder = Folder::new();
    folder.puts("secret", SECRET);
    let bootstrap = "[bootstrap]\nclient_id = 'automation'\nclient_secret_file = 'secret'\n";
    folder.puts("keystead.toml", bootstrap);
    folder
}

fn sqlite(folder: &Folder) -> Place {
    Place::sqlite(folder.path().join("keystead-data/keystead.db"))
}

/// A token and a log-in are backed up, then revoked; the restore decides what becomes of them.
fn ends_log_ins_unless_told_otherwise(folder: &Folder, place: &Place) {
    let port = free_port();
    let server = folder.serves(port, &[]);
    let (old, kid) = token(port, &issuer(port));
    stop(server);
    let ada = Records::open(place).log_in();
    report(folder, &["backup", "saved"]);
    Records::open(place).revoke(&ada);
    report(folder, &["keys", "revoke", &kid]);

    let kept = report(
        folder,
        &["restore", "--replace", "--keep-sessions", "saved"],
    );
    assert_eq!(kept["ended"], Value::Null);
    assert_eq!(kept["kept"]["signing_keys"], json!([kid]));
    let (session, family) = Records::open(place).of(&ada);
    assert!(session && matches!(family, Standing::Live(_)), "{family:?}");
    let server = folder.serves(port, &[]);
    assert!(is_active(port, &old), "the operator said that it lives on");
    stop(server);
    let again = ["restore", "--replace", "--keep-sessions", "saved"];
    let (_, said, _) = folder.runs(&again);
    assert!(
        said.contains("revoked since the backup is good again")
            && said.contains(&format!("\n  keystead keys revoke {kid}\n")),
        "{said}"
    );

    let ended = report(folder, &["restore", "--replace", "saved"]);
    // The set-up link is under way.
    let counts = json!({ "sessions": 1, "token_families": 1, "under_way": 1, "signing_keys": 1 });
    assert_eq!(ended["ended"], counts, "{ended}");
    assert_eq!(
        Records::open(place).of(&ada),
        (false, Standing::Revoked(Ended::Restored))
    );
    let server = folder.serves(port, &[]);
    assert!(!is_active(port, &old), "it was issued before the restore");
    assert!(
        !published(port).contains(&kid),
        "it was revoked before the restore"
    );
    assert_ne!(token(port, &issuer(port)).1, kid);
    stop(server);
}

#[test]
fn a_restore_of_sqlite_ends_log_ins_unless_told_otherwise() {
    let folder = automated();
    let place = sqlite(&folder);
    ends_log_ins_unless_told_otherwise(&folder, &place);
}

#[test]
fn a_restore_of_postgres_ends_log_ins_unless_told_otherwise() {
    let Some(database) = Database::new("restore") else {
        return;
    };
    let folder = database.automated();
    let place = Place::postgres(Secret::from(database.url().as_str()));
    ends_log_ins_unless_told_otherwise(&folder, &place);
}

/// A backup whose sealing key is no longer the one in use, so that a restore has to put another in its place.
fn backed_up_with_another_key(folder: &Folder, port: u16) -> Vec<u8> {
    stop(folder.serves(port, &[]));
    report(folder, &["backup", "saved"]);
    report(folder, &["keys", "reseal"]);
    fs::read(folder.path().join("keystead-data/sealing.key")).unwrap()
}

/// Backups travel, and databases of earlier releases were open to others.
#[test]
fn what_a_restore_brings_back_or_moves_aside_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = automated();
    stop(folder.serves(free_port(), &[]));
    report(&folder, &["backup", "saved"]);
    let open = [
        "saved/keystead.db",
        "saved/sealing.key",
        "keystead-data/keystead.db",
    ];
    for name in open {
        let opened = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.path().join(name), opened).unwrap();
    }
    report(&folder, &["restore", "--replace", "saved"]);
    let kept = files(&folder);
    assert!(
        kept.iter()
            .any(|name| name.starts_with("keystead.db.replaced-")),
        "{kept:?}"
    );
    for name in kept {
        let file = folder.path().join("keystead-data").join(&name);
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

fn files(folder: &Folder) -> Vec<String> {
    let listed = fs::read_dir(folder.path().join("keystead-data")).unwrap();
    let mut names: Vec<_> = listed
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_restore_beside_a_running_server_touches_nothing() {
    let (folder, port) = (automated(), free_port());
    let key = backed_up_with_another_key(&folder, port);
    let server = folder.serves(port, &[]);
    let before = files(&folder);
    let (code, _, complaint) = folder.runs(&["restore", "--replace", "saved"]);
    assert!(code == 1 && complaint.contains("is in use"), "{complaint}");
    assert_eq!(files(&folder), before);
    let key_file = folder.path().join("keystead-data/sealing.key");
    assert!(fs::read(key_file).unwrap() == key, "it has another key");
    stop(server);
    // It starts again: the key still opens the database.
    let server = folder.serves(port, &[]);
    token(port, &issuer(port));
    stop(server);
}

#[test]
fn a_dump_that_cannot_be_read_back_leaves_database_and_key_as_they_were() {
    let Some(database) = Database::new("damaged") else {
        return;
    };
    let (folder, port) = (database.automated(), free_port());
    let key = backed_up_with_another_key(&folder, port);
    let dump = folder.path().join("saved/keystead.dump");
    let half = fs::read(&dump).unwrap();
    fs::write(&dump, &half[..half.len() / 2]).unwrap();
    let (code, _, complaint) = folder.runs(&["restore", "--replace", "saved"]);
    assert!(
        code == 1 && complaint.contains("pg_restore failed"),
        "{complaint}"
    );
    let key_file = folder.path().join("keystead-data/sealing.key");
    assert!(fs::read(key_file).unwrap() == key, "it has another key");
    let server = folder.serves(port, &[]);
    token(port, &issuer(port));
    stop(server);
}
