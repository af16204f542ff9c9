//! What must change about a directory.

use holdfast_schema::spec::{DirectorySpec, Ensure};

use super::{Observed, Stranger};
use crate::{
    host::{Expected, Node, Stat},
    kinds::{
        Refusal, Subject, access,
        marks::{self, Maker},
    },
    plan::{Action, Difference, Disruption, Step},
};

pub(super) fn plan(subject: &Subject<'_, DirectorySpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    match subject.want {
        None if seen.known == 0 && seen.strangers.is_empty() => {
            Ok(marks::removal(subject.id, subject.entry, &seen.node))
        }
        None => Ok(Vec::new()),
        Some(want) if want.ensure == Ensure::Absent => remove(subject, want, seen),
        Some(want) => present(subject, want, seen),
    }
}

fn remove(
    subject: &Subject<'_, DirectorySpec>,
    want: &DirectorySpec,
    seen: &Observed,
) -> Result<Vec<Step>, Refusal> {
    match &seen.node {
        Node::Absent => Ok(Vec::new()),
        Node::Directory { .. } if seen.known == 0 && seen.strangers.is_empty() => {
            Ok(vec![marks::remove(subject.id, &want.path, &seen.node, "declared absent")])
        }
        Node::Directory { stat } if want.purge && seen.known == 0 => {
            within_limit(want, seen)?;
            Ok(vec![Step {
                resource: subject.id.clone(),
                action: Action::RemoveTree { path: want.path.clone() },
                expects: Expected::Node(*stat),
                because: Difference {
                    field: "ensure".to_owned(),
                    from: format!("a directory with {} entries", seen.strangers.len()),
                    to: "absent, declared so with purge".to_owned(),
                },
                disrupts: Disruption::Stop,
            }])
        }
        Node::Directory { .. } => Err(Refusal::NotEmpty { path: want.path.to_string() }),
        node @ (Node::File { .. } | Node::Symlink { .. } | Node::Other { .. }) => {
            Err(marks::in_the_way(&want.path, node))
        }
    }
}

fn present(
    subject: &Subject<'_, DirectorySpec>,
    want: &DirectorySpec,
    seen: &Observed,
) -> Result<Vec<Step>, Refusal> {
    let Some(accounts) = seen.accounts else { return Ok(Vec::new()) };
    let owned = access::owned(&want.access, accounts)?;
    let make = |from: &Node| Step {
        resource: subject.id.clone(),
        action: Action::MakeDirectory { path: want.path.clone(), access: owned },
        expects: Expected::Nothing,
        because: Difference {
            field: "ensure".to_owned(),
            from: if *from == Node::Absent { "none" } else { marks::name(from) }.to_owned(),
            to: format!("a directory, {}", want.access.mode),
        },
        disrupts: Disruption::None,
    };
    match &seen.node {
        Node::Absent => Ok(vec![make(&seen.node)]),
        Node::Directory { stat } => {
            let mut steps: Vec<Step> = access::difference(stat, &owned)
                .map(|because| Step {
                    resource: subject.id.clone(),
                    action: Action::SetAccess { path: want.path.clone(), access: owned },
                    expects: Expected::Node(*stat),
                    because,
                    disrupts: Disruption::None,
                })
                .into_iter()
                .collect();
            let refused = purge(subject, want, stat, seen, &mut steps);
            // What may be done is done first; the refusal stands once nothing else is left.
            if steps.is_empty() { refused.map(|()| steps) } else { Ok(steps) }
        }
        node @ (Node::File { .. } | Node::Symlink { .. })
            if marks::maker(subject.entry, &want.path, node) == Maker::Holdfast =>
        {
            Ok(vec![marks::remove(subject.id, &want.path, node, "declared as a directory now"), make(node)])
        }
        node @ (Node::File { .. } | Node::Symlink { .. } | Node::Other { .. }) => {
            Err(marks::in_the_way(&want.path, node))
        }
    }
}

/// Adds the removal of every stranger that may go; refuses if one may not.
fn purge(
    subject: &Subject<'_, DirectorySpec>,
    want: &DirectorySpec,
    directory: &Stat,
    seen: &Observed,
    steps: &mut Vec<Step>,
) -> Result<(), Refusal> {
    within_limit(want, seen)?;
    let mut refused = Ok(());
    for Stranger { name, node } in &seen.strangers {
        let (Some(node), Ok(path)) = (node, want.path.join(name)) else {
            let (path, name) = (want.path.to_string(), name.clone());
            refused = refused.and(Err(Refusal::ForeignName { path, name }));
            continue;
        };
        let (action, disrupts) = match node {
            Node::Directory { stat } if stat.device == directory.device => {
                (Action::RemoveTree { path }, Disruption::Stop)
            }
            Node::File { .. } | Node::Symlink { .. } => (Action::RemovePath { path }, Disruption::None),
            Node::Directory { .. } => {
                let path = path.to_string();
                refused = refused.and(Err(Refusal::InTheWay { path, found: "a mount point" }));
                continue;
            }
            Node::Absent => continue,
            Node::Other { .. } => {
                refused = refused.and(Err(marks::in_the_way(&path, node)));
                continue;
            }
        };
        steps.push(Step {
            resource: subject.id.clone(),
            action,
            expects: marks::expected(node),
            because: Difference {
                field: "purge".to_owned(),
                from: format!("{} {name:?}", marks::name(node)),
                to: "absent, not declared".to_owned(),
            },
            disrupts,
        });
    }
    refused
}

fn within_limit(want: &DirectorySpec, seen: &Observed) -> Result<(), Refusal> {
    let found = seen.strangers.len();
    match u32::try_from(found) {
        Ok(count) if count <= want.purge_limit => Ok(()),
        Ok(_) | Err(_) => {
            Err(Refusal::PurgeLimit { path: want.path.to_string(), found, limit: want.purge_limit })
        }
    }
}
