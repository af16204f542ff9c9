//! The service manager over D-Bus: what units are, and changes to them.
//!
//! Reads are batched: one `ListUnitsByNames` for all units of a pass, then a few small questions about each, many at once.
//! Enablement is asked with `GetUnitFileState`, which looks at the disk; the property `UnitFileState` is the manager's memory
//! and stays as it was when somebody adds or removes a link by hand. The connection stays open between passes, and nobody
//! listens on it then: no signal wakes the agent for it.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use futures_util::stream::{self, StreamExt as _};
use holdfast_schema::UnitName;

use super::{HostError, UnitNow};

mod bus;
mod control;
mod health;
mod signals;
mod transient;

use bus::{Bus, ManagerProxy, Row, UNIT, answer, gone, is_gone, property};
pub(super) use signals::{Signal, Signals};
pub(super) use transient::{Limit, Ran, Transient};

#[cfg(test)]
mod tests;

/// Questions at once. The bus refuses more than 128 per connection.
const AT_ONCE: usize = 48;

/// The read side, and the connection.
#[derive(Debug, Default)]
pub(super) struct Systemd {
    bus: Bus,
    units: RefCell<HashMap<UnitName, UnitNow>>,
    /// Why this pass could not ask.
    failed: RefCell<Option<Arc<zbus::Error>>>,
}

impl Systemd {
    /// Starts a pass and asks for the state of `units` in one go.
    pub(super) async fn prepare(&self, units: impl IntoIterator<Item = &UnitName>) -> Result<(), HostError> {
        self.forget();
        *self.failed.borrow_mut() = None;
        let units: Vec<&UnitName> = units.into_iter().collect();
        if units.is_empty() {
            return Ok(());
        }
        self.ask(&units).await
    }

    /// Forgets all answers, for a change makes more of them untrue than the one about its own unit.
    pub(super) fn forget(&self) {
        self.units.borrow_mut().clear();
    }

    /// The state of one unit.
    pub(super) async fn unit(&self, name: &UnitName) -> Result<UnitNow, HostError> {
        // Once in a pass is enough to find out that the manager is away.
        if let Some(error) = &*self.failed.borrow() {
            return Err(HostError::ManagerGone { source: Box::new(Arc::clone(error)) });
        }
        if let Some(now) = self.units.borrow().get(name) {
            return Ok(now.clone());
        }
        self.ask(&[name]).await?;
        Ok(self.units.borrow().get(name).cloned().unwrap_or_default())
    }

    /// What systemd-detect-virt(1) would say.
    pub(super) async fn virtualization(&self) -> Result<String, HostError> {
        let manager = self.bus.manager().await?;
        let kind = answer(manager.virtualization()).await.map_err(gone)?;
        Ok(if kind.is_empty() { "none".to_owned() } else { kind })
    }

    /// Asks about `units` and keeps the answers. A connection that broke since it was last used is made anew once.
    async fn ask(&self, units: &[&UnitName]) -> Result<(), HostError> {
        let mut result = self.try_ask(units).await;
        if result.as_ref().is_err_and(is_gone) {
            self.bus.hang_up();
            result = self.try_ask(units).await;
        }
        match result {
            Ok(answers) => {
                self.units.borrow_mut().extend(answers);
                Ok(())
            }
            Err(error) => {
                let error = Arc::new(error);
                if is_gone(&error) {
                    *self.failed.borrow_mut() = Some(Arc::clone(&error));
                }
                Err(HostError::ManagerGone { source: Box::new(error) })
            }
        }
    }

    async fn try_ask(&self, units: &[&UnitName]) -> zbus::Result<Vec<(UnitName, UnitNow)>> {
        let manager = self.bus.manager().await.map_err(|error| match error {
            HostError::ManagerGone { source } => match source.downcast() {
                Ok(error) => *error,
                Err(other) => zbus::Error::Failure(other.to_string()),
            },
            other => zbus::Error::Failure(other.to_string()),
        })?;
        let listed: Vec<&UnitName> = units.iter().copied().filter(|unit| !is_template(unit)).collect();
        let mut rows = list(&manager, &listed).await?;
        let manager = &manager;
        let questions = units.iter().map(|unit| {
            let row = if is_template(unit) { None } else { rows.remove(unit.as_str()) };
            async move { Ok(((*unit).clone(), describe(manager, unit, row).await?)) }
        });
        let questions: Vec<_> = questions.collect();
        let answers: Vec<zbus::Result<_>> = stream::iter(questions).buffer_unordered(AT_ONCE).collect().await;
        answers.into_iter().collect()
    }
}

/// Only instances of a template can run; the manager refuses to speak of the template itself.
fn is_template(unit: &UnitName) -> bool {
    unit.as_str().contains("@.")
}

/// The rows for `units` by the names that were asked: for an alias the manager answers with the unit's own name.
async fn list(manager: &ManagerProxy<'_>, units: &[&UnitName]) -> zbus::Result<HashMap<String, Row>> {
    if units.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<&str> = units.iter().map(|unit| unit.as_str()).collect();
    let rows = answer(manager.list_units_by_names(&names)).await?;
    if rows.len() == names.len() {
        return Ok(names.into_iter().map(str::to_owned).zip(rows).collect());
    }
    let mut found = HashMap::new();
    for name in names {
        if let Some(row) = answer(manager.list_units_by_names(&[name])).await?.pop() {
            found.insert(name.to_owned(), row);
        }
    }
    Ok(found)
}

async fn describe(manager: &ManagerProxy<'_>, unit: &UnitName, row: Option<Row>) -> zbus::Result<UnitNow> {
    let file_state = async {
        match answer(manager.get_unit_file_state(unit.as_str())).await {
            Ok(state) => Ok(state),
            Err(error) if is_gone(&error) => Err(error),
            // There is no unit file.
            Err(_) => Ok(String::new()),
        }
    };
    let Some(row) = row else {
        let file_state = file_state.await?;
        let load = if file_state.is_empty() { "not-found" } else { "loaded" }.to_owned();
        return Ok(UnitNow { load, active: "inactive".into(), file_state, ..UnitNow::default() });
    };
    // A unit that is not loaded has no properties worth asking for; to ask would load and drop it once more.
    let loaded = row.load != "not-found";
    let needs_reload = async {
        if loaded { answer(property(manager, &row.path, UNIT, "NeedDaemonReload")).await } else { Ok(false) }
    };
    let ran = loaded && row.active != "inactive";
    let invocation = async {
        if ran { answer(property(manager, &row.path, UNIT, "InvocationID")).await } else { Ok(Vec::new()) }
    };
    let (file_state, needs_reload, invocation) = tokio::join!(file_state, needs_reload, invocation);
    let file_state = file_state?;
    Ok(UnitNow {
        load: row.load,
        active: row.active,
        sub: row.sub,
        file_state,
        needs_reload: needs_reload.or_else(unless_gone)?,
        invocation: hex(&invocation.or_else(unless_gone)?),
    })
}

/// An object may go away between two questions: then it has no properties.
fn unless_gone<T: Default>(error: zbus::Error) -> zbus::Result<T> {
    if is_gone(&error) { Err(error) } else { Ok(T::default()) }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
