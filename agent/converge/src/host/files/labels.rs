//! Carries a replaced file's labels over to the new one: `SELinux` context, access control list, user attributes.
//!
//! Left behind on purpose: file capabilities and integrity signatures, for they vouch for the old content, and whatever a
//! filesystem keeps for itself. A file that replaces nothing gets the label that the kernel gives to a new file in its
//! directory; the policy's `file_contexts` are not consulted.

use std::{ffi::CStr, fs::File, os::fd::AsFd};

use rustix::{
    buffer::spare_capacity,
    fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr},
    io::Errno,
};

/// The kernel's own limit on a value and on a list of names, see xattr(7).
const LIMIT: usize = 64 * 1024;

/// Copies the labels from `old` to `new`.
pub(super) fn copy(old: &File, new: impl AsFd) -> Result<(), Errno> {
    let mut names = Vec::with_capacity(LIMIT);
    match flistxattr(old, spare_capacity(&mut names)) {
        Ok(_) => {}
        Err(Errno::NOTSUP) => return Ok(()),
        Err(errno) => return Err(errno),
    }
    for name in
        names.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok())
    {
        if !is_carried(name) {
            continue;
        }
        let mut value = Vec::with_capacity(LIMIT);
        match fgetxattr(old, name, spare_capacity(&mut value)) {
            Ok(_) => {}
            // Removed since it was listed.
            Err(Errno::NODATA) => continue,
            Err(errno) => return Err(errno),
        }
        match fsetxattr(&new, name, &value, XattrFlags::empty()) {
            // An unprivileged run in a scratch root may see a label that it cannot set.
            Ok(()) | Err(Errno::NOTSUP) => {}
            Err(Errno::PERM) if !is_root() => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn is_carried(name: &CStr) -> bool {
    let name = name.to_bytes();
    name == b"security.selinux" || name == b"system.posix_acl_access" || name.starts_with(b"user.")
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
