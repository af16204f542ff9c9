//! Which secrets a host may read, and whether they are encrypted to the right keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) use crate::secrets::INDEX;
use crate::{
    Blob, HostName, Location, Problem,
    document::source::Located,
    id::{GroupName, SecretName},
    language::documents::SecretTable,
    resolve::{library::Library, merge::Layer},
    secrets::{self, Listed, Secrets},
    spec::SecretReference,
    text,
};

/// What mends a file that is encrypted to other keys.
const REKEY: &str = "run `holdfast secret rekey`";

/// A secret that the host with these layers may read, and its encrypted file.
pub(crate) fn reference(
    name: &SecretName,
    layers: &[Layer],
    library: &mut Library<'_>,
) -> Result<(SecretReference, Arc<dyn Blob>), Problem> {
    let index = library.secrets();
    let known = index.tables.secret.as_ref().map(|secrets| &secrets.value.0);
    let Some(listed) = known.and_then(|known| known.get(name)) else {
        let problem = Problem::new("E_SECRETS", format!("{INDEX} lists no secret {name}"));
        let names = known.into_iter().flat_map(BTreeMap::keys).map(SecretName::as_str);
        return Err(match text::near(name.as_str(), names) {
            Some(near) => problem.remedy(format!("did you mean {near}?")),
            None => problem.remedy(format!("make it: `holdfast secret encrypt {name}`")),
        });
    };
    let reads = layers.iter().any(|layer| match layer {
        Layer::Host(host, _) => hosts(&listed.value).any(|one| one.value == *host),
        Layer::Group(group, _) => groups(&listed.value).any(|one| one.value == *group),
        Layer::Role(..) | Layer::Fleet(_) => false,
    });
    if !reads {
        let problem = Problem::new("E_SECRETS", format!("the host may not read the secret {name}"));
        return Err(problem
            .related("its readers are listed here", library.locate(listed.at))
            .remedy(format!("list the host or one of its groups in {INDEX}, and {REKEY}")));
    }
    let file = library.file(&secrets::path(name))?;
    Ok((SecretReference { name: name.clone(), sealed: file.content }, file.blob))
}

/// Every secret of the list.
pub(crate) fn secrets(library: &mut Library<'_>) -> Result<Secrets, Vec<Problem>> {
    let index = library.secrets();
    if !index.problems.is_empty() {
        return Err(index.problems.clone());
    }
    if index.tables.secret.is_none() && index.tables.recovery.is_none() {
        return Ok(Secrets::default());
    }
    let mut members: BTreeMap<GroupName, BTreeSet<HostName>> = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for host in library.repository().hosts() {
        let Some(document) = library.host(&host) else { continue };
        for group in document.tables.groups.iter().flat_map(|groups| &groups.value.0) {
            members.entry(group.value.clone()).or_default().insert(host.clone());
        }
        keys.insert(host, document.tables.age_key.map(|key| key.value.as_str().to_owned()));
    }
    let mut problems = Vec::new();
    let mut found = Secrets::default();
    let recovery = index.tables.recovery.iter().flat_map(|recovery| &recovery.value.0);
    found.recovery = recovery.map(|key| key.value.as_str().to_owned()).collect();
    for (name, table) in index.tables.secret.iter().flat_map(|secrets| &secrets.value.0) {
        let mut readers = BTreeSet::new();
        for host in hosts(&table.value) {
            if keys.contains_key(&host.value) {
                readers.insert(host.value.clone());
            } else {
                problems.push(unknown("host", host.value.as_str(), library.locate(host.at)));
            }
        }
        for group in groups(&table.value) {
            match members.get(&group.value) {
                Some(hosts) => readers.extend(hosts.iter().cloned()),
                None if library.group(&group.value).is_some() => {}
                None => problems.push(unknown("group", group.value.as_str(), library.locate(group.at))),
            }
        }
        let hosts = readers.into_iter().map(|host| (host.clone(), keys.get(&host).cloned().flatten()));
        let sealed = table.value.sealed.as_ref().map(|digest| digest.value);
        found.secrets.insert(name.clone(), Listed { hosts: hosts.collect(), sealed });
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// What is wrong with the list and the files, whatever the host.
pub(crate) fn check(library: &mut Library<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let paths = library.repository().under("secrets/").map(|(path, _)| path).filter(|path| *path != INDEX);
    let mut files: BTreeSet<String> = paths.map(str::to_owned).collect();
    let secrets = match secrets(library) {
        Ok(secrets) => secrets,
        Err(problems) => return problems,
    };
    let index = library.secrets();
    let tables = index.tables.secret.iter().flat_map(|secrets| &secrets.value.0);
    if secrets.recovery.is_empty()
        && let Some((_, table)) = tables.clone().next()
    {
        let message = "nobody but the hosts can read the secrets: `recovery` is empty";
        problems.push(Problem::new("E_SECRETS", message).at(library.locate(table.at)).remedy(
            "make a key with `age-keygen` where it is safe, list its public half, and run `holdfast secret rekey`",
        ));
    }
    for (name, table) in tables {
        let Some(listed) = secrets.secrets.get(name) else { continue };
        files.remove(&secrets::path(name));
        let problem = wrong(name, listed, &secrets, library);
        problems.extend(problem.map(|problem| problem.at(library.locate(table.at))));
    }
    for path in files {
        let known = path.strip_suffix(".age").and_then(|stem| stem.strip_prefix("secrets/"));
        if known.is_some_and(|name| name.parse::<SecretName>().is_ok()) {
            let problem = Problem::new("E_SECRETS", format!("{INDEX} does not list this secret"));
            problems
                .push(problem.at(Location::file(path)).remedy("list who may read it, or remove the file"));
        }
    }
    problems
}

/// What is wrong with one secret of the list.
fn wrong(name: &SecretName, listed: &Listed, secrets: &Secrets, library: &Library<'_>) -> Option<Problem> {
    let problem = |message: String| Problem::new("E_SECRETS", message);
    if library.repository().get(&secrets::path(name)).is_none() {
        let remedy = format!("make it: `holdfast secret encrypt {name}`");
        return Some(problem(format!("there is no file {}", secrets::path(name))).remedy(remedy));
    }
    if let Some((host, _)) = listed.hosts.iter().find(|(_, key)| key.is_none()) {
        let remedy = format!(
            "commit the age_key that `holdfast enrol` printed on that host to hosts/{host}.toml, and {REKEY}"
        );
        return Some(
            problem(format!("the host {host} has no age_key, and cannot read {name}")).remedy(remedy),
        );
    }
    let right = Some(secrets::digest(&secrets.recipients(name)));
    (listed.sealed != right).then(|| {
        problem(format!("the secret {name} is not encrypted to the keys that may read it")).remedy(REKEY)
    })
}

fn unknown(what: &str, name: &str, at: Location) -> Problem {
    let problem = Problem::new("E_SECRETS", format!("the fleet has no {what} {name}"));
    problem.at(at).remedy("correct the name, or take it out")
}

fn hosts(table: &SecretTable) -> impl Iterator<Item = &Located<HostName>> {
    table.hosts.iter().flat_map(|hosts| &hosts.value.0)
}

fn groups(table: &SecretTable) -> impl Iterator<Item = &Located<GroupName>> {
    table.groups.iter().flat_map(|groups| &groups.value.0)
}
