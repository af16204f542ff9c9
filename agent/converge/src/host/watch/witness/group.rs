//! A group of fanotify(7): what is marked in it is told of, with the process that did it.
#![expect(unsafe_code, reason = "no library reports fanotify's file handles")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd},
};

use nix::unistd::read;
use tokio::io::unix::AsyncFd;

use crate::host::watch::registered;

/// The largest file handle, in bytes: see `name_to_handle_at(2)`.
const LARGEST_HANDLE: usize = 128;

/// Asks for a handle that only names: more file systems have it. Since Linux 6.5.
const AT_HANDLE_FID: libc::c_int = 0x200;

/// Not more events than this are read of a storm at once, in bytes.
const MOST: usize = 64 * 1024;

/// See above.
#[derive(Debug)]
pub(in crate::host::watch) struct Group(OwnedFd);

/// What happened in a directory.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) pid: u32,
    /// What the kernel calls the directory: see [`handle`].
    pub(super) directory: Vec<u8>,
    /// Of the entry.
    pub(super) name: String,
}

impl Group {
    /// `None` if the kernel refuses.
    pub(super) fn new() -> Option<Self> {
        let flags =
            libc::FAN_CLASS_NOTIF | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK | libc::FAN_REPORT_DFID_NAME;
        let how = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_LARGEFILE;
        // SAFETY: takes numbers only.
        let group = unsafe { libc::fanotify_init(flags, how.cast_unsigned()) };
        // SAFETY: the kernel made it just now, and nobody else has it.
        (group >= 0).then(|| Self(unsafe { OwnedFd::from_raw_fd(group) }))
    }

    /// Asks to be told of `what` happens to a file or directory. Whether it will be.
    pub(super) fn mark(&self, file: impl AsFd, what: u64) -> bool {
        self.change(libc::FAN_MARK_ADD, &file, what)
    }

    /// Asks not to be told any more.
    pub(super) fn unmark(&self, file: impl AsFd, what: u64) {
        self.change(libc::FAN_MARK_REMOVE, &file, what);
    }

    fn change(&self, how: u32, file: &impl AsFd, what: u64) -> bool {
        // A descriptor that only names a file is not enough for the kernel; its name under /proc is.
        let Ok(here) = std::ffi::CString::new(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())) else {
            return false;
        };
        // SAFETY: `here` ends with a zero byte and lives until the call is over.
        let done =
            unsafe { libc::fanotify_mark(self.0.as_raw_fd(), how, what, libc::AT_FDCWD, here.as_ptr()) };
        done == 0
    }

    /// Gives everything that was told and not taken yet.
    pub(super) fn each(&self, mut take: impl FnMut(Event)) {
        let mut buffer = vec![0; MOST];
        while let Ok(length @ 1..) = read(&self.0, &mut buffer) {
            let mut events = buffer.get(..length).unwrap_or_default();
            while let Some((event, rest)) = Event::read(events) {
                events = rest;
                take(event);
            }
        }
    }

    /// Has the runtime wait for it.
    pub(super) fn wakes(&self) -> io::Result<AsyncFd<OwnedFd>> {
        registered::register(self.0.try_clone()?, tokio::io::Interest::READABLE)
    }
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

/// What the kernel calls a directory in its events: file system, type and bytes.
pub(super) fn handle(directory: &impl AsFd) -> Option<Vec<u8>> {
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
