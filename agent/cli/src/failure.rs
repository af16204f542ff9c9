//! Why a command failed, in the form in which people see it.

use std::{error::Error, io, path::Path};

use crate::exit::Exit;

/// A failure with its code, its causes and what mends it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    code: String,
    message: String,
    remedy: Option<String>,
    exit: Exit,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure of the command's own: `message` says what was tried on what.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::coded(code.as_str(), message, Some(code.remedy()))
    }

    /// A failure that another room or the agent has put a code to.
    pub fn coded(code: impl Into<String>, message: impl Into<String>, remedy: Option<&str>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            remedy: remedy.map(str::to_owned),
            exit: Exit::Problem,
            source: None,
        }
    }

    /// What it comes from.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What mends it here, instead of what the code says in general.
    #[must_use]
    pub fn remedy_is(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Trying again later may do.
    #[must_use]
    pub fn busy(mut self) -> Self {
        self.exit = Exit::Busy;
        self
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What mends it.
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether whoever read the output has gone away: nothing is left to be told.
    pub fn is_broken_pipe(&self) -> bool {
        let source = self.source.as_ref().and_then(|source| source.downcast_ref::<io::Error>());
        self.code == Code::Print.as_str() && source.is_some_and(|why| why.kind() == io::ErrorKind::BrokenPipe)
    }

    /// A file that could not be read.
    pub fn read(path: &Path, why: io::Error) -> Self {
        Self::new(Code::Read, format!("cannot read {}", path.display())).because(why)
    }

    /// A file that could not be written.
    pub fn write(path: &Path, why: io::Error) -> Self {
        Self::new(Code::Write, format!("cannot write {}", path.display())).because(why)
    }
}

/// Only printing yields a bare I/O error; whatever touches files says which.
impl From<io::Error> for Failure {
    fn from(why: io::Error) -> Self {
        Self::new(Code::Print, "cannot print").because(why)
    }
}

/// Makes the codes with their documentation in one place.
macro_rules! codes {
    ($($name:ident $code:literal $meaning:literal $remedy:literal)*) => {
        /// What can go wrong in the command itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        /// Every code of the command: the code, what it means, what mends it.
        pub const CODES: &[(&str, &str, &str)] = &[$(($code, $meaning, $remedy),)*];

        impl Code {
            /// The stable text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What mends it in general.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

codes! {
    Read "E_READ" "A file or directory could not be read."
        "See that it exists and that you may read it."
    Write "E_WRITE" "A file or directory could not be written."
        "See that its directory exists, that you may write there, and that the disk is not full."
    Print "E_PRINT" "The output could not be written."
        "See what standard output is connected to."
    NoRepository "E_NO_REPOSITORY" "There is no fleet repository where the command looked."
        "Run the command inside a fleet repository, or name one with --dir; `holdfast init DIR` makes one."
    Try "E_TRY" "`holdfast try` could not make or use its own files."
        "Remove the directory, or name another one with --dir, and run it again."
    Busy "E_BUSY" "Another process is at work on the same thing."
        "Wait until it has finished, and try again."
    NoRevision "E_NO_REVISION" "The repository has no such branch, tag or commit."
        "Look at `git branch --all` and `git log`; a new repository has no commit yet."
    NoTrust "E_NO_TRUST" "A commit does not say who may change the fleet."
        "Run `holdfast trust init`, commit what it writes, and sign the commit."
    Key "E_KEY" "There is no SSH key to sign with, or one that is not taken."
        "Make one with `ssh-keygen -t ed25519`, or name one with --key. Only ed25519 keys are taken."
    Person "E_PERSON" "It is not known, or not written as it must be, who signs."
        "Tell Git with `git config --global user.email YOU@EXAMPLE.COM`, or say it with --person."
    Level "E_LEVEL" "There are fewer people than must agree at this level."
        "Name the others with --with PERSON=FILE, or take the level solo and raise it when they have keys."
    NotApproved "E_NOT_APPROVED" "Nobody said that the change is approved, so no tag was made."
        "Answer with y, or add --yes where nobody sits at a terminal and somebody has looked already."
    Git "E_GIT" "The `git` of this machine could not do what it was asked."
        "Read what it says; without git, leave out --commit and run the commands of the next steps elsewhere."
    Random "E_RANDOM" "The system gave no random bytes."
        "See random(7); a very early boot is the usual reason."
    Occupied "E_OCCUPIED" "Something is already where the command would write."
        "Name another place, or move away what is there."
    Subject "E_SUBJECT" "`holdfast explain` was asked for something that it does not know."
        "Write a code such as E_UNSIGNED, or a host and a resource such as `web-1 file:/etc/motd`."
    Fact "E_FACT" "A fact given with --fact is none, or has no such value."
        "The facts are hostname, os, os_family, os_version, os_codename, arch, kernel, virtualization, cpus and memory_mib."
    Enrolled "E_ENROLLED" "This host follows a fleet already."
        "To let it follow another one, or anew, add --force. To change how it reaches the server, edit /etc/holdfast/agent.toml \
         and run `systemctl reload holdfast-agent`."
    Consent "E_CONSENT" "Nobody agreed to the enrolment, so nothing was changed."
        "Answer with y, or add --yes where nobody sits at a terminal."
    Arguments "E_ARGUMENTS" "The arguments do not fit together."
        "See `holdfast enrol --help`."
    Fetch "E_FETCH" "What was fetched could not be used."
        "Try again; if it stays so, see `holdfast doctor`."
    Host "E_HOST" "This host could not be looked at."
        "See the cause."
    NothingApplied "E_NOTHING_APPLIED" "No revision is in force on this host yet."
        "See `holdfast status` for what keeps the agent from it, or plan from --newest or --from DIR."
    NotDeclared "E_NOT_DECLARED" "Nothing declares this resource for this host."
        "`holdfast drift` without a name lists what differs, and `holdfast render HOST` all that is declared."
    Systemctl "E_SYSTEMCTL" "The service manager could not do what it was asked."
        "See `systemctl status` and the journal of the unit that is named."
    AgentGone "E_AGENT_GONE" "The agent does not run on this host."
        "Start it with `systemctl start holdfast-agent`; `journalctl -u holdfast-agent` tells why it ended. A host that \
         follows no fleet yet is enrolled with `holdfast enrol`."
    AgentSilent "E_AGENT_SILENT" "The agent took a request and gave no sensible answer."
        "See `journalctl -u holdfast-agent`; after an upgrade, `systemctl restart holdfast-agent`."
    NotRoot "E_NOT_ROOT" "The command needs root rights."
        "Run it as root, for example with sudo."
    NotKept "E_NOTHING_KEPT" "What was to be restored is not kept, or not any more."
        "See `holdfast history` for what was overwritten; the oldest of it makes room for what is new."
    NoStatus "E_NO_STATUS" "The agent has nothing to tell yet."
        "Wait for its first pass, or run `holdfast sync`."
    StatusNotPushed "E_STATUS_NOT_PUSHED" "The newest status of this host did not reach its branch."
        "See that the host's credential may write the branch status/NAME, and nothing else writes it."
    StatusUnreadable "E_STATUS_UNREADABLE" "A status document is not one that this version can read."
        "Use a version of Holdfast that is at least as new as the agent that wrote it."
    Resolve "E_RESOLVE" "A registry did not say which digest the tag of an image has, so no document was changed."
        "Correct the image's name and tag, log in with `docker login`, or write the digest by hand. Logins that a credential \
         helper keeps are not read."
    Until "E_UNTIL" "The end of a pause is not a time to come."
        "Write a duration such as 90m, 2h or 3d, or a time such as 2026-12-01T08:00:00Z."
}

#[cfg(test)]
mod tests;
