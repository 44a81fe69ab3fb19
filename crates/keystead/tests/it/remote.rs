//! `keystead login`, `token`, `call` and `logout`: the terminal as an app, and what it says when something is wrong.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, Stdio},
    thread,
    time::{Duration, Instant},
};

use keystead_client::{FileVault, Vault as _, reqwest::Url};
use serde_json::Value;

use crate::{
    program::{Folder, free_port, hears},
    stage::{Demo, Person, ended},
};

type Variables<'f> = [(&'static str, &'f str); 1];

fn home(folder: &Folder) -> Variables<'_> {
    [("HOME", folder.path().to_str().unwrap())]
}

fn runs(folder: &Folder, arguments: &[&str]) -> (i32, String, String) {
    folder.runs_with(arguments, &home(folder))
}

/// `keystead login`, which waits for its browser.
struct Login {
    process: Child,
    stderr: BufReader<ChildStderr>,
    address: Url,
}

impl Login {
    fn begins(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut process = folder
            .command(&[&["login"], arguments].concat())
            .envs(home(folder))
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
            let last = said.lines().last().unwrap_or_default().trim();
            if last.starts_with("http") {
                break last.parse().unwrap();
            }
        };
        Self {
            process,
            stderr,
            address,
        }
    }

    /// The port that the browser is to come back to.
    fn port(&self) -> u16 {
        let mut pairs = self.address.query_pairs();
        let (_, back) = pairs.find(|(name, _)| name == "redirect_uri").unwrap();
        Url::parse(&back).unwrap().port().unwrap()
    }

    /// Waits for the end: exit code, standard output, the rest of standard error.
    fn ends(mut self) -> (i32, String, String) {
        let status = ended(&mut self.process);
        let (mut said, mut complaint) = (String::new(), String::new());
        let mut stdout = self.process.stdout.take().unwrap();
        stdout.read_to_string(&mut said).unwrap();
        self.stderr.read_to_string(&mut complaint).unwrap();
        (status.code().unwrap_or(-1), said, complaint)
    }
}

fn said_by_the_demo(demo: &Demo) -> Vec<&str> {
    vec!["--issuer", &demo.issuer, "--client-id", demo.of("native")]
}

const READ: [&str; 4] = [
    "--audience",
    "https://api.mysite.com",
    "--scope",
    "read:messages",
];

/// Signs Ada in at a terminal.
async fn signs_in(folder: &Folder, demo: &Demo, arguments: &[&str]) -> (i32, String, String) {
    let login = Login::begins(folder, &[&["--no-browser"], arguments].concat(), &[]);
    Person::of(demo).walks(login.address.clone()).await;
    login.ends()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_terminal_signs_in_calls_and_signs_out() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let messages = demo.site.join("api/messages").unwrap();

    let (code, _, complaint) = runs(&folder, &["token"]);
    assert!(
        code == 1 && complaint.contains("keystead login --client-id"),
        "{complaint}"
    );
    let arguments = [&said_by_the_demo(&demo)[..], &READ].concat();
    let (code, told, complaint) = signs_in(&folder, &demo, &arguments).await;
    assert!(
        code == 0 && told.contains("read:messages"),
        "{told}{complaint}"
    );

    let (code, body, complaint) = runs(&folder, &["call", "GET", messages.as_str()]);
    assert!(code == 0 && body.contains("Welcome."), "{body}{complaint}");
    let token = || runs(&folder, &["token"]).1;
    let (first, again) = (token(), token());
    assert!(first == again && first.starts_with("eyJ"), "{first}{again}");

    // What is refused for want of a scope is granted by the command that is proposed.
    let (code, _, complaint) = runs(&folder, &["call", "POST", messages.as_str()]);
    assert!(code == 1 && complaint.contains("403"), "{complaint}");
    let (_, proposed) = complaint.trim_end().rsplit_once("keystead login ").unwrap();
    let proposed: Vec<&str> = proposed.splitn(2, ' ').collect();
    assert_eq!(proposed, ["--scope", "'read:messages write:messages'"]);
    let more = ["--scope", proposed[1].trim_matches('\'')];
    let (code, told, complaint) = signs_in(&folder, &demo, &more).await;
    assert!(
        code == 0 && told.contains("write:messages"),
        "{told}{complaint}"
    );
    let posted = ["call", "POST", messages.as_str(), "--data", "{}", "--json"];
    let (code, told, complaint) = runs(&folder, &posted);
    let answered: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{complaint}"));
    assert_eq!((code, &answered["status"]), (0, &200.into()), "{told}");

    let (code, told, complaint) = runs(&folder, &["logout"]);
    assert!(
        code == 0 && told.contains("Signed out") && told.contains(&demo.issuer),
        "also says where the browser is signed out: {told}{complaint}"
    );
    let (code, told, _) = runs(&folder, &["logout", "--json"]);
    assert!(code == 0 && told.contains("\"revoked\": true"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_wrong_ends_with_the_command_that_helps() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let messages = demo.site.join("api/messages").unwrap();
    let (messages, nowhere) = (
        messages.as_str(),
        format!("http://127.0.0.1:{}/", free_port()),
    );
    let check = |name: &str, arguments: &[&str], ends: &str| {
        let (code, said, complaint) = runs(&folder, arguments);
        let last = complaint.lines().last().unwrap_or_default();
        assert!(
            code == 1 && said.is_empty() && last.contains(ends),
            "{name}: {code}\n{said}{complaint}"
        );
    };
    for command in [
        &["token"][..],
        &["token", "--json"],
        &["call", "GET", messages],
        &["logout"],
    ] {
        check(
            "nobody has signed in",
            command,
            "keystead login --client-id",
        );
    }
    check("which app?", &["login"], "keystead login --client-id ID");
    let elsewhere = ["login", "--client-id", "x", "--issuer", &nowhere];
    check("nobody is there", &elsewhere, "keystead serve");
    let not_ours = ["login", "--client-id", "x", "--issuer", demo.site.as_str()];
    check("it is no issuer", &not_ours, "keystead login --issuer URL");
    let clear = [
        "login",
        "--client-id",
        "x",
        "--issuer",
        "http://id.example.com/",
    ];
    check("without TLS", &clear, "keystead login --issuer URL");
    let arguments = [&said_by_the_demo(&demo)[..], &READ].concat();
    signs_in(&folder, &demo, &arguments).await;

    check(
        "an API that is not there",
        &["call", "GET", &nowhere],
        "is it running?",
    );
    check(
        "an API without TLS",
        &["call", "GET", "http://example.com/"],
        "give an https address",
    );
    let (code, _, complaint) = folder.runs_with(&["call", "GET", "messages"], &home(&folder));
    assert!(code == 2 && complaint.contains("--help"), "{complaint}");
    let (code, said, _) = runs(&folder, &["call", "POST", messages, "--json"]);
    let answered: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &answered["status"]), (1, &403.into()));
    assert!(
        answered["challenge"]
            .as_str()
            .unwrap()
            .contains("write:messages")
    );

    // The user's sign-in is ended elsewhere, and the access token with it.
    let kept = folder.path().join(".local/share/keystead");
    assert!(kept.join("credentials").exists());
    std::fs::write(kept.join("credentials"), "scrambled").unwrap();
    check("what is kept is damaged", &["token"], "keystead logout");
    let (code, _, complaint) = runs(&folder, &["logout"]);
    assert_eq!(code, 0, "{complaint}");
    check("nobody is signed in any more", &["token"], "keystead login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_network_a_token_that_lives_is_given_and_a_log_out_says_what_it_could_not_do() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let arguments = [&said_by_the_demo(&demo)[..], &READ].concat();
    signs_in(&folder, &demo, &arguments).await;
    let first = runs(&folder, &["token"]).1;
    drop(demo);
    // The access token lives, so nobody is asked.
    let (code, again, _) = runs(&folder, &["token"]);
    assert_eq!((code, again), (0, first));
    let (code, told, complaint) = runs(&folder, &["logout"]);
    assert!(
        code == 0 && told.contains("not revoked"),
        "{told}{complaint}"
    );
    assert!(runs(&folder, &["token"]).2.contains("keystead login"));
}

/// Makes the access token that is kept one that has ended.
fn lets_the_token_end(folder: &Folder) -> Value {
    let vault = FileVault::with_key_file(folder.path().join(".local/share/keystead"));
    let mut kept: Value = serde_json::from_str(vault.load().unwrap().unwrap().expose()).unwrap();
    kept["expires_at"] = kept["obtained_at"].clone();
    vault.store(&kept.to_string().into()).unwrap();
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_has_ended_is_renewed_unless_somebody_said_no() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let messages = demo.site.join("api/messages").unwrap();
    let arguments = [&said_by_the_demo(&demo)[..], &READ].concat();
    signs_in(&folder, &demo, &arguments).await;
    let first = runs(&folder, &["token"]).1;
    lets_the_token_end(&folder);
    let (code, second, complaint) = runs(&folder, &["token"]);
    assert!(code == 0 && second != first, "{complaint}");

    // Somebody ends the sign-in elsewhere.
    let kept = lets_the_token_end(&folder);
    let revoke = Url::parse(&demo.issuer)
        .unwrap()
        .join("oauth/revoke")
        .unwrap();
    let form = format!(
        "client_id={}&token={}",
        demo.of("native"),
        kept["refresh_token"].as_str().unwrap()
    );
    let told = Person::of(&demo).sends(&revoke, Some(form)).await;
    assert_eq!(told.status().as_u16(), 200);
    let (code, _, complaint) = runs(&folder, &["call", "GET", messages.as_str()]);
    assert!(
        code == 1
            && complaint.contains("has ended this sign-in")
            && complaint.trim_end().ends_with("keystead login"),
        "{complaint}"
    );

    // Without a network there is nothing to lose.
    signs_in(&folder, &demo, &[]).await;
    lets_the_token_end(&folder);
    drop(demo);
    let (code, _, complaint) = runs(&folder, &["token", "--json"]);
    assert!(
        code == 1 && complaint.contains("nothing is lost") && complaint.contains("keystead demo"),
        "{complaint}"
    );
    assert!(lets_the_token_end(&folder)["refresh_token"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_gives_a_log_in_up_and_leaves_nothing() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let arguments = [&["--no-browser"], &said_by_the_demo(&demo)[..], &READ].concat();
    let login = Login::begins(&folder, &arguments, &[]);
    let port = login.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "it waits");
    hears(login.process.id(), "-INT");
    let told = Instant::now();
    let (code, said, complaint) = login.ends();
    assert!(told.elapsed() < Duration::from_secs(2));
    assert_eq!((code, said.as_str()), (130, ""), "{complaint}");
    assert!(
        complaint.contains("given up") && complaint.trim_end().ends_with("keystead login"),
        "{complaint}"
    );
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    let kept = folder.path().join(".local/share/keystead");
    assert!(!kept.join("credentials").exists() && !kept.join("login.json").exists());
}

/// On a machine without a browser, or with one that is a program of the terminal and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_browser_the_address_is_shown_and_the_sign_in_goes_on() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let arguments = [&said_by_the_demo(&demo)[..], &READ].concat();
    let login = Login::begins(&folder, &arguments, &[("PATH", "/nowhere")]);
    Person::of(&demo).walks(login.address.clone()).await;
    let (code, told, complaint) = login.ends();
    assert!(code == 0 && told.contains("Signed in"), "{told}{complaint}");
}

/// Many providers have no slash at the end of their name, and people type one, or leave it out.
#[test]
fn an_issuer_is_found_with_its_last_slash_and_without() {
    for (name, slash, typed) in [
        ("without, as it is", "", ""),
        ("without, typed with", "", "/"),
        ("with, as it is", "/", "/"),
        ("with, typed without", "/", ""),
    ] {
        let at = provider(slash);
        let folder = Folder::new();
        let issuer = format!("{at}{typed}");
        let arguments = ["--no-browser", "--client-id", "x", "--issuer", &issuer];
        let login = Login::begins(&folder, &arguments, &[]);
        assert_eq!(login.address.path(), "/auth", "{name}");
        hears(login.process.id(), "-INT");
        login.ends();
    }
}

/// Publishes a discovery document on a port of loopback, and does nothing else.
fn provider(slash: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let document = format!(
        r#"{{"issuer":"{at}{slash}","authorization_endpoint":"{at}/auth","token_endpoint":"{at}/token","jwks_uri":"{at}/jwks"}}"#
    );
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let length = document.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{document}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    at
}
