//! What the log-in and the sign-up page share: where they stand on a journey, and how somebody comes in.

use axum::response::Response;
use keystead_protocol::error::{Code, OAuthError};
use keystead_store::{
    connections::{self, Connection},
    log::{self, Entry},
};

use super::{
    case::Case,
    onward::{After, go},
    refusal::Error,
    resume_at,
    state::{Bearer, Done, Pending, State},
    visit::Visit,
};
use crate::{
    identity::{
        accounts::{Authenticated, Settled},
        database::DatabaseOptions,
        sessions::{self, Current},
    },
    pages::{FormAction, SignupOffer},
};

/// What kind of connection has passwords.
const DATABASE: &str = "auth0";

/// Where a browser stands that has come to be let in.
pub(super) struct Entrance {
    /// What the page carries on.
    pub(super) state: String,
    /// What the client asked.
    pub(super) case: Case,
    /// Where accounts are looked for.
    pub(super) connection: Connection,
    /// Its rules.
    pub(super) options: DatabaseOptions,
    /// Who is signed in there already: somebody is, who has to show again who they are.
    pub(super) former: Option<Current>,
    pending: Pending,
}

/// What is found at an entrance.
pub(super) enum Door {
    /// It waits for somebody.
    Open(Box<Entrance>),
    /// Somebody has come in on this very journey: it goes on elsewhere.
    Past(Response),
}

/// How coming in ended.
pub(super) enum Entered {
    /// The browser has its session and its way.
    In(Response),
    /// An administrator has blocked the account. No session began.
    Blocked,
    /// The password that was shown is not the stored one any more. No session began, and the attempt did not count.
    PasswordChanged,
}

impl Entrance {
    /// Finds out where a browser stands that brings this `state`.
    ///
    /// # Errors
    /// A page, an answer to the client, or a fault of the store.
    pub(super) async fn find(visit: &Visit, state: Option<&str>) -> Result<Door, Error> {
        visit.services.catalogue.believable(visit.now)?;
        let former = visit.current().await?;
        let browser = visit.cookies().browser(&visit.headers);
        let bearer = Bearer {
            browser: browser.as_ref(),
            session: former.as_ref(),
        };
        let pending = match State::read(&visit.services, state, bearer, visit.now).await? {
            State::Pending(pending) => *pending,
            State::Known(known) => {
                let on = resume_at(known.handle.expose());
                return Ok(Door::Past(go(After::Post, &on)));
            }
        };
        let case = Case::open(&visit.services, pending.request.clone()).await?;
        let connection = connection_of(visit, &case).await?;
        Ok(Door::Open(Box::new(Self {
            state: state.unwrap_or_default().to_owned(),
            options: DatabaseOptions::of(&connection)?,
            case,
            connection,
            former,
            pending,
        })))
    }

    /// Where this entrance's forms lead in the end.
    pub(super) fn onward(&self) -> FormAction<'_> {
        FormAction::Client(self.case.checked.reply.to())
    }

    pub(super) fn signup(&self) -> SignupOffer {
        if self.options.disable_signup() {
            SignupOffer::Closed
        } else {
            SignupOffer::Open
        }
    }

    /// A line of the log about an attempt to come in here.
    pub(super) fn line(&self, visit: &Visit, kind: &str) -> Entry {
        Entry {
            client: Some(self.case.client.id.clone()),
            connection: Some(self.connection.id.clone()),
            ..visit.line(kind)
        }
    }

    /// Lets a user in who has shown a password, in one transaction: unless that was changed or the user blocked meanwhile,
    /// the log-in is counted, the session begins under a cookie that nobody has seen, the journey becomes this user's, and
    /// the log says so.
    ///
    /// `before` stands in the log before the log-in.
    ///
    /// # Errors
    /// A fault of the store.
    pub(super) async fn enter(
        &self,
        visit: &Visit,
        who: &Authenticated,
        before: Option<Entry>,
    ) -> Result<Entered, Error> {
        let Visit { services, now, .. } = visit;
        let (now, id, who) = (*now, who.user.id.clone(), who.clone());
        let fresh = sessions::draw(services, &id, &["pwd"], now);
        let beginning = self.pending.beginning(services, now)?;
        let line = Entry {
            user: Some(id.clone()),
            ..self.line(visit, "s")
        };
        let address = visit.origin.client.to_string();
        let (entering, begun, former) = (fresh.clone(), beginning.clone(), self.former.clone());
        let done = Done {
            signed_in: true,
            ..Done::default()
        };
        let entered = services.store.write(move |tx| {
            match who.settle(tx, &address, now)? {
                Settled::In => {}
                Settled::PasswordChanged => return Ok(Some(Entered::PasswordChanged)),
                Settled::Blocked => return Ok(Some(Entered::Blocked)),
            }
            let session = entering.enter(tx, former.as_ref(), now)?;
            begun.begin(tx, &id, &session.id, done, now)?;
            let lines: Vec<Entry> = before.iter().chain([&line]).cloned().collect();
            log::append_all(tx, &lines)?;
            Ok::<_, keystead_store::Fault>(None)
        });
        if let Some(not) = entered.await? {
            return Ok(not);
        }
        let mut response = go(After::Post, &beginning.resume());
        fresh.cookie().put(response.headers_mut());
        Ok(Entered::In(response))
    }
}

/// The database where accounts are looked for: the one that the client asks for, or the installation's
/// `default_directory`, or the oldest that the client may use.
async fn connection_of(visit: &Visit, case: &Case) -> Result<Connection, Error> {
    let client = case.client.id.clone();
    let read = visit
        .services
        .store
        .read(move |tx| connections::for_client(tx, &client));
    let mut usable = read.await?;
    usable.retain(|connection| connection.strategy == DATABASE);
    usable.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let tenant = visit.services.catalogue.tenant();
    let place = match (&case.connection, &tenant.default_directory) {
        (Some(wanted), _) => usable.iter().position(|own| own.id == *wanted),
        (None, Some(name)) => usable.iter().position(|own| own.name == *name).or(Some(0)),
        (None, None) => Some(0),
    };
    let chosen = place.and_then(|place| usable.into_iter().nth(place));
    chosen.ok_or_else(|| {
        let why = match case.connection {
            Some(_) => "The connection is not enabled for the client",
            None => "No connection is enabled for the client",
        };
        case.refuse(OAuthError::new(Code::InvalidRequest, why))
    })
}

/// Whole seconds, rounded up, for people and `Retry-After`.
pub(super) fn seconds(wait: std::time::Duration) -> u32 {
    let up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(up.max(1)).unwrap_or(u32::MAX)
}
