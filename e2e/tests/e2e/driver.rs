//! Chromium's driver: one process for all cases, a browser with an empty profile for each.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder,
    wd::{Capabilities, TimeoutConfiguration},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::needs;

static DRIVER: Mutex<Option<Driver>> = Mutex::new(None);

struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("successfully on port ")?;
            rest.trim_end_matches('.').parse().ok()
        });
        // It must never wait for somebody to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            port: port.unwrap(),
        }
    }
}

fn port() -> u16 {
    let mut driver = DRIVER.lock().unwrap();
    driver.get_or_insert_with(Driver::start).port
}

/// Ends the driver, and every browser that it still has.
pub fn stop() {
    let driver = DRIVER.lock().unwrap().take();
    if let Some(mut driver) = driver {
        tell(driver.port, "GET", "/shutdown");
        // It hears the request, and is not waited for when it does not.
        for _ in 0..100 {
            if !matches!(driver.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = driver.process.kill();
        let _ = driver.process.wait();
    }
}

/// Who sits in front of the browser.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The languages of the browser, as `Accept-Language` has them.
    pub languages: &'static str,
    /// Whether the browser runs scripts of pages.
    pub scripts: bool,
    /// Whether a frame of another site gets that site's cookies.
    pub cookies_in_frames: bool,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            languages: "en-US,en",
            scripts: true,
            cookies_in_frames: false,
        }
    }
}

/// A session of the driver: one browser. It ends when this goes, even by a panic.
pub struct Session {
    pub client: Client,
    id: String,
    port: u16,
}

impl Session {
    pub async fn begin(person: Person) -> Self {
        let port = port();
        let Value::Object(capabilities) = capabilities(person) else {
            panic!("capabilities are an object");
        };
        let client = connect(port, capabilities).await;
        let id = client.session_id().await.unwrap().unwrap();
        // Ended below instead, where a case that fails comes by too.
        client.persist().await.unwrap();
        let patience = Some(Duration::from_secs(30));
        let timeouts = TimeoutConfiguration::new(patience, patience, Some(Duration::ZERO));
        client.update_timeouts(timeouts).await.unwrap();
        Self { client, id, port }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        tell(self.port, "DELETE", &format!("/session/{}", self.id));
    }
}

async fn connect(port: u16, capabilities: Capabilities) -> Client {
    ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}/"))
        .await
        .unwrap()
}

/// A request whose answer says nothing that matters.
fn tell(port: u16, method: &str, path: &str) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Every host below `.test` is this machine, and there is no other: a page that asks anybody else hears that.
fn capabilities(person: Person) -> Value {
    let mut prefs = json!({
        "intl.accept_languages": person.languages,
        "profile.block_third_party_cookies": !person.cookies_in_frames,
        "profile.cookie_controls_mode": u8::from(!person.cookies_in_frames),
    });
    if !person.scripts {
        prefs["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    json!({
        "acceptInsecureCerts": true,
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        "goog:chromeOptions": {
            "binary": needs::chromium().unwrap(),
            "args": [
                "--headless=new",
                // Tests run as root in a container; the pages are our own.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--disable-background-networking",
                "--window-size=1280,900",
                "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
            ],
            "prefs": prefs,
        },
    })
}
