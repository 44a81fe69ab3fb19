//! The pages that ask for something.

use super::{
    super::{
        CharacterClass, ClientFace, Confirm, Consent, FormAction, Identifier, Login, LoginProblem,
        LoginReason, PasswordRule, ScopeGroup, Setup, SetupDone, SetupProblem, ShownScope, Signup,
        SignupOffer, SignupProblem, UsernameField, Verdict,
    },
    CLIENT, HOSTILE, STATE, Samples, redirect,
};

impl Samples<'_> {
    pub(super) fn login(&mut self) {
        let page = Login {
            state: STATE,
            client: CLIENT,
            identifier: Identifier::Email,
            given: "",
            reason: LoginReason::First,
            problem: None,
            signup: SignupOffer::Open,
        };
        let failed = |problem| Login {
            given: "ada@example.com",
            problem: Some(problem),
            ..page.clone()
        };
        let callback = redirect("https://notes.acme.example/callback");
        let to = callback
            .as_ref()
            .map_or(FormAction::Own, FormAction::Client);
        self.add_to("login", "first", &page, to);
        let again = Login {
            given: "ada@example.com",
            reason: LoginReason::Again,
            signup: SignupOffer::Closed,
            ..page.clone()
        };
        self.add("login", "again", &again);
        let wrong = failed(LoginProblem::WrongCredentials);
        self.add("login", "wrong-credentials", &wrong);
        let none = Login {
            given: "",
            identifier: Identifier::EmailOrUsername,
            ..failed(LoginProblem::NoIdentifier)
        };
        self.add("login", "no-identifier", &none);
        let username = Login {
            given: "ada",
            identifier: Identifier::Username,
            ..failed(LoginProblem::NoPassword)
        };
        self.add("login", "no-password", &username);
        self.add("login", "blocked", &failed(LoginProblem::Blocked));
        let many = failed(LoginProblem::TooMany { retry_after: 60 });
        self.add("login", "too-many", &many);
        let long = "W".repeat(500);
        let endless = Login {
            client: ClientFace {
                name: &long,
                logo_uri: Some("https://images.example/logo.svg"),
            },
            given: &long,
            ..page.clone()
        };
        self.add("login", "endless", &endless);
        let hostile = Login {
            state: HOSTILE,
            client: ClientFace {
                name: HOSTILE,
                logo_uri: Some("https://x.example;script-src/\"onerror=alert(1)"),
            },
            given: HOSTILE,
            ..page
        };
        self.add("login", "hostile", &hostile);
    }

    pub(super) fn signup(&mut self) {
        let (open, tried) = (rules(false), rules(true));
        let page = Signup {
            state: STATE,
            client: CLIENT,
            email: "",
            username: UsernameField::Absent,
            rules: &open,
            problem: None,
        };
        self.add("signup", "first", &page);
        let weak = Signup {
            email: "ada@example.com",
            rules: &tried,
            problem: Some(SignupProblem::WeakPassword),
            ..page.clone()
        };
        self.add("signup", "weak-password", &weak);
        let all = vec![
            (CharacterClass::LowerCase, Verdict::Open),
            (CharacterClass::UpperCase, Verdict::Open),
        ];
        let every = [PasswordRule::ContainsAtLeast(2, all, Verdict::Open)];
        let good = ("ada@example.com", "ada");
        let waits = SignupProblem::TooMany { retry_after: 60 };
        for (state, problem, (email, username)) in [
            ("no-email", SignupProblem::NoEmail, ("", "ada")),
            ("bad-email", SignupProblem::BadEmail, ("ada@example", "ada")),
            ("no-username", SignupProblem::NoUsername, (good.0, "")),
            ("bad-username", SignupProblem::BadUsername, (good.0, "a a")),
            ("no-password", SignupProblem::NoPassword, good),
            ("not-possible", SignupProblem::NotPossible, good),
            ("username-taken", SignupProblem::UsernameTaken, good),
            ("too-many", waits, good),
        ] {
            let failed = Signup {
                email,
                username: UsernameField::Required(username),
                rules: &every,
                problem: Some(problem),
                ..page.clone()
            };
            self.add("signup", state, &failed);
        }
        let bare = Signup {
            state: HOSTILE,
            email: HOSTILE,
            username: UsernameField::Required(HOSTILE),
            rules: &[],
            ..page
        };
        self.add("signup", "hostile", &bare);
    }

    pub(super) fn consent(&mut self) {
        let shown = |value, description| ShownScope { value, description };
        let groups = [
            ScopeGroup::Account(vec!["openid", "profile", "email", "offline_access"]),
            ScopeGroup::Api {
                name: "Acme Notes API",
                scopes: vec![
                    shown("read:notes", Some("Read your notes")),
                    shown("write:notes", Some("Create and change notes")),
                    shown("share:notes", None),
                ],
            },
        ];
        let page = Consent {
            state: STATE,
            shown: STATE,
            client: CLIENT,
            account: "ada@example.com",
            returns_to: "notes.acme.example",
            groups: &groups,
        };
        self.add("consent", "first", &page);
        let address = [ScopeGroup::Account(vec!["openid", "address", "phone"])];
        let plain = Consent {
            groups: &address,
            ..page.clone()
        };
        self.add("consent", "account-only", &plain);
        let long = "a very long word ".repeat(30);
        let foul = [ScopeGroup::Api {
            name: HOSTILE,
            scopes: vec![shown(HOSTILE, None), shown("x", Some(&long))],
        }];
        let hostile = Consent {
            state: HOSTILE,
            shown: HOSTILE,
            client: ClientFace {
                name: HOSTILE,
                logo_uri: None,
            },
            account: HOSTILE,
            returns_to: HOSTILE,
            groups: &foul,
        };
        self.add("consent", "hostile", &hostile);
        let confirm = Confirm {
            state: STATE,
            client: CLIENT,
            account: "ada@example.com",
            returns_to: "com.acme.notes",
        };
        let app = redirect("com.acme.notes://id.example.com/ios/com.acme.notes/callback");
        let to = app.as_ref().map_or(FormAction::Own, FormAction::Client);
        self.add_to("confirm", "first", &confirm, to);
        let hostile = Confirm {
            account: HOSTILE,
            returns_to: HOSTILE,
            ..confirm
        };
        self.add("confirm", "hostile", &hostile);
    }

    pub(super) fn setup(&mut self) {
        let (open, tried) = (rules(false), rules(true));
        let page = Setup {
            ticket: STATE,
            email: "",
            rules: &open,
            problem: None,
        };
        self.add("setup", "first", &page);
        let good = "ada@example.com";
        for (state, problem, email, rules) in [
            ("no-email", SetupProblem::NoEmail, "", &open),
            ("bad-email", SetupProblem::BadEmail, "ada@example", &open),
            ("no-password", SetupProblem::NoPassword, good, &open),
            ("weak-password", SetupProblem::WeakPassword, good, &tried),
        ] {
            let failed = Setup {
                email,
                rules,
                problem: Some(problem),
                ..page.clone()
            };
            self.add("setup", state, &failed);
        }
        let done = SetupDone {
            email: "ada@example.com",
            issuer: "https://id.example.com/",
        };
        self.add("setup-done", "first", &done);
    }
}

/// The rules of a strict policy, after a password that keeps some of them, or before any.
fn rules(tried: bool) -> Vec<PasswordRule> {
    let [met, broken] = if tried {
        [Verdict::Met, Verdict::Broken]
    } else {
        [Verdict::Open; 2]
    };
    let classes = vec![
        (CharacterClass::LowerCase, met),
        (CharacterClass::UpperCase, broken),
        (CharacterClass::Numbers, met),
        (CharacterClass::SpecialCharacters, broken),
    ];
    vec![
        PasswordRule::LengthAtLeast(10, met),
        PasswordRule::ContainsAtLeast(3, classes, broken),
        PasswordRule::IdenticalChars(2, met),
        PasswordRule::NotCommon(met),
        PasswordRule::NoUserInformation(broken),
    ]
}
