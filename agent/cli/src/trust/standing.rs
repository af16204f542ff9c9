//! What hosts would do that stand at some commit of this clone.

use std::path::Path;

use holdfast_git::LocalRepository;
use holdfast_trust::{
    Introduction, Limits, ObjectId, ObjectKind, Objects as _, Ratchet, Request, UnixTime, Verification,
    commit::Commit, rules::Rules, verify,
};

use crate::{
    Context, clone,
    failure::{Code, Failure},
    trust::rules,
};

/// A commit, taken for one that hosts have verified.
pub(super) struct Standing {
    ratchet: Ratchet,
    introduction: Introduction,
    /// Who may change what from there on.
    pub(super) rules: Rules,
}

impl Standing {
    /// Reads the commit.
    pub(super) fn at(
        repository: &LocalRepository,
        commit: ObjectId,
        directory: &Path,
    ) -> Result<Self, Failure> {
        let rules = rules::of(repository, commit, directory)?;
        let none = || Failure::new(Code::NoRevision, format!("there is no commit {commit}"));
        let object = repository.get(&commit);
        let object = object.map_err(|why| clone::unreadable(directory, why.code()).because(why))?;
        let object = object.filter(|object| object.kind == ObjectKind::Commit).ok_or_else(none)?;
        let parsed = Commit::parse(&object.data).map_err(|why| none().because(why))?;
        // Whoever has verified a commit looks at its introduction no more; it only has to be of the same fleet.
        let key = rules.signers.iter().next().map(|signer| signer.key.fingerprint()).ok_or_else(none)?;
        let fleet = rules.policy.fleet;
        let time = parsed.committer.time;
        let ratchet = Ratchet {
            fleet,
            commit,
            payload: parsed.payload.digest(),
            time,
            newest: time,
            people: Vec::new(),
            states: Vec::new(),
            rules: None,
        };
        Ok(Self { ratchet, introduction: Introduction { fleet, commit, key }, rules })
    }

    /// Whether they would follow the branch to this commit.
    pub(super) fn sees(
        &self,
        repository: &LocalRepository,
        tip: ObjectId,
        context: &Context,
    ) -> Verification {
        let request = Request {
            tip,
            reference: &self.rules.policy.reference,
            introduction: &self.introduction,
            ratchet: Some(&self.ratchet),
            floor: None,
            halts: &[],
            clock: Some(UnixTime::from_seconds(context.now.as_second())),
            limits: &Limits::default(),
        };
        verify(repository, &request)
    }
}
