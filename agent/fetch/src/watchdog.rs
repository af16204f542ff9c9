//! Tells systemd that the service is not stuck: it waits for a request, or has time left for the one in hand.

use std::{thread, time::Duration};

use holdfast_git::Activity;
use sd_notify::NotifyState;

/// How long after its end a request may take to be given up.
const GRACE: Duration = Duration::from_secs(30);

/// Starts the pings, if systemd wants any.
pub(crate) fn start(activity: Activity) {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    thread::spawn(move || {
        loop {
            if !activity.is_overdue(GRACE) {
                // Whoever does not hear it ends this process, which is what it is for.
                drop(sd_notify::notify(&[NotifyState::Watchdog]));
            }
            thread::sleep(period / 3);
        }
    });
}
