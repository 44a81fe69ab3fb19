//! `keystead demo`, and the terminal as an app of it: from a log-in to a protected call.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use url::Url;

use crate::{
    postgres::Database,
    program::{Folder, ask, get},
};

const STEPS: usize = 9;

fn checks(folder: &Folder, variables: &[(&str, &str)]) {
    let (code, said, complaint) = folder.runs_with(&["demo", "--check", "--json"], variables);
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{complaint}"));
    assert_eq!(
        (code, &report["ok"]),
        (0, &Value::Bool(true)),
        "{said}{complaint}"
    );
    assert_eq!(report["steps"].as_array().unwrap().len(), STEPS, "{said}");
}

#[test]
fn every_step_goes_through_without_a_person_and_nothing_is_left() {
    let folder = Folder::new();
    checks(&folder, &[]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let (code, said, _) = folder.runs(&["demo", "--check", "--data-dir", "kept"]);
    assert!(code == 0 && said.contains("Everything works."), "{said}");
    assert!(folder.path().join("kept/demo.json").is_file());
}

#[test]
fn every_step_goes_through_on_postgres() {
    let Some(database) = Database::new("demo") else {
        return;
    };
    checks(
        &Folder::new(),
        &[("KEYSTEAD_DATABASE__URL", &database.url())],
    );
}

/// A running demo.
struct Demo(Child);

impl Demo {
    fn starts(folder: &Folder, port: u16) -> Self {
        let port = port.to_string();
        let child = folder
            .command(&["demo", "--port", &port])
            .stdout(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Its words until the last line, which comes when everything is there.
    fn says(&mut self) -> String {
        let mut lines = BufReader::new(self.0.stdout.take().unwrap()).lines();
        let mut said = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            said += &line;
            said.push('\n');
            if line.contains("Ctrl-C") {
                return said;
            }
        }
        panic!("it ended: {said}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Two ports in a row that nobody uses now.
fn two_free_ports() -> u16 {
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (20_000..60_000)
        .step_by(7)
        .map(|port| port + u16::try_from(std::process::id() % 1_000).unwrap())
        .find(|port| free(*port) && free(*port + 1))
        .unwrap()
}

/// A browser that fills in what it is shown.
struct Browser<'a> {
    email: &'a str,
    password: &'a str,
    cookies: Vec<String>,
}

/// What a consent page wants to hear again.
fn shown(page: &str) -> &str {
    let field = page.split_once(r#"name="shown" value=""#);
    field.map_or("", |(_, rest)| rest.split_once('"').unwrap().0)
}

impl Browser<'_> {
    /// Follows an address through the hosted pages; gives the last answer.
    fn follows(&mut self, url: &str) -> String {
        let mut at = Url::parse(url).unwrap();
        for _ in 0..16 {
            let mut answer = self.sends(&at, None);
            if answer.starts_with("HTTP/1.1 200") && at.path().starts_with("/u/") {
                let state = at
                    .query_pairs()
                    .find(|(name, _)| name == "state")
                    .unwrap()
                    .1;
                let form = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("state", &state)
                    .append_pair("username", self.email)
                    .append_pair("password", self.password)
                    .append_pair("shown", shown(&answer))
                    .append_pair(
                        "action",
                        if at.path() == "/u/consent" {
                            "allow"
                        } else {
                            "submit"
                        },
                    )
                    .finish();
                answer = self.sends(&at, Some(&form));
            }
            let Some(on) = header(&answer, "location") else {
                return answer;
            };
            at = at.join(on).unwrap();
        }
        panic!("no end of redirects: {at}");
    }

    fn sends(&mut self, url: &Url, form: Option<&str>) -> String {
        let (port, host) = (url.port().unwrap(), url.host_str().unwrap());
        let (method, body) = form.map_or(("GET", ""), |form| ("POST", form));
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let answer = ask(
            port,
            &format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nCookie: {}\r\n\
                 Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                self.cookies.join("; "),
                body.len()
            ),
        );
        let (head, _) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{method} {url}: {answer:?}"));
        for line in head.lines() {
            if let Some(cookie) = line.strip_prefix("set-cookie: ") {
                let pair = cookie.split(';').next().unwrap().to_owned();
                let name = pair.split('=').next().unwrap().to_owned() + "=";
                self.cookies.retain(|known| !known.starts_with(&name));
                self.cookies.push(pair);
            }
        }
        answer
    }
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n")?;
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn the_terminal_signs_in_calls_and_signs_out() {
    let (folder, port) = (Folder::new(), two_free_ports());
    let said = Demo::starts(&folder, port).says();
    let kept = fs::read_to_string(folder.path().join("keystead-demo/demo.json")).unwrap();
    let cast: Value = serde_json::from_str(&kept).unwrap();
    let of = |name: &str| cast[name].as_str().unwrap();
    for wanted in [
        of("email"),
        of("password"),
        of("native"),
        of("machine_secret"),
        "u/setup?ticket=",
    ] {
        assert!(said.contains(wanted), "{wanted}\n{said}");
    }

    // The second start finds what the first made.
    let mut demo = Demo::starts(&folder, port);
    demo.says();
    assert_eq!(
        fs::read_to_string(folder.path().join("keystead-demo/demo.json")).unwrap(),
        kept
    );

    let issuer = format!("http://localhost:{port}/");
    let site = port + 1;
    let messages = format!("http://127.0.0.1:{site}/api/messages");
    assert!(get(site, "/api/public").starts_with("HTTP/1.1 200"));
    let stranger = get(site, "/");
    assert!(
        stranger.starts_with("HTTP/1.1 421"),
        "a name that points here: {stranger}"
    );

    let (code, _, complaint) = folder.runs_with(&["token"], &home(&folder));
    assert!(
        code == 1 && complaint.contains("keystead login --client-id"),
        "{complaint}"
    );

    let login = [
        "login",
        "--no-browser",
        "--issuer",
        &issuer,
        "--client-id",
        of("native"),
    ];
    let api = [
        "--audience",
        "https://api.mysite.com",
        "--scope",
        "read:messages",
    ];
    let mut login = folder
        .command(&[&login[..], &api].concat())
        .envs(home(&folder))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(login.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let address = lines
        .map(|line| line.trim().to_owned())
        .find(|line| line.starts_with("http"));
    let mut browser = Browser {
        email: of("email"),
        password: of("password"),
        cookies: Vec::new(),
    };
    let last = browser.follows(&address.unwrap());
    assert!(last.starts_with("HTTP/1.1 200"), "{last}");
    assert!(ended(&mut login), "{last}");
    let mut told = String::new();
    login
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert!(told.contains("read:messages"), "{told}");

    let runs = |arguments: &[&str]| folder.runs_with(arguments, &home(&folder));
    let (code, body, complaint) = runs(&["call", "GET", &messages]);
    assert!(code == 0 && body.contains("Welcome."), "{body}{complaint}");
    let (code, _, complaint) = runs(&["call", "POST", &messages]);
    assert!(
        code == 1 && complaint.contains("403") && complaint.contains("keystead login --scope"),
        "{complaint}"
    );
    let (first, again) = (runs(&["token"]).1, runs(&["token"]).1);
    assert!(first == again && first.starts_with("eyJ"), "{first}{again}");

    let (code, told, complaint) = runs(&["logout", "--json"]);
    assert!(
        code == 0 && told.contains("\"revoked\": true"),
        "{told}{complaint}"
    );
    let (code, _, complaint) = runs(&["token"]);
    assert!(
        code == 1 && complaint.contains("keystead login"),
        "{complaint}"
    );
}

fn home(folder: &Folder) -> [(&'static str, &str); 1] {
    [("HOME", folder.path().to_str().unwrap())]
}

fn ended(child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    false
}
