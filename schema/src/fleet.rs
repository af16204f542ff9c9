//! From the repository's documents to what each host should be.

use crate::{
    Contents, Facts, HostName, HostState, ResourceId,
    explain::Explanation,
    problem::{Problem, Problems},
    repository::Repository,
};

/// One host's resolved state and the bytes that it speaks of.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What the host should be.
    pub state: HostState,
    /// The contents by digest. Files of the repository are read again when they are asked for.
    pub contents: Contents,
}

/// A fleet repository as it is read. What hosts share is read and parsed once.
pub struct Fleet<'r> {
    repository: &'r Repository,
}

impl<'r> Fleet<'r> {
    /// The fleet in `repository`. Reads nothing yet.
    pub fn new(repository: &'r Repository) -> Self {
        Self { repository }
    }

    /// Every host that has a file, by name.
    pub fn hosts(&self) -> Vec<HostName> {
        let _ = self.repository;
        Vec::new()
    }

    /// What `host` should be. Reads only the documents and files that this host uses.
    ///
    /// # Errors
    /// Everything that is wrong with what this host uses.
    pub fn resolve(&mut self, host: &HostName, _facts: &Facts) -> Result<Resolved, Problems> {
        Err(Problem::new("E_HOST_MISSING", format!("there is no hosts/{host}.toml")).into())
    }

    /// Everything that is wrong with any file or host. `facts` says what is known of a host; without facts a sample stands in.
    pub fn check(&mut self, _facts: &dyn Fn(&HostName) -> Option<Facts>) -> Problems {
        Problems::default()
    }

    /// Which file and line won each field of one resource of `host`, and what they overrode.
    ///
    /// # Errors
    /// Everything that is wrong with what this host uses; `E_NEEDS` if no layer declares the resource.
    pub fn explain(
        &mut self,
        host: &HostName,
        _facts: &Facts,
        _id: &ResourceId,
    ) -> Result<Explanation, Problems> {
        Err(Problem::new("E_HOST_MISSING", format!("there is no hosts/{host}.toml")).into())
    }
}
