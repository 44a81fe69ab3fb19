//! Signing keys: what the key set shows at each moment of a key's life.

use std::time::Duration;

use keystead_protocol::{ids::KeyId, jwk::Algorithm, time::Timestamp};
use keystead_store::{
    Effect, Insert, Tx,
    feed::Entity,
    keys::{self, End, Retirement, SigningKeyRecord},
    seal::Slot,
};
use serde_json::json;

use crate::{Case, house::House};

const HOUR: Duration = Duration::from_secs(3600);

pub const CASES: &[Case] = &[
    ("a key is listed as it was inserted", |house| {
        let mut key = fresh(house, "one");
        key.algorithm = Algorithm::EdDSA;
        key.signs_until = Some(house.now() + HOUR);
        key.published_until = Some(house.now() + HOUR * 2);
        key.revoked_at = Some(house.now());
        insert(house, &key);
        assert_eq!(house.read(keys::list), Ok(vec![key.clone()]));
        let now = house.now();
        let again = house.write(move |tx| keys::insert(tx, &key, now));
        assert_eq!(again, Ok(Insert::Taken));
    }),
    (
        "the key set has what is not revoked and not over, newest first",
        |house| {
            let now = house.now();
            let over = Some(now);
            let not_over = Some(now + Duration::from_millis(1));
            for (id, signs_from, published_until, revoked_at) in [
                ("current", now - HOUR, None, None),
                ("next", now + HOUR, None, None),
                ("previous", now - HOUR * 2, not_over, None),
                ("before", now - HOUR * 3, over, None),
                ("stolen", now - HOUR, None, Some(now)),
                ("stolen_too", now - HOUR, not_over, Some(now - HOUR)),
            ] {
                let mut key = fresh(house, id);
                key.signs_from = signs_from;
                key.signs_until = published_until.map(|until| until - HOUR);
                key.published_until = published_until;
                key.revoked_at = revoked_at;
                insert(house, &key);
            }
            assert_eq!(published(house, now), ["next", "current", "previous"]);
            house.advance(Duration::from_millis(1));
            assert_eq!(published(house, house.now()), ["next", "current"]);
        },
    ),
    (
        "of sixteen rotations at once, one retires the key",
        |house| {
            let now = house.now();
            insert(house, &fresh(house, "old"));
            let end = ending(now);
            let answers = house.race((0..16).map(|i| {
                let end = End {
                    signs_until: end.signs_until + Duration::from_secs(i),
                    ..end
                };
                move |tx: &mut Tx<'_>| keys::retire(tx, &id("old"), end, now)
            }));
            let won: Vec<_> = (0_u64..)
                .zip(&answers)
                .filter(|(_, answer)| **answer == Ok(Retirement::Done))
                .map(|(i, _)| end.signs_until + Duration::from_secs(i))
                .collect();
            let late = |answer: &&_| **answer == Ok(Retirement::Already);
            assert_eq!(answers.iter().filter(late).count(), 15, "{answers:?}");
            let key = &house.read(keys::list).unwrap()[0];
            assert_eq!((won.len(), key.signs_until), (1, won.first().copied()));
            assert_eq!(key.published_until, Some(end.published_until));
        },
    ),
    (
        "a revoked key stays revoked since the first time and is not retired",
        |house| {
            let (first, end) = (house.now(), ending(house.now()));
            insert(house, &fresh(house, "stolen"));
            let revoke = |at| house.write(move |tx| keys::revoke(tx, &id("stolen"), at));
            assert_eq!(revoke(first), Ok(Effect::Done));
            assert_eq!(published(house, first), [""; 0]);
            assert_eq!(revoke(first + HOUR), Ok(Effect::Done));
            let retired = house.write(move |tx| keys::retire(tx, &id("stolen"), end, first));
            assert_eq!(retired, Ok(Retirement::Already));
            let key = &house.read(keys::list).unwrap()[0];
            assert_eq!((key.revoked_at, key.signs_until), (Some(first), None));
        },
    ),
    (
        "keys are deleted in batches, some time after they left the key set",
        |house| {
            let now = house.now();
            let long_ago = Some(now - HOUR - Duration::from_millis(1));
            for (id, published_until, revoked_at) in [
                ("a", long_ago, None),
                ("b", None, long_ago),
                ("c", Some(now + HOUR), long_ago),
                ("d", long_ago, Some(now)),
                ("kept", None, None),
                ("kept_1", Some(now - HOUR), None),
                ("kept_2", None, Some(now - HOUR)),
            ] {
                let mut key = fresh(house, id);
                key.published_until = published_until;
                key.revoked_at = revoked_at;
                insert(house, &key);
            }
            let delete =
                || house.announced(move |tx| keys::delete_unpublished(tx, now - HOUR, 3, now));
            let (count, mut said) = delete();
            said.sort_by(|a, b| a.1.cmp(&b.1));
            let names = ["a", "b", "c"].map(|id| (Entity::Key, id.to_owned()));
            assert_eq!((count, said), (3, names.to_vec()));
            assert_eq!(delete(), (1, vec![(Entity::Key, "d".to_owned())]));
            assert_eq!(delete(), (0, vec![]));
            let mut left = house.read(keys::list).unwrap();
            left.sort_by(|a, b| a.id.cmp(&b.id));
            let left: Vec<_> = left.iter().map(|key| key.id.as_str()).collect();
            assert_eq!(left, ["kept", "kept_1", "kept_2"]);
        },
    ),
    ("every change is announced", |house| {
        let (key, now) = (fresh(house, "one"), house.now());
        let (_, said) = house.announced(move |tx| {
            let (one, end) = (&id("one"), ending(now));
            assert_eq!(keys::retire(tx, one, end, now)?, Retirement::Unknown);
            assert_eq!(keys::revoke(tx, one, now)?, Effect::Unknown);
            assert_eq!(keys::insert(tx, &key, now)?, Insert::Done);
            assert_eq!(keys::insert(tx, &key, now)?, Insert::Taken);
            assert_eq!(keys::retire(tx, one, end, now)?, Retirement::Done);
            assert_eq!(keys::retire(tx, one, end, now)?, Retirement::Already);
            assert_eq!(keys::revoke(tx, one, now)?, Effect::Done);
            assert_eq!(keys::revoke(tx, one, now)?, Effect::Done);
            Ok(())
        });
        assert_eq!(said, vec![(Entity::Key, "one".to_owned()); 3]);
    }),
];

fn id(id: &str) -> KeyId {
    id.try_into().unwrap()
}

pub fn fresh(house: &House, key: &str) -> SigningKeyRecord {
    let jwk = json!({ "kty": "EC", "kid": key, "x": "…" });
    SigningKeyRecord {
        id: id(key),
        algorithm: Algorithm::ES256,
        public_jwk: jwk.as_object().unwrap().clone(),
        private_key: house.sealed(Slot::SigningKey, key),
        created_at: house.now(),
        signs_from: house.now(),
        signs_until: None,
        published_until: None,
        revoked_at: None,
    }
}

fn ending(now: Timestamp) -> End {
    End {
        signs_until: now + HOUR,
        published_until: now + HOUR * 25,
    }
}

fn insert(house: &House, key: &SigningKeyRecord) {
    let (key, now) = (key.clone(), house.now());
    let inserted = house.write(move |tx| keys::insert(tx, &key, now));
    assert_eq!(inserted, Ok(Insert::Done));
}

fn published(house: &House, now: Timestamp) -> Vec<String> {
    let keys = house.read(move |tx| keys::published(tx, now)).unwrap();
    keys.into_iter().map(|key| key.id.to_string()).collect()
}
