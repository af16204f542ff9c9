//! `holdfast trust intro`

use std::path::Path;

use holdfast_git::LocalRepository;
use holdfast_trust::{Limits, ObjectId, Objects as _, StoreError, introduce};

use crate::{
    Context,
    arguments::trust::Intro,
    clone,
    exit::Exit,
    failure::Failure,
    trust::{refused, rules, standing::Standing},
    workstation::work_tree,
};

/// Prints the line that introduces this fleet to a new host.
pub(crate) fn run(arguments: &Intro, context: &Context) -> Result<Exit, Failure> {
    let root = work_tree::find(&arguments.work_tree, &context.directory)?;
    let repository = clone::open(&root)?;
    let commit = clone::commit(&repository, &arguments.commit, &root)?;
    let limits = Limits::default();
    let rules = rules::of(&repository, commit, &root)?;
    let reference = &rules.policy.reference;
    let introduction =
        introduce(&repository, commit, reference, &limits).map_err(|refusal| refused(&refusal))?;
    let from = arguments.from.as_ref().map(|from| clone::commit(&repository, from, &root)).transpose()?;
    check(&repository, commit, from, &root, context)?;
    context.output.line(introduction.to_string())?;
    let signer = rules.signers.iter().find(|signer| signer.key.fingerprint() == introduction.key);
    context.output.note(format!(
        "introduces the fleet {} at {}, signed by {}; hosts follow {reference}",
        introduction.fleet,
        commit.short(),
        signer.map_or("nobody that is listed", |signer| &signer.principal),
    ))?;
    Ok(Exit::Success)
}

/// Refuses a commit that the hosts of today would not follow: a new host, which knows nothing of what was before, would be
/// introduced to what one person alone may have made of the policy. What they follow is judged from `from` on, or from the
/// first commit that had a policy.
fn check(
    repository: &LocalRepository,
    commit: ObjectId,
    from: Option<ObjectId>,
    directory: &Path,
    context: &Context,
) -> Result<(), Failure> {
    let begin = match from {
        Some(from) => from,
        None => first(repository, commit, directory)?,
    };
    let standing = Standing::at(repository, begin, directory)?;
    match standing.sees(repository, commit, context).refused {
        None => Ok(()),
        Some(refusal) => Err(refused(&refusal).remedy_is(format!(
            "{} If hosts have verified a commit after that one, name it with --from.",
            refusal.remedy()
        ))),
    }
}

/// The oldest commit on the way by first parents that has a policy; the commit itself if there is none before it.
fn first(repository: &LocalRepository, commit: ObjectId, directory: &Path) -> Result<ObjectId, Failure> {
    let mut first = commit;
    let mut next = Some(commit);
    while let Some(id) = next {
        let unreadable = |why: StoreError| clone::unreadable(directory, why.code()).because(why);
        // A shallow clone ends here.
        let Some(object) = repository.get(&id).map_err(unreadable)? else { break };
        if rules::of(repository, id, directory).is_ok() {
            first = id;
        }
        next = holdfast_trust::commit::parents(&object.data).first().copied();
    }
    Ok(first)
}
