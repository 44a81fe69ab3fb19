//! A native app: signs in through the browser once, remembers it, calls an API. `native-app ISSUER CLIENT_ID API [out]`
#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use keystead_client::{Browser, Error, FileVault, Session, transition::SignIn};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [issuer, client_id, api] => call(issuer, client_id, api).await,
        [issuer, client_id, api, "out"] => sign_out(issuer, client_id, api).await,
        _ => return println!("native-app ISSUER CLIENT_ID API [out]"),
    };
    if let Err(why) = done {
        println!("{why}"); // says what to do
    }
}

fn session(issuer: &str, client_id: &str, api: &str) -> Result<Session, Error> {
    let ask = SignIn::new()
        .audience(api)
        .scope("openid profile offline_access read:messages");
    let folder = std::env::temp_dir().join("keystead-native-app"); // a real app: the user's data folder
    let vault = FileVault::new(folder, "dev.keystead.native-app");
    Session::builder(issuer, client_id)
        .sign_in(ask)
        .vault(vault)
        .build()
}

async fn call(issuer: &str, client_id: &str, api: &str) -> Result<(), Error> {
    let session = session(issuer, client_id, api)?;
    let credentials = match session.credentials().await {
        Err(why) if why.needs_login() => {
            let browser = Browser::system().app("the native app");
            session.sign_in_with(&session.ask(), browser).await?
        }
        kept => kept?,
    };
    println!(
        "hello {}",
        credentials
            .id_token()
            .map_or("nobody", |token| token.subject())
    );
    let answer = session.api(api)?.get("messages").await?;
    println!("GET /messages: {}", answer.status());
    Ok(())
}

async fn sign_out(issuer: &str, client_id: &str, api: &str) -> Result<(), Error> {
    let out = session(issuer, client_id, api)?.sign_out(None).await?;
    println!(
        "signed out here; in the browser: {}",
        out.end_session.map_or("nothing to do".into(), String::from)
    );
    Ok(())
}
