//! What a revision's files are, told without SHA-1.
//!
//! Git names objects by SHA-1. Made collisions are detected, but whoever does not want to rely on that says in a signed
//! message what the files are:
//!
//! ```text
//! State-SHA256: SHA-256 of every entry in the order of the paths' bytes, each `MODE SP PATH SP LENGTH SP SHA-256 LF`
//! ```
//! `MODE` is Git's, such as `100644`; `LENGTH` and `SHA-256` are those of the file's bytes, of a symbolic link's target, of
//! a submodule's commit id.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{
    Limits, ObjectId, ObjectKind, Objects, Verified, hex,
    tree::Mode,
    walk::{WalkError, walk},
};

#[cfg(test)]
mod tests;

/// Why a verified revision's files are not believed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The files cannot be read.
    #[error(transparent)]
    Files(#[from] WalkError),
    /// A signed message says something else.
    #[error("its signed message says that its State-SHA256 is {said}, but it is {is}")]
    Differs {
        /// What is signed.
        said: String,
        /// What the files are.
        is: String,
    },
}

impl StateError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Files(why) => why.code(),
            Self::Differs { .. } => "E_STATE",
        }
    }
}

/// The `State-SHA256` of the files below a root tree, all of which the objects must hold.
///
/// # Errors
/// [`WalkError`] if one is missing, or if there are too many.
pub fn state(objects: &dyn Objects, root: ObjectId, limits: &Limits) -> Result<String, WalkError> {
    let mut files = walk(objects, root, limits)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut whole = Sha256::new();
    for file in files {
        let data = match file.mode {
            Mode::Submodule => file.id.to_string().into_bytes(),
            _ => match objects.get(&file.id)? {
                Some(object) if object.kind == ObjectKind::Blob => object.data,
                _ => {
                    let path = String::from_utf8_lossy(&file.path).into_owned();
                    return Err(WalkError::Missing { path, id: file.id });
                }
            },
        };
        whole.update(format!("{} ", file.mode.as_str()));
        whole.update(&file.path);
        whole.update(format!(" {} {}\n", data.len(), Digits(&Sha256::digest(&data))));
    }
    Ok(Digits(&whole.finalize()).to_string())
}

/// Checks that a verified revision's files are what the people who signed it said.
///
/// # Errors
/// [`StateError`] if they are not, or cannot be read. If nobody said anything, nothing is read.
pub fn check_state(objects: &dyn Objects, verified: &Verified, limits: &Limits) -> Result<(), StateError> {
    let said = verified.states();
    if said.is_empty() {
        return Ok(());
    }
    let is = state(objects, verified.tree(), limits)?;
    match said.iter().find(|said| **said != is) {
        Some(said) => Err(StateError::Differs { said: said.clone(), is }),
        None => Ok(()),
    }
}

/// Hex digits.
struct Digits<'a>(&'a [u8]);

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, self.0)
    }
}
