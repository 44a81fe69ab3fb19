//! The rules held against traces written by hand, because a rule that cannot fail shows nothing.

use std::fmt::Write as _;

use crate::{pairs, strace, writer};

use super::rules;

const LOG: &str = "/data/keystead.db-wal";
const SOCKET: &str = "socket:[1]";

fn hex(data: &[u8]) -> String {
    data.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\x{byte:02x}").unwrap();
        text
    })
}

fn call(name: &str, object: &str, data: &[u8]) -> String {
    let (object, length) = (hex(object.as_bytes()), data.len());
    format!(
        "7 {name}(5<{object}>, \"{}\", {length}) = {length}",
        hex(data)
    )
}

fn sync(object: &str, result: &str) -> String {
    format!("7 fdatasync(6<{}>) = {result}", hex(object.as_bytes()))
}

fn header(database_size: u8) -> String {
    let mut header = [0; 24];
    header[7] = database_size;
    call("write", LOG, &header)
}

/// A page of the log that names a row of pair 1.
fn page(half: char) -> String {
    let mut page = vec![0; 4096];
    page[90..105].copy_from_slice(pairs::name(1, half).as_bytes());
    call("pwrite64", LOG, &page)
}

fn ack() -> String {
    call("write", "pipe:[9]", writer::acknowledgement(1).as_bytes()).replacen('7', "8", 1)
}

fn begins(line: &str) -> String {
    format!("{} <unfinished ...>", line.rsplit_once(')').unwrap().0)
}

fn ends() -> String {
    "7 <... fdatasync resumed>) = 0".to_owned()
}

fn sent(socket: &str, data: &[u8]) -> String {
    call("sendto", socket, data)
}

fn heard(socket: &str, tag: &str) -> String {
    let length = u8::try_from(tag.len() + 5).unwrap();
    let answer = [b"C\0\0\0", &[length][..], tag.as_bytes(), b"\0Z\0\0\0\x05I"].concat();
    call("recvfrom", socket, &answer)
}

pub fn holds() {
    let group = || [header(0), page('a'), header(9), page('b')];
    let synced = || sync(LOG, "0");
    let sqlite = [
        (
            "synced, then said",
            [&group()[..], &[synced(), ack()]].concat(),
            true,
        ),
        (
            "said, then synced",
            [&group()[..], &[ack(), synced()]].concat(),
            false,
        ),
        (
            "said while the sync was under way",
            [&group()[..], &[begins(&synced()), ack(), ends()]].concat(),
            false,
        ),
        (
            "said when a sync had ended that took long",
            [&group()[..], &[begins(&synced()), ends(), ack()]].concat(),
            true,
        ),
        (
            "synced before the last page of its group",
            vec![header(0), page('a'), synced(), header(9), page('b'), ack()],
            false,
        ),
        (
            "a sync that failed",
            [
                &group()[..],
                &[sync(LOG, "-1 EIO (Input/output error)"), ack()],
            ]
            .concat(),
            false,
        ),
        (
            "another file was synced",
            [&group()[..], &[sync("/data/keystead.db", "0"), ack()]].concat(),
            false,
        ),
        ("never written", vec![synced(), ack()], false),
        (
            "never committed",
            vec![header(0), page('a'), synced(), ack()],
            false,
        ),
    ];
    for (name, trace, want) in sqlite {
        let early = rules::early_on_sqlite(&strace::read(&trace.join("\n")));
        assert_eq!(early.is_empty(), want, "{name}: {early:?}");
    }

    let bound = || sent(SOCKET, pairs::name(1, 'a').as_bytes());
    let asked = || sent(SOCKET, b"Q\0\0\0\x0bCOMMIT\0");
    let committed = || heard(SOCKET, "COMMIT");
    let inserted = || heard(SOCKET, "INSERT 0 1");
    let postgres = [
        (
            "answered, then said",
            vec![bound(), inserted(), asked(), committed(), ack()],
            true,
        ),
        (
            "said before the answer",
            vec![bound(), inserted(), asked(), ack(), committed()],
            false,
        ),
        ("never asked", vec![bound(), inserted(), ack()], false),
        ("never sent", vec![asked(), committed(), ack()], false),
        (
            "answered on another connection",
            vec![
                bound(),
                inserted(),
                asked(),
                heard("socket:[2]", "COMMIT"),
                ack(),
            ],
            false,
        ),
        (
            "answered that it was rolled back",
            vec![
                bound(),
                inserted(),
                asked(),
                heard(SOCKET, "ROLLBACK"),
                ack(),
                committed(),
            ],
            false,
        ),
    ];
    for (name, trace, want) in postgres {
        let early = rules::early_on_postgres(&strace::read(&trace.join("\n")));
        assert_eq!(early.is_empty(), want, "{name}: {early:?}");
    }
    note!("15 traces judged as they should be");
}
