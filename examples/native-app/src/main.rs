//! A native app: signs in through the browser once, remembers it, calls an API.
#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use keystead_client::{Browser, Error, FileVault, Session, transition::SignIn};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, client_id, audience, what] = arguments.as_slice() else {
        return println!("native-app ISSUER CLIENT_ID AUDIENCE (URL | out)");
    };
    if let Err(why) = run(issuer, client_id, audience, what).await {
        println!("{why}"); // says what to do
    }
}

async fn run(issuer: &str, client_id: &str, audience: &str, what: &str) -> Result<(), Error> {
    let ask = SignIn::new()
        .audience(audience)
        .scope("openid profile offline_access read:messages");
    let folder = std::env::temp_dir().join("keystead-native-app"); // a real app: the user's data folder
    let session = Session::builder(issuer, client_id)
        .sign_in(ask)
        .vault(FileVault::new(folder, "dev.keystead.native-app"))
        .build()?;
    if what == "out" {
        let out = session.sign_out(None).await?;
        let rest = out.end_session.map_or("nothing to do".into(), String::from);
        println!("signed out here; in the browser: {rest}");
        return Ok(());
    }
    let credentials = match session.credentials().await {
        Err(why) if why.needs_login() => {
            let browser = Browser::with(|url| {
                println!("If no browser opens, go to {url}");
                Browser::open_system(url).or(Ok(()))
            });
            session.sign_in_with(&session.ask(), browser).await?
        }
        kept => kept?,
    };
    let user = credentials.id_token().map(|token| token.subject());
    println!("hello {}", user.unwrap_or("nobody"));
    let answer = session.api(what)?.get("").await?;
    println!("GET {what}: {}", answer.status());
    Ok(())
}
