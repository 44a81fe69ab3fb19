//! An app that is nothing but a page, with the library that Auth0 gives to such: auth0-spa-js, changed in nothing but the
//! domain and the client id. All that it reads of us it reads from another origin.

use serde_json::{Value, json};
use url::Url;

use crate::{
    browser::Browser,
    cases,
    driver::Person,
    house::House,
    party::party,
    records::{API, SITE},
};

cases! {
    ONE "auth0-spa-js logs in, renews in a frame and by refresh token, reads why not, and logs out" => a_whole_life;
    ONE "a page whose origin nobody registered reads no answer" => a_stranger;
}

/// Does something with a client of the library on the page, and answers what came of it, or what was thrown.
async fn with_client(browser: &Browser, options: &Value, work: &str) -> Value {
    let script = format!(
        "const [options, done] = arguments;
        (async () => {{
            const client = await auth0.createAuth0Client(options);
            {work}
        }})().then(done, error => done({{ error: error.error ?? String(error), description: error.error_description }}));"
    );
    let run = browser
        .client()
        .execute_async(&script, vec![options.clone()]);
    run.await.unwrap()
}

fn options(house: &House, scope: &str, by_refresh_token: bool) -> Value {
    let issuer = &house.issuer;
    let domain = format!("{}:{}", issuer.host_str().unwrap(), issuer.port().unwrap());
    json!({
        "domain": domain,
        "clientId": SITE,
        "useRefreshTokens": by_refresh_token,
        "cacheLocation": "localstorage",
        "authorizationParams": { "redirect_uri": page().as_str(), "audience": API, "scope": scope },
    })
}

fn page() -> Url {
    party().url("/spa-js")
}

async fn a_whole_life(house: &House) {
    for by_refresh_token in [false, true] {
        // Who renews in a frame needs a browser that gives frames their cookies; a refresh token needs none.
        let person = Person {
            cookies_in_frames: !by_refresh_token,
            ..Person::default()
        };
        let (browser, email) = (Browser::of(person).await, house.somebody());
        let options = options(
            house,
            "openid profile email read:messages",
            by_refresh_token,
        );
        browser.goes(&page()).await;
        let leaves = "await client.loginWithRedirect(); return 'gone';";
        with_client(&browser, &options, leaves).await;
        browser.comes_to("/u/login").await;
        browser.logs_in(&email).await;
        browser.comes_to("/spa-js").await;

        let comes_back = "await client.handleRedirectCallback();
            return { user: await client.getUser(), token: await client.getTokenSilently() };";
        let first = with_client(&browser, &options, comes_back).await;
        assert_eq!(first["user"]["email"], email.as_str(), "{first}");

        let renews = "return { token: await client.getTokenSilently({ cacheMode: 'off' }) };";
        let second = with_client(&browser, &options, renews).await;
        assert!(second["token"].is_string(), "{second}");
        assert_ne!(first["token"], second["token"]);

        let shows = format!(
            "const token = await client.getTokenSilently();
            const answer = await fetch('{}', {{ headers: {{ authorization: 'Bearer ' + token }} }});
            return answer.json();",
            house.issuer.join("userinfo").unwrap()
        );
        let shown = with_client(&browser, &options, &shows).await;
        assert_eq!(shown["email"], email.as_str(), "{shown}");

        let elsewhere = "return client.getTokenSilently({ cacheMode: 'off',
            authorizationParams: { audience: 'https://nobody.example/' } });";
        let refused = with_client(&browser, &options, elsewhere).await;
        let want = if by_refresh_token {
            "missing_refresh_token"
        } else {
            "access_denied"
        };
        assert_eq!(refused["error"], want, "{refused}");

        let leaves = format!(
            "await client.logout({{ logoutParams: {{ returnTo: '{}' }} }}); return 'gone';",
            party().url("/signed-out")
        );
        with_client(&browser, &options, &leaves).await;
        browser.comes_to("/signed-out").await;
        browser.goes(&page()).await;
        let nobody = with_client(&browser, &options, "return client.getTokenSilently();").await;
        assert!(nobody["error"].is_string(), "{nobody}");
    }
}

async fn a_stranger(house: &House) {
    let browser = Browser::open().await;
    browser.goes(&party().evil("/callback")).await;
    let script = "const [at, done] = arguments;
        const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'site', code: 'x' });
        fetch(at, { method: 'POST', body }).then(answer => done(answer.status), error => done(error.name));";
    let at = json!(house.issuer.join("oauth/token").unwrap().as_str());
    let run = browser.client().execute_async(script, vec![at.clone()]);
    assert_eq!(run.await.unwrap(), "TypeError");
    // The same, from where the app's pages are.
    browser.goes(&page()).await;
    let run = browser.client().execute_async(script, vec![at]);
    assert_eq!(run.await.unwrap(), 403);
}
