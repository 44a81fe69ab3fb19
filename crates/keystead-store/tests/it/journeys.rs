//! Journeys: two tabs do not mix, a form sent twice is taken once, and nothing goes on after the end.

use std::time::Duration;

use keystead_store::{
    Tx,
    journeys::{self, Journey, Progress},
    token_key::{Purpose, TokenKey},
};
use serde_json::json;

use crate::{Case, accounts::HOUR, house::House};

const TICK: Duration = Duration::from_millis(1);

pub const CASES: &[Case] = &[
    (
        "a journey is found as it was begun, under its key alone",
        |house| {
            let (key, journey) = begin(house);
            assert_eq!(found(house, &key), Some(journey));
            assert_eq!(found(house, &house.key(Purpose::Journey)), None);
        },
    ),
    ("it is void after its time", |house| {
        let (key, journey) = begin(house);
        house.advance(HOUR - TICK);
        assert!(found(house, &key).is_some());
        house.advance(TICK);
        assert_eq!(found(house, &key), None);
        assert_eq!(advance(house, &key, &journey), Progress::Over);
        assert_eq!(end(house, &key, 1), Progress::Over);
    }),
    (
        "a step writes session and steps, and makes older readings stale",
        |house| {
            let (key, mut journey) = begin(house);
            let older = journey.clone();
            journey.session = Some("s1".try_into().unwrap());
            journey.done = json!([{"step": "login", "at": 1}]);
            assert_eq!(advance(house, &key, &journey), Progress::Made);
            let journey = Journey {
                version: 2,
                ..journey
            };
            assert_eq!(found(house, &key), Some(journey.clone()));
            assert_eq!(advance(house, &key, &older), Progress::Stale);
            assert_eq!(end(house, &key, 1), Progress::Stale);
            assert_eq!(found(house, &key), Some(journey));
        },
    ),
    ("it ends once, and nothing goes on after it", |house| {
        let (key, journey) = begin(house);
        assert_eq!(end(house, &key, 1), Progress::Made);
        assert_eq!(found(house, &key), None);
        assert_eq!(end(house, &key, 1), Progress::Over);
        assert_eq!(advance(house, &key, &journey), Progress::Over);
        let unknown = house.key(Purpose::Journey);
        assert_eq!(advance(house, &unknown, &journey), Progress::Over);
        assert_eq!(end(house, &unknown, 1), Progress::Over);
    }),
    ("two journeys of one user do not mix", |house| {
        let (first, journey) = begin(house);
        let second = house.key(Purpose::Journey);
        let (begun, now) = (journey.clone(), house.now());
        house
            .write(move |tx| journeys::begin(tx, &second, &begun, now))
            .unwrap();
        assert_eq!(end(house, &first, 1), Progress::Made);
        assert_eq!(found(house, &second), Some(journey));
    }),
    ("of a hundred steps at once, one is taken", |house| {
        let (key, journey) = begin(house);
        let now = house.now();
        let answers = house.race((0..100).map(|n| {
            let journey = journey.clone();
            move |tx: &mut Tx<'_>| match n % 2 {
                0 => journeys::advance(tx, &key, &journey, now),
                _ => journeys::end(tx, &key, journey.version, now),
            }
        }));
        let taken = answers
            .iter()
            .filter(|answer| **answer == Ok(Progress::Made));
        assert_eq!(taken.count(), 1, "{answers:?}");
    }),
    ("all journeys of a user end", |house| {
        let (key, journey) = begin(house);
        let now = house.now();
        let user = journey.user;
        assert_eq!(
            house.write(move |tx| journeys::end_all_of_user(
                tx,
                &"auth0|x".try_into().unwrap(),
                now
            )),
            Ok(0)
        );
        assert_eq!(
            house.write(move |tx| journeys::end_all_of_user(tx, &user, now)),
            Ok(1)
        );
        assert_eq!(found(house, &key), None);
    }),
];

fn begin(house: &House) -> (TokenKey, Journey) {
    let meeting = house.meeting();
    let (key, now) = (house.key(Purpose::Journey), house.now());
    let journey = Journey {
        client: meeting.client,
        user: meeting.user,
        session: None,
        request: json!({"state": "é", "max_age": 0, "claims": {"id_token": null}}),
        done: json!([]),
        version: 1,
        expires_at: now + HOUR,
    };
    let begun = journey.clone();
    house
        .write(move |tx| journeys::begin(tx, &key, &begun, now))
        .unwrap();
    (key, journey)
}

fn found(house: &House, key: &TokenKey) -> Option<Journey> {
    let (key, now) = (*key, house.now());
    house.read(move |tx| journeys::find(tx, &key, now)).unwrap()
}

fn advance(house: &House, key: &TokenKey, journey: &Journey) -> Progress {
    let (key, journey, now) = (*key, journey.clone(), house.now());
    house
        .write(move |tx| journeys::advance(tx, &key, &journey, now))
        .unwrap()
}

fn end(house: &House, key: &TokenKey, version: i64) -> Progress {
    let (key, now) = (*key, house.now());
    house
        .write(move |tx| journeys::end(tx, &key, version, now))
        .unwrap()
}
