//! `holdfast secret encrypt`

use holdfast_schema::{FileMode, secrets};
use holdfast_secrets::{Envelope, envelope::Salt};

use super::{apply, fleet::WorkTreeSecrets, input, wrong};
use crate::{
    Context,
    arguments::secret::Encrypt,
    exit::Exit,
    failure::{Code, Failure},
};

/// Encrypts a new secret.
pub(crate) fn run(arguments: &Encrypt, context: &Context) -> Result<Exit, Failure> {
    let mut work_tree = WorkTreeSecrets::find(&arguments.work_tree, context)?;
    let name = &arguments.name;
    if work_tree.has(name) {
        return Err(wrong(format!("there is a secret {name} already"), "change it: `holdfast secret edit`"));
    }
    let mut envelope = Envelope {
        name: name.clone(),
        destinations: Vec::new(),
        owner: "root:root".to_owned(),
        greatest_mode: FileMode::new(0o600),
        generation: 1,
        salt: Salt::random().map_err(|why| Failure::new(Code::Random, "cannot draw a salt").because(why))?,
    };
    apply(&arguments.terms, &mut envelope)?;
    work_tree.index.add(name, &arguments.host, &arguments.group);
    let secret = input::read(arguments.from.as_deref(), context)?;
    let keys = work_tree.seal(&envelope, &secret, context)?;
    context.output.line(format!("wrote {}, which {keys} keys can read", secrets::path(name)))?;
    Ok(Exit::Success)
}
