//! What lies beside the code: examples, generated files, codes.
#![expect(clippy::disallowed_methods, reason = "these tests read the source tree")]

use std::{collections::BTreeSet, fs, path::Path, path::PathBuf};

use super::*;
use crate::{Blob, Entry, KindName, json_schema, reference};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file under a directory, by its path in it.
fn files(directory: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|why| panic!("{}: {why}", next.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push((path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned(), path));
            }
        }
    }
    found.sort();
    found
}

fn example(name: &str) -> Repository {
    use std::os::unix::fs::PermissionsExt as _;
    let mut repository = Repository::new();
    for (name, path) in files(&root().join("examples").join(name)) {
        let bytes: std::sync::Arc<[u8]> = fs::read(&path).unwrap().into();
        let executable = fs::metadata(&path).unwrap().permissions().mode() & 0o100 != 0;
        let blob: std::sync::Arc<dyn Blob> = std::sync::Arc::new(bytes);
        repository.insert(name, Entry::File { blob, executable });
    }
    repository
}

/// What a host of an example gets: each resource, and the text of those that are rendered.
fn rendered(name: &str, host: &str) -> String {
    let repository = example(name);
    let problems = Fleet::new(&repository).check(&|_| None);
    assert!(problems.is_empty(), "examples/{name}:\n{problems}");
    let resolved = Fleet::new(&repository).resolve(&host.parse().unwrap(), &Facts::sample()).unwrap();
    let mut shown = String::new();
    for (id, resource) in &resolved.state.resources {
        let needs: Vec<String> = resource.needs.iter().map(ToString::to_string).collect();
        shown.push_str(&format!("{id} <- [{}]\n", needs.join(", ")));
        if let crate::spec::Spec::File(file) = &resource.spec
            && let Some(content) = file.content
        {
            shown.extend(
                bytes(&resolved.contents, content.sha256).lines().map(|line| format!("    {line}\n")),
            );
        }
    }
    shown
}

#[test]
fn every_example_is_right() {
    let mut found = BTreeSet::new();
    for (name, _) in files(&root().join("examples")) {
        if let Some((fleet, _)) = name.split_once("/hosts/") {
            found.insert(fleet.to_owned());
        }
    }
    assert!(found.len() > KindName::ALL.len(), "{found:?}");
    for name in found {
        let repository = example(&name);
        assert!(!repository.hosts().is_empty());
        let problems = Fleet::new(&repository).check(&|_| None);
        assert!(problems.is_empty(), "examples/{name}:\n{problems}");
    }
}

#[test]
fn every_kind_has_an_example_that_shows_each_of_its_fields() {
    for kind in KindName::ALL {
        let name = format!("kinds/{kind}");
        let text = fs::read_to_string(root().join("examples").join(&name).join("hosts/web-1.toml"))
            .unwrap_or_else(|why| panic!("examples/{name}: {why}"));
        assert!(rendered(&name, "web-1").contains(&format!("{kind}:")));
        let schema = json_schema::host();
        let fields = schema.pointer(&format!("/properties/{kind}/additionalProperties/properties")).unwrap();
        // What every kind takes is shown once.
        let common = ["needs", "audit", "adopt", "confirm", "when", "tags", "override"];
        for field in fields.as_object().unwrap().keys() {
            let shown = [format!("{field} ="), format!(".{field}."), format!(".{field}]")]
                .iter()
                .any(|way| text.contains(way));
            let elsewhere =
                common.contains(&field.as_str()) || (kind == KindName::Unit && field == "template");
            assert!(shown || elsewhere, "examples/{name} does not show `{field}`");
        }
    }
}

#[test]
fn the_examples_become_what_they_say() {
    insta::assert_snapshot!(rendered("quick-start", "web-1"));
    insta::assert_snapshot!("the_fleet", rendered("fleet", "web-1"));
}

#[test]
fn what_is_generated_is_up_to_date() {
    let say = "run: cargo run -p holdfast-schema --example generate";
    for (name, schema) in [
        ("fleet", json_schema::fleet()),
        ("group", json_schema::group()),
        ("host", json_schema::host()),
        ("secrets", json_schema::secrets()),
        ("role", json_schema::role()),
    ] {
        let path = root().join(format!("examples/.schema/{name}.json"));
        assert!(
            fs::read_to_string(path).unwrap() == format!("{schema:#}\n"),
            "examples/.schema/{name}.json: {say}"
        );
    }
    for page in ["holdfast-fleet.5", "holdfast-agent.toml.5"] {
        let text = fs::read_to_string(root().join("packaging/man").join(page)).unwrap();
        assert!(reference::fill(&text) == text, "packaging/man/{page}: {say}");
        // A part that nobody knows would be empty.
        let empty = text
            .lines()
            .zip(text.lines().skip(1))
            .find(|(one, next)| one.starts_with(".\\\" begin") && *next == ".\\\" end");
        assert_eq!(empty, None, "packaging/man/{page}");
    }
}

#[test]
fn the_manual_page_names_every_fact() {
    let page = fs::read_to_string(root().join("packaging/man/holdfast-fleet.5")).unwrap();
    for fact in serde_json::to_value(Facts::sample()).unwrap().as_object().unwrap().keys() {
        assert!(page.contains(&format!("facts.{fact}")), "facts.{fact}");
    }
}

#[test]
fn every_code_is_explained_and_every_explained_code_is_used() {
    let mut used = BTreeSet::new();
    for (name, path) in files(&root().join("schema/src")) {
        if path.extension().is_none_or(|extension| extension != "rs")
            || name.contains("tests")
            || name == "codes.rs"
        {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        used.extend(
            text.split('"').filter(|part| part.starts_with("E_") && !part.contains(' ')).map(str::to_owned),
        );
    }
    let explained: BTreeSet<String> = crate::CODES.iter().map(|(code, ..)| (*code).to_owned()).collect();
    assert_eq!(used, explained);
    assert!(crate::CODES.is_sorted());
}

/// An image that can only be one.
const IMAGE: &str = "nginx:1.27@sha256:0f04e4f646a3f14bf31d8bc8d885b6c951fdcf42589d06845f64d18aec6a3c4d";

#[test]
fn every_default_is_what_it_says() {
    // Saying a default changes nothing: else the reference, the schema and the editors would lie.
    let container = format!("image = \"{IMAGE}\"\n");
    let minimal = [
        (KindName::File, "/x", "content = \"\"\n"),
        (KindName::Directory, "/x", ""),
        (KindName::Symlink, "/x", "target = \"/y\"\n"),
        (KindName::Package, "x", ""),
        (KindName::Unit, "x.service", "active = true\nhealth.tcp = \"h:1\"\n"),
        (KindName::Image, IMAGE, ""),
        (KindName::Network, "shop", ""),
        (KindName::Volume, "shop", ""),
        (KindName::Container, "shop", &container),
        (KindName::Service, "shop", &container),
        (KindName::Config, "shop", "content = \"x\"\n"),
        (KindName::Node, "web-1", ""),
        (KindName::Compose, "shop", "source = \"compose.yaml\"\n"),
        (KindName::Stack, "shop", "source = \"compose.yaml\"\n"),
    ];
    let schema = json_schema::host();
    for (kind, name, fields) in minimal {
        let host = format!("[{kind}.\"{name}\"]\n{fields}");
        let beside = ("compose.yaml", "services: {}\n");
        let plain = resolve(&[("hosts/web-1.toml", &host), beside]).state;
        let properties =
            schema.pointer(&format!("/properties/{kind}/additionalProperties/properties")).unwrap();
        for (field, described) in properties.as_object().unwrap() {
            let Some(default) = described.get("default") else { continue };
            let said = format!("{host}{field} = {default}\n");
            assert_eq!(resolve(&[("hosts/web-1.toml", &said), beside]).state, plain, "{said}");
        }
    }
    let within = schema
        .pointer("/properties/unit/additionalProperties/properties/health/properties/within/default")
        .unwrap();
    let host = "[unit.\"x.service\"]\nactive = true\nhealth.tcp = \"h:1\"\n";
    let said = format!("{host}health.within = {within}\n");
    assert_eq!(resolve(&[("hosts/web-1.toml", host)]).state, resolve(&[("hosts/web-1.toml", &said)]).state);
    let guard = "[guard]\nmax_removals = 100\nmax_removal_percent = 50\n";
    assert_eq!(resolve(&[("fleet.toml", guard)]).state, resolve(&[]).state);
    for (field, default) in [("max_removals", 100), ("max_removal_percent", 50)] {
        let path = format!("/properties/guard/properties/{field}/default");
        assert_eq!(json_schema::fleet().pointer(&path), Some(&serde_json::json!(default)));
    }
    let agent = "host = \"a\"\nurl = \"/f.git\"\n";
    let mut said = agent.to_owned();
    for (field, described) in json_schema::agent().pointer("/properties").unwrap().as_object().unwrap() {
        if let Some(default) = described.get("default") {
            said.push_str(&format!("{field} = {default}\n"));
        }
    }
    let parse = |text: &str| crate::agent_config::parse(text, "agent.toml").unwrap();
    assert!(said.len() > agent.len());
    assert_eq!(parse(&said), parse(agent));
}
