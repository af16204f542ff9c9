use proptest::prelude::*;

use super::*;
use crate::{
    spec::{Spec, UnitSpec},
    state::{Apply, OnFailure},
};

const WEB: &str = r#"
[params.workers]
type = "integer"
default = 2

[file."/etc/nginx/nginx.conf"]
template = "templates/nginx.conf"
mode = "0644"

[unit."nginx.service"]
enabled = true
active = true
health = { http = "http://127.0.0.1/", within = "10s" }
drop_ins."limits.conf" = { content = "role" }
drop_ins."nice.conf" = { content = "role" }
"#;

fn web(host: &str, more: &[(&str, &str)]) -> Resolved {
    let mut files = vec![
        ("hosts/web-1.toml", host),
        ("roles/web/role.toml", WEB),
        ("roles/web/templates/nginx.conf", "workers {{ vars.workers }};\n"),
    ];
    files.extend(more);
    resolve(&files)
}

fn unit(resolved: &Resolved, name: &str) -> UnitSpec {
    let Spec::Unit(unit) = get(&resolved.state, name).spec.clone() else { panic!("{name} is no unit") };
    unit
}

#[test]
fn a_higher_layer_wins_field_by_field() {
    let group = "[vars]\nworkers = 3\n[unit.\"nginx.service\"]\nactive = false\n";
    let fleet =
        "[vars]\nworkers = 9\n[file.\"/etc/nginx/nginx.conf\"]\nmode = \"0600\"\nowner = \"www-data\"\n";
    let resolved = web(
        "roles = [\"web\"]\ngroups = [\"a\", \"b\"]\n[file.\"/etc/nginx/nginx.conf\"]\nmode = \"0640\"\n",
        &[("groups/a.toml", group), ("groups/b.toml", "[vars]\nworkers = 4\n"), ("fleet.toml", fleet)],
    );
    assert_eq!(text(&resolved, "file:/etc/nginx/nginx.conf"), "workers 4;\n");
    let file = get(&resolved.state, "file:/etc/nginx/nginx.conf");
    let Spec::File(spec) = &file.spec else { panic!() };
    assert_eq!((spec.access.owner.as_str(), spec.access.mode.to_string().as_str()), ("www-data", "0640"));
    assert_eq!(file.declared, "hosts/web-1.toml:3:7");
    let unit = unit(&resolved, "unit:nginx.service");
    assert_eq!((unit.enabled, unit.active), (Some(true), Some(false)));
}

#[test]
fn tables_in_a_resource_are_merged_by_their_keys() {
    let resolved = web(
        "roles = [\"web\"]\n[unit.\"nginx.service\"]\nhealth.within = \"60s\"\ndrop_ins.\"limits.conf\" = { content = \"host\" }\n",
        &[],
    );
    let unit = unit(&resolved, "unit:nginx.service");
    let health = unit.health.unwrap();
    assert_eq!(health.probe, crate::spec::Probe::Http("http://127.0.0.1/".to_owned()));
    assert_eq!(health.within.as_secs(), 60);
    let texts: Vec<_> =
        unit.drop_ins.values().map(|content| bytes(&resolved.contents, content.sha256)).collect();
    assert_eq!(texts, ["host", "role"]);
}

#[test]
fn one_of_an_exclusive_group_displaces_the_others() {
    let resolved = web(
        "roles = [\"web\"]\n[file.\"/etc/nginx/nginx.conf\"]\ncontent = \"mine\"\n[unit.\"nginx.service\"]\nhealth.tcp = \"127.0.0.1:80\"\n",
        &[],
    );
    assert_eq!(text(&resolved, "file:/etc/nginx/nginx.conf"), "mine");
    let health = unit(&resolved, "unit:nginx.service").health.unwrap();
    assert_eq!(health.probe, crate::spec::Probe::Tcp("127.0.0.1:80".to_owned()));
}

#[test]
fn the_later_group_wins() {
    for (groups, expected) in [("\"a\", \"b\"", "b"), ("\"b\", \"a\"", "a")] {
        let host = format!("groups = [{groups}]");
        let resolved = resolve(&[
            ("hosts/web-1.toml", &host),
            ("groups/a.toml", "[file.\"/x\"]\ncontent = \"a\"\n"),
            ("groups/b.toml", "[file.\"/x\"]\ncontent = \"b\"\n"),
        ]);
        assert_eq!(text(&resolved, "file:/x"), expected);
    }
}

#[test]
fn a_role_that_overrides_wins_over_its_equals() {
    let resolved = resolve(&[
        ("hosts/web-1.toml", "roles = [\"a\", \"b\", \"c\"]"),
        ("roles/a/role.toml", "[file.\"/x\"]\ncontent = \"a\"\nmode = \"0600\"\n"),
        ("roles/b/role.toml", "[file.\"/x\"]\noverride = true\ncontent = \"b\"\n"),
        ("roles/c/role.toml", "[file.\"/x\"]\nmode = \"0600\"\nowner = \"daemon\"\n"),
    ]);
    assert_eq!(text(&resolved, "file:/x"), "b");
    let Spec::File(file) = &get(&resolved.state, "file:/x").spec else { panic!() };
    assert_eq!((file.access.mode.to_string().as_str(), file.access.owner.as_str()), ("0600", "daemon"));
}

#[test]
fn a_path_is_relative_to_the_document_that_sets_it() {
    let resolved = web(
        "roles = [\"web\"]\n[file.\"/etc/nginx/nginx.conf\"]\nsource = \"files/x\"\n",
        &[("files/x", "root"), ("roles/web/files/x", "role")],
    );
    assert_eq!(text(&resolved, "file:/etc/nginx/nginx.conf"), "root");
}

#[test]
fn a_condition_decides_whether_a_resource_applies() {
    let resolved = resolve(&[(
        "hosts/web-1.toml",
        r#"
[file."/debian"]
content = ""
when = "facts.os == 'debian'"
[file."/other"]
content = ""
when = "facts.os != 'debian'"
[file."/after"]
content = ""
needs = ["file:/other", "file:/debian"]
[unit."a.service"]
active = true
restart_on = ["file:/other", "file:/debian"]
"#,
    )]);
    assert!(!resolved.state.resources.contains_key(&id("file:/other")));
    assert_eq!(get(&resolved.state, "file:/after").needs, [id("file:/debian")].into());
    assert_eq!(unit(&resolved, "unit:a.service").restart_on, [id("file:/debian")].into());
}

#[test]
fn templates_see_variables_facts_and_the_host() {
    let resolved = resolve(&[
        (
            "hosts/web-1.toml",
            "roles = [\"b\", \"a\"]\ngroups = [\"prod\"]\n[file.\"/x\"]\ntemplate = \"t\"\n[vars]\nlist = []\n",
        ),
        ("groups/prod.toml", ""),
        (
            "roles/a/role.toml",
            "[params]\nlist = { type = \"strings\" }\nshare = { type = \"number\", default = 1 }\n",
        ),
        ("roles/b/role.toml", ""),
        (
            "t",
            "{{ host.name }} {{ host.roles|join(',') }} {{ host.groups|join(',') }} {{ facts.os }} {{ facts.cpus + 1 }} {{ vars.list|length }} {{ vars.share }}",
        ),
    ]);
    assert_eq!(text(&resolved, "file:/x"), "web-1 a,b prod debian 3 0 1");
}

#[test]
fn only_the_fleet_guards() {
    let resolved = resolve(&[("fleet.toml", "[guard]\nmax_removals = 7\n")]);
    assert_eq!((resolved.state.guard.max_removals, resolved.state.guard.max_removal_percent), (7, 50));
    assert!(refuse("[guard]\nmax_removals = 7\n").contains("E_UNKNOWN_KEY"));
}

#[test]
fn a_host_reads_only_what_it_uses() {
    let broken = "this is = = not TOML";
    let resolved =
        resolve(&[("hosts/web-2.toml", broken), ("roles/x/role.toml", broken), ("groups/x.toml", broken)]);
    assert!(resolved.state.resources.is_empty());
}

#[test]
fn explains_each_field() {
    let mut files = vec![
        (
            "hosts/web-1.toml",
            "roles = [\"web\", \"hard\"]\ngroups = [\"prod\"]\n[file.\"/etc/nginx/nginx.conf\"]\nmode = \"0640\"\ncontent = \"s3cret\"\n",
        ),
        ("groups/prod.toml", "[file.\"/etc/nginx/nginx.conf\"]\nmode = \"0600\"\nsensitive = true\n"),
        ("roles/web/role.toml", WEB),
        ("roles/hard/role.toml", "[file.\"/etc/nginx/nginx.conf\"]\noverride = true\nmode = \"0400\"\n"),
        ("roles/web/templates/nginx.conf", ""),
    ];
    let repository = repository(&files);
    let host = "web-1".parse().unwrap();
    let mut fleet = Fleet::new(&repository);
    let explanation = fleet.explain(&host, &Facts::sample(), &id("file:/etc/nginx/nginx.conf")).unwrap();
    let mut shown = String::new();
    for field in &explanation.fields {
        shown.push_str(&format!(
            "{} = {}  ({}, {})\n",
            field.field, field.winner.value, field.winner.layer, field.winner.at
        ));
        for lower in &field.overridden {
            shown.push_str(&format!("    not {}  ({}, {})\n", lower.value, lower.layer, lower.at));
        }
    }
    insta::assert_snapshot!(shown);
    assert!(explanation.applies);
    assert!(!shown.contains("s3cret"));
    let missing = fleet.explain(&host, &Facts::sample(), &id("file:/nowhere")).unwrap_err();
    assert!(missing.to_string().contains("no document of the host declares file:/nowhere"));
    files.retain(|(path, _)| *path != "hosts/web-1.toml");
}

/// Files of one layer: some of four paths, each with some of three fields.
fn layer() -> impl Strategy<Value = String> {
    let field = |name: &'static str, values: [&'static str; 3]| {
        prop::option::of(prop::sample::select(values.to_vec()))
            .prop_map(move |value| value.map(|v| format!("{name} = \"{v}\"\n")))
    };
    let file = (
        field("mode", ["0600", "0640", "0644"]),
        field("owner", ["root", "daemon", "www-data"]),
        field("content", ["a", "b", "c"]),
    )
        .prop_map(|(mode, owner, content)| [mode, owner, content].into_iter().flatten().collect::<String>());
    prop::collection::btree_map(prop::sample::select(vec!["/a", "/b", "/c", "/d"]), file, 0..4).prop_map(
        |files| files.into_iter().map(|(path, fields)| format!("[file.\"{path}\"]\n{fields}")).collect(),
    )
}

/// The value of a field in the highest layer that sets it.
fn expected(layers: &[&str], path: &str, field: &str) -> Option<String> {
    layers.iter().rev().find_map(|layer| {
        let table: toml::Table = layer.parse().unwrap();
        Some(table.get("file")?.get(path)?.get(field)?.as_str()?.to_owned())
    })
}

proptest! {
    #[test]
    fn the_highest_layer_that_sets_a_field_wins(role in layer(), fleet in layer(), one in layer(), two in layer(), host in layer()) {
        let base = "[file]\n\"/a\".content = \"\"\n\"/b\".content = \"\"\n\"/c\".content = \"\"\n\"/d\".content = \"\"\n";
        let has = |layers: &[&str], path: &str| layers.iter().any(|layer| layer.contains(path));
        let layers = [role.as_str(), &fleet, &one, &two, &host];
        // Files that no layer gives a content get one from a layer of its own, below all others.
        let weak: String = ["/a", "/b", "/c", "/d"].iter().filter(|path| has(&layers, path) && expected(&layers, path, "content").is_none()).map(|path| format!("[file.\"{path}\"]\ncontent = \"\"\n")).collect();
        let _ = base;
        let host_file = format!("roles = [\"r\", \"weak\"]\ngroups = [\"one\", \"two\"]\n{host}");
        let resolved = resolve(&[
            ("hosts/web-1.toml", &host_file), ("fleet.toml", &fleet), ("groups/one.toml", &one), ("groups/two.toml", &two),
            ("roles/r/role.toml", &role), ("roles/weak/role.toml", &weak),
        ]);
        for path in ["/a", "/b", "/c", "/d"] {
            let found = resolved.state.resources.get(&id(&format!("file:{path}")));
            prop_assert_eq!(found.is_some(), has(&layers, path));
            let Some(Spec::File(file)) = found.map(|found| &found.spec) else { continue };
            prop_assert_eq!(&file.access.owner, &expected(&layers, path, "owner").unwrap_or("root".to_owned()));
            prop_assert_eq!(file.access.mode.to_string(), expected(&layers, path, "mode").unwrap_or("0644".to_owned()));
            prop_assert_eq!(text(&resolved, &format!("file:{path}")), expected(&layers, path, "content").unwrap_or_default());
        }
    }

    #[test]
    fn the_order_of_roles_and_of_tables_does_not_matter(layers in prop::collection::vec(layer(), 3), order in Just([0, 1, 2]).prop_shuffle()) {
        let render = |order: &[usize], reverse: bool| {
            let roles: Vec<String> = order.iter().map(|n| format!("\"r{n}\"")).collect();
            let host = format!("roles = [{}]", roles.join(", "));
            let text = |n: usize| {
                let mut tables: Vec<String> = layers[n].split("[file").skip(1).map(|table| format!("[file{table}")).collect();
                if reverse { tables.reverse(); }
                tables.concat()
            };
            let texts = [text(0), text(1), text(2)];
            let repository = repository(&[
                ("hosts/web-1.toml", &host), ("roles/r0/role.toml", &texts[0]), ("roles/r1/role.toml", &texts[1]), ("roles/r2/role.toml", &texts[2]),
            ]);
            let resolved = Fleet::new(&repository).resolve(&"web-1".parse().unwrap(), &Facts::sample());
            // Places differ; what is said must not.
            resolved.map(|resolved| resolved.state.resources.into_values().map(|resource| resource.spec).collect::<Vec<_>>())
                .map_err(|problems| {
                    let mut said: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
                    said.sort();
                    said
                })
        };
        prop_assert_eq!(render(&[0, 1, 2], false), render(&order, true));
    }
}

#[test]
fn how_a_revision_is_applied_is_merged_field_by_field() {
    let fleet = "[apply]\non_failure = \"hold\"\nconfirm_within = \"90s\"\n[apply.health.web]\nhttp = \"http://127.0.0.1/\"\n";
    let host = "[apply]\non_failure = \"continue\"\n[apply.health.web]\nwithin = \"5s\"\n[apply.health.ssh]\ntcp = \"127.0.0.1:22\"\n";
    let apply = resolve(&[("fleet.toml", fleet), ("hosts/web-1.toml", host)]).state.apply;
    assert_eq!((apply.on_failure, apply.confirm_within.as_secs()), (OnFailure::Continue, 90));
    let probes: Vec<_> =
        apply.health.iter().map(|(name, health)| (name.as_str(), health.within.as_secs())).collect();
    assert_eq!(probes, [("ssh", 30), ("web", 5)]);
    assert_eq!(resolve(&[]).state.apply, Apply::default());
}

#[test]
fn a_probe_of_the_host_must_be_one() {
    insta::assert_snapshot!(refuse("[apply.health.web]\nwithin = \"5s\"\n"));
}
