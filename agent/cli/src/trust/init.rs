//! `holdfast trust init`

use holdfast_trust::{FleetId, rules::Rules};

use crate::{
    Context,
    arguments::trust::Init,
    author::{self, Author},
    exit::Exit,
    failure::{Code, Failure},
    files,
    output::Style,
    stock_git::StockGit,
    workstation::work_tree,
};

/// Writes `.trust` with one key.
pub(crate) fn run(arguments: &Init, context: &Context) -> Result<Exit, Failure> {
    let root = work_tree::find(&arguments.work_tree, &context.directory)?;
    let git = StockGit::at(&root);
    let author = author::find(&arguments.author, &git, context)?;
    files::write_new(&root, &documents(&author)?)?;
    context.output.line(format!("wrote {}", root.join(".trust").display()))?;
    told(&author, context)?;
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
pub(crate) fn told(author: &Author, context: &Context) -> Result<(), Failure> {
    let Author { person, key, .. } = author;
    Ok(context.output.line(format!(
        "hosts will follow what {} signs with {}",
        Style::Strong.of(person),
        key.fingerprint()
    ))?)
}

/// The two files, by their paths in the repository.
pub(crate) fn documents(author: &Author) -> Result<Vec<(String, String)>, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|why| Failure::new(Code::Random, "cannot draw a fleet id").because(why))?;
    let fleet = FleetId::from_bytes(random);
    let signers = format!(
        "# Whose signed commits the hosts follow: NAME namespaces=\"git\" KEY, in OpenSSH's own format; see ssh-keygen(1),\n\
         # ALLOWED SIGNERS. A commit counts if a key signed it that the commit before it lists here.\n\
         {} namespaces=\"git\" {}\n",
        author.person, author.key
    );
    let policy = format!(
        "# What this fleet is and where it is deployed from. The fleet's id stays for ever: hosts are introduced to it.\n\
         format = 1\n\
         fleet = \"{fleet}\"\n\
         ref = \"refs/heads/main\"\n"
    );
    // What a host would refuse must not be written in the first place.
    Rules::parse(policy.as_bytes(), signers.as_bytes())
        .map_err(|why| Failure::new(Code::Person, "cannot make the list of signers").because(why))?;
    Ok(vec![(".trust/allowed_signers".to_owned(), signers), (".trust/policy.toml".to_owned(), policy)])
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
