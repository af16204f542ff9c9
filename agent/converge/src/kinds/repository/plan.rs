//! What must change about a source of packages.

use holdfast_schema::{
    AbsolutePath, Sha256,
    spec::{Content, Ensure, RepositoryPlace, RepositorySource, RepositorySpec, Spec},
};

use super::{Observed, OwnFile, fetched};
use crate::{
    host::{Expected, Node},
    kinds::{
        Refusal, Subject, access,
        marks::{self, Maker},
    },
    plan::{Action, Difference, Disruption, Step},
};

/// Everybody may read them: package managers ask as other users, too.
const FILE_MODE: u16 = 0o644;
const DIRECTORY_MODE: u16 = 0o755;

/// The files first, then what they are good for.
pub(super) fn plan(subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    let mut steps = files(subject, seen)?;
    if let (Some(inputs), Some(want)) = (inputs(subject, seen), subject.want) {
        let known = fetched(subject.entry).map(|fetched| fetched.inputs);
        let changes = steps.iter().any(|step| step.action.is_of_files());
        if changes || known.map_or(!steps.is_empty(), |known| known != Some(inputs)) {
            let action = Action::RefreshRepository { repository: want.name.clone(), inputs };
            steps.push(step(
                subject,
                action,
                Expected::Anything,
                difference("lists", "older", "as it is declared"),
            ));
        }
    }
    Ok(steps)
}

/// What its lists are to be fetched for, if they are to be.
pub(super) fn inputs(subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Option<Sha256> {
    let source = seen.source.want.filter(|_| subject.want.is_some_and(|want| want.enabled))?;
    let key = seen.key.want.map_or_else(String::new, |key| key.sha256.to_string());
    Some(Sha256::of(format!("{} {key}", source.sha256).as_bytes()))
}

/// What must change about its files and about what rpm trusts.
pub(super) fn files(subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    let (source, key) = (&seen.source, &seen.key);
    let mut steps = Vec::new();
    match subject.want {
        None => {
            steps.extend(remove_stale(subject, source));
            steps.extend(distrust(subject, seen));
            steps.extend(remove_stale(subject, key));
        }
        Some(want) if want.ensure == Ensure::Absent => {
            steps.extend(remove(subject, source)?);
            steps.extend(distrust(subject, seen));
            steps.extend(remove(subject, key)?);
        }
        Some(want) => {
            check_format(want, seen.place)?;
            steps.extend(seen.missing.iter().map(|path| make_directory(subject, path)));
            // The key first: the file names it.
            steps.extend(write(subject, key, "key")?);
            let names = want.key.iter().flat_map(|key| &key.names);
            for name in names.filter(|name| seen.trusted.get(*name) == Some(&false)) {
                let action = Action::TrustKey { key: name.clone(), file: key.path.clone() };
                steps.push(step(subject, action, Expected::Anything, difference("key in rpm", "none", name)));
            }
            steps.extend(write(subject, source, "file")?);
            steps.extend(distrust(subject, seen));
            if key.want.is_none() {
                steps.extend(remove_stale(subject, key));
            }
        }
    }
    Ok(steps)
}

/// Whether this host's package manager can take it.
fn check_format(want: &RepositorySpec, place: RepositoryPlace) -> Result<(), Refusal> {
    let manager = match place {
        RepositoryPlace::Apt => "apt",
        RepositoryPlace::Dnf => "dnf",
        RepositoryPlace::Zypper => "zypper",
    };
    let what = match (place, &want.source) {
        (RepositoryPlace::Apt, Some(RepositorySource::Rpm { .. })) => {
            "has no `suites`, as those of rpm packages"
        }
        (RepositoryPlace::Dnf | RepositoryPlace::Zypper, Some(RepositorySource::Deb(_))) => {
            "has `suites`, as those of Debian packages"
        }
        (RepositoryPlace::Zypper, Some(RepositorySource::Rpm { zypper: None, .. })) => {
            "has `exclude`, which only dnf can do"
        }
        _ => return Ok(()),
    };
    Err(Refusal::RepositoryFormat { manager, what })
}

/// Takes from rpm the keys that it trusts because of this source alone and that are not declared for it.
fn distrust(subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Vec<Step> {
    let is_declared = |key: &String| {
        let resources = subject.around.state.resources.values();
        let specs = resources.filter_map(|resource| match &resource.spec {
            Spec::Repository(repository) => repository.key.as_ref(),
            _ => None,
        });
        specs.into_iter().any(|declared| declared.names.contains(key))
    };
    let ours = fetched(subject.entry).into_iter().flat_map(|fetched| &fetched.keys);
    let goes = ours.filter(|key| seen.trusted.get(*key) == Some(&true) && !is_declared(key));
    goes.map(|key| {
        let action = Action::DistrustKey { key: key.clone(), file: seen.key.path.clone() };
        step(subject, action, Expected::Anything, difference("key in rpm", key, "none"))
    })
    .collect()
}

fn write(
    subject: &Subject<'_, RepositorySpec>,
    file: &OwnFile,
    field: &str,
) -> Result<Option<Step>, Refusal> {
    let Some(content) = file.want else { return Ok(None) };
    let access = access::root(FILE_MODE);
    let write = |expects, from: String| {
        let path = file.path.clone();
        let action = Action::WriteFile { path, content, access, validate: None, sensitive: false };
        step(subject, action, expects, difference(field, &from, &short(content)))
    };
    Ok(match &file.node {
        Node::Absent => Some(write(Expected::Nothing, "none".to_owned())),
        Node::File { sha256, .. } if *sha256 != Some(content.sha256) => {
            Some(write(marks::expected(&file.node), marks::short(*sha256)))
        }
        Node::File { stat, .. } => access::difference(stat, &access).map(|because| {
            let action = Action::SetAccess { path: file.path.clone(), access };
            step(subject, action, Expected::Node(*stat), because)
        }),
        node @ Node::Symlink { .. } if marks::maker(subject.entry, &file.path, node) == Maker::Holdfast => {
            Some(write(marks::expected(node), marks::name(node).to_owned()))
        }
        node @ (Node::Symlink { .. } | Node::Directory { .. } | Node::Other { .. }) => {
            return Err(marks::in_the_way(&file.path, node));
        }
    })
}

fn short(content: Content) -> String {
    marks::short(Some(content.sha256))
}

/// Nothing should be at the path.
fn remove(subject: &Subject<'_, RepositorySpec>, file: &OwnFile) -> Result<Option<Step>, Refusal> {
    match &file.node {
        Node::Absent => Ok(None),
        Node::File { .. } | Node::Symlink { .. } => {
            Ok(Some(marks::remove(subject.id, &file.path, &file.node, "declared absent")))
        }
        Node::Directory { .. } | Node::Other { .. } => Err(marks::in_the_way(&file.path, &file.node)),
    }
}

/// Removes a file that Holdfast wrote and that is declared no longer, unless somebody changed it.
fn remove_stale(subject: &Subject<'_, RepositorySpec>, file: &OwnFile) -> Option<Step> {
    (marks::maker(subject.entry, &file.path, &file.node) == Maker::Holdfast)
        .then(|| marks::remove(subject.id, &file.path, &file.node, marks::NO_LONGER_DECLARED))
}

/// It stays when the source goes: it is not the source's own.
fn make_directory(subject: &Subject<'_, RepositorySpec>, path: &AbsolutePath) -> Step {
    let action = Action::MakeDirectory { path: path.clone(), access: access::root(DIRECTORY_MODE) };
    step(subject, action, Expected::Nothing, difference("directory", "none", path.as_str()))
}

fn difference(field: &str, from: &str, to: &str) -> Difference {
    Difference { field: field.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

fn step(
    subject: &Subject<'_, RepositorySpec>,
    action: Action,
    expects: Expected,
    because: Difference,
) -> Step {
    Step { resource: subject.id.clone(), action, expects, because, disrupts: Disruption::None }
}
