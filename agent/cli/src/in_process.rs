//! The fetcher in the same process, for where none listens on a socket.

use std::{
    fmt,
    io::Write,
    sync::{Mutex, PoisonError},
};

use holdfast_agent::remote::Remote;
use holdfast_git::{Fetcher, Place};
use holdfast_protocol::fetch::{Failure, Reply, Request};
use holdfast_trust::Object;
use tempfile::TempDir;

/// Answers the agent's requests without a socket.
pub(crate) struct InProcess {
    fetcher: Mutex<Fetcher>,
    /// Removed with everything in it when the fetcher goes.
    _directory: Option<TempDir>,
}

impl InProcess {
    /// A fetcher that keeps its files in `place`.
    pub(crate) fn new(place: Place) -> Self {
        Self { fetcher: Mutex::new(Fetcher::new(place)), _directory: None }
    }

    /// A fetcher that keeps its files in a directory for as long as it lives.
    pub(crate) fn within(directory: TempDir) -> Self {
        let place = Place { mirrors: directory.path().to_owned(), private: directory.path().to_owned() };
        Self { _directory: Some(directory), ..Self::new(place) }
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl Remote for InProcess {
    fn exchange(
        &self,
        request: &Request,
        objects: &[Object],
        received: &mut dyn Write,
    ) -> Result<Reply, Failure> {
        let mut fetcher = self.fetcher.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = fetcher.answer(request, objects);
        if let Some(objects) = &answer.objects {
            objects.write(received).map_err(|why| Failure {
                code: "E_GIT_MIRROR".to_owned(),
                message: format!("cannot hand over what was fetched: {why}"),
                remedy: None,
            })?;
        }
        Ok(answer.reply)
    }
}
