//! Which packages a transaction failed for.

use std::collections::BTreeMap;

use super::{Installer, Session, simulate::MOST_SUSPECTS};
use crate::host::{
    HostError,
    command::one_line,
    packages::{
        complaint::{Complaint, ended},
        plan::{Attributed, Plan, package, would_remove},
        script::Script,
    },
};

impl Installer {
    /// Which packages a failed transaction failed for, and why.
    pub(super) async fn blame(
        &self,
        session: &Session,
        plan: &Plan,
        found: &[Complaint],
        not_refreshed: Option<&str>,
        said: &str,
    ) -> Result<HostError, HostError> {
        if found.contains(&Complaint::NoSpace) {
            let source = std::io::ErrorKind::StorageFull.into();
            return Ok(HostError::Io { tried: "install packages".into(), source });
        }
        let mut failed = BTreeMap::new();
        let (mut others, mut suspects) = (Vec::new(), false);
        for complaint in found {
            let stopped = session.stopped(complaint);
            match plan.attribute(complaint, not_refreshed) {
                Attributed::To(name, error) => drop(failed.entry(name).or_insert(stopped.unwrap_or(error))),
                Attributed::Nobody(reason) => {
                    others.push(stopped.map_or(reason, |stopped| stopped.to_string()));
                }
                Attributed::Somebody => suspects = true,
                Attributed::Ignored => {}
            }
        }
        if failed.is_empty() && suspects {
            failed = self.suspect(session, plan, found).await?;
        }
        if !failed.is_empty() {
            return Ok(HostError::Packages { failed });
        }
        let reason = if others.is_empty() { last_words(said) } else { others.join("; ") };
        Ok(HostError::Command { command: session.manager.program().to_owned(), reason })
    }

    /// Tries each package alone in a simulated run, to find those that are in the way of the rest.
    async fn suspect(
        &self,
        session: &Session,
        plan: &Plan,
        found: &[Complaint],
    ) -> Result<BTreeMap<String, HostError>, HostError> {
        let manager = &*session.manager;
        let mut failed = BTreeMap::new();
        for (name, word) in plan.each(manager).take(MOST_SUSPECTS) {
            let error = match self.simulate(session, plan, &[word]).await? {
                Ok(said) => {
                    let gone = plan.undeclared(manager.removals(&said));
                    let new = manager.installations(&said);
                    let unfetched = found.iter().find_map(|complaint| match complaint {
                        Complaint::NotFetched(of, why) if new.contains(of) => {
                            Some(format!("{of}, which it needs, could not be fetched: {why}"))
                        }
                        _ => None,
                    });
                    match unfetched {
                        Some(reason) => Some(package(name, reason)),
                        None => (!gone.is_empty()).then(|| would_remove(name, &gone)),
                    }
                }
                Err(said) => {
                    let why = manager.complaints(&said).into_iter().find_map(|complaint| match complaint {
                        Complaint::Unmet(of, why) if of == name => Some(package(name, why)),
                        Complaint::Unmet(of, why) => Some(package(name, format!("{of}: {why}"))),
                        Complaint::Problem(why) => Some(package(name, why)),
                        Complaint::WouldRemove(others) => Some(would_remove(name, &others)),
                        _ => None,
                    });
                    Some(why.unwrap_or_else(|| package(name, last_words(&said))))
                }
            };
            failed.extend(error.map(|error| (name.to_owned(), error)));
        }
        Ok(failed)
    }
}

impl Session {
    /// Fails if a script was stopped, whatever the package manager makes of it: zypper can keep it to itself.
    pub(super) fn nothing_stopped(&self) -> Result<(), HostError> {
        let Some(Script { package: Some(package), name, .. }) = &*self.stopped.borrow() else {
            return Ok(());
        };
        let (package, script) = (package.clone(), name.clone());
        let error = HostError::PackageScript { package: package.clone(), script, limit: self.script_limit };
        Err(HostError::Packages { failed: BTreeMap::from([(package, error)]) })
    }

    /// The error of a package whose script was stopped.
    fn stopped(&self, failed: &Complaint) -> Option<HostError> {
        let Complaint::Failed(package, _) = failed else { return None };
        let stopped = self.stopped.borrow();
        let script =
            stopped.as_ref().filter(|script| script.package.as_ref().is_none_or(|of| of == package))?;
        Some(HostError::PackageScript {
            package: package.clone(),
            script: script.name.clone(),
            limit: self.script_limit,
        })
    }
}

/// The end of what a program said, when nothing better is known.
pub(in crate::host::packages) fn last_words(said: &str) -> String {
    let lines: Vec<&str> =
        ended(said).0.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    one_line(lines.into_iter().rev().collect::<Vec<_>>().join("\n").as_bytes())
}
