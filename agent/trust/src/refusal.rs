//! Why a commit is not believed.

use crate::{
    Fingerprint, FleetId, ObjectId, ObjectKind, StoreError, UnixTime, codes, commit::CommitError,
    limits::Exceeded, rules::RulesError, sshsig::SignatureError, verify::Halt, walk::WalkError,
};

/// A commit that may not be applied. What was verified before it stays in force.
#[derive(Debug, thiserror::Error)]
#[error("commit {commit} is refused: {reason}")]
pub struct Refusal {
    /// The commit.
    pub commit: ObjectId,
    /// The rule that it breaks.
    #[source]
    pub reason: Reason,
}

impl Refusal {
    /// The stable code, such as `E_UNSIGNED`.
    pub const fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// What mends it, in a sentence or two.
    pub fn remedy(&self) -> &'static str {
        codes::remedy(self.code())
    }
}

/// The rule that a commit breaks.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Objects cannot be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The commit was not fetched.
    #[error("it was not fetched")]
    Missing,
    /// The id is not a commit's.
    #[error("it is a {kind}")]
    NotACommit {
        /// What it is.
        kind: ObjectKind,
    },
    /// It is not written in the one canonical way.
    #[error(transparent)]
    Grammar(#[from] CommitError),
    /// It has no signature.
    #[error("it is not signed")]
    Unsigned,
    /// Its signature does not count.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The list of keys does not have its key.
    #[error("it is signed with the key {key}, which .trust/allowed_signers of commit {by} does not list")]
    KeyUnknown {
        /// The key.
        key: Fingerprint,
        /// The commit whose list counts.
        by: ObjectId,
    },
    /// Its key was not valid yet, or no longer.
    #[error("it is dated {time}, when the key {key} of {principal} was not valid")]
    KeyTime {
        /// Whose key.
        principal: String,
        /// The key.
        key: Fingerprint,
        /// When the commit says that it was made.
        time: UnixTime,
    },
    /// It has a signature, but too few people have signed or approved it.
    #[error("{what} demands {quorum} for this change; {} agreed so far", names(agreed))]
    Threshold {
        /// What demands it, such as `role deploy`.
        what: String,
        /// What is demanded, such as `2 of alice, bob`.
        quorum: String,
        /// Who of them agreed.
        agreed: Vec<String>,
    },
    /// It does not say for which branch it is.
    #[error("its message does not end with the line \"Deploy: {branch}\", which the policy demands")]
    Intent {
        /// The branch.
        branch: String,
    },
    /// What stands between it and the last verified commit is not verified, and nobody vouches for it.
    #[error(
        "what stands between it and the verified commit {base} is not verified, and nobody vouches for it"
    )]
    Gap {
        /// The last verified commit.
        base: ObjectId,
    },
    /// It changes the rules without counting it.
    #[error("it changes .trust, so epoch in .trust/policy.toml must be {wanted}, but it is {}", epoch(*found))]
    Epoch {
        /// What stands there.
        found: Option<u64>,
        /// One more than before.
        wanted: u64,
    },
    /// It is older than what it follows.
    #[error("it is dated {time}, but a commit before it is dated {newest}")]
    Earlier {
        /// When the commit says that it was made.
        time: UnixTime,
        /// The latest time before it.
        newest: UnixTime,
    },
    /// It is from the future.
    #[error("it is dated {time}, but now is {now}")]
    Future {
        /// When the commit says that it was made.
        time: UnixTime,
        /// This host's clock.
        now: UnixTime,
    },
    /// Its `.trust/` cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// What it changes cannot be told.
    #[error(transparent)]
    Changes(#[from] WalkError),
    /// It belongs to another fleet.
    #[error("it belongs to the fleet {found}, this host to {wanted}")]
    Fleet {
        /// The commit's.
        found: FleetId,
        /// The introduction's.
        wanted: FleetId,
    },
    /// It is for another branch.
    #[error("its policy says that it is deployed from {found}, but this host follows {wanted}")]
    Reference {
        /// The policy's.
        found: String,
        /// The host's.
        wanted: String,
    },
    /// The branch does not lead on from the last verified commit.
    #[error("the branch does not lead to it from commit {base}, the last one that was verified")]
    NotFastForward {
        /// The last verified or the introduced commit.
        base: ObjectId,
    },
    /// The last verified commit was merged into something else instead of the other way round.
    #[error("commit {base}, the last one that was verified, was merged into it as a side branch")]
    Foxtrot {
        /// The last verified or the introduced commit.
        base: ObjectId,
    },
    /// Somebody stopped the rollout.
    #[error("{person} stopped the rollout on {time} with the tag {name}: \"{said}\"")]
    Halted {
        /// Who.
        person: String,
        /// When.
        time: UnixTime,
        /// The tag's name.
        name: String,
        /// What they said of it.
        said: String,
    },
    /// There is too much to verify.
    #[error("there is too much to verify: {0}")]
    Limit(Exceeded),
    /// The introduction names another key.
    #[error("it is signed with the key {found}, but this host was introduced to {wanted}")]
    IntroducedKey {
        /// The commit's.
        found: Fingerprint,
        /// The introduction's.
        wanted: Fingerprint,
    },
    /// What the host kept contradicts itself.
    #[error("what this host kept of the last verified commit does not fit that commit")]
    Ratchet,
}

impl Reason {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(why) => why.code(),
            Self::Missing => "E_OBJECT_MISSING",
            Self::NotACommit { .. } | Self::Grammar(_) => "E_COMMIT_GRAMMAR",
            Self::Unsigned => "E_UNSIGNED",
            Self::Signature(why) => why.code(),
            Self::KeyUnknown { .. } => "E_KEY_UNKNOWN",
            Self::KeyTime { .. } => "E_KEY_TIME",
            Self::Threshold { .. } => "E_THRESHOLD",
            Self::Intent { .. } => "E_INTENT",
            Self::Gap { .. } => "E_GAP",
            Self::Epoch { .. } => "E_EPOCH",
            Self::Changes(why) => why.code(),
            Self::Earlier { .. } | Self::Future { .. } => "E_TIME_ORDER",
            Self::Rules(why) => why.code(),
            Self::Fleet { .. } => "E_FLEET",
            Self::Reference { .. } => "E_REF",
            Self::NotFastForward { .. } => "E_NOT_FAST_FORWARD",
            Self::Foxtrot { .. } => "E_FOXTROT",
            Self::Halted { .. } => "E_HALTED",
            Self::Limit(_) => "E_LIMIT",
            Self::IntroducedKey { .. } => "E_INTRODUCTION",
            Self::Ratchet => "E_RATCHET",
        }
    }
}

impl From<&Halt> for Reason {
    fn from(halt: &Halt) -> Self {
        let Halt { person, time, name, said, .. } = halt.clone();
        Self::Halted { person, time, name, said }
    }
}

fn names(people: &[String]) -> String {
    if people.is_empty() { "nobody".to_owned() } else { people.join(", ") }
}

fn epoch(number: Option<u64>) -> String {
    number.map_or("missing".to_owned(), |number| number.to_string())
}
