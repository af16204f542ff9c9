//! The service manager's side: readiness, status line, watchdog, signals. See `sd_notify(3)`.

use std::{io, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

fn notify(states: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(states) {
        tracing::debug!(%why, "the service manager was not told");
    }
}

/// Says that the service is up.
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Says that the configuration is being read again.
pub(super) fn reloading() {
    notify(&[NotifyState::Reloading]);
}

/// Says that the service goes down.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Sets the line that `systemctl status` shows.
pub(super) fn status(line: &str) {
    notify(&[NotifyState::Status(line)]);
}

/// Tells the watchdog that the loop is alive; pings at half the time it allows, and only if there is one.
pub(super) struct Watchdog {
    every: Option<Duration>,
    due: Instant,
}

impl Watchdog {
    /// The watchdog that systemd set, if any.
    pub(super) fn from_environment() -> Self {
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Self { every, due: Instant::now() }
    }

    /// Sends a ping now, so that none is due while the agent polls often enough.
    pub(super) fn ping(&mut self) {
        if let Some(every) = self.every {
            notify(&[NotifyState::Watchdog]);
            self.due = Instant::now() + every;
        }
    }

    /// Waits until a ping is due and sends it. Polled by the same loop that does the work: a stuck step sends none.
    pub(super) async fn tick(&mut self) {
        if self.every.is_none() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep_until(self.due).await;
        self.ping();
    }
}

/// The signals that the service minds.
pub(super) struct Signals {
    /// Those that end it.
    pub(super) stop: StopSignals,
    /// SIGHUP.
    pub(super) reload: Signal,
}

/// SIGTERM and SIGINT.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub(super) fn new() -> io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { stop: StopSignals { terminate, interrupt }, reload: signal(SignalKind::hangup())? })
    }
}

impl StopSignals {
    /// Waits for one of them.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
