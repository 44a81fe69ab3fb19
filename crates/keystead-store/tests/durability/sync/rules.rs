//! The rules that a trace must keep: what has to have ended before an acknowledgement begins.

use std::collections::HashMap;

use crate::{
    strace::{self, Call},
    writer,
};

/// The calls that tell of an acknowledged pair, and its number.
pub fn acknowledgements(calls: &[Call]) -> impl Iterator<Item = (u64, &Call)> {
    calls
        .iter()
        .filter(|call| call.name == "write")
        .filter_map(|call| {
            let text = str::from_utf8(&call.data).ok()?;
            let number = text.strip_prefix("ack ")?.trim_end().parse().ok()?;
            assert_eq!(text, writer::acknowledgement(number));
            Some((number, call))
        })
}

pub fn is_log_sync(call: &Call) -> bool {
    call.is_any(&["fsync", "fdatasync"]) && call.object.ends_with("-wal")
}

/// A page in SQLite's write-ahead log.
struct Frame<'t> {
    write: &'t Call,
    /// The last of its transaction.
    is_commit: bool,
}

/// SQLite writes each frame as a header of 24 bytes, which in a commit frame says how large the database now is, and
/// then a page.
fn frames(calls: &[Call]) -> Vec<Frame<'_>> {
    let mut is_commit = false;
    let mut frames = Vec::new();
    let to_log =
        |call: &&Call| call.is_any(&["write", "pwrite64"]) && call.object.ends_with("-wal");
    for write in calls.iter().filter(to_log) {
        match write.data.len() {
            24 => is_commit = write.data[4..8] != [0; 4],
            4096 => frames.push(Frame { write, is_commit }),
            _ => {}
        }
    }
    frames
}

/// The acknowledgements that left before a sync that began after the last page of their group had been written.
pub fn early_on_sqlite(calls: &[Call]) -> Vec<String> {
    let frames = frames(calls);
    let mut first_frame: HashMap<u64, usize> = HashMap::new();
    for (index, frame) in frames.iter().enumerate() {
        for pair in strace::pairs_in(&frame.write.data) {
            first_frame.entry(pair).or_insert(index);
        }
    }
    let syncs: Vec<&Call> = calls
        .iter()
        .filter(|call| is_log_sync(call) && call.result == 0)
        .collect();
    let check = |(number, ack): (u64, &Call)| {
        let Some(&written) = first_frame.get(&number) else {
            return Some(format!("{number} was never written to the log"));
        };
        let Some(last) = frames[written..].iter().find(|frame| frame.is_commit) else {
            return Some(format!("{number} was never committed"));
        };
        let in_time = |sync: &&Call| last.write.ended_before(sync) && sync.ended_before(ack);
        (!syncs.iter().any(in_time))
            .then(|| format!("{number} was not synced when it was acknowledged"))
    };
    acknowledgements(calls).filter_map(check).collect()
}

const SEND: &[&str] = &["write", "writev", "sendto", "sendmsg"];
const RECEIVE: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];

fn contains(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

/// Whether the server says here that a transaction was committed: CommandComplete with the tag COMMIT.
pub fn commits(call: &Call) -> bool {
    call.is_any(RECEIVE) && contains(&call.data, b"C\0\0\0\x0bCOMMIT\0")
}

/// The acknowledgements that left before the server had answered the COMMIT of their own connection.
pub fn early_on_postgres(calls: &[Call]) -> Vec<String> {
    let mut last_sent: HashMap<u64, &Call> = HashMap::new();
    for call in calls
        .iter()
        .filter(|call| call.is_any(SEND) && call.object.starts_with("socket:"))
    {
        for pair in strace::pairs_in(&call.data) {
            last_sent.insert(pair, call);
        }
    }
    let check = |(number, ack): (u64, &Call)| {
        let Some(&sent) = last_sent.get(&number) else {
            return Some(format!("{number} was never sent to the server"));
        };
        let mut after = calls
            .iter()
            .filter(|call| call.object == sent.object && sent.ended_before(call));
        let asked = after.find(|call| call.is_any(SEND) && contains(&call.data, b"COMMIT\0"));
        // The answer to that COMMIT, or else the word of a later transaction on the same connection.
        let answered = asked.and_then(|asked| {
            after.find(|call| call.is_any(RECEIVE) && call.result > 0 && asked.began < call.ended)
        });
        match answered {
            Some(answer) if commits(answer) && answer.ended_before(ack) => None,
            Some(_) | None => Some(format!(
                "{number} was not committed when it was acknowledged"
            )),
        }
    };
    acknowledgements(calls).filter_map(check).collect()
}
