//! Settings: each under its name, set first by one, changed by who has read the newest.

use std::time::Duration;

use keystead_store::{
    Fault, Insert, Tx, Update,
    feed::Entity,
    settings::{self, Setting, Stored},
};
use serde::{Deserialize, Serialize};

use crate::{Case, house::House};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Session {
    lifetime: i64,
}
impl Setting for Session {
    const NAME: &'static str = "session";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Greeting(String);
impl Setting for Greeting {
    const NAME: &'static str = "greeting";
}

pub const CASES: &[Case] = &[
    ("a setting is got by its type", |house| {
        assert_eq!(got::<Session>(house), Ok(None));
        let now = house.now();
        let set = house.write(move |tx| {
            assert_eq!(
                settings::insert(tx, &Session { lifetime: 7 }, now)?,
                Insert::Done
            );
            settings::put(tx, &Greeting("é".to_owned()), now)
        });
        assert_eq!(set, Ok(()));
        let stored = |version| Stored {
            value: Session { lifetime: 7 },
            version,
            updated_at: now,
        };
        assert_eq!(got(house), Ok(Some(stored(1))));
        let greeting = got::<Greeting>(house).unwrap().unwrap();
        assert_eq!(greeting.value, Greeting("é".to_owned()));
    }),
    ("the first of sixteen sets it", |house| {
        let now = house.now();
        let answers = house.race((0..16).map(|lifetime| {
            move |tx: &mut Tx<'_>| settings::insert(tx, &Session { lifetime }, now)
        }));
        let won: Vec<_> = (0_i64..)
            .zip(&answers)
            .filter(|(_, answer)| **answer == Ok(Insert::Done))
            .map(|(i, _)| i)
            .collect();
        let late = |answer: &&_| **answer == Ok(Insert::Taken);
        assert_eq!(answers.iter().filter(late).count(), 15, "{answers:?}");
        let stored = got::<Session>(house).unwrap().unwrap();
        assert_eq!(won, [stored.value.lifetime]);
    }),
    ("of sixteen changes to one reading, one is made", |house| {
        let now = house.now();
        let set = house.write(move |tx| settings::put(tx, &Session { lifetime: 100 }, now));
        assert_eq!(set, Ok(()));
        let read = got::<Session>(house).unwrap().unwrap();
        let answers = house.race((0..16).map(|lifetime| {
            let mut changed = read.clone();
            changed.value = Session { lifetime };
            move |tx: &mut Tx<'_>| settings::update(tx, &changed, now)
        }));
        let won: Vec<_> = (0_i64..)
            .zip(&answers)
            .filter(|(_, answer)| **answer == Ok(Update::Done))
            .map(|(i, _)| i)
            .collect();
        let stale = |answer: &&_| **answer == Ok(Update::Stale);
        assert_eq!(answers.iter().filter(stale).count(), 15, "{answers:?}");
        let stored = got::<Session>(house).unwrap().unwrap();
        assert_eq!((won, stored.version), (vec![stored.value.lifetime], 2));
    }),
    ("what is put makes every earlier reading stale", |house| {
        let now = house.now();
        let put =
            move |lifetime| move |tx: &mut Tx<'_>| settings::put(tx, &Session { lifetime }, now);
        assert_eq!(house.write(put(1)), Ok(()));
        let read = got::<Session>(house).unwrap().unwrap();
        house.advance(Duration::from_secs(1));
        let later = house.now();
        let again = house.write(move |tx| settings::put(tx, &Session { lifetime: 2 }, later));
        assert_eq!(again, Ok(()));
        let updated = house.write(move |tx| settings::update(tx, &read, now));
        assert_eq!(updated, Ok(Update::Stale));
        let stored = Stored {
            value: Session { lifetime: 2 },
            version: 2,
            updated_at: later,
        };
        assert_eq!(got(house), Ok(Some(stored)));
    }),
    ("a document of another type is not read", |house| {
        house.execute(
            "INSERT INTO settings (name, value, version, updated_at) VALUES ('session', '\"x\"', 1, 0)",
        );
        let refused = got::<Session>(house);
        assert!(
            matches!(refused, Err(Fault::Corrupt { column: 0, .. })),
            "{refused:?}"
        );
    }),
    ("every change is announced", |house| {
        let now = house.now();
        let (_, said) = house.announced(move |tx| {
            let value = Session { lifetime: 1 };
            let unset = Stored {
                value: value.clone(),
                version: 1,
                updated_at: now,
            };
            assert_eq!(settings::update(tx, &unset, now)?, Update::Unknown);
            assert_eq!(settings::insert(tx, &value, now)?, Insert::Done);
            assert_eq!(settings::insert(tx, &value, now)?, Insert::Taken);
            assert_eq!(settings::update(tx, &unset, now)?, Update::Done);
            assert_eq!(settings::update(tx, &unset, now)?, Update::Stale);
            settings::put(tx, &value, now)
        });
        assert_eq!(said, vec![(Entity::Setting, "session".to_owned()); 3]);
    }),
];

fn got<T: Setting + Send + 'static>(house: &House) -> Result<Option<Stored<T>>, Fault> {
    house.read(settings::get)
}
