//! Owner, group and mode: from names to numbers, and what differs.

use holdfast_schema::{FileMode, spec::Access};

use super::Refusal;
use crate::{
    host::{HostError, Read, Stat},
    plan::{Difference, step::Owned},
};

/// What the host says of the accounts that a resource names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accounts {
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

/// Asks the host for the accounts of `access`.
pub(crate) async fn resolve(access: &Access, host: &impl Read) -> Result<Accounts, HostError> {
    Ok(Accounts { uid: host.user(&access.owner).await?, gid: host.group(&access.group).await? })
}

/// The numbers for `access`, if both accounts exist.
pub(crate) fn owned(access: &Access, accounts: Accounts) -> Result<Owned, Refusal> {
    let missing = |what, name: &str| Refusal::NoSuchAccount { what, name: name.to_owned() };
    let uid = accounts.uid.ok_or_else(|| missing("user", &access.owner))?;
    let gid = accounts.gid.ok_or_else(|| missing("group", &access.group))?;
    Ok(Owned { uid, gid, mode: access.mode })
}

/// Root's own, with this mode.
pub(crate) const fn root(mode: u16) -> Owned {
    Owned { uid: 0, gid: 0, mode: FileMode::new(mode) }
}

/// What differs between what is there and what should be, if anything.
pub(crate) fn difference(stat: &Stat, want: &Owned) -> Option<Difference> {
    let (mut fields, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
    let mut compare = |field: &'static str, is: String, should: String| {
        if is != should {
            fields.push(field);
            from.push(is);
            to.push(should);
        }
    };
    if stat.uid == want.uid && stat.gid == want.gid && stat.mode == want.mode {
        return None;
    }
    compare("owner", stat.uid.to_string(), want.uid.to_string());
    compare("group", stat.gid.to_string(), want.gid.to_string());
    compare("mode", stat.mode.to_string(), want.mode.to_string());
    Some(Difference { field: fields.join(", "), from: from.join(", "), to: to.join(", ") })
}
