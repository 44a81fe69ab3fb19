//! What the pages share that ask something of a user who is known: on which journey they stand, and before whom.

use super::{
    case::Case,
    decide::{EndUser, Position, position},
    next::Step,
    refusal::Error,
    state::{self, Known, State},
    visit::Visit,
};

/// A journey whose user is known and here, at one of the pages that ask something of them.
pub(super) struct Asking {
    pub(super) known: Box<Known>,
    pub(super) case: Case,
    pub(super) here: EndUser,
    /// What the journey needs now; perhaps something else than this page.
    pub(super) step: Step,
}

impl Asking {
    /// Reads the journey of such a page. `None` if there is nobody to ask, or the client wants something else: then the
    /// journey has to be resumed.
    ///
    /// # Errors
    /// A page, an answer to the client, or a fault of the store.
    pub(super) async fn find(visit: &Visit, state: Option<&str>) -> Result<Option<Self>, Error> {
        visit.services.catalogue.believable(visit.now)?;
        let current = visit.current().await?;
        let state = state::read(visit, state, current.as_ref()).await?;
        let State::Known(known) = state else {
            return Ok(None);
        };
        let case = Case::open(&visit.services, known.request.clone()).await?;
        let Position { step, here } = position(visit, &case, known.done, current).await?;
        Ok(here.map(|here| Self {
            known,
            case,
            here,
            step,
        }))
    }
}
