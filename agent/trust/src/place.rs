//! Where in a file something is, as an editor counts.

/// The line and the column of a byte, both from 1; columns are counted in bytes.
pub(crate) fn of(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let last = before.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    (before.split(|&byte| byte == b'\n').count(), last.len() + 1)
}
