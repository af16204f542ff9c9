//! What is taken from a Git server at most; `holdfast_trust::Limits` says what a revision may hold. The documentation
//! states the same numbers.

/// The largest pack, in bytes.
pub const PACK_BYTES: u64 = 512 << 20;

/// The most objects in a pack.
pub const PACK_OBJECTS: u32 = 1_000_000;

/// The largest object anywhere in the fetched history, in bytes, so that no delta unfolds without end. It is more than a
/// revision may hold, so that removing a file that is too large mends a branch.
pub const OBJECT_BYTES: usize = 256 << 20;

/// The longest answer that is no pack, in bytes: a list of every branch, the most.
pub const ANSWER_BYTES: u64 = 64 << 20;

/// The most packs in a mirror; beyond that it is made anew.
pub const PACKS: usize = 50;

/// The most mirrors that are kept.
pub const MIRRORS: usize = 4;

/// The largest set of objects that is pushed, in bytes.
pub const PUSH_BYTES: u64 = 64 << 20;

/// The longest that a peer may be allowed to say nothing, in seconds.
pub const STALL_SECONDS: u32 = 3600;

/// The longest that one request may be allowed to take, in seconds.
pub const TOTAL_SECONDS: u32 = 86_400;
