//! The two hooks of an author's clone; see githooks(5). They only help: what counts is what hosts verify.

use std::path::Path;

use crate::{failure::Failure, files, stock_git::StockGit};

/// Each hook's name and text.
const HOOKS: [(&str, &str); 2] = [
    ("prepare-commit-msg", include_str!("../../sample/hooks/prepare-commit-msg")),
    ("pre-push", include_str!("../../sample/hooks/pre-push")),
];

/// Installs them where Git looks for hooks, over none that is there; gives their paths.
pub(super) fn install(git: &StockGit) -> Result<Vec<String>, Failure> {
    let folder = git.ask(&["rev-parse", "--path-format=absolute", "--git-path", "hooks"])?;
    let texts = HOOKS.map(|(name, text)| (name.to_owned(), text.to_owned()));
    files::write_new_programs(Path::new(&folder), &texts)?;
    Ok(HOOKS.iter().map(|(name, _)| format!("{folder}/{name}")).collect())
}
