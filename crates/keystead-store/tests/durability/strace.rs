//! Reads what `strace` saw of a process: its calls, and which of them had ended before another began.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    process::Command,
};

/// `strace` with its options, to follow every thread and write what it sees of these calls to a file.
///
/// Texts are hexadecimal and long enough for a page of a database; file descriptors come with what they name.
pub fn command(calls: &str, to: &Path) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-f", "--seccomp-bpf", "-y", "-xx", "-s", "9000"])
        .args(["-e", &format!("trace={calls}"), "-e", "signal=none", "-o"])
        .arg(to);
    command
}

/// As [`command`] for the calls that sync, but from the `first` one on they all fail.
pub fn failing_syncs(first: usize, to: &Path) -> Command {
    let mut command = command("fsync,fdatasync", to);
    command.args([
        "-e",
        &format!("inject=fsync,fdatasync:error=EIO:when={first}+"),
    ]);
    command
}

/// One call, of whichever thread.
///
/// A thread stands still until `strace` has noted that a call begins, and again until it has noted that it ended. So the
/// order of lines is the order of events wherever one thread waits for another: more than timestamps could say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    /// What its file descriptor stands for: a path, `socket:[…]`, `pipe:[…]`.
    pub object: String,
    /// What was sent or received.
    pub data: Vec<u8>,
    /// Negative if it failed.
    pub result: i64,
    /// The line that says that it began …
    pub began: usize,
    /// … and the line that says that it had ended.
    pub ended: usize,
}

impl Call {
    pub fn ended_before(&self, other: &Self) -> bool {
        self.ended < other.began
    }

    pub fn is_any(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }
}

/// The calls of a trace that ended, in the order in which they began.
pub fn read(trace: &str) -> Vec<Call> {
    let mut begun: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        if let Some(beginning) = text.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (number, beginning));
        } else if let Some((_, end)) = text.split_once(" resumed>") {
            let (began, beginning) = begun.remove(thread).unwrap();
            calls.extend(call(&format!("{beginning}{end}"), began, number));
        } else {
            calls.extend(call(text, number, number));
        }
    }
    calls.sort_by_key(|call| call.began);
    calls
}

/// Reads `name(1<object>, "data", …) = result`; `None` if it is another kind of line.
fn call(text: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let object = arguments
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or("", |(object, _)| object);
    let quoted = arguments.split('"').skip(1).step_by(2);
    Some(Call {
        name: name.to_owned(),
        object: String::from_utf8_lossy(&unescape(object)).into_owned(),
        data: quoted.flat_map(unescape).collect(),
        result: result.split_whitespace().next()?.parse().ok()?,
        began,
        ended,
    })
}

fn unescape(text: &str) -> Vec<u8> {
    text.split("\\x")
        .filter(|byte| !byte.is_empty())
        .flat_map(|byte| match u8::from_str_radix(byte, 16) {
            Ok(byte) => vec![byte],
            Err(_) => byte.as_bytes().to_vec(),
        })
        .collect()
}

/// The numbers of the pairs whose rows a text names.
pub fn pairs_in(data: &[u8]) -> HashSet<u64> {
    let starts = data
        .windows(4)
        .enumerate()
        .filter(|(_, word)| word == b"pair");
    starts
        .filter_map(|(at, _)| {
            str::from_utf8(data.get(at + 4..at + 14)?)
                .ok()?
                .parse()
                .ok()
        })
        .collect()
}
