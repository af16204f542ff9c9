//! Who must agree to a change.

use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    Limits, ObjectId, Objects, Reason, change,
    policy::{Policy, Quorum, Roles, Rule},
    rules::{FOLDER, Rules},
    walk::WalkError,
};

/// A quorum and what it is for, such as `role deploy`.
pub(super) struct Needed<'a> {
    pub(super) what: String,
    pub(super) quorum: Cow<'a, Quorum>,
}

impl Needed<'_> {
    /// Fails unless these people are enough.
    pub(super) fn check(&self, agreed: &BTreeSet<String>) -> Result<(), Reason> {
        if self.quorum.is_met(agreed) {
            return Ok(());
        }
        Err(Reason::Threshold {
            what: self.what.clone(),
            quorum: self.quorum.to_string(),
            agreed: agreed.intersection(&self.quorum.people).cloned().collect(),
        })
    }
}

/// Who may change `.trust/`.
pub(super) fn root(rules: &Rules) -> Needed<'_> {
    match &rules.policy.roles {
        Some(Roles { root, .. }) => Needed { what: "role root".to_owned(), quorum: Cow::Borrowed(root) },
        None => anybody(rules),
    }
}

/// Who may change what no rule is about.
pub(super) fn deploy(rules: &Rules) -> Needed<'_> {
    match &rules.policy.roles {
        Some(Roles { deploy, .. }) => {
            Needed { what: "role deploy".to_owned(), quorum: Cow::Borrowed(deploy) }
        }
        None => anybody(rules),
    }
}

/// Without roles, everybody in the list of keys may change everything alone.
fn anybody(rules: &Rules) -> Needed<'_> {
    let people = rules.signers.people().into_iter().map(str::to_owned).collect();
    Needed { what: ".trust/allowed_signers".to_owned(), quorum: Cow::Owned(Quorum { people, need: 1 }) }
}

/// Every quorum that must agree, by `rules`, to go from one root tree to another. Never empty: that a revision is to be
/// deployed is a change too.
pub(super) fn needed<'a>(
    objects: &dyn Objects,
    rules: &'a Rules,
    old: ObjectId,
    new: ObjectId,
    limits: &Limits,
) -> Result<Vec<Needed<'a>>, Reason> {
    let changes = Changes::between(objects, &rules.policy, old, new, limits)?;
    let mut needed = Vec::new();
    if changes.trust {
        needed.push(root(rules));
    }
    if changes.other || (!changes.trust && changes.rules.is_empty()) {
        needed.push(deploy(rules));
    }
    for (index, rule) in rules.policy.rules.iter().enumerate() {
        if changes.rules.contains(&index) {
            let paths: Vec<String> = rule.paths.iter().map(ToString::to_string).collect();
            let what = format!("the rule for {}", paths.join(", "));
            needed.push(Needed { what, quorum: Cow::Borrowed(&rule.quorum) });
        }
    }
    Ok(needed)
}

/// What a change is about.
#[derive(Default)]
struct Changes {
    /// Something under `.trust/`.
    trust: bool,
    /// Something that no rule is about and that is not under `.trust/`.
    other: bool,
    /// The rules that are about any of it, by their number.
    rules: BTreeSet<usize>,
}

impl Changes {
    fn between(
        objects: &dyn Objects,
        policy: &Policy,
        old: ObjectId,
        new: ObjectId,
        limits: &Limits,
    ) -> Result<Self, WalkError> {
        let mut changes = Self::default();
        // Without rules it is enough to know which entries of the root differ.
        let deep = !policy.rules.is_empty();
        change::visit(objects, old, new, deep, limits, |path| {
            let trust = path.split(|&byte| byte == b'/').next() == Some(FOLDER.as_bytes());
            let about = |rule: &Rule| rule.paths.iter().any(|pattern| pattern.matches(path));
            let rules: Vec<usize> =
                (0..).zip(&policy.rules).filter(|(_, rule)| about(rule)).map(|(index, _)| index).collect();
            changes.trust |= trust;
            changes.other |= !trust && rules.is_empty();
            changes.rules.extend(rules);
        })?;
        Ok(changes)
    }
}
