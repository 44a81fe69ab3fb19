//! `keystead login`: through the browser and back, until the user is there or presses Ctrl-C.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use keystead_client::{Browser, Credentials, Error, reqwest::Url};

use super::{Kept, advice::next_step, folder, session, target::Target};
use crate::{
    output::{self, Shape},
    typed::program,
};

/// The exit code of whoever was interrupted: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// What was said on the command line; the rest is as last time.
pub(super) struct Wanted {
    pub(super) issuer: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) scope: Option<String>,
}

/// How the browser hears of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Open,
    Print,
}

pub(super) async fn login(
    wanted: Wanted,
    opening: Opening,
    shape: Shape,
) -> anyhow::Result<ExitCode> {
    let folder = folder()?;
    let last = Target::last(&folder)?;
    let mut target = Target::new(
        wanted.issuer,
        wanted.client_id,
        wanted.audience,
        wanted.scope,
        last,
    )?;
    let signed_in = async {
        match signs_in(&target, &folder, opening).await {
            // Both names have their document at the same address, so this costs one request.
            Err(why @ Error::Discovery { .. }) => {
                target = target.with_or_without_slash();
                signs_in(&target, &folder, opening)
                    .await
                    .map_err(|other| match other {
                        Error::Discovery { .. } => why,
                        other => other,
                    })
            }
            outcome => outcome,
        }
    };
    let outcome = tokio::select! {
        outcome = signed_in => outcome,
        // Nothing is kept yet, and the port is closed with the sign-in.
        Ok(()) = tokio::signal::ctrl_c() => {
            let _ = writeln!(
                io::stderr(),
                "\nkeystead: the log-in was given up, and nothing has changed\n  to begin again: {} login",
                program()
            );
            return Ok(INTERRUPTED.into());
        }
    };
    let credentials = outcome.map_err(|why| next_step(why, &target))?;
    target.remember(&folder)?;
    said(&target, &credentials, shape)?;
    Ok(ExitCode::SUCCESS)
}

async fn signs_in(
    target: &Target,
    folder: &std::path::Path,
    opening: Opening,
) -> Result<Credentials, Error> {
    let session = session(target, folder)?;
    let browser = Browser::with(move |url| match opening {
        Opening::Print => shown(url),
        // What cannot be opened here can be opened by hand.
        Opening::Open => Browser::open_system(url)
            .and_then(|()| waits())
            .or_else(|_| shown(url)),
    });
    let ask = session.ask();
    session
        .sign_in_with(&ask, browser.app("the terminal"))
        .await
}

fn shown(url: &Url) -> io::Result<()> {
    writeln!(
        io::stderr(),
        "Open this address in a browser of this machine:\n\n  {url}\n"
    )
}

fn waits() -> io::Result<()> {
    writeln!(
        io::stderr(),
        "Waiting for the browser, where you sign in. If none shows, press Ctrl-C and add --no-browser."
    )
}

fn said(target: &Target, credentials: &Credentials, shape: Shape) -> anyhow::Result<()> {
    if shape == Shape::Json {
        return output::print_json(&Kept::of(target, credentials));
    }
    let who = credentials
        .id_token()
        .map_or("somebody", |token| token.subject());
    let program = program();
    output::print(&format!(
        "Signed in as {who} at {}, with the scopes {}\n  Next: {program} token\n        {program} call GET URL\n",
        target.issuer,
        credentials.scope()
    ))
}
