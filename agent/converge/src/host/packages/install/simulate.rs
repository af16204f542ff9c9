//! Simulated runs: what would happen, and whether anything would go that is not declared.

use std::collections::BTreeMap;

use super::{Installer, Session};
use crate::host::{
    HostError,
    packages::plan::{Plan, would_remove},
};

/// So many packages are tried one by one to find those that are in the way of the rest.
pub(super) const MOST_SUSPECTS: usize = 50;

impl Installer {
    /// Looks at a simulated run, and refuses a plan that would remove what is not declared.
    pub(super) async fn check_removals(&self, session: &Session, plan: &Plan) -> Result<(), HostError> {
        // A simulation that fails, fails again in earnest, where its complaints are looked at.
        let manager = &*session.manager;
        let Ok(said) = self.simulate(session, plan, &plan.words(manager)).await? else { return Ok(()) };
        let undeclared = plan.undeclared(manager.removals(&said));
        if undeclared.is_empty() {
            return Ok(());
        }
        let mut failed = BTreeMap::new();
        for (name, word) in plan.each(manager).take(MOST_SUSPECTS) {
            if let Ok(said) = self.simulate(session, plan, &[word]).await? {
                let undeclared = plan.undeclared(manager.removals(&said));
                if !undeclared.is_empty() {
                    failed.insert(name.to_owned(), would_remove(name, &undeclared));
                }
            }
        }
        if failed.is_empty() {
            // Only all of them together.
            failed.extend(
                plan.each(manager).map(|(name, _)| (name.to_owned(), would_remove(name, &undeclared))),
            );
        }
        Err(HostError::Packages { failed })
    }

    /// What would happen: what was said, as an error if it would fail.
    pub(super) async fn simulate(
        &self,
        session: &Session,
        plan: &Plan,
        words: &[String],
    ) -> Result<Result<String, String>, HostError> {
        let database = self.packages.database().await?;
        self.unit(session, &session.manager.simulate(words, plan, &database)).await
    }
}
