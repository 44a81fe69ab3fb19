//! The token endpoint, key set and introspection of a running server that has one core, over kept connections.

use anyhow::{Context as _, Result};

use crate::{
    Row, Settings,
    hello::hello,
    house::{APP, ES256, House, MACHINE, RS256, Records, SCOPE, SECRET},
    http::{Caller, Script, get, post},
    limits::{self, Rate},
    load::{self, Arrivals, Found},
    pin::{self, Cores},
    postgres,
};

const TOKEN: &str = "/oauth/token";
const HEALTH: &str = "/healthz";
const KEYS: &str = "/.well-known/jwks.json";
/// How many connections ask at once.
const CALLERS: usize = 64;
/// How many renew at once, of whom each has so many refresh tokens: as many as in the store's limit, so that groups of
/// writes are of one size there and here.
const RENEWING: usize = limits::ROTATING;
const FAMILIES: usize = 4;

/// What a load found, and what the server's process used for it.
struct Served {
    found: Found,
    /// Answers for each second of processor time.
    cpu: f64,
}

fn serve(
    house: &House,
    cores: Cores,
    scripts: Vec<Script>,
    settings: &Settings,
    arrivals: Arrivals,
) -> Result<Served> {
    let before = pin::process_seconds(house.server.id())?;
    let found = load::visits(
        cores.load,
        house.server.address,
        scripts,
        settings.time,
        arrivals,
    )?;
    let used = pin::process_seconds(house.server.id())? - before;
    let cpu = found.answers as f64 / used;
    Ok(Served { found, cpu })
}

fn rows(name: &str, served: &Served, limit: Rate) -> Vec<Row> {
    let Served { found, cpu } = served;
    vec![
        Row::rate(name, found.rate).of(limit.wall).latency(found),
        Row::rate(format!("{name}_per_cpu_second"), *cpu).of(limit.cpu),
    ]
}

/// What the machine sends for a token.
pub fn machine_form(audience: &str) -> String {
    format!(
        "grant_type=client_credentials&client_id={MACHINE}&client_secret={SECRET}&audience={audience}"
    )
}

fn same(request: Vec<u8>) -> Vec<Script> {
    vec![Script::Same(request); CALLERS]
}

/// Machine tokens, log line included, beside nothing but signatures; then their latency at 70 % of that rate, asked for evenly
/// and at random, the latter beside that of nothing but signatures at the same moments.
///
/// # Errors
/// Anything that keeps it from being measured.
pub fn machine(settings: &Settings) -> Result<Vec<Row>> {
    let cores = Cores::choose()?;
    let house = Records::new(None)?.serve(cores.server)?;
    let mut all = Vec::new();
    for (whose, core) in [("server", cores.server), ("load", cores.load)] {
        let pieces = pin::stolen(core, settings.time)?;
        all.push(Row::rate(format!("taken_from_the_{whose}s_core"), pieces));
    }
    for (name, audience, mut sign) in [
        ("rs256", RS256, limits::rs256()?),
        ("es256", ES256, limits::es256()?),
    ] {
        let limit = limits::looped(cores.server, settings.time, &mut sign)?;
        all.push(Row::rate(format!("raw_{name}_signatures"), limit.wall));
        let ask = same(post(TOKEN, &machine_form(audience)));
        let served = serve(&house, cores, ask.clone(), settings, Arrivals::Closed)?;
        all.append(&mut rows(&format!("token_{name}"), &served, limit));
        let rate = served.found.rate * 0.7;
        for (spacing, arrivals) in [
            ("_evenly", Arrivals::Paced(rate)),
            ("", Arrivals::Open(rate)),
        ] {
            let served = || serve(&house, cores, ask.clone(), settings, arrivals);
            let found = pin::awake(cores.server, served)??.found;
            let name = format!("token_{name}_at_70_percent{spacing}");
            all.push(Row::rate(name, found.rate).latency(&found));
        }
        let bare = load::bare(cores.server, settings.time, rate, sign)?;
        all.push(Row::rate(format!("raw_{name}_at_that_rate"), bare.rate).latency(&bare));
    }
    Ok(all)
}

/// Refreshes with rotation on SQLite.
///
/// # Errors
/// Anything that keeps it from being measured.
pub fn refresh_sqlite(settings: &Settings) -> Result<Vec<Row>> {
    refresh(settings, None, "sqlite")
}

/// The same on PostgreSQL, which takes its processor time where it finds it.
///
/// # Errors
/// Anything that keeps it from being measured.
pub fn refresh_postgres(settings: &Settings) -> Result<Vec<Row>> {
    refresh(settings, Some(postgres::server(settings)?), "postgres")
}

fn refresh(settings: &Settings, server: Option<&str>, database: &str) -> Result<Vec<Row>> {
    let cores = Cores::choose()?;
    let raw = |sign| limits::looped(cores.server, settings.time, sign);
    let (rs256, es256) = (raw(limits::rs256()?)?.wall, raw(limits::es256()?)?.wall);
    let mut records = Records::new(server)?;
    let writes = limits::rotations(cores.server, &mut records, settings.time)?;
    let openid = format!("openid {SCOPE}");
    let cases = [
        ("refresh_es256", ES256, SCOPE, 1.0 / es256),
        ("refresh_rs256", RS256, SCOPE, 1.0 / rs256),
        ("refresh_rs256_openid", RS256, openid.as_str(), 2.0 / rs256),
    ];
    let mut scripts = Vec::new();
    for (_, audience, scope, _) in cases {
        let mut tokens = records.families(RENEWING * FAMILIES, audience, scope)?;
        let form = format!("grant_type=refresh_token&client_id={APP}&refresh_token=");
        let callers = (0..RENEWING).map(|_| Script::Renew {
            path: TOKEN,
            form: form.clone(),
            tokens: tokens.drain(..FAMILIES).collect(),
        });
        scripts.push(callers.collect());
    }
    let house = records.serve(cores.server)?;
    let mut all = vec![Row::rate(format!("store_rotations_{database}"), writes)];
    for ((name, _, _, signing), scripts) in cases.into_iter().zip(scripts) {
        let limit = 1.0 / (signing + 1.0 / writes);
        let served = serve(&house, cores, scripts, settings, Arrivals::Closed)?;
        all.push(
            Row::rate(format!("{name}_{database}"), served.found.rate)
                .of(limit)
                .latency(&served.found),
        );
        all.push(Row::rate(
            format!("{name}_{database}_per_cpu_second"),
            served.cpu,
        ));
    }
    Ok(all)
}

/// The key set, beside a server that does nothing but answer with the same bytes; and introspection of a machine's token,
/// beside the store's reads.
///
/// # Errors
/// Anything that keeps it from being measured.
pub fn others(settings: &Settings) -> Result<Vec<Row>> {
    let cores = Cores::choose()?;
    let house = Records::new(None)?.serve(cores.server)?;
    let reads = limits::reads(cores.server, settings.time)?.wall;
    let (health, keys) = (ask(&house, &get(HEALTH))?, ask(&house, &get(KEYS))?);
    let least = hello(cores, health, CALLERS, settings.time)?;
    let bare = hello(cores, keys, CALLERS, settings.time)?;
    let token = access_token(&house, ES256)?;
    let form = format!("client_id={MACHINE}&client_secret={SECRET}&token={token}");
    let mut all = vec![
        Row::rate("raw_http", least.rate),
        Row::rate("raw_http_of_keys", bare.rate),
    ];
    for (name, request, limit) in [
        ("health", get(HEALTH), least.rate),
        ("jwks", get(KEYS), bare.rate),
        ("introspect", post("/oauth/introspect", &form), reads),
    ] {
        let served = serve(&house, cores, same(request), settings, Arrivals::Closed)?;
        all.push(
            Row::rate(name, served.found.rate)
                .of(limit)
                .latency(&served.found),
        );
        all.push(Row::rate(format!("{name}_per_cpu_second"), served.cpu));
    }
    Ok(all)
}

/// A machine's token for an API.
///
/// # Errors
/// If there is none.
pub fn access_token(house: &House, audience: &str) -> Result<String> {
    let answer = ask(house, &post(TOKEN, &machine_form(audience)))?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    Ok(answer["access_token"]
        .as_str()
        .context("an answer without a token")?
        .to_owned())
}

/// One answer's body.
///
/// # Errors
/// If it is not 200.
pub fn ask(house: &House, request: &[u8]) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut caller = Caller::connect(house.server.address, Script::Same(Vec::new())).await?;
        caller.learn(request).await
    })
}
