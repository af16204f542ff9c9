//! The system calls that change files, what each touches, and the filter that makes the kernel stop at them.
//!
//! Not in the list: `io_uring(7)` and writes through a shared mapping, which nothing here uses, and what is said to sockets and
//! pipes.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use nix::libc::{
    self, O_CREAT, O_RDWR, O_TRUNC, O_WRONLY, SYS_chmod, SYS_chown, SYS_copy_file_range, SYS_creat,
    SYS_fallocate, SYS_fchmod, SYS_fchmodat, SYS_fchmodat2, SYS_fchown, SYS_fchownat, SYS_fdatasync,
    SYS_fremovexattr, SYS_fsetxattr, SYS_fsync, SYS_ftruncate, SYS_futimesat, SYS_kill, SYS_lchown, SYS_link,
    SYS_linkat, SYS_lremovexattr, SYS_lsetxattr, SYS_mkdir, SYS_mkdirat, SYS_mknod, SYS_mknodat, SYS_mount,
    SYS_open, SYS_openat, SYS_openat2, SYS_pidfd_send_signal, SYS_pwrite64, SYS_pwritev, SYS_pwritev2,
    SYS_removexattr, SYS_rename, SYS_renameat, SYS_renameat2, SYS_rmdir, SYS_sendfile, SYS_setxattr,
    SYS_splice, SYS_symlink, SYS_symlinkat, SYS_sync, SYS_sync_file_range, SYS_syncfs, SYS_truncate,
    SYS_umount2, SYS_unlink, SYS_unlinkat, SYS_utime, SYS_utimensat, SYS_utimes, SYS_write, SYS_writev,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// What a call does to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Opens a file to write, and perhaps makes it.
    Open,
    /// Changes what a file holds.
    Write,
    /// Changes owner, mode, times or labels.
    Access,
    /// Makes, links or renames an entry of a directory.
    Name,
    /// Removes an entry of a directory.
    Remove,
    /// Asks for what was written to be durable.
    Flush,
    /// Sends a signal or mounts something: not about single files.
    Other,
}

/// Where a call's arguments say what it touches; the numbers are arguments, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operand {
    /// An open file.
    Descriptor(usize),
    /// A path from the working directory.
    Path(usize),
    /// A path from an open directory.
    At(usize, usize),
}

/// Where a call's arguments say whether it writes at all.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flags {
    /// It does.
    None,
    /// Open flags in this argument.
    Argument(usize),
    /// A `struct open_how` that this argument points to; its flags come first.
    Pointed(usize),
}

/// One system call of the list.
#[derive(Debug)]
pub(super) struct Entry {
    number: i64,
    pub(super) name: &'static str,
    pub(super) deed: Deed,
    pub(super) operands: &'static [Operand],
    pub(super) flags: Flags,
    /// The argument that counts bytes, if half of them can be written.
    pub(super) length: Option<usize>,
}

impl Entry {
    const fn new(number: i64, name: &'static str, deed: Deed, operands: &'static [Operand]) -> Self {
        Self { number, name, deed, operands, flags: Flags::None, length: None }
    }

    const fn opens(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    const fn bytes(self, length: usize) -> Self {
        Self { length: Some(length), ..self }
    }
}

use Deed::{Access, Flush, Name, Open, Other, Remove, Write};
use Operand::{At, Descriptor, Path};

static ENTRIES: &[Entry] = &[
    Entry::new(SYS_open, "open", Open, &[Path(0)]).opens(Flags::Argument(1)),
    Entry::new(SYS_openat, "openat", Open, &[At(0, 1)]).opens(Flags::Argument(2)),
    Entry::new(SYS_openat2, "openat2", Open, &[At(0, 1)]).opens(Flags::Pointed(2)),
    Entry::new(SYS_creat, "creat", Open, &[Path(0)]),
    Entry::new(SYS_write, "write", Write, &[Descriptor(0)]).bytes(2),
    Entry::new(SYS_pwrite64, "pwrite64", Write, &[Descriptor(0)]).bytes(2),
    Entry::new(SYS_writev, "writev", Write, &[Descriptor(0)]),
    Entry::new(SYS_pwritev, "pwritev", Write, &[Descriptor(0)]),
    Entry::new(SYS_pwritev2, "pwritev2", Write, &[Descriptor(0)]),
    Entry::new(SYS_sendfile, "sendfile", Write, &[Descriptor(0)]).bytes(3),
    Entry::new(SYS_splice, "splice", Write, &[Descriptor(2)]).bytes(4),
    Entry::new(SYS_copy_file_range, "copy_file_range", Write, &[Descriptor(2)]).bytes(4),
    Entry::new(SYS_truncate, "truncate", Write, &[Path(0)]),
    Entry::new(SYS_ftruncate, "ftruncate", Write, &[Descriptor(0)]),
    Entry::new(SYS_fallocate, "fallocate", Write, &[Descriptor(0)]),
    Entry::new(SYS_chmod, "chmod", Access, &[Path(0)]),
    Entry::new(SYS_fchmod, "fchmod", Access, &[Descriptor(0)]),
    Entry::new(SYS_fchmodat, "fchmodat", Access, &[At(0, 1)]),
    Entry::new(SYS_fchmodat2, "fchmodat2", Access, &[At(0, 1)]),
    Entry::new(SYS_chown, "chown", Access, &[Path(0)]),
    Entry::new(SYS_lchown, "lchown", Access, &[Path(0)]),
    Entry::new(SYS_fchown, "fchown", Access, &[Descriptor(0)]),
    Entry::new(SYS_fchownat, "fchownat", Access, &[At(0, 1)]),
    Entry::new(SYS_utime, "utime", Access, &[Path(0)]),
    Entry::new(SYS_utimes, "utimes", Access, &[Path(0)]),
    Entry::new(SYS_utimensat, "utimensat", Access, &[At(0, 1)]),
    Entry::new(SYS_futimesat, "futimesat", Access, &[At(0, 1)]),
    Entry::new(SYS_setxattr, "setxattr", Access, &[Path(0)]),
    Entry::new(SYS_lsetxattr, "lsetxattr", Access, &[Path(0)]),
    Entry::new(SYS_fsetxattr, "fsetxattr", Access, &[Descriptor(0)]),
    Entry::new(SYS_removexattr, "removexattr", Access, &[Path(0)]),
    Entry::new(SYS_lremovexattr, "lremovexattr", Access, &[Path(0)]),
    Entry::new(SYS_fremovexattr, "fremovexattr", Access, &[Descriptor(0)]),
    Entry::new(SYS_mkdir, "mkdir", Name, &[Path(0)]),
    Entry::new(SYS_mkdirat, "mkdirat", Name, &[At(0, 1)]),
    Entry::new(SYS_mknod, "mknod", Name, &[Path(0)]),
    Entry::new(SYS_mknodat, "mknodat", Name, &[At(0, 1)]),
    Entry::new(SYS_symlink, "symlink", Name, &[Path(1)]),
    Entry::new(SYS_symlinkat, "symlinkat", Name, &[At(1, 2)]),
    Entry::new(SYS_link, "link", Name, &[Path(0), Path(1)]),
    Entry::new(SYS_linkat, "linkat", Name, &[At(0, 1), At(2, 3)]),
    Entry::new(SYS_rename, "rename", Name, &[Path(0), Path(1)]),
    Entry::new(SYS_renameat, "renameat", Name, &[At(0, 1), At(2, 3)]),
    Entry::new(SYS_renameat2, "renameat2", Name, &[At(0, 1), At(2, 3)]),
    Entry::new(SYS_unlink, "unlink", Remove, &[Path(0)]),
    Entry::new(SYS_unlinkat, "unlinkat", Remove, &[At(0, 1)]),
    Entry::new(SYS_rmdir, "rmdir", Remove, &[Path(0)]),
    Entry::new(SYS_fsync, "fsync", Flush, &[Descriptor(0)]),
    Entry::new(SYS_fdatasync, "fdatasync", Flush, &[Descriptor(0)]),
    Entry::new(SYS_sync_file_range, "sync_file_range", Flush, &[Descriptor(0)]),
    Entry::new(SYS_syncfs, "syncfs", Flush, &[Descriptor(0)]),
    Entry::new(SYS_sync, "sync", Flush, &[]),
    Entry::new(SYS_mount, "mount", Other, &[]),
    Entry::new(SYS_umount2, "umount2", Other, &[]),
    Entry::new(SYS_kill, "kill", Other, &[]),
    Entry::new(SYS_pidfd_send_signal, "pidfd_send_signal", Other, &[]),
];

/// Any of these makes an open a change: also `O_TMPFILE`, which only comes with one of the last two.
const WRITING: [i32; 4] = [O_CREAT, O_TRUNC, O_WRONLY, O_RDWR];

/// Whether these open flags say that something may be changed.
pub(super) fn writes(flags: u64) -> bool {
    WRITING.iter().any(|&flag| flags & u64::from(flag.unsigned_abs()) != 0)
}

/// The entry of a system call, by its number.
pub(super) fn find(number: u64) -> Option<&'static Entry> {
    let number = i64::try_from(number).ok()?;
    ENTRIES.iter().find(|entry| entry.number == number)
}

/// Has the kernel stop this process and all that it starts at every call of the list, if a tracer asked for that; without
/// one these calls fail with `ENOSYS`. Everything else runs at full speed.
pub(super) fn install_filter() -> Result<()> {
    let mut rules = std::collections::BTreeMap::new();
    for entry in ENTRIES {
        let mut any = Vec::new();
        if let Flags::Argument(index) = entry.flags {
            for flag in WRITING {
                let bit = u64::from(flag.unsigned_abs());
                let (length, has) = (SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bit));
                let condition = SeccompCondition::new(u8::try_from(index)?, length, has, bit)?;
                any.push(SeccompRule::new(vec![condition])?);
            }
        }
        rules.insert(entry.number, any);
    }
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trace(0), architecture)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program).context("install the filter")
}

/// Where an open file of a process can be found.
pub(super) fn descriptor(process: nix::unistd::Pid, argument: u64) -> PathBuf {
    // Descriptors are C's int: the upper half of the register means nothing.
    let low = u32::try_from(argument & u64::from(u32::MAX)).unwrap_or_default().cast_signed();
    if low == libc::AT_FDCWD {
        format!("/proc/{process}/cwd").into()
    } else {
        format!("/proc/{process}/fd/{low}").into()
    }
}
