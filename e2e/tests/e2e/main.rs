//! The real binary in front of a real browser: what people see when they log in, on SQLite and on PostgreSQL.
//!
//! A case needs Chromium, its driver and axe-core, and a PostgreSQL server in `KEYSTEAD_TEST_POSTGRES`. Where one of them
//! is missing the case is listed as ignored, unless `KEYSTEAD_TEST_REQUIRE` is set: then it fails. `cargo xtask test`
//! installs them all. `KEYSTEAD_TEST_BINARY` names the program; without it cargo builds one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic here is a failure with a line number, and patience is measured by the clock"
)]

mod ask;
mod browser;
mod consent;
mod driver;
mod engine;
mod guide;
mod house;
mod keyboard;
mod kill;
mod login;
mod logout;
mod needs;
mod pages;
mod party;
mod program;
mod records;
mod redirects;
mod scripts_off;
mod setup;
mod silent;
mod spa_js;
mod tabs;
mod web;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{engine::Engine, house::House, needs::Need};

/// A sentence that holds, where it is looked at, and what shows it.
struct Case {
    sentence: &'static str,
    engines: &'static [Engine],
    visit: for<'h> fn(&'h House) -> Pin<Box<dyn Future<Output = ()> + 'h>>,
}

/// Declares cases: `BOTH` databases where what is stored matters, one where only the pages do.
macro_rules! cases {
    ($($engines:ident $sentence:literal => $visit:path;)+) => {
        pub(crate) const CASES: &[$crate::Case] = &[$($crate::Case {
            sentence: $sentence,
            engines: $crate::engine::$engines,
            visit: |house| Box::pin($visit(house)),
        }),+];
    };
}
pub(crate) use cases;

fn main() {
    use Need::{Axe, Browser, SpaJs};
    // One line a room; rooms in the order of their names.
    let rooms: &[(&str, &[Need], &[Case])] = &[
        ("consent", &[Browser], consent::CASES),
        ("guide", &[Browser, Axe], guide::CASES),
        ("keyboard", &[Browser], keyboard::CASES),
        ("kill", &[], kill::CASES),
        ("login", &[Browser], login::CASES),
        ("logout", &[Browser], logout::CASES),
        ("pages", &[Browser, Axe], pages::CASES),
        ("redirects", &[Browser], redirects::CASES),
        ("scripts off", &[Browser], scripts_off::CASES),
        ("setup", &[Browser], setup::CASES),
        ("silent", &[Browser], silent::CASES),
        ("spa-js", &[Browser, SpaJs], spa_js::CASES),
        ("tabs", &[Browser], tabs::CASES),
    ];
    let mut trials = Vec::new();
    for &(room, needs, cases) in rooms {
        for case in cases {
            for &engine in case.engines {
                let missing = needs.iter().find_map(|need| need.missing());
                let missing = missing.or_else(|| engine.missing());
                let name = format!("{room}: {} [{engine:?}]", case.sentence);
                let visit = case.visit;
                let ignored = missing.is_some() && !needs::all_must_run();
                let trial = Trial::test(name, move || match missing {
                    Some(why) => Err(why.into()),
                    None => run(engine, visit),
                });
                trials.push(trial.with_ignored_flag(ignored));
            }
        }
    }
    let mut arguments = Arguments::from_args();
    // Each case has a browser to itself, and a browser is most of a core.
    arguments.test_threads.get_or_insert(3);
    let conclusion = libtest_mimic::run(&arguments, trials);
    House::close_all();
    driver::stop();
    conclusion.exit();
}

/// Runs a case on a runtime of its own. What a browser was told is over when the case is, however it ended.
fn run(
    engine: Engine,
    visit: fn(&House) -> Pin<Box<dyn Future<Output = ()> + '_>>,
) -> Result<(), Failed> {
    let house = House::of(engine);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(visit(&house))));
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("{}\n{}", text.unwrap_or("without a text"), house.log_tail()).into()
    })
}
