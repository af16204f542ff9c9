//! Who changes what lies in a directory, by fanotify(7): it names the process, which inotify(7) does not.
//!
//! It only bears witness. Nothing depends on it, and where the kernel is too old (before 5.9) or does not let this process ask,
//! nobody is named.
#![expect(unsafe_code, reason = "no library reports fanotify's file handles")]

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd},
};

use nix::unistd::read;
use rustix::thread::{CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities};

use super::culprit::Culprit;

const CHANGES: u64 = libc::FAN_CREATE
    | libc::FAN_DELETE
    | libc::FAN_MOVED_FROM
    | libc::FAN_MOVED_TO
    | libc::FAN_CLOSE_WRITE
    | libc::FAN_ATTRIB
    | libc::FAN_EVENT_ON_CHILD
    | libc::FAN_ONDIR;

/// The largest file handle, in bytes: see `name_to_handle_at(2)`.
const LARGEST_HANDLE: usize = 128;

/// Asks for a handle that only names: more file systems have it. Since Linux 6.5.
const AT_HANDLE_FID: libc::c_int = 0x200;

/// Not more events than this are read of a storm at once, in bytes.
const MOST: usize = 64 * 1024;

/// Changes with those who made them.
#[derive(Debug)]
pub struct Witness {
    group: OwnedFd,
    /// The paths of the directories by their handles: file system, type and bytes.
    directories: HashMap<Vec<u8>, String>,
}

impl Witness {
    /// Asks the kernel for a witness, and gives up for good the privilege that this takes: `CAP_SYS_ADMIN`, and what it takes
    /// to give that up. To be called while the process has one thread.
    ///
    /// # Errors
    /// If the privilege could not be given up; such a process should not go on. That there is no witness is no error.
    pub fn call() -> io::Result<Option<Self>> {
        let flags =
            libc::FAN_CLASS_NOTIF | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK | libc::FAN_REPORT_DFID_NAME;
        let how = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_LARGEFILE;
        // To anybody else the kernel does not tell who it was.
        if !capabilities(None)?.effective.contains(CapabilitySet::SYS_ADMIN) {
            return Ok(None);
        }
        // SAFETY: takes numbers only.
        let group = unsafe { libc::fanotify_init(flags, how.cast_unsigned()) };
        // SAFETY: the kernel made it just now, and nobody else has it.
        let group = (group >= 0).then(|| unsafe { OwnedFd::from_raw_fd(group) });
        give_up(CapabilitySet::SYS_ADMIN)?;
        give_up(CapabilitySet::SETPCAP)?;
        Ok(group.map(|group| Self { group, directories: HashMap::new() }))
    }

    /// Witnesses what happens in this directory from now on.
    pub(super) fn mark(&mut self, directory: impl AsFd, path: &str) {
        let Some(handle) = handle(&directory) else { return };
        if self.change(libc::FAN_MARK_ADD, &directory) {
            self.directories.insert(handle, path.to_owned());
        }
    }

    /// Witnesses it no more.
    pub(super) fn unmark(&mut self, directory: impl AsFd) {
        if let Some(handle) = handle(&directory) {
            self.directories.remove(&handle);
            self.change(libc::FAN_MARK_REMOVE, &directory);
        }
    }

    fn change(&self, how: u32, directory: &impl AsFd) -> bool {
        // A descriptor that only names a file is not enough for the kernel; its name under /proc is.
        let Ok(here) = std::ffi::CString::new(format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd()))
        else {
            return false;
        };
        // SAFETY: `here` ends with a zero byte and lives until the call is over.
        let done = unsafe {
            libc::fanotify_mark(
                self.group.as_raw_fd(),
                how | libc::FAN_MARK_ONLYDIR,
                CHANGES,
                libc::AT_FDCWD,
                here.as_ptr(),
            )
        };
        done == 0
    }

    /// Who changed what since this was last asked, by path; changes of this very process are left out.
    pub(super) fn testimony(&self) -> HashMap<String, Culprit> {
        let mut told = HashMap::new();
        let mut known: HashMap<u32, Option<Culprit>> = HashMap::new();
        let mut buffer = vec![0; MOST];
        while let Ok(length @ 1..) = read(&self.group, &mut buffer) {
            let mut events = buffer.get(..length).unwrap_or_default();
            while let Some((event, rest)) = Event::read(events) {
                events = rest;
                if event.pid == std::process::id() {
                    continue;
                }
                let Some(directory) = self.directories.get(&event.directory) else { continue };
                let path = format!("{directory}/{}", event.name);
                // The process may be gone a moment later.
                let culprit = known.entry(event.pid).or_insert_with(|| Culprit::of(event.pid));
                if let Some(culprit) = culprit {
                    told.insert(path, culprit.clone());
                }
            }
        }
        told
    }
}

/// What an event says of a change in a directory.
struct Event {
    pid: u32,
    /// Of the directory: see [`Witness::directories`].
    directory: Vec<u8>,
    /// Of the entry.
    name: String,
}

impl Event {
    /// Reads one event, as `struct fanotify_event_metadata` and its record of the directory lay it out; and what is behind it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let length = usize::try_from(u32::from_ne_bytes(field(bytes, 0)?)).ok()?;
        let head = usize::from(u16::from_ne_bytes(field(bytes, 6)?));
        let pid = u32::from_ne_bytes(field(bytes, 20)?);
        let (event, rest) = bytes.split_at_checked(length.max(1))?;
        let info = event.get(head..).unwrap_or_default();
        let (directory, name) = Self::entry(info).unwrap_or_default();
        Some((Self { pid, directory, name }, rest))
    }

    /// The directory and the name of `struct fanotify_event_info_fid`.
    fn entry(info: &[u8]) -> Option<(Vec<u8>, String)> {
        if *info.first()? != libc::FAN_EVENT_INFO_TYPE_DFID_NAME {
            return None;
        }
        let size = usize::try_from(u32::from_ne_bytes(field(info, 12)?)).ok()?;
        let name = info.get(20..)?.get(size..)?;
        let name = name.split(|byte| *byte == 0).next()?;
        let handle = info.get(4..12)?.iter().chain(info.get(16..20)?).chain(info.get(20..)?.get(..size)?);
        Some((handle.copied().collect(), String::from_utf8_lossy(name).into_owned()))
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// What the kernel calls a directory in its events.
fn handle(directory: &impl AsFd) -> Option<Vec<u8>> {
    #[repr(C)]
    struct Handle {
        head: libc::file_handle,
        bytes: [u8; LARGEST_HANDLE],
    }
    let file_system = rustix::fs::fstatfs(directory).ok()?.f_fsid;
    // SAFETY: numbers and bytes, for which zero is a value; also within `f_fsid`.
    let (mut handle, file_system): (Handle, [u8; 8]) =
        unsafe { (std::mem::zeroed(), std::mem::transmute_copy(&file_system)) };
    let mut mount = 0;
    for how in [libc::AT_EMPTY_PATH | AT_HANDLE_FID, libc::AT_EMPTY_PATH] {
        handle.head.handle_bytes = u32::try_from(LARGEST_HANDLE).ok()?;
        // SAFETY: as many bytes follow the head as it says, and all pointers live until the call is over.
        let done = unsafe {
            libc::name_to_handle_at(
                directory.as_fd().as_raw_fd(),
                c"".as_ptr(),
                (&raw mut handle).cast(),
                &raw mut mount,
                how,
            )
        };
        if done == 0 {
            let size = usize::try_from(handle.head.handle_bytes).ok()?;
            let kind = handle.head.handle_type.to_ne_bytes();
            let bytes = file_system.iter().chain(&kind).chain(handle.bytes.get(..size)?);
            return Some(bytes.copied().collect());
        }
    }
    None
}

/// Gives a capability up for good: this process does not get it back, nor do those that it starts.
fn give_up(capability: CapabilitySet) -> io::Result<()> {
    let mut sets = capabilities(None)?;
    if !sets.permitted.contains(capability) {
        return Ok(());
    }
    // Only who has `CAP_SETPCAP` may change the bounding set; it is given up last.
    if sets.effective.contains(CapabilitySet::SETPCAP) {
        remove_capability_from_bounding_set(capability)?;
    }
    for set in [&mut sets.effective, &mut sets.permitted, &mut sets.inheritable] {
        set.remove(capability);
    }
    Ok(set_capabilities(None, sets)?)
}
