//! `keystead demo` and its guided page: the first that anybody sees of the house, from a refusal to a protected call.

use tempfile::TempDir;
use url::Url;

use crate::{
    browser::Browser,
    cases,
    driver::Person,
    house::House,
    pages::{WIDTHS, look},
    program::Program,
};

cases! {
    ONE "it leads from a refusal over a log-in to an answer, and out again" => walks;
    ONE "it needs no script" => without_scripts;
    ONE "nobody is shut out of it" => for_everybody;
}

/// A demo of a case's own.
struct Demo {
    page: Url,
    _program: Program,
    _folder: TempDir,
}

impl Demo {
    fn starts() -> Self {
        let folder = TempDir::new().unwrap();
        let (program, site) = Program::demo(folder.path());
        Self {
            page: format!("http://{site}/").parse().unwrap(),
            _program: program,
            _folder: folder,
        }
    }
}

/// Signs in with what the page says, and agrees if asked.
async fn signs_in(browser: &Browser, demo: &Demo) {
    let (email, password) = (
        browser.text("#email").await,
        browser.text("#password").await,
    );
    browser.clicks("#sign-in").await;
    browser.comes_to("/u/login").await;
    browser.tries(&email, &password).await;
    agrees(browser, demo).await;
}

/// Goes on until the guided page is there with its token.
async fn agrees(browser: &Browser, demo: &Demo) {
    loop {
        let seen = browser
            .sees("#consent-allow, #confirm-continue, #token")
            .await;
        if browser.has("#token").await {
            break;
        }
        // The page may go while it is looked at: then what comes next is looked at.
        let _ = seen.click().await;
    }
    assert_eq!(browser.stands().await.origin(), demo.page.origin());
}

async fn calls(browser: &Browser, button: &str, want: &str) {
    browser.clicks(button).await;
    browser.sees("#status").await;
    assert_eq!(browser.text("#status").await, want, "{button}");
}

async fn walk(browser: &Browser, demo: &Demo) {
    browser.goes(&demo.page).await;
    calls(browser, "#call-without", "401").await;
    assert!(
        browser
            .text("#answer")
            .await
            .contains("WWW-Authenticate: Bearer")
    );
    signs_in(browser, demo).await;
    assert!(
        browser
            .text(".claims")
            .await
            .contains("https://api.mysite.com")
    );
    calls(browser, "#call-read", "200").await;
    calls(browser, "#call-write", "403").await;
    let first = browser.text(".token").await;
    browser.clicks("#renew").await;
    browser.sees("[role=status]").await;
    assert_ne!(browser.text(".token").await, first, "it was renewed");
    calls(browser, "#call-read", "200").await;
    browser.clicks("#sign-out").await;
    browser.sees("#sign-in").await;
    assert!(!browser.has("#token").await);
}

async fn walks(_: &House) {
    let (browser, demo) = (Browser::open().await, Demo::starts());
    walk(&browser, &demo).await;
    // Signed out everywhere: the next sign-in asks for the password, and may ask for more.
    browser.clicks("#write").await;
    signs_in(&browser, &demo).await;
    calls(&browser, "#call-write", "200").await;
    browser.was_quiet().await;
}

async fn without_scripts(_: &House) {
    let plain = Person {
        scripts: false,
        ..Person::default()
    };
    let (browser, demo) = (Browser::of(plain).await, Demo::starts());
    walk(&browser, &demo).await;
}

async fn for_everybody(_: &House) {
    let (browser, demo) = (Browser::open().await, Demo::starts());
    browser.goes(&demo.page).await;
    let mut wrong = looked_at(&browser, "before").await;
    signs_in(&browser, &demo).await;
    calls(&browser, "#call-write", "403").await;
    wrong.extend(looked_at(&browser, "signed in").await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn looked_at(browser: &Browser, when: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for dark in [false, true] {
        for width in WIDTHS {
            look(browser, dark, width).await;
            let found = browser.violations().await.into_iter();
            wrong.extend(found.map(|what| format!("{when}, dark: {dark}, {width} px: {what}")));
            let wider = "return document.documentElement.scrollWidth > innerWidth";
            if browser.runs(wider, &[]).await == true {
                wrong.push(format!("{when}, {width} px: is wider than the screen"));
            }
        }
    }
    wrong
}
