//! What is asked of whoever is signed in.

use super::*;

#[test]
fn what_is_asked_of_whoever_is_signed_in() {
    use Expected::Anybody;
    let own = connection("con_0123456789abcdef");
    let ada = |age| Some(ada(&own, age));
    for (name, query, session, expected, connection, done, policy, want) in [
        (
            "not agreed",
            "",
            ada(0),
            Anybody,
            None,
            NOTHING,
            UNAGREED,
            Step::Consent,
        ),
        (
            "not agreed to the rest",
            "",
            ada(0),
            Anybody,
            None,
            BOTH,
            UNAGREED,
            Step::Consent,
        ),
        (
            "log-in comes before consent",
            "prompt=login",
            ada(0),
            Anybody,
            None,
            NOTHING,
            UNAGREED,
            Step::Login(Why::Asked),
        ),
        (
            "agree again",
            "prompt=consent",
            ada(0),
            Anybody,
            None,
            NOTHING,
            EASY,
            Step::Consent,
        ),
        (
            "agreed again",
            "prompt=consent",
            ada(0),
            Anybody,
            None,
            CONSENTED,
            EASY,
            Step::Finish,
        ),
        (
            "both again",
            "prompt=login%20consent",
            ada(0),
            Anybody,
            None,
            SIGNED_IN,
            EASY,
            Step::Consent,
        ),
        (
            "both done",
            "prompt=login%20consent",
            ada(0),
            Anybody,
            None,
            BOTH,
            EASY,
            Step::Finish,
        ),
        (
            "an app that nobody can prove",
            "",
            ada(0),
            Anybody,
            None,
            NOTHING,
            UNPROVEN,
            Step::Confirm,
        ),
        (
            "confirmed",
            "",
            ada(0),
            Anybody,
            None,
            CONFIRMED,
            UNPROVEN,
            Step::Finish,
        ),
        (
            "seen at the log-in",
            "",
            ada(0),
            Anybody,
            None,
            SIGNED_IN,
            UNPROVEN,
            Step::Finish,
        ),
        (
            "seen at the consent",
            "",
            ada(0),
            Anybody,
            None,
            CONSENTED,
            UNPROVEN,
            Step::Finish,
        ),
        (
            "consent shows it too",
            "",
            ada(0),
            Anybody,
            None,
            NOTHING,
            NEITHER,
            Step::Consent,
        ),
        (
            "unproven, silently",
            "prompt=none",
            ada(0),
            Anybody,
            None,
            NOTHING,
            UNPROVEN,
            Step::Confirm,
        ),
        (
            "confirming is no log-in",
            "max_age=0",
            ada(0),
            Anybody,
            None,
            CONFIRMED,
            UNPROVEN,
            Step::Login(Why::TooOld),
        ),
    ] {
        let (prompt, max_age) = ask(query);
        let ask = Ask {
            prompt,
            max_age,
            expected,
            connection,
            done,
        };
        let next = next_step(&ask, session.as_ref(), policy, NOW);
        assert_eq!(next, want, "{name}");
    }
}
