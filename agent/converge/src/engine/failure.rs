//! Why a resource is not in order, as it is told to people.

use std::error::Error;

use crate::{
    host::{HostError, Retry},
    kinds::Refusal,
    ledger::{MOST_REPAIRS, REPAIRS_WINDOW},
    plan::{Step, inventory::Excess},
};

/// Code, meaning and remedy of every failure that the engine and the kinds add to those of the host.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "E_CONFLICT",
        "somebody else changes a resource again after every repair, so that it is left alone for a while: half a minute at \
         first, an hour at most",
        "find who else changes it, and let only one of the two manage it; `holdfast sync` repairs it at once",
    ),
    (
        "E_NOT_CONVERGED",
        "the change was made without an error, and the host still differs",
        "look for what undoes it: another manager, a package's script, a unit that ends at once",
    ),
    (
        "E_LEDGER_SAVE",
        "the local memory could not be saved, so nothing that depends on it was changed",
        "free some space under /var/lib/holdfast and check that it can be written",
    ),
    (
        "E_LEDGER_DAMAGED",
        "the local memory of what Holdfast owns cannot be read",
        "put back a copy, or remove it: then nothing is pruned that is not declared, and ownership is learned anew",
    ),
    (
        "E_LEDGER_FORMAT",
        "a newer agent wrote the local memory of what Holdfast owns",
        "install that version of the agent again",
    ),
    (
        "E_REMOVAL_GUARD",
        "the pass would remove more than `[guard]` in fleet.toml lets through, so it removes nothing",
        "check what the last change took away; if it is meant, raise the guard",
    ),
    (
        "E_PURGE_LIMIT",
        "a purged directory holds more undeclared entries than its purge_limit",
        "declare what should stay, or raise `purge_limit`",
    ),
    (
        "E_FOREIGN_NAME",
        "a purged directory holds an entry whose name is not UTF-8 or has control characters",
        "rename or remove it by hand",
    ),
    (
        "E_NOT_EMPTY",
        "a directory that should be absent holds something",
        "empty it, or set `purge = true` to remove all that is in it",
    ),
    (
        "E_NOT_ENABLABLE",
        "a unit that should be enabled has no [Install] section",
        "give the unit an [Install] section, or do not set `enabled`",
    ),
    (
        "E_IMAGE_MISSING",
        "the Docker engine does not have an image that is not to be pulled",
        "bring it to the engine with `docker load`, or name it by its registry and digest and let it be pulled",
    ),
    (
        "E_VOLUME_DIFFERS",
        "a volume is there and is not as declared; a volume holds data and is never made anew",
        "declare what it is, or move its data and remove it by hand",
    ),
    (
        "E_REPOSITORY_FORMAT",
        "a repository is for another package manager than this host's: with `suites` it is for apt, without for dnf and zypper, \
         with `exclude` for dnf alone",
        "declare it only for hosts that can take it: see `when`",
    ),
    (
        "E_ELSEWHERE",
        "what belongs to a Swarm is managed by the manager that leads it, and this host is another",
        "nothing to do: look at the status of that host",
    ),
    (
        "E_SERVICE_FAILED",
        "what a service is to become failed before: the Swarm took it back, or stopped in the middle; no manager tries it again",
        "change the declaration, or take the label io.holdfast.failed from the service to have it tried again; a stopped update \
         goes on with `docker service update`",
    ),
    (
        "E_NODE_MISSING",
        "a declared node is not in the Swarm",
        "let it join, or name it as `docker node ls` does",
    ),
    (
        "E_NODE_AMBIGUOUS",
        "two nodes of the Swarm that are ready have the host name of a declared one",
        "give one of the two machines another host name, and let it join anew",
    ),
    (
        "E_JOURNAL",
        "what would be changed could not be written down first, so it was not changed",
        "free some space under /var/lib/holdfast and check that it can be written",
    ),
    ("E_ABANDONED", "the revision failed elsewhere before the resource's turn had come", "mend what failed"),
    (
        "E_NOT_KEPT",
        "something that a failed revision changed could not be put back, for what it was is not kept",
        "look at it and bring it in order by hand",
    ),
    (
        "E_STOPPED",
        "the agent was told to stop before the resource's turn had come or ended",
        "nothing to do: the next pass goes on",
    ),
];

/// Why a resource is not in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stable code.
    pub code: &'static str,
    /// What went wrong, in words that may leave the host: nothing that a program said, no content.
    pub message: String,
    /// All of it, for the local log and for people on the host.
    pub detail: String,
    /// What mends it.
    pub remedy: Option<&'static str>,
    /// When trying again makes sense.
    pub retry: Retry,
}

impl From<&HostError> for Failure {
    fn from(error: &HostError) -> Self {
        let detail = chain(error);
        let message = match error {
            HostError::Invalid { path, command, .. } => format!("validating {path} with {command} failed"),
            HostError::Command { command, .. } => format!("{command} failed"),
            HostError::Package { package, .. } => format!("package {package} could not be brought in order"),
            HostError::Packages { failed } => {
                let names: Vec<_> = failed.keys().map(String::as_str).collect();
                format!("packages {} could not be brought in order", names.join(", "))
            }
            HostError::Unhealthy { unit, .. } => format!("unit {unit} is not healthy"),
            // What a registry or the engine says may quote what was asked of it.
            HostError::Docker { tried, .. } => format!("{tried} failed"),
            HostError::Service { service, what, .. } => format!("service {service}: {what}"),
            HostError::Repository { repository, why, .. } => format!("repository {repository}: {why}"),
            HostError::ImagePull { image, why, .. } => {
                format!("the image {image} could not be pulled: {why}")
            }
            _ => detail.clone(),
        };
        Self { code: error.code(), message, detail, remedy: error.remedy(), retry: error.retry() }
    }
}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        Self::plain(refusal.code(), refusal.to_string(), Some(refusal.remedy()), refusal.retry())
    }
}

impl Failure {
    fn plain(code: &'static str, message: String, remedy: Option<&'static str>, retry: Retry) -> Self {
        Self { code, detail: message.clone(), message, remedy, retry }
    }

    /// Everything was done, and a difference is left.
    pub(crate) fn not_converged(step: &Step) -> Self {
        let because = &step.because;
        let message = format!(
            "still differs after the change: {} is {}, not {}",
            because.field, because.from, because.to
        );
        let remedy = "look for what undoes it: another manager, a package's script, a unit that ends at once";
        Self::plain("E_NOT_CONVERGED", message, Some(remedy), Retry::Soon)
    }

    /// Somebody undoes every repair.
    pub(crate) fn conflict(step: &Step, pause: i64, by: Option<&str>) -> Self {
        let time =
            |seconds| if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
        let message = format!(
            "{} was repaired {MOST_REPAIRS} times within {} and differs again{}; it is left alone for {}",
            step.because.field,
            time(REPAIRS_WINDOW),
            by.map(|by| format!(", last because of {by}")).unwrap_or_default(),
            time(pause)
        );
        let remedy =
            "find who else changes it, and let only one of the two manage it; `holdfast sync` repairs it now";
        Self::plain("E_CONFLICT", message, Some(remedy), Retry::Soon)
    }

    /// The ledger could not be saved.
    pub(crate) fn unsaved(error: &std::io::Error) -> Self {
        let message = format!("save the ledger: {}", chain(error));
        let remedy = "free some space under /var/lib/holdfast and check that it can be written";
        Self::plain("E_LEDGER_SAVE", message, Some(remedy), Retry::Soon)
    }

    /// The journal could not be written.
    pub(crate) fn unwritten(error: &std::io::Error) -> Self {
        let message = format!("write down what will be changed: {}", chain(error));
        let remedy = "free some space under /var/lib/holdfast and check that it can be written";
        Self::plain("E_JOURNAL", message, Some(remedy), Retry::Soon)
    }

    /// Something is not as it was, and cannot be put back.
    pub(crate) fn not_kept(what: &str) -> Self {
        let message = format!("it was {what}, which was not kept");
        Self::plain("E_NOT_KEPT", message, Some("look at it and bring it in order by hand"), Retry::Never)
    }

    /// A directory that was made for a revision holds other things by now.
    pub(crate) fn not_empty() -> Self {
        let message =
            "the directory was not there, and by now it holds what Holdfast did not put there".to_owned();
        Self::plain(
            "E_NOT_EMPTY",
            message,
            Some("look at what is in it, and remove it by hand"),
            Retry::Never,
        )
    }

    /// The revision failed elsewhere.
    pub(crate) fn abandoned() -> Self {
        let message = "the revision failed elsewhere first".to_owned();
        Self::plain("E_ABANDONED", message, Some("mend what failed"), Retry::NextRevision)
    }

    /// The removal guard holds the pass's removals.
    pub(crate) fn guarded(excess: Excess) -> Self {
        let Excess { removals, owned } = excess;
        let message =
            format!("the pass would remove {removals} of {owned} owned resources, so it removes none");
        let remedy = "check what the last change took away; if it is meant, push a commit whose message ends with \
             `Allow-Removals: COUNT`";
        Self::plain("E_REMOVAL_GUARD", message, Some(remedy), Retry::NextRevision)
    }

    /// The pass was stopped first.
    pub(crate) fn stopped() -> Self {
        let message = "the agent was told to stop first".to_owned();
        Self::plain("E_STOPPED", message, Some("nothing to do: the next pass goes on"), Retry::Soon)
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
