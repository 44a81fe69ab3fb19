//! The guided page, as an app whose callback any other page can lead to and whose tabs outlive it.

use keystead_client::reqwest::{StatusCode, Url, header};

use crate::{
    program::{Folder, get},
    stage::{Demo, Person},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_outlives_a_forged_callback() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let mut ada = Person::of(&demo);
    ada.looks_at(&demo.site).await;
    let sign_in = demo.site.join("sign-in").unwrap();
    let begun = ada.sends(&sign_in, Some(String::new())).await;
    let hosted = begun.headers()[header::LOCATION].to_str().unwrap();

    let forged = demo.site.join("callback?code=eves&state=eves").unwrap();
    ada.sends(&forged, None).await;
    let page = ada.looks_at(&demo.site).await;
    assert!(page.contains("it belongs to another sign-in"), "{page}");

    let last = ada.walks(Url::parse(hosted).unwrap()).await;
    assert_eq!(last, demo.site);
    let page = ada.looks_at(&demo.site).await;
    assert!(page.contains("Signed in as"), "{page}");
}

/// A tab of before a restart has a cookie that nobody knows any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tab_that_was_open_before_the_demo_was_started_works() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let mut ada = Person::of(&demo);
    let page = ada.presses("call/read", "").await;
    assert!(page.contains("nobody is signed in"), "{page}");

    let mut ada = Person::of(&demo);
    let page = ada.presses("sign-in", "write=on").await;
    assert!(page.contains("Signed in as"), "{page}");
    let page = ada.presses("call/write", "").await;
    assert!(page.contains(r#"id="status" class="s2">200<"#), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_demos_of_one_machine_do_not_sign_each_other_out() {
    let (one, two) = (Folder::new(), Folder::new());
    let (one, two) = (Demo::starts(&one), Demo::starts(&two));
    let mut ada = Person::of(&one);
    ada.presses("sign-in", "").await;
    // Browsers send the cookies of 127.0.0.1 to each of its ports.
    ada.looks_at(&two.site).await;
    let page = ada.looks_at(&one.site).await;
    assert!(page.contains("Signed in as"), "{page}");
}

/// The steps in the order of a tutorial, without signing out for more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_says_what_has_happened() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let mut ada = Person::of(&demo);
    let says = |page: &str, status: u16, lesson: &str| {
        let class = status / 100;
        let shown = page.contains(&format!(r#"id="status" class="s{class}">{status}<"#));
        assert!(shown && page.contains(lesson), "{status}, {lesson}: {page}");
        assert!(
            !page.contains(r#"The answer"></pre>"#),
            "an empty answer is none"
        );
    };
    says(
        &ada.presses("call/without", "").await,
        401,
        "does not know who asks",
    );
    let page = ada.presses("sign-in", "").await;
    assert!(page.contains(r#"id="widen""#), "{page}");
    says(
        &ada.presses("call/read", "").await,
        200,
        "Keystead was not asked",
    );
    says(
        &ada.presses("call/write", "").await,
        403,
        "ask for the scope",
    );
    let page = ada.presses("sign-in", "write=on").await;
    assert!(!page.contains(r#"id="widen""#), "{page}");
    says(
        &ada.presses("call/write", "").await,
        200,
        "Keystead was not asked",
    );

    // What is said stands at the top, so the browser is not led further down.
    for (button, want) in [("renew", "Renewed: "), ("sign-out", "Signed out. ")] {
        let pressed = demo.site.join(button).unwrap();
        let pressed = ada.sends(&pressed, Some(String::new())).await;
        let on = pressed.headers()[header::LOCATION]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(!on.contains('#'), "{on}");
        if on.starts_with("http") {
            ada.sends(&on.parse().unwrap(), None).await;
        }
        let page = ada.looks_at(&demo.site).await;
        assert!(page.contains(want), "{button}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_names_who_signed_in() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let mut grace = Person::of(&demo);
    let sign_in = demo.site.join("sign-in").unwrap();
    let begun = grace.sends(&sign_in, Some(String::new())).await;
    let hosted = begun.headers()[header::LOCATION].to_str().unwrap();
    let login = grace.sends(&Url::parse(hosted).unwrap(), None).await;
    let login = Url::parse(&demo.issuer)
        .unwrap()
        .join(login.headers()[header::LOCATION].to_str().unwrap())
        .unwrap();
    let (_, state) = login
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    let form =
        format!("state={state}&email=grace@example.com&password=a-compiler-in-1952&action=submit");
    let sign_up = login.join("/u/signup").unwrap();
    let made = grace.sends(&sign_up, Some(form)).await;
    let on = sign_up
        .join(made.headers()[header::LOCATION].to_str().unwrap())
        .unwrap();
    assert_eq!(grace.walks(on).await, demo.site);
    let page = grace.looks_at(&demo.site).await;
    assert!(
        page.contains("Signed in as <strong>grace@example.com</strong>"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_name_for_its_address_is_led_to_it_or_gets_nothing() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let mut by_name = demo.site.clone();
    by_name.set_host(Some("localhost")).unwrap();
    let led = Person::of(&demo).sends(&by_name, None).await;
    assert_eq!(led.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(led.headers()[header::LOCATION], demo.site.as_str());
    let pressed = by_name.join("renew").unwrap();
    let led = Person::of(&demo).sends(&pressed, Some(String::new())).await;
    assert_eq!(led.status(), StatusCode::MISDIRECTED_REQUEST);
    let stranger = get(demo.site.port().unwrap(), "/");
    assert!(stranger.starts_with("HTTP/1.1 421"), "{stranger}");
}
