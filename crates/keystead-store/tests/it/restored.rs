//! After a restore: what a backup brings back is ended, whatever it is, so that nothing revoked since then lives again.

use std::time::Duration;

use keystead_store::{
    Insert,
    codes::{self, Redemption},
    feed::Entity,
    grants::{Ended, Standing},
    journeys::{self, Journey},
    keys::{self, SigningKeyRecord},
    restored::{self, Quieted},
    revocations::{self, Origin},
    sessions,
    tickets::{self, GoodFor, Use},
    token_key::Purpose,
};
use serde_json::json;

use crate::{
    Case,
    accounts::{DAY, HOUR, MINUTE},
    grants::{NO_LEEWAY, dead_of, live, renew, rotate, standing},
    house::House,
    keys::fresh as fresh_key,
};

pub const CASES: &[Case] = &[
    ("everything that a log-in began has ended", |house| {
        let meeting = house.meeting();
        let (grant, now) = (house.grant(&meeting), house.now());
        let [token, other] = [(); 2].map(|()| house.refresh_token(&grant));
        let [(code, _), (used, evidence)] = [(); 2].map(|()| house.code(&meeting));
        let (journey, ticket) = (house.key(Purpose::Journey), house.key(Purpose::Ticket));
        let begun = Journey {
            client: meeting.client.clone(),
            user: meeting.user.clone(),
            session: None,
            request: json!({}),
            done: json!([]),
            version: 1,
            expires_at: now + HOUR,
        };
        house
            .write(move |tx| {
                let redeemed = codes::redeem(tx, &used, now)?;
                assert!(matches!(redeemed, Redemption::Fresh(_)), "{redeemed:?}");
                journeys::begin(tx, &journey, &begun, now)?;
                tickets::issue(tx, &ticket, GoodFor::FirstOwner, now + DAY, now)
            })
            .unwrap();
        house.advance(Duration::from_secs(1));
        let ended = Quieted {
            sessions: 1,
            families: 1,
            under_way: 3,
            keys: 0,
        };
        assert_eq!(quiet(house), ended);

        let now = house.now();
        let cookie = meeting.cookie;
        assert_eq!(
            house.read(move |tx| sessions::find(tx, &cookie, now)),
            Ok(None)
        );
        assert_eq!(standing(house, &grant), Standing::Revoked(Ended::Restored));
        let rotated = rotate(house, &grant.client, &token, NO_LEEWAY).0;
        assert_eq!(rotated, dead_of(&grant));
        assert_eq!(renew(house, &grant.client, &other), dead_of(&grant));
        assert_eq!(
            house.write(move |tx| codes::redeem(tx, &code, now)),
            Ok(Redemption::Expired)
        );
        let replayed = Redemption::Replayed {
            grant: evidence.grant,
        };
        assert_eq!(
            house.write(move |tx| codes::redeem(tx, &used, now)),
            Ok(replayed),
            "the evidence stays"
        );
        assert_eq!(
            house.read(move |tx| journeys::find(tx, &journey, now)),
            Ok(None)
        );
        assert_eq!(
            house.write(move |tx| tickets::redeem(tx, &ticket, GoodFor::FirstOwner, now)),
            Ok(Use::Dead)
        );
        let nothing = Quieted {
            sessions: 0,
            families: 0,
            under_way: 0,
            keys: 0,
        };
        assert_eq!(quiet(house), nothing);
    }),
    (
        "access tokens of before are worthless, a machine's too, and those of later are good",
        |house| {
            let client = house.client("app").id;
            quiet(house);
            let now = house.now();
            let is_cut_off = |issued_at| {
                let client = client.clone();
                house.read(move |tx| {
                    let machine = Origin {
                        grant: None,
                        session: None,
                        user: None,
                        client: &client,
                        issued_at,
                    };
                    revocations::is_cut_off(tx, machine)
                })
            };
            assert_eq!(is_cut_off(now - Duration::from_millis(1)), Ok(true));
            assert_eq!(is_cut_off(now), Ok(false));
            assert_eq!(
                house.integers("SELECT expires_at FROM cutoffs"),
                [(now + DAY).as_millis()]
            );
        },
    ),
    (
        "no key of the key set signs again, whether or not it was revoked since",
        |house| {
            let now = house.now();
            for (name, published_until, revoked_at) in [
                ("current", None, None),
                ("previous", Some(now + HOUR), None),
                ("gone", Some(now), None),
                ("revoked", None, Some(now - HOUR)),
            ] {
                let key = SigningKeyRecord {
                    published_until,
                    revoked_at,
                    ..fresh_key(house, name)
                };
                let inserted = house.write(move |tx| keys::insert(tx, &key, now));
                assert_eq!(inserted, Ok(Insert::Done), "{name}");
            }
            house.advance(MINUTE);
            let now = house.now();
            let (quieted, mut said) =
                house.announced(move |tx| restored::quiet(tx, now, now + DAY));
            assert_eq!(quieted.keys, 2);
            said.retain(|(entity, _)| *entity == Entity::Key);
            said.sort_by(|a, b| a.1.cmp(&b.1));
            let names = ["current", "previous"].map(|id| (Entity::Key, id.to_owned()));
            assert_eq!(said, names);
            assert_eq!(house.read(move |tx| keys::published(tx, now)), Ok(vec![]));
            let mut kept = house.read(keys::list).unwrap();
            kept.sort_by(|a, b| a.id.cmp(&b.id));
            let revoked: Vec<_> = kept.iter().map(|key| key.revoked_at).collect();
            let before = now - MINUTE - HOUR;
            assert_eq!(revoked, [Some(now), None, Some(now), Some(before)]);
        },
    ),
    ("a log-in after it is as good as any", |house| {
        let meeting = house.meeting();
        quiet(house);
        house.advance(MINUTE);
        let (cookie, session) = house.session(&meeting.user);
        let (grant, now) = (house.grant(&meeting), house.now());
        assert_eq!(
            house.read(move |tx| sessions::find(tx, &cookie, now)),
            Ok(Some(session))
        );
        assert_eq!(standing(house, &grant), live(&grant));
    }),
];

fn quiet(house: &House) -> Quieted {
    let now = house.now();
    house
        .write(move |tx| restored::quiet(tx, now, now + DAY))
        .unwrap()
}
