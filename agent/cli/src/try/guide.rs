//! What `holdfast try` tells beside the status: where everything lies, and what to do next.

use std::path::Path;

use super::place::{HOST, Place};
use crate::output::{Style, table};

/// Where everything lies.
pub(super) fn layout(place: &Place) -> Vec<String> {
    let row =
        |path: &Path, what: &str| vec![format!("  {}", Style::Strong.of(path.display())), what.to_owned()];
    let mut lines = vec!["Made a fleet with one host:".to_owned()];
    lines.extend(table(&[
        row(&place.fleet(), "the Git server: branch main, and status/web-1, which the agent writes"),
        row(&place.work(), "your clone, set up so that `git commit -S` signs with author_key"),
        row(&place.root(), "the host's / (nothing outside it is touched)"),
    ]));
    lines.push(String::new());
    lines
}

/// What to look at and to try; `again` is the command that does one more pass.
pub(super) fn ideas(place: &Place, again: &str) -> Vec<String> {
    let (work, root, fleet) = (place.work(), place.root(), place.fleet());
    let (work, root, fleet) = (work.display(), root.display(), fleet.display());
    vec![
        "Look:".to_owned(),
        format!("  cat {root}/etc/motd"),
        format!("  git -C {fleet} show status/{HOST}:README.md"),
        format!("  git -C {fleet} log --show-signature status/{HOST}"),
        String::new(),
        format!("Try, and after each run {}", Style::Strong.of(again)),
        format!("  a change         edit {work}/roles/shop/files/index.html, then"),
        format!("                   git -C {work} commit -S -a -m \"a change\" && git -C {work} push"),
        "  tampering        on the host, behind the agent's back:".to_owned(),
        format!("                   echo hacked > {root}/etc/motd"),
        "  a mistake        write nonsense into a .toml file, and commit and push it as above".to_owned(),
        "  a failure        change the page, add a file that its command refuses, commit and push it:"
            .to_owned(),
        format!(
            "                   printf '[file.\"/etc/bad\"]\\ncontent = \"x\"\\nvalidate = [\"false\", \"{{path}}\"]\\n' >> {work}/roles/shop/role.toml"
        ),
        "                   The page is taken back with it.".to_owned(),
        "  a stolen server  somebody pushes a commit without your key:".to_owned(),
        format!(
            "                   git -C {work} commit --no-gpg-sign --allow-empty -m sneaky && git -C {work} push"
        ),
    ]
}

/// What the ideas need and this machine lacks.
pub(super) fn missing(programs: &[&str]) -> Option<String> {
    (!programs.is_empty()).then(|| {
        let names = programs.join(" and ");
        format!(
            "{} {names} to commit; `apt install git openssh-client` brings both",
            Style::Warning.of("You need")
        )
    })
}

/// How to get on after a commit that nobody signed.
pub(super) fn after_unsigned(place: &Place) -> Vec<String> {
    let work = place.work();
    let work = work.display();
    vec![
        "The last good state stays in force. To take the unsigned commit back:".to_owned(),
        format!("  git -C {work} reset --hard HEAD~1 && git -C {work} push --force"),
    ]
}
