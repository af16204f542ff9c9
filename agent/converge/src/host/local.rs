//! The host that this process runs on: [`ReadOnlyHost`] looks, [`LocalHost`] also changes.
//!
//! This only hands each question and each action to the module that knows.

use std::{env, io, path::Path, rc::Rc};

use holdfast_schema::{AbsolutePath, Facts, ImageReference, spec::Health};
use zeroize::Zeroizing;

use super::{
    HostError, PackageNow,
    accounts::Accounts,
    docker::Docker,
    facts,
    files::{Editor, Files, Tree},
    logins,
    outside::{self, Outside, Unsuccessful},
    packages::{Installer, Packages},
    probe,
    rescue::Rescue,
    secrets::Secrets,
    systemd::Systemd,
    watch::{Watch, Witness},
};

mod read;
#[cfg(test)]
mod tests;
mod write;

/// Looks at the host and cannot change it.
#[derive(Debug)]
pub struct ReadOnlyHost {
    files: Rc<Files>,
    secrets: Secrets,
    accounts: Accounts,
    /// There is none in a scratch root.
    machine: Option<Machine>,
}

/// What only a whole host has.
#[derive(Debug)]
struct Machine {
    systemd: Rc<Systemd>,
    packages: Rc<Packages>,
    docker: Box<Docker>,
}

/// Looks at the host and changes it.
#[derive(Debug)]
pub struct LocalHost {
    read: ReadOnlyHost,
    editor: Editor,
    outside: Rc<Outside>,
    /// Puts an old agent back where a new one does not come up.
    pub rescue: Rescue,
    /// There is none where systemd does not run the host.
    installer: Option<Installer>,
}

impl ReadOnlyHost {
    /// The host itself.
    pub fn new() -> Result<Self, HostError> {
        Self::keeping(None)
    }

    /// The host itself; some answers are kept in the directory `state` for the next process.
    fn keeping(state: Option<&Path>) -> Result<Self, HostError> {
        let tree = Tree::host().map_err(|error| opened("/", error))?;
        let machine = Machine {
            systemd: Rc::default(),
            packages: Rc::new(Packages::new(state)),
            docker: Box::default(),
        };
        Ok(Self::over(tree, Path::new("/"), Some(machine)))
    }

    /// The directory `root` in the place of a host's root directory. There everybody is the one who runs this, and there are
    /// neither packages nor units.
    pub fn scratch(root: &Path) -> Result<Self, HostError> {
        let tree = Tree::scratch(root).map_err(|error| opened(&root.to_string_lossy(), error))?;
        Ok(Self::over(tree, root, None))
    }

    fn over(tree: Tree, root: &Path, machine: Option<Machine>) -> Self {
        let accounts = Accounts::new(tree.is_scratch());
        Self { files: Rc::new(Files::new(tree)), secrets: Secrets::of(root), accounts, machine }
    }

    /// What the host is; asked anew every time.
    pub async fn facts(&self) -> Result<Facts, HostError> {
        facts::read(self.machine.as_ref().map(|machine| &*machine.systemd)).await
    }

    /// The name of what manages this host's packages, and those that it left half installed.
    pub async fn package_manager(&self) -> Result<(&'static str, Vec<String>), HostError> {
        let machine = self.machine.as_ref().ok_or_else(|| unsupported("installing packages"))?;
        let packages = machine.packages.all().await?;
        let broken = packages.into_iter().filter(|(_, now)| matches!(now, PackageNow::Broken { .. }));
        Ok((machine.packages.manager_name()?, broken.map(|(name, _)| name).collect()))
    }

    fn systemd(&self) -> Result<&Systemd, HostError> {
        let machine = self.machine.as_ref().ok_or_else(|| unsupported("managing units"))?;
        Ok(&machine.systemd)
    }

    /// What the engine is to be told of the login with which it pulls an image.
    fn login_for(&self, image: &ImageReference) -> Result<Option<Zeroizing<String>>, HostError> {
        match self.files.secret(&logins_path()?, logins::LARGEST)? {
            Some((config, _)) => logins::for_image(&config, image).map_err(|why| unreadable_logins(&why)),
            None => Ok(None),
        }
    }

    fn docker(&self) -> Result<&Docker, HostError> {
        let machine = self.machine.as_ref().ok_or_else(|| unsupported("managing what Docker keeps"))?;
        Ok(&machine.docker)
    }
}

impl LocalHost {
    /// The host itself. `state` is the agent's own directory, which only root can write. The program that calls this starts
    /// itself with `probe` as the first argument, and calls [`super::probe::main`] then.
    pub fn new(state: &Path) -> Result<Self, HostError> {
        let read = ReadOnlyHost::keeping(Some(state))?;
        let Some(Machine { systemd, packages, .. }) = read.machine.as_ref().filter(|_| outside::is_booted())
        else {
            return Ok(Self::over(read, Outside::Children, None));
        };
        // Now, for after an upgrade of the package it would be told as deleted.
        let program = env::current_exe().map_err(|error| opened("this very program", error))?;
        let probe = vec![program.to_string_lossy().into_owned(), "probe".to_owned()];
        let outside = Outside::Units { systemd: Rc::clone(systemd), probe, state: state.to_owned() };
        let installer = Installer::new(Rc::clone(packages), Rc::clone(systemd), state.to_owned());
        Ok(Self::over(read, outside, Some(installer)))
    }

    /// See [`ReadOnlyHost::scratch`]. Directories that a path needs and nobody declares are made.
    pub fn scratch(root: &Path) -> Result<Self, HostError> {
        Ok(Self::over(ReadOnlyHost::scratch(root)?, Outside::Children, None))
    }

    /// What listens for changes of this host; a `witness` tells who made them.
    pub fn watch(&self, witness: Option<Witness>) -> Result<Watch, HostError> {
        let packages = self.read.machine.as_ref().map(|machine| Rc::clone(&machine.packages));
        Watch::new(Rc::clone(&self.read.files), packages, witness)
    }

    /// The same, with the Docker engine of the machine that runs the tests.
    #[cfg(test)]
    pub(crate) fn scratch_with_docker(root: &Path) -> Self {
        let tree = Tree::scratch(root).unwrap();
        let machine = Machine {
            systemd: Rc::default(),
            packages: Rc::new(Packages::new(None)),
            docker: Box::default(),
        };
        Self::over(ReadOnlyHost::over(tree, root, Some(machine)), Outside::Children, None)
    }

    /// How many requests its Docker engine was sent.
    #[cfg(test)]
    pub(crate) fn docker_requests(&self) -> u32 {
        self.read.machine.as_ref().unwrap().docker.requests()
    }

    fn installer(&self) -> Result<&Installer, HostError> {
        self.installer.as_ref().ok_or_else(|| unsupported("installing packages"))
    }

    /// See [`ReadOnlyHost::facts`].
    pub async fn facts(&self) -> Result<Facts, HostError> {
        self.read.facts().await
    }

    /// Waits until one of the host's own health probes succeeds; why not, if it does not in time.
    pub async fn probe(&self, name: &str, health: &Health) -> Result<(), String> {
        let task = probe::arguments(health);
        let description = format!("Health probe {name} of this host");
        let probed = self.outside.probe(&format!("probe-{name}"), &description, task, health.within).await;
        probed.map_err(|unsuccessful| match unsuccessful {
            Unsuccessful::Host(error) => error.to_string(),
            Unsuccessful::Failure(failure) if failure.said.is_empty() => failure.how,
            Unsuccessful::Failure(failure) => format!("{}: {}", failure.how, failure.said),
        })
    }

    /// The new agent works: the old one is not needed any more.
    pub async fn disarm_rescue(&self) -> Result<(), HostError> {
        self.rescue.disarm(&self.outside).await
    }

    /// Has the old agent put back, which ends this one.
    pub async fn fire_rescue(&self) -> Result<(), HostError> {
        self.rescue.fire(&self.outside).await
    }

    fn over(read: ReadOnlyHost, outside: Outside, installer: Option<Installer>) -> Self {
        let outside = Rc::new(outside);
        let editor = Editor::new(Rc::clone(&read.files), Rc::clone(&outside));
        Self { read, editor, outside, rescue: Rescue::default(), installer }
    }
}

fn unsupported(what: &str) -> HostError {
    HostError::Unsupported { what: what.to_owned() }
}

fn opened(root: &str, source: io::Error) -> HostError {
    HostError::Io { tried: format!("open {root}"), source }
}

/// The file that root's logins at registries are in.
fn logins_path() -> Result<AbsolutePath, HostError> {
    logins::PATH.parse().map_err(|_never| unsupported("logging in at registries"))
}

fn unreadable_logins(why: &serde_json::Error) -> HostError {
    // The reason of a reader of JSON can quote what it read.
    let what = format!("it is not what the docker command writes, see line {}", why.line());
    HostError::Io {
        tried: format!("read {}", logins::PATH),
        source: io::Error::new(io::ErrorKind::InvalidData, what),
    }
}
