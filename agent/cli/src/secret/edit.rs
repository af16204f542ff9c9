//! `holdfast secret edit`

use super::{
    apply,
    fleet::{self, WorkTreeSecrets},
    input,
};
use crate::{Context, arguments::secret::Edit, exit::Exit, failure::Failure};

/// Changes a secret.
pub(crate) fn run(arguments: &Edit, context: &Context) -> Result<Exit, Failure> {
    let mut work_tree = WorkTreeSecrets::find(&arguments.work_tree, context)?;
    let identity = fleet::identity(&context.directory.join(&arguments.identity))?;
    let (mut envelope, old) = work_tree.open(&arguments.name, &identity)?;
    let moved = apply(&arguments.terms, &mut envelope)?;
    let new = match &arguments.from {
        Some(from) => Some(input::read(Some(from), context)?),
        None if moved => None,
        None => Some(input::edit(&old, context)?),
    };
    let changed = new.as_ref().is_some_and(|new| new.expose() != old.expose());
    if !changed && !moved {
        context.output.line("nothing was changed")?;
        return Ok(Exit::Success);
    }
    if changed {
        envelope.generation = envelope.generation.saturating_add(1);
    }
    let keys = work_tree.seal(&envelope, new.as_ref().unwrap_or(&old), context)?;
    let what =
        if changed { format!("generation {}", envelope.generation) } else { "where it may go".to_owned() };
    context.output.line(format!("changed {}: {what}; {keys} keys can read it", arguments.name))?;
    Ok(Exit::Success)
}
