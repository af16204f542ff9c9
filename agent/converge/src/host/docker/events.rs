//! Listens to the engine's events.

use std::path::Path;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep_until};

use super::{
    HostError, SOCKET,
    client::{Client, Connection, encode},
};

/// What changes something that a state can declare. Without the rest, such as those of health checks that go on and on, nobody
/// is woken for nothing.
const FILTERS: &str = r#"{"type":["container","network","volume","image"],"event":["create","start","die","pause","unpause","update","rename","destroy","health_status","connect","disconnect","delete","untag"]}"#;

/// How long after an engine was lost, or could not be reached, it is tried again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The engine's events, for as long as somebody wants them.
pub(in crate::host) struct Events {
    wanted: bool,
    client: Client,
    stream: Option<Stream>,
    /// Not before this is the engine tried again.
    not_before: Option<Instant>,
}

/// An answer without an end. Dropping the connection would end it.
struct Stream {
    body: Incoming,
    _connection: Connection,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            wanted: false,
            client: Client::new(Path::new(SOCKET).to_owned()),
            stream: None,
            not_before: None,
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Events {
    /// Listens from now on, or no more.
    pub(in crate::host) fn set(&mut self, wanted: bool) {
        self.wanted = wanted;
        if !wanted {
            self.stream = None;
            self.client.close();
        }
    }

    /// Waits until something may have changed: also when nobody had listened for a while. Dropping the future loses nothing.
    pub(in crate::host) async fn next(&mut self) {
        if !self.wanted {
            std::future::pending::<()>().await;
        }
        loop {
            if let Some(stream) = &mut self.stream {
                match stream.body.frame().await {
                    Some(Ok(frame)) if frame.is_data() => return,
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => {
                        self.stream = None;
                        self.client.close();
                        self.not_before = Some(Instant::now() + AGAIN);
                        // What only the engine keeps is in nobody's hands now.
                        return;
                    }
                }
            }
            if let Some(not_before) = self.not_before {
                sleep_until(not_before).await;
            }
            self.not_before = Some(Instant::now() + AGAIN);
            if self.open().await.is_ok() {
                return;
            }
        }
    }

    async fn open(&mut self) -> Result<(), HostError> {
        self.client.begin_pass();
        let (body, connection) = self.client.open(&format!("/events?filters={}", encode(FILTERS))).await?;
        self.stream = Some(Stream { body, _connection: connection });
        Ok(())
    }
}
