//! `[unit."NAME.service"]`: a systemd unit.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::value;
use crate::{
    KindName, Problem, ResourceId, UnitName,
    document::{
        duration::Wait,
        field::{Command, List, Map},
        source::{Located, Span},
        table::table,
    },
    language::{
        common::{Body, Common, Declared},
        values::{DropInName, HttpAddress, TcpAddress},
    },
    resolve::{
        build::Build,
        order::{self, Written},
    },
    spec::{Ensure, Health, Probe, Spec, UnitSpec},
};

table! {
    /// How to know, after a start, that the unit works: one probe, tried until it succeeds.
    pub(crate) struct HealthTable {
        /// A GET of this address answers with a status below 400.
        http: HttpAddress,
        /// A connection to this address opens.
        tcp: TcpAddress,
        /// This command ends with exit code 0.
        command: Command,
        /// How long it may take until the first success.
        within: Wait<1, 3600> = "\"30s\"",
    }
    one_of [["http", "tcp", "command"]]
}

table! {
    /// A systemd unit, by its full name. What is not set is left as it is found on the host.
    pub(crate) struct UnitTable {
        before body: Body,
        /// Whether it exists. With `absent` it is stopped and disabled, and the unit file and the drop-ins that Holdfast
        /// wrote are removed.
        ensure: Ensure = "\"present\"",
        /// Files for `/etc/systemd/system/UNIT.d/`, by their names; each takes `content`, `source` or `template`.
        drop_ins: Map<DropInName, Body>,
        /// Whether it starts at boot.
        enabled: bool,
        /// Whether it runs.
        active: bool,
        /// Whether it is masked: nothing can start it.
        masked: bool,
        /// Resources whose change restarts the unit. Its own file and its drop-ins always do.
        restart_on: List<ResourceId> = "[]",
        /// Resources whose change reloads the unit.
        reload_on: List<ResourceId> = "[]",
        /// How to know, after a start, that it works.
        health: HealthTable,
        after common: Common,
    }
}

impl Declared for UnitTable {
    const KIND: KindName = KindName::Unit;
    type Name = UnitName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn triggers(&self, written: &mut Written) {
        written.restart_on = order::listed(self.restart_on.as_ref());
        written.reload_on = order::listed(self.reload_on.as_ref());
    }

    fn spec(&self, name: &UnitName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        if ensure == Ensure::Absent {
            return Some(Spec::Unit(UnitSpec {
                name: name.clone(),
                ensure,
                content: None,
                drop_ins: BTreeMap::new(),
                enabled: None,
                active: None,
                masked: None,
                restart_on: [].into(),
                reload_on: [].into(),
                health: None,
            }));
        }
        self.check(name, at, build);
        let content = if self.body.is_set() { Some(build.body(&self.body)?.content) } else { None };
        let mut drop_ins = BTreeMap::new();
        for (file, drop_in) in self.drop_ins.iter().flat_map(|drop_ins| &drop_ins.value.0) {
            if !drop_in.value.is_set() {
                let problem =
                    Problem::new("E_MISSING_KEY", format!("nothing says what the drop-in {file} holds"));
                build.report(drop_in.at, problem.remedy("set `content`, `source` or `template`"));
                continue;
            }
            if let Some(body) = build.body(&drop_in.value) {
                drop_ins.insert(file.to_string(), body.content);
            }
        }
        Some(Spec::Unit(UnitSpec {
            name: name.clone(),
            ensure,
            content,
            drop_ins,
            enabled: value(self.enabled.as_ref()),
            active: value(self.active.as_ref()),
            masked: value(self.masked.as_ref()),
            restart_on: references(self.restart_on.as_ref()),
            reload_on: references(self.reload_on.as_ref()),
            health: self.health.as_ref().and_then(|health| {
                health.value.health().map_err(|problem| build.report(health.at, problem)).ok()
            }),
        }))
    }
}

impl UnitTable {
    /// Tells of settings that cannot all hold.
    fn check(&self, name: &UnitName, at: Span, build: &mut Build<'_, '_>) {
        let masked = self.masked.as_ref().filter(|masked| masked.value);
        let running = self.active.as_ref().filter(|active| active.value);
        let enabled = self.enabled.as_ref().filter(|enabled| enabled.value);
        if let Some(masked) = masked {
            let against = [
                ("active = true", running.map(|field| field.at)),
                ("enabled = true", enabled.map(|field| field.at)),
                ("`content`", self.body.content.as_ref().map(|field| field.at)),
                ("`source`", self.body.source.as_ref().map(|field| field.at)),
                ("`template`", self.body.template.as_ref().map(|field| field.at)),
            ];
            for (what, other) in against {
                let Some(other) = other else { continue };
                let other = build.locate(other);
                let problem = Problem::new("E_CONFLICT", format!("a masked unit cannot have {what}"))
                    .remedy(
                        "masking puts a link to /dev/null in the unit file's place; take one of the two out",
                    )
                    .related(format!("{what} is here"), other);
                build.report(masked.at, problem);
            }
        }
        let says_nothing = !self.body.is_set()
            && self.drop_ins.is_none()
            && self.enabled.is_none()
            && self.active.is_none()
            && self.masked.is_none();
        if says_nothing {
            let problem = Problem::new("E_MISSING_KEY", format!("nothing says how {name} should be"));
            build.report(at, problem.remedy("set `enabled`, `active`, `masked`, `content`, …"));
        }
    }
}

/// The ids that a list names.
fn references(list: Option<&Located<List<ResourceId>>>) -> BTreeSet<ResourceId> {
    list.into_iter().flat_map(|list| list.value.values()).cloned().collect()
}

impl HealthTable {
    /// The probe and its patience.
    pub(crate) fn health(&self) -> Result<Health, Problem> {
        let http = self.http.as_ref().map(|address| Probe::Http(address.value.as_str().to_owned()));
        let tcp = || self.tcp.as_ref().map(|address| Probe::Tcp(address.value.as_str().to_owned()));
        let command = || self.command.as_ref().map(|command| Probe::Command(command.value.0.clone()));
        let Some(probe) = http.or_else(tcp).or_else(command) else {
            let problem = Problem::new("E_MISSING_KEY", "`health` has no probe");
            return Err(problem.remedy("set `http`, `tcp` or `command`"));
        };
        let within = self.within.as_ref().map_or(Duration::from_secs(30), |within| within.value.0);
        Ok(Health { probe, within })
    }
}
