//! Which browser a sign-in opens, and how it comes back.

use std::{fmt, io, time::Duration};

use url::Url;

use super::not_opened;
use crate::Error;

type Opener = Box<dyn FnOnce(&Url) -> io::Result<()> + Send>;

/// How a sign-in opens the browser and waits for it.
#[must_use]
pub struct Browser {
    opener: Opener,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(super) timeout: Duration,
    pub(super) app: String,
}

impl Browser {
    /// The system's.
    pub fn system() -> Self {
        Self::with(Self::open_system)
    }

    /// Opens the system's browser; for an opener that does more, such as to print the address too. That a browser was
    /// started does not mean that somebody sees it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn open_system(url: &Url) -> io::Result<()> {
        webbrowser::open(url.as_str())
    }

    /// Whatever `open` does with the address: start another browser, print the address for the user, send it to a test. It
    /// runs on a thread that may wait.
    pub fn with(open: impl FnOnce(&Url) -> io::Result<()> + Send + 'static) -> Self {
        Self {
            opener: Box::new(open),
            port: 0,
            path: "/callback".into(),
            timeout: Duration::from_secs(300),
            app: "the app".into(),
        }
    }

    /// A fixed port, for providers that do not take any as RFC 8252 §7.3 demands. Another program may have it.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The path of the redirect URI: `/callback` unless set.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// How long the user may take: five minutes unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What the last page calls the app that the user goes back to.
    pub fn app(mut self, name: impl Into<String>) -> Self {
        self.app = name.into();
        self
    }

    pub(super) fn open(self, url: &Url) -> Result<(), Error> {
        (self.opener)(url).map_err(|why| not_opened(url, &why))
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("port", &self.port)
            .field("path", &self.path)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
