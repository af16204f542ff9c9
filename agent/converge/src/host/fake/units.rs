//! The service manager of a host in memory.

use std::{collections::BTreeMap, io};

use holdfast_schema::{UnitName, spec::Health};

use super::{Body, Inner};
use crate::{
    host::{HostError, UnitNow},
    plan::step::UnitVerb,
};

/// A unit that the service manager knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeUnit {
    /// A package brought a unit file, outside /etc.
    pub(crate) packaged: bool,
    pub(crate) active: Active,
    pub(crate) enabled: bool,
    pub(crate) temper: Temper,
    /// How often it was started.
    pub(crate) starts: u32,
    /// How often it was reloaded.
    pub(crate) reloads: u32,
    /// Every file's content when it was last started.
    pub(crate) started_with: BTreeMap<String, Vec<u8>>,
    /// Every file's content when it last read its configuration.
    pub(crate) loaded_with: BTreeMap<String, Vec<u8>>,
    /// The unit's own files as the manager read them.
    definition: BTreeMap<String, Vec<u8>>,
}

/// Whether a unit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Active {
    #[default]
    Resting,
    Running,
    Failed,
}

/// How a unit behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Temper {
    #[default]
    Good,
    /// Its job fails.
    FailsToStart,
    /// Its job succeeds, and then it ends.
    Dies,
    /// It runs and answers no probe.
    Unhealthy,
    /// Its file has no [Install] section.
    Static,
}

impl FakeUnit {
    pub(super) fn picture(&self) -> String {
        format!("{:?} enabled={}", self.active, self.enabled)
    }
}

impl Inner {
    /// What a package's postinst does.
    pub(crate) fn bring_unit(&mut self, name: &str) {
        let known = self.units.contains_key(name);
        let unit = self.units.entry(name.to_owned()).or_default();
        unit.packaged = true;
        if !known {
            unit.enabled = true;
            self.start(name);
        }
    }

    /// Starts it with what is on disk now.
    pub(crate) fn start(&mut self, name: &str) {
        let files = self.all_files();
        let Some(unit) = self.units.get_mut(name) else { return };
        unit.starts += 1;
        unit.started_with.clone_from(&files);
        unit.loaded_with = files;
        unit.active = match unit.temper {
            Temper::Dies | Temper::FailsToStart => Active::Failed,
            Temper::Good | Temper::Unhealthy | Temper::Static => Active::Running,
        };
    }

    fn all_files(&self) -> BTreeMap<String, Vec<u8>> {
        let content = |body: &Body| match body {
            Body::File(bytes) => Some(bytes.to_vec()),
            Body::Directory | Body::Symlink(_) | Body::Other(_) => None,
        };
        self.nodes.iter().filter_map(|(path, node)| Some((path.clone(), content(&node.body)?))).collect()
    }

    /// The unit's own files as they are on disk.
    fn definition(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let file = format!("/etc/systemd/system/{name}");
        let inside = format!("{file}.d/");
        let own = |path: &String| *path == file || path.starts_with(&inside);
        self.all_files().into_iter().filter(|(path, _)| own(path)).collect()
    }

    fn is_masked(&self, name: &str) -> bool {
        let node = self.nodes.get(&format!("/etc/systemd/system/{name}"));
        node.is_some_and(|node| node.body == Body::Symlink("/dev/null".to_owned()))
    }

    fn exists(&self, name: &str) -> bool {
        let packaged = self.units.get(name).is_some_and(|unit| unit.packaged);
        packaged || self.nodes.contains_key(&format!("/etc/systemd/system/{name}"))
    }

    fn manager(&self) -> Result<(), HostError> {
        if self.manager_gone {
            let source = Box::new(io::Error::from(io::ErrorKind::ConnectionRefused));
            return Err(HostError::ManagerGone { source });
        }
        Ok(())
    }

    pub(super) fn unit_now(&self, name: &UnitName) -> Result<UnitNow, HostError> {
        self.manager()?;
        let name = name.as_str();
        let unit = self.units.get(name).cloned().unwrap_or_default();
        let masked = self.is_masked(name);
        let load = match (masked, self.exists(name)) {
            (true, _) => "masked",
            (false, true) => "loaded",
            (false, false) => "not-found",
        };
        let active = match unit.active {
            Active::Resting => "inactive",
            Active::Running => "active",
            Active::Failed => "failed",
        };
        let file_state = match load {
            "masked" => "masked",
            "loaded" if unit.temper == Temper::Static => "static",
            "loaded" if unit.enabled => "enabled",
            "loaded" => "disabled",
            _ => "",
        };
        let invocation = if unit.starts > 0 { format!("{name}-{}", unit.starts) } else { String::new() };
        Ok(UnitNow {
            load: load.to_owned(),
            active: active.to_owned(),
            sub: String::new(),
            file_state: file_state.to_owned(),
            needs_reload: self.units.contains_key(name) && self.definition(name) != unit.definition,
            invocation,
        })
    }

    pub(crate) fn reload_manager(&mut self) -> Result<(), HostError> {
        self.manager()?;
        let names: Vec<String> = self.units.keys().cloned().collect();
        for name in names {
            let definition = self.definition(&name);
            if let Some(unit) = self.units.get_mut(&name) {
                unit.definition = definition;
            }
        }
        Ok(())
    }

    fn loaded(&mut self, name: &UnitName) -> Result<&mut FakeUnit, HostError> {
        self.manager()?;
        let failed = |reason: &str| HostError::Unit { unit: name.to_string(), reason: reason.to_owned() };
        if self.is_masked(name.as_str()) {
            return Err(failed("it is masked"));
        }
        if !self.exists(name.as_str()) {
            return Err(failed("there is no such unit"));
        }
        if !self.units.contains_key(name.as_str()) {
            // Read for the first time, so nothing is out of date.
            let definition = self.definition(name.as_str());
            self.units.insert(name.to_string(), FakeUnit { definition, ..FakeUnit::default() });
        }
        self.units.get_mut(name.as_str()).ok_or_else(|| failed("there is no such unit"))
    }

    pub(super) fn enable(&mut self, name: &UnitName, enable: bool) -> Result<(), HostError> {
        self.loaded(name)?.enabled = enable;
        Ok(())
    }

    pub(super) fn mask(&mut self, name: &UnitName, mask: bool) -> Result<(), HostError> {
        self.manager()?;
        let path = format!("/etc/systemd/system/{name}");
        match (mask, self.is_masked(name.as_str()), self.nodes.contains_key(&path)) {
            (true, false, true) => {
                let reason = "its unit file is in the way of the mask".to_owned();
                return Err(HostError::Unit { unit: name.to_string(), reason });
            }
            (true, false, false) => self.symlink(&path, "/dev/null"),
            (false, true, _) => self.remove(&path),
            (true, true, _) | (false, false, _) => {}
        }
        Ok(())
    }

    pub(super) fn control(
        &mut self,
        name: &UnitName,
        verb: UnitVerb,
        health: Option<&Health>,
    ) -> Result<(), HostError> {
        let unit = match verb {
            UnitVerb::Stop => {
                self.manager()?;
                if let Some(unit) = self.units.get_mut(name.as_str()) {
                    unit.active = Active::Resting;
                }
                return Ok(());
            }
            UnitVerb::Start | UnitVerb::Restart | UnitVerb::Reload => self.loaded(name)?,
        };
        let runs = unit.active == Active::Running;
        match verb {
            UnitVerb::Start if runs => {}
            UnitVerb::Reload if runs => {
                let files = self.all_files();
                let unit = self.loaded(name)?;
                unit.reloads += 1;
                unit.loaded_with = files;
            }
            _ => self.start(name.as_str()),
        }
        if self.loaded(name)?.temper == Temper::FailsToStart {
            let reason = "its job failed".to_owned();
            return Err(HostError::Unit { unit: name.to_string(), reason });
        }
        if health.is_some() { self.healthy(name) } else { Ok(()) }
    }

    pub(super) fn healthy(&mut self, name: &UnitName) -> Result<(), HostError> {
        if self.loaded(name)?.temper == Temper::Unhealthy {
            let reason = "the probe said secret words".to_owned();
            return Err(HostError::Unhealthy { unit: name.to_string(), reason });
        }
        Ok(())
    }
}
