//! What the service manager tells by itself, over a connection of its own: nobody reads the other one between passes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::StreamExt as _;
use holdfast_schema::UnitName;
use tokio::time::{Instant, sleep_until};
use zbus::{Connection, Message, MessageStream};

use super::bus::{Bus, SERVICE, UNIT};

/// The bus keeps 512 rules for a connection; with more units all of them are listened to.
const MOST_RULES: usize = 400;

/// How long nobody asks a bus that is away, at first and at most.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_mins(1);

const UNITS: &str = "/org/freedesktop/systemd1/unit";

/// What a signal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::host) enum Signal {
    /// This unit changed.
    Unit(UnitName),
    /// Any unit may have changed: unit files did, or nobody listened for a while.
    AnyUnit,
}

/// The signals about some units.
#[derive(Debug, Default)]
pub(in crate::host) struct Signals {
    bus: Bus,
    /// The units by their object paths.
    units: BTreeMap<String, UnitName>,
    stream: Option<MessageStream>,
    failures: u32,
    retry: Option<Instant>,
}

impl Signals {
    /// Listens to just these units from now on.
    pub(in crate::host) fn set(&mut self, units: &BTreeSet<UnitName>) {
        if self.units.len() == units.len() && self.units.values().all(|unit| units.contains(unit)) {
            return;
        }
        self.units = units.iter().map(|unit| (object_path(unit.as_str()), unit.clone())).collect();
        // Rules go with their connection.
        self.hang_up();
    }

    /// The next signal. Dropping the future loses nothing.
    pub(in crate::host) async fn next(&mut self) -> Signal {
        if self.units.is_empty() {
            std::future::pending::<()>().await;
        }
        loop {
            if let Some(retry) = self.retry {
                sleep_until(retry).await;
                self.retry = None;
            }
            let Some(stream) = &mut self.stream else {
                match self.listen().await {
                    Ok(stream) => {
                        self.stream = Some(stream);
                        self.failures = 0;
                        return Signal::AnyUnit;
                    }
                    Err(error) => self.fail(&error),
                }
                continue;
            };
            match stream.next().await {
                Some(Ok(message)) => {
                    if let Some(signal) = self.read(&message) {
                        return signal;
                    }
                }
                Some(Err(error)) => self.fail(&error),
                None => self.fail(&zbus::Error::Failure("the bus hung up".to_owned())),
            }
        }
    }

    fn fail(&mut self, error: &zbus::Error) {
        tracing::debug!("units are not listened to: {error}");
        self.hang_up();
        let wait = AGAIN.saturating_mul(1 << self.failures.min(6)).min(AGAIN_AT_MOST);
        self.failures = self.failures.saturating_add(1);
        self.retry = Some(Instant::now() + wait);
    }

    fn hang_up(&mut self) {
        self.stream = None;
        self.bus.hang_up();
    }

    async fn listen(&self) -> zbus::Result<MessageStream> {
        let away = |error| zbus::Error::Failure(format!("{error}"));
        let manager = self.bus.subscribed().await.map_err(away)?;
        let connection = manager.inner().connection();
        for rule in self.rules() {
            add_match(connection, &rule).await?;
        }
        Ok(MessageStream::from(connection))
    }

    fn rules(&self) -> Vec<String> {
        let manager = format!("type='signal',sender='{SERVICE}',interface='{SERVICE}.Manager'");
        let properties = format!(
            "type='signal',sender='{SERVICE}',interface='org.freedesktop.DBus.Properties',\
             member='PropertiesChanged',arg0='{UNIT}'"
        );
        let mut rules = vec![
            format!("{manager},member='UnitFilesChanged'"),
            format!("{manager},member='Reloading'"),
            format!(
                "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
                 member='NameOwnerChanged',arg0='{SERVICE}'"
            ),
        ];
        if self.units.len() > MOST_RULES {
            rules.push(format!("{properties},path_namespace='{UNITS}'"));
        } else {
            rules.extend(self.units.keys().map(|path| format!("{properties},path='{path}'")));
        }
        rules
    }

    /// What a message says; most of what comes are answers and what no rule asked for.
    fn read(&mut self, message: &Message) -> Option<Signal> {
        let header = message.header();
        match header.member()?.as_str() {
            "PropertiesChanged" => Some(Signal::Unit(self.units.get(header.path()?.as_str())?.clone())),
            "UnitFilesChanged" => Some(Signal::AnyUnit),
            // Told before and after.
            "Reloading" => {
                let begins: bool = message.body().deserialize().ok()?;
                (!begins).then_some(Signal::AnyUnit)
            }
            "NameOwnerChanged" => {
                let (name, _, owner): (String, String, String) = message.body().deserialize().ok()?;
                if name == SERVICE && !owner.is_empty() {
                    // It has to be told anew that its signals are wanted.
                    self.hang_up();
                    self.retry = Some(Instant::now());
                }
                None
            }
            _ => None,
        }
    }
}

async fn add_match(connection: &Connection, rule: &str) -> zbus::Result<()> {
    const BUS: &str = "org.freedesktop.DBus";
    let path = "/org/freedesktop/DBus";
    connection.call_method(Some(BUS), path, Some(BUS), "AddMatch", &(rule,)).await.map(drop)
}

/// The object path of a unit: every byte but ASCII letters and digits is written as `_` and two hexadecimal digits, and so is
/// a digit at the beginning.
fn object_path(unit: &str) -> String {
    let escaped = unit.bytes().enumerate().map(|(at, byte)| {
        let plain = byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit());
        if plain { char::from(byte).to_string() } else { format!("_{byte:02x}") }
    });
    format!("{UNITS}/{}", escaped.collect::<String>())
}

#[cfg(test)]
mod tests;
