//! Users and groups by name, asked of the host's name service and kept for one pass.
//!
//! The name service may be a directory over the network: an answer that fails is an error, not "no such user". Nothing here
//! makes accounts.

use std::{cell::RefCell, collections::HashMap};

use nix::{
    errno::Errno,
    unistd::{Group, User, getegid, geteuid},
};

use super::HostError;

#[cfg(test)]
mod tests;

/// Who is known on the host.
#[derive(Debug)]
pub(super) struct Accounts {
    /// In a scratch root everybody is the one who runs this: nothing there can be given away.
    scratch: bool,
    users: RefCell<HashMap<String, Option<u32>>>,
    groups: RefCell<HashMap<String, Option<u32>>>,
}

impl Accounts {
    /// Asks the host; with `scratch` nobody is asked.
    pub(super) fn new(scratch: bool) -> Self {
        Self { scratch, users: RefCell::default(), groups: RefCell::default() }
    }

    /// Forgets all answers.
    pub(super) fn forget(&self) {
        self.users.borrow_mut().clear();
        self.groups.borrow_mut().clear();
    }

    /// The uid of a user by name or decimal number.
    pub(super) fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        if self.scratch {
            return Ok(Some(geteuid().as_raw()));
        }
        look_up(&self.users, "user", name, |name| Ok(User::from_name(name)?.map(|user| user.uid.as_raw())))
    }

    /// The gid of a group by name or decimal number.
    pub(super) fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        if self.scratch {
            return Ok(Some(getegid().as_raw()));
        }
        look_up(&self.groups, "group", name, |name| {
            Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
        })
    }
}

fn look_up(
    known: &RefCell<HashMap<String, Option<u32>>>,
    what: &str,
    name: &str,
    ask: impl Fn(&str) -> Result<Option<u32>, Errno>,
) -> Result<Option<u32>, HostError> {
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    if let Some(id) = known.borrow().get(name) {
        return Ok(*id);
    }
    let id = match ask(name) {
        Ok(id) => id,
        // What getpwnam(3) allows a name service to say instead of nothing.
        Err(Errno::ENOENT | Errno::ESRCH | Errno::EBADF | Errno::EPERM) => None,
        Err(errno) => {
            return Err(HostError::Io {
                tried: format!("look the {what} {name:?} up"),
                source: errno.into(),
            });
        }
    };
    known.borrow_mut().insert(name.to_owned(), id);
    Ok(id)
}
