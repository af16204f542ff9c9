//! Where a secret comes from: a file, a pipe, a person.
#![expect(clippy::disallowed_methods, reason = "this module is the room that asks an author for a secret")]

use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::Path,
    process::Command,
};

use holdfast_secrets::Secret;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::wrong;
use crate::{
    Context,
    failure::{Code, Failure},
};

/// Where a file is only in memory.
const MEMORY: &str = "/dev/shm";

/// A secret from a file, or from standard input.
pub(super) fn read(from: Option<&Path>, context: &Context) -> Result<Secret, Failure> {
    if let Some(path) = from.filter(|path| *path != Path::new("-")) {
        let path = context.directory.join(path);
        return fs::read(&path).map(Secret::new).map_err(|why| Failure::read(&path, why));
    }
    let failed = |why| Failure::new(Code::Read, "cannot read standard input").because(why);
    if io::stdin().is_terminal() {
        return ask(context);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
    if bytes.is_empty() {
        return Err(wrong(
            "there is nothing on standard input",
            "pipe the secret in, or name a file with --from",
        ));
    }
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

/// One line that the terminal does not show.
fn ask(context: &Context) -> Result<Secret, Failure> {
    let failed = |why: io::Error| Failure::new(Code::Read, "cannot read from the terminal").because(why);
    context.output.ask("The secret, one line, which is not shown: ")?;
    let shown = tcgetattr(io::stdin()).map_err(|why| failed(why.into()))?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &hidden).map_err(|why| failed(why.into()))?;
    let mut line = Zeroizing::new(String::new());
    let result = io::stdin().lock().read_line(&mut line);
    tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &shown).map_err(|why| failed(why.into()))?;
    context.output.line("")?;
    result.map_err(failed)?;
    let secret = line.strip_suffix('\n').unwrap_or(&line);
    if secret.is_empty() {
        return Err(wrong("nothing was entered", "enter the secret, or name a file with --from"));
    }
    Ok(Secret::new(secret.as_bytes().to_vec()))
}

/// The secret as an editor leaves it. The file that the editor sees is only in memory, and only the author's.
pub(super) fn edit(secret: &Secret, context: &Context) -> Result<Secret, Failure> {
    let editor = context
        .editor
        .as_deref()
        .ok_or_else(|| wrong("no editor is set", "set VISUAL or EDITOR, or name a file with --from"))?;
    let directory = tempfile::Builder::new().prefix("holdfast-").tempdir_in(MEMORY);
    let directory = directory.map_err(|why| Failure::write(Path::new(MEMORY), why))?;
    let path = directory.path().join("secret");
    let write = || fs::File::create_new(&path)?.write_all(secret.expose());
    write().map_err(|why| Failure::write(&path, why))?;
    // An editor with arguments, as Git takes it; the path is no part of what the shell reads.
    let shell =
        Command::new("/bin/sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&path).status();
    let ended =
        shell.map_err(|why| wrong(format!("cannot start {editor}"), "set VISUAL or EDITOR").because(why))?;
    if !ended.success() {
        return Err(wrong(format!("{editor} failed, so nothing was changed"), "try again"));
    }
    fs::read(&path).map(Secret::new).map_err(|why| Failure::read(&path, why))
}
