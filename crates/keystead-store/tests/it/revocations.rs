//! Revocations: denied tokens stay denied, and cut-offs concern what they name and only move forward.

use keystead_protocol::{
    ids::{ClientId, GrantId, SessionId, TokenId, UserId},
    time::Timestamp,
};
use keystead_store::{
    Tx,
    revocations::{self, Origin, Reach},
};

use crate::{
    Case,
    accounts::{HOUR, MINUTE},
    house::House,
    people::client_id,
};

pub const CASES: &[Case] = &[
    ("a denied token is denied and no other", |house| {
        let (jti, now) = (token("a"), house.now());
        house
            .write(move |tx| revocations::deny(tx, &jti, now + HOUR))
            .unwrap();
        assert!(denied(house, "a"));
        assert!(!denied(house, "A"));
    }),
    ("denying a token again never shortens it", |house| {
        let now = house.now();
        for lifetime in [HOUR, MINUTE] {
            house
                .write(move |tx| revocations::deny(tx, &token("a"), now + lifetime))
                .unwrap();
        }
        assert_eq!(
            house.integers("SELECT expires_at FROM denied_tokens"),
            [(now + HOUR).as_millis()]
        );
        house
            .write(move |tx| revocations::deny(tx, &token("a"), now + 2 * HOUR))
            .unwrap();
        assert_eq!(
            house.integers("SELECT expires_at FROM denied_tokens"),
            [(now + 2 * HOUR).as_millis()]
        );
    }),
    ("a cut-off concerns what it names", |house| {
        let now = house.now();
        let reaches: [(&str, Naming); 5] = [
            ("grant", |token| Reach::Grant(&token.grant)),
            ("session", |token| Reach::Session(&token.session)),
            ("user", |token| Reach::User(&token.user)),
            ("client", |token| Reach::Client(&token.client)),
            ("installation", |_| Reach::Installation),
        ];
        let other = Token::new(9);
        for (number, (name, reach)) in reaches.into_iter().enumerate() {
            let token = Token::new(number);
            assert!(!cut_off(house, &token, now - MINUTE), "{name}");
            assert!(
                !cut_off(house, &other, now - MINUTE),
                "{name}: another token, before"
            );
            let named = token.clone();
            house
                .write(move |tx| revocations::cut_off(tx, reach(&named), now, now + HOUR))
                .unwrap();
            assert!(cut_off(house, &token, now - MINUTE), "{name}");
            assert!(
                !cut_off(house, &token, now),
                "{name}: issued in that moment"
            );
            assert!(
                !cut_off(house, &token, now + MINUTE),
                "{name}: issued later"
            );
        }
        assert!(
            cut_off(house, &other, now - MINUTE),
            "installation: another token"
        );
    }),
    ("an id is cut off only as what it is", |house| {
        let now = house.now();
        house
            .write(move |tx| {
                revocations::cut_off(tx, Reach::Client(&client_id("s1")), now, now + HOUR)
            })
            .unwrap();
        assert!(!cut_off(house, &Token::new(1), now - MINUTE));
    }),
    (
        "a machine's token is concerned by its client and the installation",
        |house| {
            let now = house.now();
            let machine = move |house: &House| {
                house
                    .read(move |tx| {
                        revocations::is_cut_off(
                            tx,
                            Origin {
                                grant: None,
                                session: None,
                                user: None,
                                client: &client_id("app1"),
                                issued_at: now - MINUTE,
                            },
                        )
                    })
                    .unwrap()
            };
            assert!(!machine(house));
            house
                .write(move |tx| {
                    revocations::cut_off(tx, Reach::Client(&client_id("app1")), now, now + HOUR)
                })
                .unwrap();
            assert!(machine(house));
        },
    ),
    (
        "a cut-off only moves forward, whoever comes last",
        |house| {
            let now = house.now();
            let answers = house.race((0..32_u32).map(|i| {
                // Every order of both moments: the latest of each comes in another call than the other.
                let (before, until) = (now + MINUTE * (i % 8), now + HOUR + MINUTE * (7 - i % 8));
                move |tx: &mut Tx<'_>| revocations::cut_off(tx, Reach::Installation, before, until)
            }));
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            assert_eq!(
                house.integers("SELECT issued_before FROM cutoffs"),
                [(now + MINUTE * 7).as_millis()]
            );
            assert_eq!(
                house.integers("SELECT expires_at FROM cutoffs"),
                [(now + HOUR + MINUTE * 7).as_millis()]
            );
        },
    ),
];

/// Names what of a token a cut-off concerns.
type Naming = fn(&Token) -> Reach<'_>;

#[derive(Clone)]
struct Token {
    grant: GrantId,
    session: SessionId,
    user: UserId,
    client: ClientId,
}

impl Token {
    fn new(number: usize) -> Self {
        Self {
            grant: format!("{number:024}").try_into().unwrap(),
            session: format!("s{number}").try_into().unwrap(),
            user: format!("auth0|{number}").try_into().unwrap(),
            client: client_id(&format!("app{number}")),
        }
    }
}

fn token(jti: &str) -> TokenId {
    jti.try_into().unwrap()
}

fn denied(house: &House, jti: &str) -> bool {
    let jti = token(jti);
    house
        .read(move |tx| revocations::is_denied(tx, &jti))
        .unwrap()
}

fn cut_off(house: &House, token: &Token, issued_at: Timestamp) -> bool {
    let token = token.clone();
    house
        .read(move |tx| {
            revocations::is_cut_off(
                tx,
                Origin {
                    grant: Some(&token.grant),
                    session: Some(&token.session),
                    user: Some(&token.user),
                    client: &token.client,
                    issued_at,
                },
            )
        })
        .unwrap()
}
