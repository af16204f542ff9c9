//! How a command ends.

/// A command's end, as its exit code says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is as it should be.
    Success,
    /// A problem was found, or it failed.
    Problem,
    /// The command line is wrong.
    Usage,
    /// Something would change.
    Differs,
    /// Something else is at work; `EX_TEMPFAIL` of sysexits.h.
    Busy,
}

impl Exit {
    /// Every end with its meaning, in the order of the codes.
    pub const ALL: [(Exit, &'static str); 5] = [
        (Self::Success, "it is as it should be"),
        (Self::Problem, "a problem was found, or it failed"),
        (Self::Usage, "the command line is wrong"),
        (Self::Differs, "something would change (`plan --exit-code`) or differs (`drift --exit-code`)"),
        (Self::Busy, "something else is at work; try again later"),
    ];

    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Problem => 1,
            Self::Usage => 2,
            Self::Differs => 3,
            Self::Busy => 75,
        }
    }
}
