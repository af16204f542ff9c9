//! Everything that speaks to a Git server: polls, fetches, pushes, over https, ssh and to repositories on this machine.
//!
//! The only room with gix, TLS and HTTP in it. It holds no opinion on what it brings: whoever gets the objects hashes and
//! verifies them. It reads no configuration of the user's or the system's, checks nothing out, and needs no `git`
//! program. Blocking; whoever waits does it elsewhere.
//!
//! ```text
//! serve    answers requests          address  where a repository is       wire   pkt-lines, lists and report
//! fetch    poll, and what is new     link     a repository, one request   http   web servers
//! push     compare and swap          session  gix's side of a fetch       ssh    ssh servers
//! export   the object stream         mirror   the local copy              local  this machine
//! listing  branches and tags
//! ```

mod address;
mod create;
mod error;
mod export;
mod fetch;
mod http;
mod ids;
pub mod limits;
mod link;
mod listing;
mod local;
mod meter;
mod mirror;
mod objects;
mod pack;
mod push;
mod reason;
mod repository;
mod serve;
mod session;
mod ssh;
mod text;
mod wire;

pub use create::{NewClone, create_bare};
pub use error::{CODES, Fault, GitError, Task};
pub use export::Export;
pub use link::Place;
pub use meter::Activity;
pub use repository::LocalRepository;
pub use serve::{Answer, Fetcher};
