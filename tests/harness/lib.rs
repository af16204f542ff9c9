//! What the tests stand on: real hosts, real package repositories, real Git servers. No assertions here.

pub mod apt_repository;
pub mod command;
pub mod deb;
pub mod docker;
pub mod fleet;
pub mod git_server;
pub mod host;
pub mod name_server;
pub mod wait;

pub use apt_repository::{AptRepository, Deb};
pub use command::{Command, Output};
pub use fleet::Fleet;
pub use host::Host;
pub use name_server::NameServer;
