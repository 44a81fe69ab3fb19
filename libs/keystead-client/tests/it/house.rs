//! An app that is signed in at a provider, with everything between them in the test's hands.

use keystead_client::{
    Credentials, FileVault, Session, Timestamp,
    transition::{Login, SignIn},
};
use tempfile::TempDir;

use crate::{
    network::Wire,
    provider::{Hands, NOON, Provider},
};

pub const REDIRECT: &str = "com.example.app:/callback";
const KEY: [u8; 32] = [7; 32];

pub struct House {
    pub provider: Provider,
    pub wire: Wire,
    pub session: Session,
    /// The app's. The provider's is another.
    pub clock: Hands,
    pub issuer: String,
    pub folder: TempDir,
}

impl House {
    pub async fn new() -> Self {
        let clock = Hands::at(NOON);
        let (provider, port) = Provider::start(clock.clone()).await;
        let wire = Wire::to(port).await;
        let issuer = format!("http://127.0.0.1:{}/", wire.port());
        provider.is_called(&issuer);
        let folder = tempfile::tempdir().unwrap();
        let session = session(&issuer, clock.clone(), vault(&folder));
        Self {
            provider,
            wire,
            session,
            clock,
            issuer,
            folder,
        }
    }

    /// A provider whose clock is not the app's.
    pub fn has_its_own_clock(&self) -> Hands {
        let clock = Hands::at(self.clock.now());
        self.provider.house().clock = clock.clone();
        clock
    }

    pub fn vault(&self) -> FileVault {
        vault(&self.folder)
    }

    /// The app, started once more.
    pub fn started_again(&self) -> Session {
        session(&self.issuer, self.clock.clone(), self.vault())
    }

    pub async fn begins(&self) -> Login {
        self.session
            .begin(&self.session.ask(), REDIRECT)
            .await
            .unwrap()
    }

    /// What the browser comes back with after the user has signed in.
    pub fn callback(&self, request: &keystead_client::reqwest::Url) -> String {
        let code = self.provider.grants_code(request);
        let mut state = request.query_pairs().filter(|(name, _)| name == "state");
        let state = state.next().unwrap().1;
        format!("{REDIRECT}?code={code}&state={state}&iss={}", self.issuer)
    }

    pub async fn signs_in(&self) -> Credentials {
        let login = self.begins().await;
        let callback = self.callback(login.url());
        self.session.finish(&login, &callback).await.unwrap()
    }

    /// What the vault holds.
    pub fn kept(&self) -> String {
        use keystead_client::Vault as _;
        let text = self.vault().load().unwrap();
        text.map(|text| text.expose().to_owned())
            .unwrap_or_default()
    }
}

fn vault(folder: &TempDir) -> FileVault {
    FileVault::with_key(folder.path(), KEY)
}

pub fn session(issuer: &str, clock: Hands, vault: impl keystead_client::Vault) -> Session {
    Session::builder(issuer, "app")
        .sign_in(SignIn::new().scope("offline_access read:messages write:messages"))
        .vault(vault)
        .clock(move || Timestamp::from_secs(clock.now()))
        .build()
        .unwrap()
}
