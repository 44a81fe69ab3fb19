//! U+0000 in what people, their log-ins and background work leave: refused alike on both databases, with nothing kept.
//! The log alone takes it, and stores another character: see its own cases.

use keystead_protocol::{ids::RoleId, secret::Secret};
use keystead_store::{
    codes::{self, Code},
    grants::{self, Grant},
    jobs::{self, Job},
    journeys::{self, Journey},
    known_addresses, passwords,
    roles::{self, Role},
    sessions::{self, Session},
    token_key::Purpose,
    users::{self, User},
};
use serde_json::{Value, json};

use crate::{
    Case,
    accounts::{DAY, HOUR, MINUTE},
    house::House,
    nul::{Texts, member, nul, refuses, value},
};

const USER: Texts<User> = &[
    ("email", |user| user.email = Some(nul())),
    ("username", |user| user.username = Some(nul())),
    ("profile, a claim", |user| user.profile.name = Some(nul())),
    ("profile, a value", |user| user.profile.others = value()),
    ("profile, a member", |user| user.profile.others = member()),
    ("user_metadata, a value", |user| {
        user.user_metadata.0 = value();
    }),
    ("user_metadata, a member", |user| {
        user.user_metadata.0 = member();
    }),
    ("app_metadata, a value", |user| {
        user.app_metadata.0 = value();
    }),
    ("app_metadata, a member", |user| {
        user.app_metadata.0 = member();
    }),
];
const NEW_USER: Texts<User> = &[("address", |user| user.last_login_address = Some(nul()))];
const ROLE: Texts<Role> = &[
    ("name", |role| role.name = nul()),
    ("description", |role| role.description = Some(nul())),
];
const SESSION: Texts<Session> = &[("a method", |session| session.methods[0].name = nul())];
const REQUEST: Texts<Journey> = &[
    ("request, a value", |journey| {
        journey.request = value().into();
    }),
    ("request, a member", |journey| {
        journey.request = member().into();
    }),
];
const STEPS: Texts<Journey> = &[
    ("done, a value", |journey| journey.done = value().into()),
    ("done, a member", |journey| journey.done = member().into()),
];
const CODE: Texts<Code> = &[
    ("redirect_uri", |code| code.redirect_uri = nul()),
    ("challenge", |code| code.challenge = Some(nul())),
    ("nonce", |code| code.terms.nonce = Some(nul())),
    ("a method", |code| code.terms.methods = vec![nul()]),
    ("extra, a value", |code| code.terms.extra = value()),
    ("extra, a member", |code| code.terms.extra = member()),
];
const GRANT: Texts<Grant> = &[
    ("nonce", |grant| grant.terms.nonce = Some(nul())),
    ("a method", |grant| grant.terms.methods = vec![nul()]),
    ("extra, a value", |grant| grant.terms.extra = value()),
    ("extra, a member", |grant| grant.terms.extra = member()),
];
const JOB: Texts<Job> = &[
    ("kind", |job| job.kind = nul()),
    ("payload, a value", |job| job.payload = value().into()),
    ("payload, a member", |job| job.payload = member().into()),
];
const TEXT: Texts<String> = &[("the text", |text| *text = nul())];

pub const CASES: &[Case] = &[
    ("users::insert", |house| {
        let user = house.new_user(&house.connection("db"), "ada@x.org");
        refuses(house, NEW_USER, &user, |tx, user, _| {
            users::insert(tx, user)
        });
        let user = house.new_user(&house.connection("other"), "ada@x.org");
        refuses(house, USER, &user, |tx, user, _| users::insert(tx, user));
    }),
    ("users::update", |house| {
        refuses(house, USER, &house.ada(), users::update);
    }),
    ("users::record_login", |house| {
        let ada = house.ada();
        refuses(house, NEW_USER, &ada, |tx, user, now| {
            users::record_login(tx, &user.id, user.last_login_address.as_deref(), now)
        });
    }),
    ("users, looked up", |house| {
        let of = (house.ada().connection, String::new());
        let texts: Texts<(_, String)> = &[("the text", |of| of.1 = nul())];
        refuses(house, texts, &of, |tx, of, _| {
            users::by_email(tx, &of.0, &of.1)
        });
        refuses(house, texts, &of, |tx, of, _| {
            users::by_username(tx, &of.0, &of.1)
        });
        refuses(house, texts, &of, |tx, of, _| {
            users::all_with_email(tx, &of.1, 1)
        });
    }),
    ("passwords::set, replace and upgrade", |house| {
        let of = (house.ada().id, "$old".to_owned(), "$new".to_owned());
        let texts: Texts<(_, String, String)> = &[("the hash", |of| of.1 = nul())];
        refuses(house, texts, &of, |tx, of, now| {
            passwords::set(tx, &of.0, &Secret::from(of.1.as_str()), now)
        });
        refuses(house, texts, &of, |tx, of, now| {
            passwords::replace(tx, &of.0, &Secret::from(of.1.as_str()), 5, now)
        });
        let texts: Texts<(_, String, String)> = &[
            ("the old hash", |of| of.1 = nul()),
            ("the better hash", |of| of.2 = nul()),
        ];
        refuses(house, texts, &of, |tx, of, _| {
            passwords::upgrade(
                tx,
                &of.0,
                &Secret::from(of.1.as_str()),
                &Secret::from(of.2.as_str()),
            )
        });
    }),
    ("roles::create and update", |house| {
        let role = Role {
            id: RoleId::generate(&mut *house.rng.borrow_mut()),
            name: "a".to_owned(),
            description: None,
            created_at: house.now(),
            updated_at: house.now(),
        };
        refuses(house, ROLE, &role, |tx, role, _| roles::create(tx, role));
        refuses(house, ROLE, &role, |tx, role, now| {
            roles::update(tx, &role.id, &role.name, role.description.as_deref(), now)
        });
    }),
    ("sessions::start and renew", |house| {
        let session = house.new_session(&house.ada().id);
        let (key, new) = (house.key(Purpose::Session), house.key(Purpose::Session));
        refuses(house, SESSION, &session, move |tx, session, _| {
            sessions::start(tx, &key, session)
        });
        refuses(house, SESSION, &session, move |tx, fresh, now| {
            sessions::renew(tx, &key, &new, fresh, now)
        });
    }),
    ("known_addresses::note", |house| {
        let of = (house.ada().id, "192.0.2.1".to_owned());
        let texts: Texts<(_, String)> = &[("the address", |of| of.1 = nul())];
        refuses(house, texts, &of, |tx, of, now| {
            known_addresses::note(tx, &of.0, &of.1, 5, now + DAY, now)
        });
    }),
    ("journeys::begin and advance", |house| {
        let meeting = house.meeting();
        let key = house.key(Purpose::Journey);
        let journey = Journey {
            client: meeting.client,
            user: meeting.user,
            session: None,
            request: json!({}),
            done: json!([]),
            version: 1,
            expires_at: house.now() + HOUR,
        };
        let begin = move |tx: &mut keystead_store::Tx<'_>, journey: &Journey, now| {
            journeys::begin(tx, &key, journey, now)
        };
        refuses(house, REQUEST, &journey, begin);
        house.execute("DELETE FROM journeys");
        refuses(house, STEPS, &journey, begin);
        refuses(house, STEPS, &journey, move |tx, journey, now| {
            journeys::advance(tx, &key, journey, now)
        });
    }),
    ("codes::issue", |house| {
        let code = house.code(&house.meeting()).1;
        let key = house.key(Purpose::Code);
        refuses(house, CODE, &code, move |tx, code, now| {
            codes::issue(tx, &key, code, now, now + MINUTE)
        });
    }),
    ("grants::begin", |house| {
        let grant = house.unbegun_grant(&house.meeting());
        refuses(house, GRANT, &grant, grants::begin);
    }),
    ("jobs::enqueue, claim, fail and finish", |house| {
        let now = house.now();
        let job = Job {
            id: "job_0123456789abcdef".try_into().unwrap(),
            kind: String::new(),
            payload: json!(null),
            due_at: now,
            expires_at: now + DAY,
        };
        refuses(house, JOB, &job, jobs::enqueue);
        refuses(house, TEXT, &"worker".to_owned(), |tx, worker, now| {
            jobs::claim(tx, worker, now, now)
        });
        claimed(house, |tx, claim, outcome, now| {
            jobs::fail(tx, claim, outcome, now)
        });
        claimed(house, |tx, claim, outcome, now| {
            jobs::finish(tx, claim, outcome, now)
        });
    }),
];

/// Refuses the outcome of a job that is claimed for this.
fn claimed<V>(house: &House, verb: V)
where
    V: Fn(
            &mut keystead_store::Tx<'_>,
            &jobs::Claim,
            &Value,
            keystead_protocol::time::Timestamp,
        ) -> Result<jobs::Hold, keystead_store::Fault>
        + Copy
        + Send
        + 'static,
{
    let now = house.now();
    let claim = house
        .write(move |tx| jobs::claim(tx, "worker", now, now))
        .unwrap()
        .unwrap();
    let of = (claim, json!(null));
    let texts: Texts<(jobs::Claim, Value)> = &[
        ("outcome, a value", |of| of.1 = value().into()),
        ("outcome, a member", |of| of.1 = member().into()),
    ];
    refuses(house, texts, &of, move |tx, of, now| {
        verb(tx, &of.0, &of.1, now)
    });
}
