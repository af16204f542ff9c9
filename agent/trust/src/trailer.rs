//! Lines such as `Deploy: main` in the last paragraph of a message; see git-interpret-trailers(1).

#[cfg(test)]
mod tests;

/// The trailer that says which branch a commit is meant for.
pub(crate) const DEPLOY: &str = "Deploy";
/// The trailer that says down to which commit everything was looked at.
pub(crate) const VOUCH: &str = "Vouch";

/// The trailer that says what a revision's files are.
pub(crate) const STATE: &str = "State-SHA256";
/// The trailer that says which stop shall end.
pub(crate) const LIFTS: &str = "Lifts";
/// The trailers of a beat: which commit is the newest, the beat's number, and when it is stale.
pub(crate) const TIP: &str = "Tip";
pub(crate) const SEQUENCE: &str = "Seq";
pub(crate) const UNTIL: &str = "Until";
/// The trailers of a reset: which fleet, and which revisions it leads on from.
pub(crate) const FLEET: &str = "Fleet";
pub(crate) const FROM: &str = "From";

/// The values of every trailer with this name, as it is written.
pub fn values<'a>(message: &'a [u8], name: &str) -> Vec<&'a str> {
    let Ok(text) = str::from_utf8(message) else { return Vec::new() };
    let text = text.trim_end_matches('\n');
    let last = text.rsplit("\n\n").next().unwrap_or_default();
    last.split('\n').filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim).collect()
}
