//! Listens to the engine's events.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    pin::Pin,
};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{
    HostError, SOCKET,
    client::{Client, Connection, encode},
};

/// What changes something that a state can declare. Without the rest, such as those of health checks that go on and on, nobody
/// is woken for nothing.
const FILTERS: &str = r#"{"type":["container","network","volume","image","service","config","secret","node"],"event":["create","start","die","pause","unpause","update","rename","destroy","health_status","connect","disconnect","delete","untag","remove"]}"#;

/// How long after an engine was lost, or could not be reached, it is tried again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The engine's events, for as long as somebody wants them.
#[derive(Default)]
pub(in crate::host) struct Events {
    wanted: bool,
    /// Kept while somebody waits for something else at the same time: begun anew each time it might never end.
    opening: Option<Opening>,
    stream: Option<Stream>,
    /// The ids of containers that ended, and were not heard of since.
    ended: VecDeque<String>,
    /// The names of what the last events were about, by id.
    names: BTreeMap<String, String>,
    /// Waits until the engine is done with the first of them.
    ending: Option<Ending>,
    /// Not before this is the engine tried again.
    not_before: Option<Instant>,
}

/// What the engine tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::host) enum Heard {
    /// Something changed, or may have while nobody listened.
    Change,
    /// A container ended, and the engine is done with it.
    End,
}

type Ending = Pin<Box<dyn Future<Output = ()>>>;
type Opening = Pin<Box<dyn Future<Output = Result<Stream, HostError>>>>;

/// An answer without an end. Dropping the connection would end it.
struct Stream {
    body: Incoming,
    /// The beginning of an event whose end has not come yet.
    begun: Vec<u8>,
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

    /// The names of what the events since the last call were about, by id.
    pub(in crate::host) fn names(&mut self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.names)
    }

    /// Waits until something may have changed: also when nobody had listened for a while. Dropping the future loses nothing.
    pub(in crate::host) async fn next(&mut self) -> Heard {
        if !self.wanted {
            std::future::pending::<()>().await;
        }
        loop {
            if let Some(stream) = &mut self.stream {
                let frame = tokio::select! {
                    frame = stream.body.frame() => frame,
                    () = ending(&mut self.ending, &self.ended) => {
                        self.ending = None;
                        self.ended.pop_front();
                        return Heard::End;
                    }
                };
                let Some(Ok(frame)) = frame else {
                    self.stream = None;
                    (self.ended, self.ending) = (VecDeque::new(), None);
                    self.not_before = Some(Instant::now() + AGAIN);
                    // What only the engine keeps is in nobody's hands now.
                    return Heard::Change;
                };
                let Some(text) = frame.data_ref() else { continue };
                let told = told(&mut stream.begun, text);
                self.ended.extend(told.ended);
                self.names.extend(told.names);
                if told.more {
                    return Heard::Change;
                }
                continue;
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

/// Waits until the engine is done with the first of the containers that ended. It tells of an end before its lists show it, for
/// it cleans up in between; what asks for the container itself waits for that.
async fn ending(ending: &mut Option<Ending>, ended: &VecDeque<String>) {
    let Some(id) = ended.front() else { return std::future::pending().await };
    let path = format!("/containers/{id}/json");
    let ask = || -> Ending {
        Box::pin(async move {
            // One that is gone was removed, which another event tells.
            drop(Client::new(Path::new(SOCKET).to_owned()).get::<Value>(&path).await);
        })
    };
    ending.get_or_insert_with(ask).await;
}

/// What some events tell.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    /// The ids of containers that ended.
    ended: Vec<String>,
    /// The names of what they are about, by id.
    names: BTreeMap<String, String>,
    /// Whether anything else changed.
    more: bool,
}

/// Reads events, one a line, and keeps the one that has only begun.
fn told(begun: &mut Vec<u8>, text: &[u8]) -> Told {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Event {
        action: String,
        actor: Actor,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Actor {
        #[serde(rename = "ID")]
        id: String,
        #[serde(default)]
        attributes: Attributes,
    }
    #[derive(Default, Deserialize)]
    struct Attributes {
        name: Option<String>,
    }
    begun.extend_from_slice(text);
    let whole = begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines: Vec<u8> = begun.drain(..whole).collect();
    let mut told = Told::default();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Ok(Event { action, actor: Actor { id, attributes } }) = serde_json::from_slice(line) else {
            told.more = true;
            continue;
        };
        told.names.extend(attributes.name.map(|name| (id.clone(), name)));
        if action == "die" {
            told.ended.push(id);
        } else {
            told.more = true;
        }
    }
    told
}

/// Asks the engine for its events. With a client of its own: an engine that was started anew may speak another version.
async fn open() -> Result<Stream, HostError> {
    let client = Client::new(Path::new(SOCKET).to_owned());
    let (body, connection) = client.open(&format!("/events?filters={}", encode(FILTERS))).await?;
    Ok(Stream { body, begun: Vec::new(), _connection: connection })
}

#[cfg(test)]
mod tests;
