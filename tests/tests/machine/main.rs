//! Real hosts: Debian with systemd as PID 1, its packages installed by apt. `tests/run machine` runs them.

mod host;
