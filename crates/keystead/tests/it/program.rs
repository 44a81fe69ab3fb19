//! The program in a folder of its own, with an environment that holds nothing else.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn puts(&self, name: &str, content: &str) {
        fs::write(self.path().join(name), content).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keystead"));
        command
            .args(arguments)
            .env_clear()
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end: exit code, standard output, standard error.
    pub fn runs(&self, arguments: &[&str]) -> (i32, String, String) {
        self.runs_with(arguments, &[])
    }

    pub fn runs_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (i32, String, String) {
        let output = self
            .command(arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap_or(-1),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// Starts a server and waits until it says that it is ready.
    pub fn serves(&self, port: u16, arguments: &[&str]) -> Server {
        let listen = format!("127.0.0.1:{port}");
        let arguments = [&["serve", "--listen", &listen], arguments].concat();
        let mut child = self
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| said.send(line))
        });
        let mut server = Server {
            child,
            port,
            lines,
            log: Vec::new(),
        };
        server.waits_for("ready");
        server
    }
}

/// A port that nobody uses now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The whole answer to a GET request, in clear text.
pub fn get(port: u16, path: &str) -> String {
    ask(
        port,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    )
}

/// The whole answer to a form that is posted.
pub fn post(port: u16, path: &str, form: &str) -> String {
    let length = form.len();
    ask(
        port,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
        ),
    )
}

/// The whole answer to whatever is sent.
pub fn ask(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends a signal to a process.
pub fn hears(id: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &id.to_string()])
        .status();
    assert!(sent.unwrap().success(), "{signal}");
}

pub struct Server {
    child: Child,
    port: u16,
    lines: mpsc::Receiver<String>,
    /// What it has written to standard error so far.
    pub log: Vec<String>,
}

impl Server {
    /// Reads the log up to a line that contains `what`.
    pub fn waits_for(&mut self, what: &str) {
        loop {
            match self.lines.recv_timeout(Duration::from_secs(20)) {
                Ok(line) => {
                    let found = line.contains(what);
                    self.log.push(line);
                    if found {
                        return;
                    }
                }
                Err(_) => panic!("never said {what:?}: {:#?}", self.log),
            }
        }
    }

    /// The whole answer to a GET request.
    pub fn answers(&self, path: &str) -> String {
        get(self.port, path)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn hears(&self, signal: &str) {
        hears(self.id(), signal);
    }

    /// Waits for the end; reads the rest of the log and of standard output.
    pub fn ends(mut self) -> (ExitStatus, String, Vec<String>) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("did not end: {:#?}", self.log),
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        self.log.extend(self.lines.iter());
        (status, stdout, std::mem::take(&mut self.log))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
