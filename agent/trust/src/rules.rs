//! The folder `.trust/` of one revision: its policy and its signers, read and judged as one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    Limits, ObjectId, ObjectKind, Objects, StoreError, UnixTime,
    key::shown,
    limits::Exceeded,
    policy::{Policy, PolicyError},
    signers::{Signers, SignersError},
    tree::{self, Mode, TreeError},
};

/// The folder in a fleet repository.
pub const FOLDER: &str = ".trust";
/// The list of keys in the folder.
pub const SIGNERS: &str = "allowed_signers";
/// The policy in the folder.
pub const POLICY: &str = "policy.toml";

/// Who may change what, as one revision says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// `.trust/policy.toml`.
    pub policy: Policy,
    /// `.trust/allowed_signers`.
    pub signers: Signers,
    texts: Texts,
}

/// The two files as they are written, which is how a host keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    policy: String,
    signers: String,
}

/// Why a revision's rules cannot be had. There is no such thing as no rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Objects cannot be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object was not fetched.
    #[error("object {id}, which is {what}, was not fetched")]
    Missing {
        /// What it is.
        what: &'static str,
        /// Which one.
        id: ObjectId,
    },
    /// A directory is no canonical tree.
    #[error("{what} (tree {id}) is malformed")]
    Tree {
        /// What it is.
        what: &'static str,
        /// Which one.
        id: ObjectId,
        /// How.
        #[source]
        source: TreeError,
    },
    /// Something that must be there is not, or not as a plain file.
    #[error("the commit has no {0}")]
    Absent(&'static str),
    /// The folder holds something else.
    #[error("the folder .trust holds {0:?}, which this version does not know")]
    Unknown(String),
    /// A file in the folder is too large.
    #[error("a file under .trust is too large: {0}")]
    Limit(Exceeded),
    /// The list of keys is refused.
    #[error(".trust/allowed_signers:{0}")]
    Signers(SignersError),
    /// The policy is refused.
    #[error(".trust/policy.toml:{0}")]
    Policy(PolicyError),
    /// The policy names somebody who has no key.
    #[error(".trust/policy.toml names {0:?}, whom .trust/allowed_signers does not list")]
    Unlisted(String),
    /// The policy demands more people than have a valid key.
    #[error(
        ".trust/policy.toml demands {quorum}, but at the time of the commit only {valid} of them have a valid key"
    )]
    Unreachable {
        /// What is demanded.
        quorum: String,
        /// How many could.
        valid: usize,
    },
    /// No key is valid.
    #[error("no key in .trust/allowed_signers is valid at the time of the commit")]
    NoValidKey,
}

impl RulesError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(why) => why.code(),
            Self::Missing { .. } => "E_OBJECT_MISSING",
            Self::Tree { .. } => "E_TREE_GRAMMAR",
            Self::Limit(_) => "E_LIMIT",
            _ => "E_POLICY",
        }
    }
}

impl Rules {
    /// Judges the two files' contents together.
    pub fn parse(policy: &[u8], signers: &[u8]) -> Result<Self, RulesError> {
        // What is not text is refused by both.
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let texts = Texts { policy: text(policy), signers: text(signers) };
        let policy = Policy::parse(policy).map_err(RulesError::Policy)?;
        let signers = Signers::parse(signers).map_err(RulesError::Signers)?;
        let listed = signers.people();
        let named = policy.quorums().flat_map(|quorum| &quorum.people);
        if let Some(name) = named.into_iter().find(|name| !listed.contains(name.as_str())) {
            return Err(RulesError::Unlisted(name.clone()));
        }
        Ok(Self { policy, signers, texts })
    }

    /// Judges what a host kept.
    pub(crate) fn recall(texts: &Texts) -> Result<Self, RulesError> {
        Self::parse(texts.policy.as_bytes(), texts.signers.as_bytes())
    }

    /// The two files, to be kept.
    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Checks that with the keys that are valid at a time everything can still be changed, so that nobody locks the fleet
    /// by a slip.
    pub(crate) fn check_quorums(&self, time: UnixTime) -> Result<(), RulesError> {
        let valid: BTreeSet<&str> = self
            .signers
            .iter()
            .filter(|signer| signer.valid_at(time))
            .map(|signer| signer.principal.as_str())
            .collect();
        if valid.is_empty() {
            return Err(RulesError::NoValidKey);
        }
        for quorum in self.policy.quorums() {
            let able = quorum.people.iter().filter(|name| valid.contains(name.as_str())).count();
            if able < quorum.need {
                return Err(RulesError::Unreachable { quorum: quorum.to_string(), valid: able });
            }
        }
        Ok(())
    }

    /// Reads the folder from its tree.
    pub(crate) fn read(objects: &dyn Objects, folder: ObjectId, limits: &Limits) -> Result<Self, RulesError> {
        let what = "the folder .trust";
        let data = object(objects, folder, ObjectKind::Tree, what)?;
        let entries = tree::parse(&data).map_err(|source| RulesError::Tree { what, id: folder, source })?;
        if let Some(entry) =
            entries.iter().find(|entry| ![SIGNERS.as_bytes(), POLICY.as_bytes()].contains(&entry.name))
        {
            return Err(RulesError::Unknown(shown(entry.name)));
        }
        let file = |name, what| {
            let id = tree::find(&entries, name, Mode::File).ok_or(RulesError::Absent(what))?;
            let data = object(objects, id, ObjectKind::Blob, what)?;
            Exceeded::check("bytes", data.len() as u64, limits.trust_file_bytes.into())
                .map_err(RulesError::Limit)?;
            Ok::<_, RulesError>(data)
        };
        let policy = file(POLICY, "plain file .trust/policy.toml")?;
        let signers = file(SIGNERS, "plain file .trust/allowed_signers")?;
        Self::parse(&policy, &signers)
    }
}

/// The tree of the folder in a root tree.
pub(crate) fn folder(objects: &dyn Objects, root: ObjectId) -> Result<ObjectId, RulesError> {
    let what = "the root directory";
    let data = object(objects, root, ObjectKind::Tree, what)?;
    let entries = tree::parse(&data).map_err(|source| RulesError::Tree { what, id: root, source })?;
    tree::find(&entries, FOLDER, Mode::Directory).ok_or(RulesError::Absent("folder .trust"))
}

fn object(
    objects: &dyn Objects,
    id: ObjectId,
    kind: ObjectKind,
    what: &'static str,
) -> Result<Vec<u8>, RulesError> {
    match objects.get(&id)? {
        Some(object) if object.kind == kind => Ok(object.data),
        // An id that the tree says is a directory but whose object is a blob: no Git would have written it.
        Some(_) => Err(RulesError::Tree { what, id, source: TreeError::Layout { at: 0 } }),
        None => Err(RulesError::Missing { what, id }),
    }
}
