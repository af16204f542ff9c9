//! Real Git servers, real systemd hosts and apt repositories for the test suites.
