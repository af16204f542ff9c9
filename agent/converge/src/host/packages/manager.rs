//! What differs from package manager to package manager, and which one a host has.

use std::{collections::BTreeSet, fmt::Debug, path::Path, rc::Rc};

use holdfast_schema::{id::RepositoryName, spec::RepositoryPlace};

use super::{
    apt::Apt,
    complaint::Complaint,
    database::{Database, Stamp},
    plan::{Job, Plan},
    rpm,
};
use crate::host::{ConfigFile, HostError, Offered};

/// A package manager: the words in which it is asked and told, and those in which it answers. It starts nothing itself.
pub(super) trait Manager: Debug {
    /// The program that changes packages, for messages.
    fn program(&self) -> &'static str;

    /// The database's lock, for messages.
    fn lock(&self) -> &'static str;

    /// What its programs get to see.
    fn environment(&self) -> &'static [(&'static str, &'static str)];

    /// The architecture of packages that are named without one; `None` if the answer tells it.
    fn native(&self) -> Option<&'static str>;

    /// The state of the database; `None` while it is being changed or may be half changed.
    fn stamp(&self) -> Result<Option<Stamp>, HostError>;

    /// The program that tells all packages.
    fn query(&self) -> Vec<String>;

    /// What it says, in the form that [`Database`] reads.
    fn normal(&self, said: String) -> String {
        said
    }

    /// The program that looks whether the files of what an interrupted transaction was about are its own.
    fn verify(&self) -> Option<Vec<String>> {
        None
    }

    /// What it found, entered into all packages.
    fn mark_torn(&self, packages: String, _found: &str) -> String {
        packages
    }

    /// Tells that no interrupted transaction is left that [`Self::verify`] would have to look at.
    fn forget_unfinished(&self) {}

    /// The program that tells, without the network, which versions of these packages the sources have.
    fn ask_offered(&self, packages: &BTreeSet<String>) -> Vec<String>;

    /// What it said.
    fn offered(&self, said: &str) -> Offered;

    /// The same, with the network; asked before a transaction by a package manager that is to be told exact versions.
    fn search(&self, packages: &[&str]) -> Option<Job>;

    /// Refreshes the package lists.
    fn refresh(&self) -> Job;

    /// Where it looks for its sources.
    fn place(&self) -> RepositoryPlace;

    /// Fetches the lists of one source, whatever of them was kept, and fails if they cannot be taken.
    fn fetch(&self, repository: &RepositoryName) -> Job;

    /// The pid of the process that holds a lock; 0 if it is in another pid namespace. Nothing is locked by asking.
    fn holder(&self) -> Result<Option<i32>, HostError>;

    /// Every complaint in what its programs said, in their order.
    fn complaints(&self, said: &str) -> Vec<Complaint>;

    /// Whether a run failed; not every program's exit code tells.
    fn has_failed(&self, exit: bool, found: &[Complaint], said: &str) -> bool;

    /// The configuration files that were changed on the host and of which a package brought another version.
    fn config_files(&self, said: &str) -> Vec<ConfigFile>;

    /// Puts each of these configuration files where the plan wants it. Those that are worth telling stay in the list, as they are
    /// afterwards.
    fn settle(&self, plan: &Plan, files: &mut Vec<ConfigFile>) -> Job;

    /// The maintainer script that `path` is: its package, if that can be told, and its name. `said` is what the package manager
    /// said last.
    fn script(&self, path: &str, said: &str) -> Option<(Option<String>, String)>;

    /// The word for a package that is to be installed.
    fn word(&self, name: &str, version: Option<&str>) -> String;

    /// The word for a package that is to be removed.
    fn removal(&self, name: &str) -> String;

    /// Of two versions, whether the first is newer.
    fn is_newer(&self, one: &str, than: &str) -> bool;

    /// The transaction.
    fn job(&self, plan: &Plan, database: &Database) -> Job;

    /// Whether a plan must be simulated first, for the transaction itself would not refuse to remove what is not declared.
    fn needs_simulation(&self, plan: &Plan) -> bool;

    /// What would happen with these words alone.
    fn simulate(&self, words: &[String], plan: &Plan, database: &Database) -> Job;

    /// The packages that a simulated run would remove.
    fn removals(&self, said: &str) -> BTreeSet<String>;

    /// The packages that a simulated run would install.
    fn installations(&self, said: &str) -> BTreeSet<String>;

    /// What sets right what an interrupted run left; the packages `going` are to be removed anyway.
    fn repairs(&self, database: &Database, going: &[String]) -> Vec<Job>;

    /// Unpacks what must be unpacked once more.
    fn reinstall(&self, database: &Database) -> Option<Job>;
}

/// The package manager of this host, by what it has and not by what it is called: apt where dpkg has packages, and dnf or
/// zypper where rpm has.
/// `state` is the agent's own directory.
pub(super) fn of_host(state: &Path) -> Result<Rc<dyn Manager>, HostError> {
    if let Some(apt) = Apt::of_host() {
        return Ok(Rc::new(apt));
    }
    match rpm::of_host(state) {
        Some(rpm::Found::Dnf(dnf)) => Ok(Rc::new(dnf)),
        Some(rpm::Found::Zypper(zypper)) => Ok(Rc::new(zypper)),
        None => Err(HostError::Unsupported { what: "installing packages with apt, dnf or zypper".into() }),
    }
}

/// Words as a command line.
pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}
