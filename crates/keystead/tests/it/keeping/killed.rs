//! Class 9: a refresh token that was used or given back is not good again because the process was killed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keystead_protocol::{
    ids::{ConnectionId, UserId},
    secret::Secret,
    time::Timestamp,
};
use keystead_server::services::Entropy;
use keystead_store::{
    Database, Fault, Insert, Store,
    clients::{self, Client},
    codes::{self, Code},
    connections::{self, Connection},
    grants::{self, Terms},
    token_key::{Purpose, TokenKey},
    users::{self, Insertion, User},
};
use serde_json::{Map, Value, json};

use super::stop;
use crate::program::{Folder, Server, free_port, post};

const REDIRECT: &str = "https://app.example/callback";
/// Appendix B of RFC 7636.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// An app on a phone, whose tokens are replaced at each use without a leeway, and codes that Ada agreed to.
fn codes(folder: &Folder, count: usize) -> Vec<Secret> {
    let file = folder.path().join("keystead-data/keystead.db");
    let store = Store::open(&Database::sqlite(file)).unwrap();
    let mut rng = Entropy::system();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_secs(0) + since;
    let mut client = Client::new("phone".try_into().unwrap(), "A phone".to_owned(), now);
    let metadata = json!({
        "oidc_conformant": true, "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "refresh_token": { "rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0 },
    });
    client.metadata = serde_json::from_value(metadata).unwrap();
    let id = ConnectionId::generate(&mut rng);
    let connection = Connection::new(id, "people".to_owned(), "auth0".to_owned(), now);
    let ada = User::new(UserId::generate(&mut rng), connection.id.clone(), now);
    let terms = Terms {
        scope: "openid offline_access".parse().unwrap(),
        audience: None,
        nonce: None,
        authenticated_at: now.as_secs(),
        methods: vec![],
        extra: Map::new(),
    };
    let drawn: Vec<_> = (0..count)
        .map(|_| {
            let (secret, key) = TokenKey::draw(Purpose::Code, now, &mut rng);
            let code = Code {
                grant: grants::fresh_id(now, &mut rng).unwrap(),
                client: client.id.clone(),
                user: ada.id.clone(),
                session: None,
                redirect_uri: REDIRECT.to_owned(),
                challenge: Some(CHALLENGE.to_owned()),
                terms: terms.clone(),
            };
            (secret, key, code)
        })
        .collect();
    let stored: Vec<_> = drawn
        .iter()
        .map(|(_, key, code)| (*key, code.clone()))
        .collect();
    let done = store.write(move |tx| {
        assert_eq!(clients::insert(tx, &client)?, Insert::Done);
        assert_eq!(connections::insert(tx, &connection)?, Insert::Done);
        assert_eq!(users::insert(tx, &ada)?, Insertion::Inserted);
        for (key, code) in &stored {
            codes::issue(tx, key, code, now, now + Duration::from_secs(600))?;
        }
        Ok::<_, Fault>(())
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(done).unwrap();
    store.close();
    drawn.into_iter().map(|(secret, ..)| secret).collect()
}

/// The server of a folder, and how it answers the phone.
struct Phone {
    folder: Folder,
    port: u16,
    server: Option<Server>,
}

impl Phone {
    /// Kills the server in this moment, and starts it again.
    fn dies(&mut self) {
        let server = self.server.take().unwrap();
        server.hears("-KILL");
        assert!(!server.ends().0.success());
        self.server = Some(self.folder.serves(self.port, &[]));
    }

    fn asks(&self, form: &str) -> Value {
        let answer = post(
            self.port,
            "/oauth/token",
            &format!("client_id=phone&{form}"),
        );
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn redeems(&self, code: &Secret) -> Value {
        let code = code.expose();
        self.asks(&format!(
            "grant_type=authorization_code&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&code_verifier={VERIFIER}&code={code}"
        ))
    }

    fn refreshes(&self, answer: &Value) -> Value {
        let token = answer["refresh_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"));
        self.asks(&format!("grant_type=refresh_token&refresh_token={token}"))
    }

    fn revokes(&self, answer: &Value) {
        let token = answer["refresh_token"].as_str().unwrap();
        let answer = post(
            self.port,
            "/oauth/revoke",
            &format!("client_id=phone&token={token}"),
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn what_was_used_or_revoked_stays_so_after_a_kill() {
    let (folder, port) = (Folder::new(), free_port());
    let server = Some(folder.serves(port, &[]));
    let codes = codes(&folder, 4);
    let mut phone = Phone {
        folder,
        port,
        server,
    };
    let untouched = phone.redeems(&codes[0]);

    // Killed as soon as the answer is here.
    let one = phone.redeems(&codes[1]);
    let two = phone.refreshes(&one);
    phone.dies();
    assert_eq!(
        phone.refreshes(&one)["error"],
        "invalid_grant",
        "used before the kill"
    );
    phone.dies();
    assert_eq!(
        phone.refreshes(&two)["error"],
        "invalid_grant",
        "its family fell before the kill"
    );

    let three = phone.redeems(&codes[2]);
    phone.revokes(&three);
    phone.dies();
    assert_eq!(
        phone.refreshes(&three)["error"],
        "invalid_grant",
        "revoked before the kill"
    );

    let four = phone.redeems(&codes[3]);
    phone.dies();
    assert_eq!(
        phone.redeems(&codes[3])["error"],
        "invalid_grant",
        "a code that was redeemed before the kill"
    );
    assert_eq!(
        phone.refreshes(&four)["error"],
        "invalid_grant",
        "and all that came of it"
    );

    assert!(
        phone.refreshes(&untouched)["access_token"].is_string(),
        "the others live on"
    );
    stop(phone.server.unwrap());
}
