//! `holdfast trust init`

use std::path::Path;

use holdfast_trust::FleetId;

use crate::{
    Context,
    arguments::trust::{Init, People},
    author::{self, Author},
    exit::Exit,
    failure::{Code, Failure},
    files,
    output::Style,
    stock_git::StockGit,
    trust::{hooks, level},
    workstation::work_tree,
};

/// Writes `.trust`.
pub(crate) fn run(arguments: &Init, context: &Context) -> Result<Exit, Failure> {
    let root = work_tree::find(&arguments.work_tree, &context.directory)?;
    let git = StockGit::at(&root);
    let author = author::find(&arguments.author, &git, context)?;
    files::write_new(&root, &documents(&author, &arguments.people, &context.directory)?)?;
    context.output.line(format!("wrote {}", root.join(".trust").display()))?;
    told(&author, &arguments.people, context)?;
    hook(&git, &arguments.people, context)?;
    if arguments.configure_git {
        configure(&git, &author)?;
        context.output.line("Git signs every commit here with that key")?;
    } else {
        context.output.note(format!(
            "{} `holdfast trust init --configure-git` also tells Git to sign here; see git-config(1), gpg.ssh",
            Style::Faint.of("hint:")
        ))?;
    }
    Ok(Exit::Success)
}

/// Tells whose key it is.
pub(crate) fn told(author: &Author, people: &People, context: &Context) -> Result<(), Failure> {
    let Author { person, key, .. } = author;
    let person = Style::Strong.of(person);
    context.output.line(format!("hosts will follow what {person} signs with {}", key.fingerprint()))?;
    for (person, file) in &people.with {
        let key = author::public_key(&context.directory.join(file))?;
        context.output.line(format!("and {} with {}", Style::Strong.of(person), key.fingerprint()))?;
    }
    Ok(())
}

/// The two files, by their paths in the repository, for a new fleet.
pub(crate) fn documents(
    author: &Author,
    people: &People,
    directory: &Path,
) -> Result<Vec<(String, String)>, Failure> {
    level::documents(new_fleet()?, author, people, directory)
}

/// An id that no other fleet has.
fn new_fleet() -> Result<FleetId, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|why| Failure::new(Code::Random, "cannot draw a fleet id").because(why))?;
    Ok(FleetId::from_bytes(random))
}

/// Installs the hooks if that is asked for.
pub(crate) fn hook(git: &StockGit, people: &People, context: &Context) -> Result<(), Failure> {
    if people.hooks {
        let installed = hooks::install(git)?;
        context.output.line(format!("installed the hooks {}", installed.join(" and ")))?;
    }
    Ok(())
}

/// Tells Git to sign and check with SSH keys in this repository.
pub(crate) fn configure(git: &StockGit, author: &Author) -> Result<(), Failure> {
    for (key, value) in settings(&author.signing_key) {
        git.run(&["config", "--local", key, value])?;
    }
    Ok(())
}

/// What makes plain `git commit` sign, and `git log --show-signature` check.
pub(crate) fn settings(signing_key: &str) -> [(&'static str, &str); 4] {
    [
        ("gpg.format", "ssh"),
        ("user.signingKey", signing_key),
        ("commit.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", ".trust/allowed_signers"),
    ]
}
