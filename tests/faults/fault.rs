//! What can go wrong at a system call.

use std::fmt;

use nix::errno::Errno;

use crate::{
    power::Loss,
    trace::{Call, Deed, Verdict},
};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9` of everything, before the call.
    Kill,
    /// `kill -9` of everything, after the call.
    KillAfter,
    /// `kill -9` of everything, before the call and again somewhere in the next run.
    KillTwice,
    /// The power is cut before the call.
    PowerCut(Loss),
    /// The call fails, and those after it do not.
    Once(Errno),
    /// The call fails, and so do all after it: the disk stays as it is.
    From(Errno),
    /// Half of the bytes are written.
    Short,
}

impl Fault {
    /// All of them.
    pub(crate) const ALL: [Self; 17] = [
        Self::Kill,
        Self::KillAfter,
        Self::KillTwice,
        Self::Once(Errno::ENOSPC),
        Self::From(Errno::ENOSPC),
        Self::Once(Errno::EDQUOT),
        Self::From(Errno::EDQUOT),
        Self::Once(Errno::EIO),
        Self::From(Errno::EIO),
        Self::Once(Errno::EROFS),
        Self::From(Errno::EROFS),
        Self::Once(Errno::EINTR),
        Self::Short,
        Self::PowerCut(Loss::All),
        Self::PowerCut(Loss::Data),
        Self::PowerCut(Loss::OnHost),
        Self::PowerCut(Loss::InMemory),
    ];

    /// Whether a call can meet with it.
    pub(crate) fn can_hit(self, call: &Call) -> bool {
        match self {
            Self::Kill | Self::KillAfter | Self::KillTwice | Self::PowerCut(_) => true,
            Self::Short => call.deed == Deed::Write && call.length.is_some(),
            Self::Once(errno) | Self::From(errno) => match errno {
                Errno::ENOSPC | Errno::EDQUOT => match call.deed {
                    Deed::Open => call.creates,
                    Deed::Write => call.length.is_some(),
                    Deed::Name => true,
                    Deed::Access | Deed::Remove | Deed::Flush | Deed::Other => false,
                },
                Errno::EROFS => !matches!(call.deed, Deed::Flush | Deed::Other),
                Errno::EINTR => matches!(call.deed, Deed::Open | Deed::Write | Deed::Flush),
                _ => call.deed != Deed::Other,
            },
        }
    }

    /// What becomes of `call` when this is to happen at the call with the number `at`. `happened` is kept from call to call.
    pub(crate) fn verdict(self, at: usize, call: &Call, happened: &mut bool) -> Verdict {
        // Threads may change the order a little: it happens to the first call that it can happen to.
        if call.number < at || !self.can_hit(call) || (*happened && !matches!(self, Self::From(_))) {
            return Verdict::Go;
        }
        *happened = true;
        match self {
            Self::Kill | Self::KillTwice | Self::PowerCut(_) => Verdict::Kill,
            Self::KillAfter => Verdict::KillAfter,
            Self::Once(errno) | Self::From(errno) => Verdict::Fail(errno),
            Self::Short => Verdict::Short,
        }
    }

    /// Whether the agent goes on to its own end.
    pub(crate) fn is_survived(self) -> bool {
        !matches!(self, Self::Kill | Self::KillAfter | Self::KillTwice | Self::PowerCut(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("kill"),
            Self::KillAfter => f.write_str("kill-after"),
            Self::KillTwice => f.write_str("kill-twice"),
            Self::Once(errno) => write!(f, "{errno:?}"),
            Self::From(errno) => write!(f, "{errno:?}-stays"),
            Self::Short => f.write_str("short-write"),
            Self::PowerCut(Loss::All) => f.write_str("power-cut"),
            Self::PowerCut(Loss::Data) => f.write_str("power-cut-data"),
            Self::PowerCut(Loss::OnHost) => f.write_str("power-cut-host"),
            Self::PowerCut(Loss::InMemory) => f.write_str("power-cut-memory"),
        }
    }
}
