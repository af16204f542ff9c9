//! Runs the real `holdfast` as people do, in an environment of its own.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and looks at real files and programs"
)]

mod approve;
mod author;
mod host;
mod import;
mod init;
mod pages;
mod resolve;
mod scene;
mod secret;
mod trial;
mod trust;
mod usage;
mod work_tree;
