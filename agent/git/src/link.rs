//! What every way of reaching a repository needs.

use std::path::{Path, PathBuf};

use holdfast_protocol::fetch::Remote;

use crate::{address::Address, http::Clients, meter::Meter, reason::Reason};

/// Where the Git room keeps its files.
#[derive(Debug, Clone)]
pub struct Place {
    /// A directory for the mirrors. All that is in it may be deleted at any time.
    pub mirrors: PathBuf,
    /// A directory that only this user can read, for the time of an ssh connection. Best in memory.
    pub private: PathBuf,
}

/// One repository, for the time of one request.
pub(crate) struct Link<'a> {
    pub(crate) address: &'a Address,
    pub(crate) remote: &'a Remote,
    pub(crate) private: &'a Path,
    pub(crate) clients: &'a mut Clients,
    pub(crate) meter: Meter,
    pub(crate) reason: Reason,
}
