//! `holdfast secret recovery`

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _};

use holdfast_secrets::Identity;

use super::fleet::WorkTreeSecrets;
use crate::{
    Context,
    arguments::secret::Recovery,
    exit::Exit,
    failure::{Code, Failure},
};

/// Makes a recovery key.
pub(crate) fn run(arguments: &Recovery, context: &Context) -> Result<Exit, Failure> {
    let mut work_tree = WorkTreeSecrets::find(&arguments.work_tree, context)?;
    let identity =
        Identity::generate().map_err(|why| Failure::new(Code::Random, "cannot draw a key").because(why))?;
    let path = context.directory.join(&arguments.file);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| {
        file.write_all(identity.print().as_bytes())?;
        file.sync_all()
    })
    .map_err(|why| Failure::write(&path, why))?;
    work_tree.index.add_recovery(&identity.recipient().to_string());
    work_tree.write_index()?;
    context
        .output
        .line(format!("{} can read every secret that is encrypted from now on", identity.recipient()))?;
    context.output.line(format!(
        "its private half is {}: keep it where no other machine can reach it",
        path.display()
    ))?;
    if !work_tree.secrets(context)?.secrets.is_empty() {
        context
            .output
            .note("`holdfast secret rekey` with another recovery key lets it read those that are there")?;
    }
    Ok(Exit::Success)
}
