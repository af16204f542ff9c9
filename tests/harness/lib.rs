//! What the tests stand on: real hosts, real package repositories, real Git servers. No assertions here.

pub mod apt_repository;
pub mod command;
pub mod deb;
pub mod docker;
pub mod fleet;
pub mod git_server;
pub mod host;
pub mod manager;
pub mod name_server;
pub mod package;
pub mod rpm_repository;
pub mod signed_repository;
pub mod wait;

pub use apt_repository::AptRepository;
pub use command::{Command, Output};
pub use fleet::Fleet;
pub use host::Host;
pub use manager::Manager;
pub use name_server::NameServer;
pub use package::Package;
pub use rpm_repository::RpmRepository;
pub use signed_repository::{SignedRepository, SigningKey};
