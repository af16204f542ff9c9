//! `holdfast trust ok`

use std::io::{self, BufRead as _, IsTerminal as _};

use holdfast_git::LocalRepository;
use holdfast_trust::{Limits, ObjectId, ObjectKind, Objects as _, commit::Commit, state};

use super::standing::Standing;
use crate::{
    Context,
    arguments::trust::Approve,
    author, clone,
    exit::Exit,
    failure::{Code, Failure},
    output::Style,
    stock_git::StockGit,
    workstation::work_tree,
};

/// Shows a change, asks, and makes the tag that approves it.
pub(crate) fn run(arguments: &Approve, context: &Context) -> Result<Exit, Failure> {
    let root = work_tree::find(&arguments.work_tree, &context.directory)?;
    let git = StockGit::at(&root);
    let repository = clone::open(&root)?;
    let id = clone::commit(&repository, &arguments.commit, &root)?;
    let object = repository.get(&id).map_err(|why| clone::unreadable(&root, why.code()).because(why))?;
    let object = object.filter(|object| object.kind == ObjectKind::Commit).ok_or_else(|| {
        Failure::new(Code::NoRevision, format!("there is no commit {:?}", arguments.commit))
    })?;
    let commit = Commit::parse(&object.data).map_err(|why| {
        Failure::coded("E_COMMIT_GRAMMAR", format!("hosts take no commit that is written like {id}"), None)
            .because(why)
    })?;
    let since = arguments.since.as_ref().map(|name| clone::commit(&repository, name, &root)).transpose()?;
    let parent = commit.parents.first().copied();
    let base = since.or(parent).ok_or_else(|| {
        Failure::new(Code::NoRevision, format!("{} is the first commit: nothing leads to it", id.short()))
            .remedy_is("Hosts are introduced to a first commit: `holdfast trust intro`.")
    })?;
    let standing = Standing::at(&repository, base, &root)?;
    let (key, signing_key) = author::key(arguments.key.as_deref(), &git, context)?;
    let person =
        standing.rules.signers.find(&key).map(|signer| signer.principal.clone()).ok_or_else(|| {
            let message = format!(
                "the key {} is not listed in .trust/allowed_signers of {}",
                key.fingerprint(),
                base.short()
            );
            Failure::coded("E_KEY_UNKNOWN", message, Some(holdfast_trust::remedy("E_KEY_UNKNOWN")))
        })?;

    show(arguments, &git, base, id, context)?;
    for line in outlook(&standing, &repository, id, context) {
        context.output.line(line)?;
    }
    if !arguments.yes && !consents(&person, id, context)? {
        return Err(Failure::new(Code::NotApproved, "no tag was made"));
    }
    let digest = state(&repository, commit.tree, &Limits::default()).map_err(|why| {
        Failure::coded(why.code(), format!("cannot read the files of {}", id.short()), None).because(why)
    })?;
    let branch = standing.rules.policy.branch();
    let short: String = id.to_string().chars().take(12).collect();
    let name = format!("ok/{branch}/{short}-{person}");
    let vouch = if Some(base) == parent { String::new() } else { format!("Vouch: {base}\n") };
    let message =
        format!("{}\n\nDeploy: {branch}\nState-SHA256: {digest}\n{vouch}", arguments.message.trim());
    let signing_key = format!("user.signingKey={signing_key}");
    git.run(&[
        "-c",
        "gpg.format=ssh",
        "-c",
        &signing_key,
        "tag",
        "--sign",
        "--cleanup=verbatim",
        "-m",
        &message,
        &name,
        &id.to_string(),
    ])?;
    context.output.line(format!("{} {name}", Style::Good.of("approved:")))?;
    for line in outlook(&standing, &clone::open(&root)?, id, context) {
        context.output.line(line)?;
    }
    let reference = format!("refs/tags/{name}");
    match &arguments.push {
        Some(remote) => {
            git.run(&["push", "--quiet", remote, &reference])?;
            context.output.line(format!("pushed to {remote}"))?;
        }
        None => context.output.line(format!("\nNext:\n  git push origin {reference}"))?,
    }
    Ok(Exit::Success)
}

/// Prints the whole change.
fn show(
    arguments: &Approve,
    git: &StockGit,
    base: ObjectId,
    commit: ObjectId,
    context: &Context,
) -> Result<(), Failure> {
    let (base, commit) = (base.to_string(), commit.to_string());
    let log = git.ask(&[
        "log",
        "--no-color",
        "--first-parent",
        "--format=%h %an: %s",
        &format!("{base}..{commit}"),
    ])?;
    for line in log.lines() {
        context.output.line(Style::Strong.of(line))?;
    }
    // Nothing of the repository's or the user's settings decides what of the change is shown.
    let plain = ["--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=none"];
    let what: &[&str] = if arguments.yes { &["--stat"] } else { &["--stat", "--patch", "--text"] };
    let diff = git.ask(&[&["diff"], &plain[..], what, &[&base, &commit, "--"]].concat())?;
    for line in diff.lines() {
        context.output.line(match line.as_bytes().first() {
            Some(b'+') => Style::Good.of(line),
            Some(b'-') => Style::Bad.of(line),
            Some(b'@') => Style::Place.of(line),
            _ => line.to_owned(),
        })?;
    }
    Ok(())
}

/// What hosts would do.
fn outlook(
    standing: &Standing,
    repository: &LocalRepository,
    commit: ObjectId,
    context: &Context,
) -> Vec<String> {
    let got = standing.sees(repository, commit, context);
    match (&got.verified, &got.refused) {
        (Some(verified), None) => {
            vec![format!("hosts follow it: {} agree", Style::Strong.of(verified.people().join(" and ")))]
        }
        (_, Some(refusal)) => vec![format!("hosts do not follow it yet: {refusal} [{}]", refusal.code())],
        (None, None) => Vec::new(),
    }
}

/// Asks whoever sits at the terminal.
fn consents(person: &str, commit: ObjectId, context: &Context) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(Code::NotApproved, "nobody is there to be asked"));
    }
    context.output.ask(format!("Approve {} as {person}? [y/N] ", commit.short()))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
