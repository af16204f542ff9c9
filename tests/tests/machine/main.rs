//! Real hosts: Debian with systemd as PID 1, its packages installed by apt, or its userland with dnf or zypper.
//! `tests/run machine` runs them.
//!
//! Each test boots hosts of its own and may do to them what it likes.

mod attacks;
mod bad_days;
mod compose;
mod docker;
mod drift;
mod every_manager;
mod families;
mod host;
mod interruptions;
mod killed_packages;
mod kinds;
mod last_good;
mod package_lifecycle;
mod packages;
mod quiet;
mod registry;
mod repositories;
mod rollback;
mod secrets;
mod site;
mod stack;
mod status;
mod surroundings;
mod swarm;
mod units;
mod upgrades;
mod walls;
