//! The connection to the service manager, and the part of org.freedesktop.systemd1(5) that is used here.

use std::{cell::RefCell, num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::time::timeout;
use zbus::{
    Connection, OwnedObjectPath, OwnedVariant, Variant, connection::Builder, proxy, proxy::CacheProperties,
};

use super::HostError;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a question may take. The manager answers in milliseconds unless it hangs.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a change may take; a reload runs every generator.
const CHANGE: Duration = Duration::from_mins(2);

/// Signals that may wait to be read. All jobs of a big target end within moments.
const QUEUE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Where the bus is. zbus would ask the environment, in which whoever calls us may say something else.
const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";

pub(super) const SERVICE: &str = "org.freedesktop.systemd1";
/// What the manager says of a job that a shutdown is in the way of.
const DESTRUCTIVE: &str = "org.freedesktop.systemd1.TransactionIsDestructive";
const ALREADY_SUBSCRIBED: &str = "org.freedesktop.systemd1.AlreadySubscribed";
pub(super) const UNIT: &str = "org.freedesktop.systemd1.Unit";
pub(super) const SERVICE_UNIT: &str = "org.freedesktop.systemd1.Service";

/// A unit as `ListUnitsByNames` has it.
#[derive(Debug, serde::Deserialize, serde::Serialize, zbus::Type)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) load: String,
    pub(super) active: String,
    pub(super) sub: String,
    pub(super) following: String,
    pub(super) path: OwnedObjectPath,
    pub(super) job_id: u32,
    pub(super) job_type: String,
    pub(super) job_path: OwnedObjectPath,
}

/// A change to the unit files: its kind, the link, what it points at.
pub(super) type FileChange = (String, String, String);

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(super) trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn reload(&self) -> zbus::Result<()>;
    fn list_units_by_names(&self, names: &[&str]) -> zbus::Result<Vec<Row>>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn ref_unit(&self, name: &str) -> zbus::Result<()>;
    fn unref_unit(&self, name: &str) -> zbus::Result<()>;
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;
    fn get_unit_file_state(&self, name: &str) -> zbus::Result<String>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn reload_or_restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn start_transient_unit(
        &self,
        name: &str,
        mode: &str,
        properties: &[(&str, Variant<'_>)],
        auxiliary: &[(&str, Vec<(&str, Variant<'_>)>)],
    ) -> zbus::Result<OwnedObjectPath>;
    fn enable_unit_files(
        &self,
        files: &[&str],
        runtime: bool,
        force: bool,
    ) -> zbus::Result<(bool, Vec<FileChange>)>;
    fn disable_unit_files(&self, files: &[&str], runtime: bool) -> zbus::Result<Vec<FileChange>>;
    fn mask_unit_files(&self, files: &[&str], runtime: bool, force: bool) -> zbus::Result<Vec<FileChange>>;
    fn unmask_unit_files(&self, files: &[&str], runtime: bool) -> zbus::Result<Vec<FileChange>>;

    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: OwnedObjectPath, unit: String, result: String) -> zbus::Result<()>;

    #[zbus(property)]
    fn virtualization(&self) -> zbus::Result<String>;

    #[zbus(property)]
    fn system_state(&self) -> zbus::Result<String>;
}

/// A connection that is made when it is first needed, and anew when it has broken. Between questions nothing runs.
#[derive(Debug, Default)]
pub(super) struct Bus {
    open: RefCell<Option<Open>>,
    /// Where the bus is, if it is not the system's.
    address: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Open {
    connection: Connection,
    /// Whether the manager was told that its signals are wanted.
    subscribed: bool,
}

impl Bus {
    /// Another bus than the system's.
    #[cfg(test)]
    pub(super) fn at(address: &'static str) -> Self {
        Self { open: RefCell::default(), address: Some(address) }
    }

    /// The manager, over a connection that was alive a moment ago.
    pub(super) async fn manager(&self) -> Result<ManagerProxy<'static>, HostError> {
        let alive = self.open.borrow().as_ref().filter(|open| !open.connection.is_closed()).cloned();
        let connection = if let Some(open) = alive {
            open.connection
        } else {
            let connection = self.connect().await.map_err(gone)?;
            *self.open.borrow_mut() = Some(Open { connection: connection.clone(), subscribed: false });
            connection
        };
        let proxy = ManagerProxy::builder(&connection).cache_properties(CacheProperties::No);
        proxy.build().await.map_err(gone)
    }

    /// The manager, which will tell when jobs end.
    pub(super) async fn subscribed(&self) -> Result<ManagerProxy<'static>, HostError> {
        let manager = self.manager().await?;
        if self.open.borrow().as_ref().is_some_and(|open| open.subscribed) {
            return Ok(manager);
        }
        match manager.subscribe().await {
            // Somebody on this connection was faster.
            Err(zbus::Error::MethodError(name, ..)) if name == ALREADY_SUBSCRIBED => {}
            told => told.map_err(gone)?,
        }
        if let Some(open) = self.open.borrow_mut().as_mut() {
            open.subscribed = true;
        }
        Ok(manager)
    }

    async fn connect(&self) -> zbus::Result<Connection> {
        let bus = Builder::address(self.address.unwrap_or(SYSTEM_BUS));
        in_time(CONNECT, bus.method_timeout(CHANGE).max_queued(QUEUE).build()).await
    }

    /// Drops the connection: the next question makes another.
    pub(super) fn hang_up(&self) {
        *self.open.borrow_mut() = None;
    }
}

/// A question's answer, unless it takes too long.
pub(super) async fn answer<T>(question: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    in_time(ANSWER, question).await
}

async fn in_time<T>(limit: Duration, question: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    timeout(limit, question).await.unwrap_or_else(|_elapsed| {
        Err(zbus::Error::InputOutput(Arc::new(std::io::ErrorKind::TimedOut.into())))
    })
}

/// One property of an object of the manager.
pub(super) async fn property<T>(
    manager: &ManagerProxy<'_>,
    path: &OwnedObjectPath,
    interface: &str,
    name: &str,
) -> zbus::Result<T>
where
    T: TryFrom<OwnedVariant>,
{
    let properties = Some("org.freedesktop.DBus.Properties");
    let connection = manager.inner().connection();
    let reply = connection.call_method(Some(SERVICE), path, properties, "Get", &(interface, name)).await?;
    let value: OwnedVariant = reply.body().deserialize()?;
    T::try_from(value).map_err(|_other_type| zbus::Error::IncorrectType)
}

/// Whether the bus or the manager is away, rather than saying no.
pub(super) fn is_gone(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::InputOutput(_) | zbus::Error::Connection(..) | zbus::Error::Handshake(_) => true,
        zbus::Error::FDO(error) => matches!(
            **error,
            zbus::fdo::Error::ServiceUnknown(_)
                | zbus::fdo::Error::NameHasNoOwner(_)
                | zbus::fdo::Error::NoReply(_)
                | zbus::fdo::Error::NoServer(_)
                | zbus::fdo::Error::Timeout(_)
                | zbus::fdo::Error::TimedOut(_)
                | zbus::fdo::Error::Disconnected(_)
                | zbus::fdo::Error::ZBus(_)
        ),
        _ => false,
    }
}

pub(super) fn gone(error: zbus::Error) -> HostError {
    HostError::ManagerGone { source: Box::new(error) }
}

/// What a job comes to that a shutdown of the host has cancelled, or does not let begin: it is nobody's failure.
fn shutdown() -> HostError {
    HostError::Busy { what: "the host, which is being shut down".to_owned() }
}

/// Whether the host is being shut down, which cancels all jobs. As an error if it is.
pub(super) async fn unless_shutdown(manager: &ManagerProxy<'_>) -> Result<(), HostError> {
    match answer(manager.system_state()).await.map_err(gone)?.as_str() {
        "stopping" => Err(shutdown()),
        _ => Ok(()),
    }
}

/// What the manager answered when it was asked to do something about `unit`.
pub(super) fn refused(unit: &str, error: zbus::Error) -> HostError {
    if is_gone(&error) {
        return gone(error);
    }
    let reason = match error {
        zbus::Error::MethodError(name, ..) if name == DESTRUCTIVE => return shutdown(),
        zbus::Error::MethodError(name, None, _) => name.to_string(),
        zbus::Error::MethodError(_, Some(text), _) => text,
        // The name of such an error repeats what its text says.
        zbus::Error::FDO(error) => {
            let text = error.to_string();
            text.split_once(": ").map_or(text.clone(), |(_, text)| text.to_owned())
        }
        other => other.to_string(),
    };
    HostError::Unit { unit: unit.to_owned(), reason }
}
