//! A writer for log lines that no request waits for: lines gather in memory, and one thread writes what has gathered.

use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// How much may gather while whoever reads the lines is slow. Lines beyond it are counted, not kept.
const MOST: usize = 4 * 1024 * 1024;
/// How long lines gather under load: a system call for each line would cost more than making it.
const GATHER: Duration = Duration::from_millis(5);

/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Takes lines; clones share one thread.
#[derive(Clone)]
pub(super) struct Lines(Arc<Gathered>);

#[derive(Default)]
struct Gathered {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    text: Vec<u8>,
    lost: u64,
    ending: bool,
}

/// Ends the thread when it is dropped, after everything that was said is written; whoever reads it too slowly is waited
/// for a moment only.
pub(crate) struct Flush {
    lines: Lines,
    written: mpsc::Receiver<Infallible>,
}

impl Lines {
    /// Begins to write to `out`. `lost` makes the line that says how many lines there was no room for.
    pub(super) fn begin(
        mut out: impl Write + Send + 'static,
        lost: fn(u64) -> String,
    ) -> io::Result<(Self, Flush)> {
        let lines = Self(Arc::default());
        let gathered = Arc::clone(&lines.0);
        let (alive, written) = mpsc::channel();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                while let Some((text, missing)) = gathered.next() {
                    // Nobody can be told that the log cannot be written.
                    let _ = out.write_all(&text);
                    if missing > 0 {
                        let _ = out.write_all(lost(missing).as_bytes());
                    }
                    let _ = out.flush();
                }
                drop(alive);
            })?;
        let flush = Flush {
            lines: lines.clone(),
            written,
        };
        Ok((lines, flush))
    }
}

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, and a moment more. `None` when all is written that ever will be.
    fn next(&self) -> Option<(Vec<u8>, u64)> {
        let nothing = |state: &mut State| state.text.is_empty() && !state.ending;
        let state = self
            .came
            .wait_while(self.lock(), nothing)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .came
            .wait_timeout_while(state, GATHER, |state| !state.ending)
            .unwrap_or_else(PoisonError::into_inner);
        if state.text.is_empty() {
            return None;
        }
        let next = Vec::with_capacity(state.text.len().min(64 * 1024));
        let text = std::mem::replace(&mut state.text, next);
        Some((text, std::mem::take(&mut state.lost)))
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.text.len() + line.len() > MOST {
            state.lost += 1;
        } else {
            let first = state.text.is_empty();
            state.text.extend_from_slice(line);
            drop(state);
            if first {
                self.0.came.notify_one();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.lines.0.lock().ending = true;
        self.lines.0.came.notify_one();
        // Either way there is nothing more to be done: the thread has ended, or time is up.
        let _ = self.written.recv_timeout(LAST_LINES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Given(mpsc::Sender<Vec<u8>>, mpsc::Receiver<()>);

    impl Write for Given {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.send(text.to_vec()).unwrap();
            let _ = self.1.recv();
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn missing(lost: u64) -> String {
        format!("{lost} lost\n")
    }

    #[test]
    fn what_was_said_is_written_before_the_end() {
        let ((given, written), (go, wait)) = (mpsc::channel(), mpsc::channel());
        drop(go);
        let (mut lines, flush) = Lines::begin(Given(given, wait), missing).unwrap();
        for n in 0..1_000 {
            writeln!(lines, "{n}").unwrap();
        }
        drop(flush);
        let text = String::from_utf8(written.iter().flatten().collect()).unwrap();
        let want: String = (0..1_000).map(|n| format!("{n}\n")).collect();
        assert_eq!(text, want);
    }

    #[test]
    fn a_reader_that_stalls_stops_nobody_and_is_told_what_it_missed() {
        let ((given, written), (go, wait)) = (mpsc::channel(), mpsc::channel());
        let (mut lines, flush) = Lines::begin(Given(given, wait), missing).unwrap();
        writeln!(lines, "first").unwrap();
        assert_eq!(written.recv().unwrap(), b"first\n");
        let kept = vec![b'x'; MOST];
        lines.write_all(&kept).unwrap();
        writeln!(lines, "too much").unwrap();
        writeln!(lines, "far too much").unwrap();
        drop(go);
        drop(flush);
        assert_eq!(written.recv().unwrap().len(), MOST);
        assert_eq!(written.recv().unwrap(), b"2 lost\n");
        assert!(written.recv().is_err());
    }
}
