//! What can be told of an encrypted file without a key.

use std::collections::BTreeMap;

use holdfast_schema::{Entry, Fleet, Location, Problem, Repository, secrets};
use holdfast_secrets::age;

/// Every file that is no secret, or has another number of keys than may read it.
pub(crate) fn problems(repository: &Repository) -> Vec<Problem> {
    let listed = Fleet::new(repository).secrets().unwrap_or_default();
    let expected: BTreeMap<String, usize> =
        listed.secrets.keys().map(|name| (secrets::path(name), listed.recipients(name).len())).collect();
    let mut problems = Vec::new();
    for (path, count) in expected {
        let Some(Entry::File { blob, .. }) = repository.get(&path) else { continue };
        let tell = |message: String| Problem::new("E_SECRETS", message).at(Location::file(&path));
        if blob.size() > age::LONGEST_FILE {
            problems.push(tell(format!("this is no secret: {}", holdfast_secrets::OpenError::TooLarge)));
            continue;
        }
        let Ok(file) = blob.read() else { continue };
        let problem = match age::count_recipients(&file) {
            Err(why) => tell(format!("this is no secret: {why}")).remedy("put back what Git had"),
            Ok(found) if found != count => tell(format!("{found} keys can read this, and {count} may"))
                .remedy("run `holdfast secret rekey NAME`"),
            Ok(_) => continue,
        };
        problems.push(problem);
    }
    problems
}
