//! Telling a pass to stop.

use std::future;

use tokio::sync::watch;

/// Tells passes to stop. Dropping it tells nothing.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Hears whether a pass should stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stopper {
    /// A pair that is connected.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stop(receiver))
    }

    /// Ends the pass after the step that is running, or at once where that only waits for others.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Never asks to stop.
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is time to stop.
    pub async fn wait(&self) {
        if self.0.clone().wait_for(|stop| *stop).await.is_err() {
            // Nobody is left who could ask.
            future::pending::<()>().await;
        }
    }
}
