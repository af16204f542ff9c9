//! Carries a [`Fault`] out of code that can only fail with an [`io::Error`], or with gix's errors.

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use gix_protocol::transport::packetline;

use crate::{error::Fault, limits, meter::Meter, text};

/// The first fault of a connection, kept aside while an [`io::Error`] travels up in its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reason(Arc<Mutex<Option<Fault>>>);

impl Reason {
    /// Keeps `fault` and gives what stands for it.
    pub(crate) fn keep(&self, fault: Fault) -> io::Error {
        let shown = io::Error::other(fault.to_string());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        shown
    }

    fn take(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Why something failed with `error`.
    pub(crate) fn of(&self, error: &io::Error) -> Fault {
        self.take().unwrap_or_else(|| match error.kind() {
            io::ErrorKind::InvalidData => Fault::Protocol(text::chain(error)),
            io::ErrorKind::UnexpectedEof => {
                Fault::Unreachable("the server broke the connection off".to_owned())
            }
            _ => Fault::Unreachable(text::chain(error)),
        })
    }

    /// Why something in gix failed with `error`.
    pub(crate) fn of_gix(&self, error: &gix_error::Error, meter: &Meter) -> Fault {
        if let Some(fault) = self.take() {
            return fault;
        }
        if let Some(fault) = error.iter_errors().find_map(of_this_machine) {
            return fault;
        }
        if let Some(said) = error.downcast_any_ref::<packetline::read::Error>() {
            return of_server(&text::said(&said.message));
        }
        if meter.left().is_err() {
            return meter.late();
        }
        if error.is_resource_exhausted() {
            return Fault::Limit(format!("an object is larger than {} MiB", limits::OBJECT_BYTES >> 20));
        }
        let chain = text::chain(error);
        if error.iter_errors().any(|error| kind_of(error) == Some(io::ErrorKind::UnexpectedEof)) {
            return Fault::Unreachable("the server broke the connection off".to_owned());
        }
        Fault::Protocol(chain)
    }
}

/// What a server says in place of an answer.
pub(crate) fn of_server(said: &str) -> Fault {
    let lower = said.to_lowercase();
    if ["not found", "not exported", "does not exist"].iter().any(|words| lower.contains(words)) {
        Fault::NoRepository(format!("the server says: {said}"))
    } else {
        Fault::Protocol(format!("the server says: {said}"))
    }
}

/// A full disk or the like is no fault of the server's.
fn of_this_machine(error: &(dyn Error + 'static)) -> Option<Fault> {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let source = error.downcast_ref::<io::Error>()?;
    let own = matches!(source.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied);
    (own && source.raw_os_error().is_some()).then(|| Fault::Mirror {
        what: "the local copy can not be written".to_owned(),
        source: source.kind().into(),
    })
}

fn kind_of(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    error.downcast_ref::<io::Error>().map(io::Error::kind)
}
