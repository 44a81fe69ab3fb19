//! Consent: what was agreed to adds up, between those parties and about that API alone, until it is taken back.

use keystead_protocol::scope::Scope;
use keystead_store::{
    Tx, codes,
    codes::Redemption,
    consents::{self, Consent, Parties},
    grants::{self, Ended, Standing},
};

use crate::{
    Case,
    accounts::{MINUTE, Meeting, another_client, scope},
    house::House,
    people::audience,
};

pub const CASES: &[Case] = &[
    ("what was agreed to adds up", |house| {
        let parties = parties(&house.meeting());
        let began = house.now();
        assert_eq!(found(house, &parties), None);
        for (added, known) in [
            ("", ""),
            ("openid read:messages", "openid read:messages"),
            ("profile openid", "openid read:messages profile"),
            ("openid", "openid read:messages profile"),
        ] {
            house.advance(MINUTE);
            remember(house, &parties, added);
            assert_eq!(found(house, &parties).unwrap().to_string(), known);
        }
        let user = parties.user.clone();
        assert_eq!(
            house.read(move |tx| consents::of_user(tx, &user)),
            Ok(vec![Consent {
                parties,
                scope: scope("openid read:messages profile"),
                created_at: began + MINUTE,
                updated_at: house.now(),
            }])
        );
    }),
    ("each party and API is alone", |house| {
        let meeting = house.meeting();
        let one = parties(&meeting);
        let eve = house.user(&house.connection("other"), "eve@x.org").id;
        let others = [
            Parties {
                user: eve,
                ..one.clone()
            },
            Parties {
                client: another_client(house),
                ..one.clone()
            },
            Parties {
                audience: None,
                ..one.clone()
            },
            Parties {
                audience: Some(audience("https://other")),
                ..one.clone()
            },
        ];
        remember(house, &one, "openid");
        for other in &others {
            assert_eq!(found(house, other), None, "{other:?}");
        }
        for (n, other) in others.iter().enumerate() {
            remember(house, other, &n.to_string());
        }
        assert_eq!(found(house, &one), Some(scope("openid")));
        let user = one.user;
        let all = house.read(move |tx| consents::of_user(tx, &user)).unwrap();
        let shown: Vec<_> = all
            .iter()
            .map(|c| {
                (
                    c.parties.client.as_str(),
                    c.parties.audience.as_ref().map(|a| a.as_str()),
                    c.scope.to_string(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("app", None, "2".to_owned()),
                ("app", Some("https://api.example"), "openid".to_owned()),
                ("app", Some("https://other"), "3".to_owned()),
                ("other", Some("https://api.example"), "1".to_owned()),
            ]
        );
    }),
    ("of forty who add at once, none is lost", |house| {
        let parties = parties(&house.meeting());
        let now = house.now();
        let answers = house.race((0..40).map(|n| {
            let (parties, scope) = (parties.clone(), scope(&format!("openid s{n}")));
            move |tx: &mut Tx<'_>| consents::remember(tx, &parties, &scope, now)
        }));
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(found(house, &parties).unwrap().len(), 41);
    }),
    (
        "taken back, it takes with it what it led to, and nothing else",
        |house| {
            let meeting = house.meeting();
            let one = parties(&meeting);
            let other = Meeting {
                client: another_client(house),
                ..meeting.clone()
            };
            remember(house, &one, "openid");
            remember(house, &parties(&other), "openid");
            let (mine, theirs, now) = (house.grant(&meeting), house.grant(&other), house.now());
            let (code, their_code) = (house.code(&meeting).0, house.code(&other).0);
            let userinfo = grants::Grant {
                id: grants::fresh_id(now, &mut *house.rng.borrow_mut()).unwrap(),
                audience: None,
                ..mine.clone()
            };
            let begun = userinfo.clone();
            house
                .write(move |tx| grants::begin(tx, &begun, now))
                .unwrap();

            forget(house, &one);
            assert_eq!(found(house, &one), None);
            assert_eq!(found(house, &parties(&other)), Some(scope("openid")));
            let standing = |id: &keystead_protocol::ids::GrantId| {
                let id = id.clone();
                house
                    .read(move |tx| grants::standing(tx, &id, now))
                    .unwrap()
            };
            assert_eq!(standing(&mine.id), Standing::Revoked(Ended::ByUser));
            assert!(matches!(standing(&theirs.id), Standing::Live(_)));
            assert!(matches!(standing(&userinfo.id), Standing::Live(_)));
            assert_eq!(
                house.write(move |tx| codes::redeem(tx, &code, now)),
                Ok(Redemption::Expired)
            );
            let fresh = house.write(move |tx| codes::redeem(tx, &their_code, now));
            assert!(matches!(fresh, Ok(Redemption::Fresh(_))), "{fresh:?}");

            forget(
                house,
                &Parties {
                    audience: None,
                    ..one.clone()
                },
            );
            assert_eq!(standing(&userinfo.id), Standing::Revoked(Ended::ByUser));
            forget(house, &one);
        },
    ),
];

fn parties(meeting: &Meeting) -> Parties {
    Parties {
        user: meeting.user.clone(),
        client: meeting.client.clone(),
        audience: Some(audience("https://api.example")),
    }
}

fn remember(house: &House, parties: &Parties, added: &str) {
    let (parties, added, now) = (parties.clone(), scope(added), house.now());
    house
        .write(move |tx| consents::remember(tx, &parties, &added, now))
        .unwrap();
}

fn found(house: &House, parties: &Parties) -> Option<Scope> {
    let parties = parties.clone();
    house.read(move |tx| consents::find(tx, &parties)).unwrap()
}

fn forget(house: &House, parties: &Parties) {
    let (parties, now) = (parties.clone(), house.now());
    house
        .write(move |tx| consents::forget(tx, &parties, now))
        .unwrap();
}
