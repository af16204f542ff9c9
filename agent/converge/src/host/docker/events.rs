//! Listens to the engine's events.

use std::{path::Path, pin::Pin};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep_until};

use super::{
    HostError, SOCKET,
    client::{Client, Connection, encode},
};

/// What changes something that a state can declare. Without the rest, such as those of health checks that go on and on, nobody
/// is woken for nothing.
const FILTERS: &str = r#"{"type":["container","network","volume","image","service","config","secret","node"],"event":["create","start","die","pause","unpause","update","rename","destroy","health_status","connect","disconnect","delete","untag","remove"]}"#;

/// In the event of a container's end.
const END: &[u8] = br#""Action":"die""#;

/// How long after an engine was lost, or could not be reached, it is tried again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The engine's events, for as long as somebody wants them.
#[derive(Default)]
pub(in crate::host) struct Events {
    wanted: bool,
    /// Kept while somebody waits for something else at the same time: begun anew each time it might never end.
    opening: Option<Opening>,
    stream: Option<Stream>,
    /// Not before this is the engine tried again.
    not_before: Option<Instant>,
}

/// What the engine tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::host) enum Heard {
    /// Something changed, or may have while nobody listened.
    Change,
    /// A container ended. The engine says so before it shows it in its lists: it cleans up in between.
    End,
}

type Opening = Pin<Box<dyn Future<Output = Result<Stream, HostError>>>>;

/// An answer without an end. Dropping the connection would end it.
struct Stream {
    body: Incoming,
    _connection: Connection,
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
            *self = Self::default();
        }
    }

    /// Waits until something may have changed: also when nobody had listened for a while. Dropping the future loses nothing.
    pub(in crate::host) async fn next(&mut self) -> Heard {
        if !self.wanted {
            std::future::pending::<()>().await;
        }
        loop {
            if let Some(stream) = &mut self.stream {
                let Some(Ok(frame)) = stream.body.frame().await else {
                    self.stream = None;
                    self.not_before = Some(Instant::now() + AGAIN);
                    // What only the engine keeps is in nobody's hands now.
                    return Heard::Change;
                };
                let Some(text) = frame.data_ref() else { continue };
                let end = text.windows(END.len()).any(|part| part == END);
                return if end { Heard::End } else { Heard::Change };
            }
            if let Some(not_before) = self.not_before {
                sleep_until(not_before).await;
            }
            let opened = self.opening.get_or_insert_with(|| Box::pin(open())).await;
            self.opening = None;
            match opened {
                Ok(stream) => {
                    (self.stream, self.not_before) = (Some(stream), None);
                    return Heard::Change;
                }
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "nobody tells of Docker's changes"
                    );
                    self.not_before = Some(Instant::now() + AGAIN);
                }
            }
        }
    }
}

/// Asks the engine for its events. With a client of its own: an engine that was started anew may speak another version.
async fn open() -> Result<Stream, HostError> {
    let client = Client::new(Path::new(SOCKET).to_owned());
    let (body, connection) = client.open(&format!("/events?filters={}", encode(FILTERS))).await?;
    Ok(Stream { body, _connection: connection })
}
