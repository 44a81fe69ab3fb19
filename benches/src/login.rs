//! Signing in: the page, the password, and tokens beside a storm of passwords.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use crate::{
    Row, Settings,
    house::{APP, CALLBACK, ES256, House, PASSWORD, Records, SCOPE, user_email},
    http::{Answer, Caller, Flow, Script, get, post, post_as, visit},
    limits,
    load::{self, Arrivals, Found},
    pin::Cores,
    token::machine_form,
};

/// Browsers that sign in at once, each its own user.
const BROWSERS: usize = 8;
/// The PKCE verifier of every flow, and its challenge.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser before the page on which somebody signs in.
struct Door {
    page: String,
    state: String,
    cookies: String,
}

/// The rate of passwords beside nothing but hashes; tokens and keys beside passwords; the page; whole flows.
///
/// # Errors
/// Anything that keeps it from being measured.
pub fn login(settings: &Settings) -> Result<Vec<Row>> {
    let cores = Cores::choose()?;
    let records = Records::new(None)?;
    records.people_have_passwords()?;
    let limit = hashes(cores.server, settings.time)?;
    let house = records.serve(cores.server)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let doors = runtime.block_on(async {
        let mut doors = Vec::new();
        for _ in 0..BROWSERS {
            doors.push(door(&house).await?);
        }
        Ok::<_, anyhow::Error>(doors)
    })?;
    let forms: Vec<Vec<u8>> = doors
        .iter()
        .enumerate()
        .map(|(n, door)| form(door, n))
        .collect();
    let passwords: Vec<Script> = forms.iter().cloned().map(Script::Form).collect();
    let visits = |scripts: Vec<Script>, time: Duration, arrivals: Arrivals| {
        load::visits(cores.load, house.server.address, scripts, time, arrivals)
    };

    let mut rows = vec![Row::rate("raw_argon2id", limit.wall)];
    let alone = visits(passwords.clone(), settings.time, Arrivals::Closed)?;
    rows.push(
        Row::rate("login_password", alone.rate)
            .of(limit.wall)
            .latency(&alone),
    );
    rows.extend(beside(&house, cores, passwords, settings)?);

    let page = doors.first().context("no door")?;
    let script = vec![Script::Same(visit(&page.page, &page.cookies)); 4];
    let shown = visits(script, settings.time, Arrivals::Open(200.0))?;
    rows.push(Row::rate("login_page_200_a_second", shown.rate).latency(&shown));

    let flows = runtime.block_on(async {
        let mut flows = Vec::new();
        for (door, form) in doors.iter().zip(&forms) {
            flows.push(Script::Flow(signed_in(&house, door, form).await?));
        }
        Ok::<_, anyhow::Error>(flows)
    })?;
    let flows = visits(flows, settings.time, Arrivals::Closed)?;
    rows.push(Row::rate("code_flow", flows.rate).latency(&flows));
    Ok(rows)
}

/// 100 tokens and 200 key sets a second while as many passwords are checked as can be.
fn beside(
    house: &House,
    cores: Cores,
    passwords: Vec<Script>,
    settings: &Settings,
) -> Result<Vec<Row>> {
    let address = house.server.address;
    let (time, warm_up) = (settings.time, settings.time / 2);
    // The storm lasts longer than what is measured in it, at both ends.
    let storm = std::thread::spawn(move || {
        load::visits(
            cores.load,
            address,
            passwords,
            time * 2 + warm_up,
            Arrivals::Closed,
        )
    });
    std::thread::sleep(warm_up);
    let tokens = std::thread::spawn(move || {
        let ask = vec![Script::Same(post("/oauth/token", &machine_form(ES256))); 16];
        load::visits(cores.load, address, ask, time, Arrivals::Open(100.0))
    });
    let keys = vec![Script::Same(get("/.well-known/jwks.json")); 16];
    let keys = load::visits(cores.load, address, keys, time, Arrivals::Open(200.0))?;
    let panicked = |_| anyhow::anyhow!("a caller panicked");
    let tokens: Found = tokens.join().map_err(panicked)??;
    let storm = storm.join().map_err(panicked)??;
    Ok(vec![
        Row::rate("token_during_logins", tokens.rate).latency(&tokens),
        Row::rate("jwks_during_logins", keys.rate).latency(&keys),
        Row::rate("logins_during_tokens", storm.rate).latency(&storm),
    ])
}

/// Hashes of the kind that the server makes, on `core`, with memory that is used again.
fn hashes(core: usize, time: Duration) -> Result<limits::Rate> {
    let (argon, mut memory) = argon()?;
    limits::looped(core, time, move || {
        let mut digest = [0; 32];
        argon
            .hash_password_into_with_memory(PASSWORD.as_bytes(), &[7; 16], &mut digest, &mut memory)
            .map_err(|e| anyhow::anyhow!("{e}"))
    })
}

/// [`PASSWORD`] as the server stores it.
///
/// # Errors
/// If it cannot be hashed.
pub fn hash() -> Result<String> {
    let mut digest = [0; 32];
    let (argon, mut memory) = argon()?;
    argon
        .hash_password_into_with_memory(PASSWORD.as_bytes(), &[7; 16], &mut digest, &mut memory)
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    Ok(format!(
        "$argon2id$v=19$m=19456,t=2,p=1${}${}",
        STANDARD_NO_PAD.encode([7; 16]),
        STANDARD_NO_PAD.encode(digest)
    ))
}

fn argon() -> Result<(Argon2<'static>, Vec<Block>)> {
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(|e| anyhow::anyhow!("{e}"))?;
    let memory = vec![Block::new(); params.block_count()];
    Ok((
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
        memory,
    ))
}

fn authorize() -> String {
    format!(
        "/authorize?client_id={APP}&response_type=code&redirect_uri={CALLBACK}&audience={ES256}&scope=openid%20{SCOPE}\
         &code_challenge_method=S256&code_challenge={CHALLENGE}&state=s"
    )
}

/// Follows a browser without a session to the page.
async fn door(house: &House) -> Result<Door> {
    let mut caller = Caller::connect(house.server.address, Script::Same(Vec::new())).await?;
    let Answer {
        status,
        location,
        cookies,
    } = caller.exchange(&get(&authorize())).await?;
    let page =
        location.with_context(|| format!("/authorize answered {status} and leads nowhere"))?;
    let state = page
        .split_once("state=")
        .context("a page without its state")?
        .1;
    Ok(Door {
        state: state.split('&').next().unwrap_or_default().to_owned(),
        page,
        cookies: cookies.join("; "),
    })
}

fn form(door: &Door, user: usize) -> Vec<u8> {
    let headers = format!(
        "cookie: {}\r\nsec-fetch-site: same-origin\r\n",
        door.cookies
    );
    let form = format!(
        "state={}&username={}&password={PASSWORD}&action=submit",
        door.state,
        user_email(user)
    );
    post_as("/u/login", "localhost", &headers, &form)
}

async fn signed_in(house: &House, door: &Door, form: &[u8]) -> Result<Flow> {
    let mut caller = Caller::connect(house.server.address, Script::Same(Vec::new())).await?;
    let answer = caller.exchange(form).await?;
    ensure!(
        answer.status == 303,
        "signing in was answered {}",
        answer.status
    );
    let cookies = [vec![door.cookies.clone()], answer.cookies]
        .concat()
        .join("; ");
    Ok(Flow {
        authorize: authorize(),
        cookies,
        redeem: format!(
            "grant_type=authorization_code&client_id={APP}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}&code="
        ),
    })
}
