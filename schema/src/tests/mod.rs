//! The language as a whole: repositories in, states and problems out.

#![expect(clippy::format_push_string, clippy::format_collect, reason = "plain is better than fast in tests")]

mod bad;
mod compose;
mod docker;
mod families;
mod files;
mod layers;
mod order;
mod repositories;
mod resources;
mod secrets;

use crate::{
    ContentSource as _, Contents, Facts, Fleet, HostName, HostState, Repository, Resolved, Resource,
    ResourceId,
};

/// A repository of these files.
fn repository(files: &[(&str, &str)]) -> Repository {
    files.iter().map(|(path, text)| (*path, text.as_bytes())).collect()
}

/// A repository of one host, `web-1`, with these files beside it.
fn resolve(files: &[(&str, &str)]) -> Resolved {
    let mut all = vec![("hosts/web-1.toml", "")];
    all.extend(files);
    let repository = repository(&all);
    let host: HostName = "web-1".parse().unwrap();
    match Fleet::new(&repository).resolve(&host, &Facts::sample()) {
        Ok(resolved) => resolved,
        Err(problems) => panic!("{problems}"),
    }
}

/// What is wrong with a repository, as people see it.
fn check(files: &[(&str, &str)]) -> String {
    let repository = repository(files);
    Fleet::new(&repository).check(&|_| None).to_string()
}

/// The one host's problems.
fn refuse(host: &str) -> String {
    check(&[("hosts/web-1.toml", host)])
}

fn id(text: &str) -> ResourceId {
    text.parse().unwrap()
}

fn get<'s>(state: &'s HostState, name: &str) -> &'s Resource {
    state.resources.get(&id(name)).unwrap_or_else(|| panic!("no {name}"))
}

fn bytes(contents: &Contents, sha256: crate::Sha256) -> String {
    String::from_utf8(contents.content(&sha256).unwrap().to_vec()).unwrap()
}

/// The text of a file resource.
fn text(resolved: &Resolved, name: &str) -> String {
    let crate::spec::Spec::File(file) = &get(&resolved.state, name).spec else { panic!("{name} is no file") };
    bytes(&resolved.contents, file.content.unwrap().sha256)
}
