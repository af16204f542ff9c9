//! Reads the memory of a stopped process.

use std::{
    ffi::OsString,
    io::{self, IoSliceMut},
    os::unix::ffi::OsStringExt as _,
    path::PathBuf,
};

use nix::{
    errno::Errno,
    sys::uio::{RemoteIoVec, process_vm_readv},
    unistd::Pid,
};

/// The longest path that is read, in bytes; `PATH_MAX`.
const LONGEST_PATH: usize = 4096;

/// Fills `bytes` from the memory of a stopped process; gives how many could be read.
pub(super) fn read(pid: Pid, address: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
    let base = usize::try_from(address).map_err(|_too_far| Errno::EFAULT)?;
    let remote = [RemoteIoVec { base, len: bytes.len() }];
    process_vm_readv(pid, &mut [IoSliceMut::new(bytes)], &remote)
}

/// The path that a stopped process has at `address`.
pub(super) fn read_path(pid: Pid, address: u64) -> io::Result<PathBuf> {
    if address == 0 {
        return Ok(PathBuf::new());
    }
    let mut bytes = vec![0; LONGEST_PATH];
    // The page behind it may not be there: up to its edge first.
    let edge = LONGEST_PATH - usize::try_from(address % LONGEST_PATH as u64).unwrap_or_default();
    let (mut known, mut end) = (0, edge);
    while !bytes.iter().take(known).any(|byte| *byte == 0) && known < LONGEST_PATH {
        let Some(part) = bytes.get_mut(known..end) else { break };
        known += read(pid, address + known as u64, part)?;
        end = LONGEST_PATH;
    }
    let length = bytes.iter().take(known).position(|byte| *byte == 0).unwrap_or(known);
    bytes.truncate(length);
    Ok(OsString::from_vec(bytes).into())
}
