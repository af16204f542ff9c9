//! `holdfast trust intro`

use holdfast_trust::{Limits, introduce};

use crate::{
    Context,
    arguments::trust::Intro,
    clone,
    exit::Exit,
    failure::Failure,
    trust::{refused, rules},
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
