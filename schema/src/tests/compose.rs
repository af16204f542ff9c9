//! A compose file as a resource.

use super::*;

const DIGEST: &str = "sha256:0f04e4f646a3f14bf31d8bc8d885b6c951fdcf42589d06845f64d18aec6a3c4d";

/// A shop of two services with everything that is beside them.
fn shop(host: &str) -> Vec<(String, String)> {
    let compose = format!(
        r#"
services:
  web:
    image: nginx@{DIGEST}
    ports: ["${{PORT:-80}}:80"]
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro", "cache:/cache"]
    depends_on: {{db: {{condition: service_healthy}}}}
  db:
    image: postgres@{DIGEST}
    environment: {{COLOUR: $COLOUR}}
    healthcheck: {{test: "true"}}
  search:
    image: search@{DIGEST}
    profiles: [search]
volumes: {{cache: }}
"#
    );
    [
        ("hosts/web-1.toml", host),
        ("roles/shop/compose.yaml", &compose),
        ("roles/shop/nginx.conf", "server {}\n"),
        ("roles/shop/.env", "COLOUR=red\nPORT=8080\n"),
        ("roles/shop/role.toml", "[compose.shop]\nsource = \"compose.yaml\"\n"),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into()
}

fn with(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

#[test]
fn it_becomes_the_resources_that_it_declares() {
    let host = "roles = [\"shop\"]\n[compose.shop]\nvariables = { PORT = \"81\" }\ntags = [\"shop\"]\naudit = true\n\
        needs = [\"file:/etc/motd\"]\n[file.\"/etc/motd\"]\ncontent = \"\"\nneeds = [\"package:a\"]\n[package.a]\n\
        [package.b]\nneeds = [\"compose:shop\"]\n";
    let resolved = resolve(&with(&shop(host)));
    let shown: Vec<String> = resolved
        .state
        .resources
        .iter()
        .map(|(id, resource)| {
            let needs: Vec<_> = resource.needs.iter().map(ToString::to_string).collect();
            let tags: Vec<_> = resource.tags.iter().map(String::as_str).collect();
            format!(
                "{id} {:?} {} at {} <- {}",
                resource.mode,
                tags.join(" "),
                resource.declared,
                needs.join(" ")
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    let specs = ["container:shop-web-1", "container:shop-db-1", "volume:shop_cache", "compose:shop"]
        .map(|id| format!("{id} {:#}", serde_json::to_value(&get(&resolved.state, id).spec).unwrap()));
    insta::assert_snapshot!("specs", specs.join("\n"));
    assert_eq!(text(&resolved, "file:/srv/shop/nginx.conf"), "server {}\n");
}

#[test]
fn profiles_directory_and_what_holds_for_all() {
    let host = "roles = [\"shop\"]\n[compose.shop]\nprofiles = [\"search\"]\ndirectory = \"/opt/x\"\npull = \"never\"\nhealthy_within = \"3m\"\n";
    let resolved = resolve(&with(&shop(host)));
    let crate::spec::Spec::Container(search) = &get(&resolved.state, "container:shop-search-1").spec else {
        panic!()
    };
    assert_eq!((search.pull, search.healthy_within.as_secs()), (crate::spec::Pull::Never, 180));
    get(&resolved.state, "file:/opt/x/nginx.conf");
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    let told = |host: &str, compose: &str| {
        check(&[("hosts/web-1.toml", host), ("shop/compose.yaml", compose), ("shop/.env", "")])
    };
    let host = "[compose.shop]\nsource = \"shop/compose.yaml\"\n";
    let app = |more: &str| format!("services:\n  app:\n    image: app@{DIGEST}\n{more}");
    let all = [
        told("[compose.shop]\n", ""),
        told("[compose.shop]\nsource = \"shop/compose.yml\"\n", ""),
        told(host, "services: [\n"),
        told(host, &app("    build: .\n    environment: {A: $B}\n    ports: [x]\n")),
        told(host, "services:\n  app:\n    image: app:1\n    restart: sometimes\n"),
        told(host, "name: blog\nservices: {}\n"),
        told(&format!("{host}[network.shop_default]\n"), &app("")),
        told(&format!("{host}needs = [\"file:/none\"]\n"), &app("")),
        told(&format!("{host}env_file = {{ content = \"x\" }}\n"), &app("")),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
    let host = format!("{host}ignore = [\"build\"]\n");
    assert_eq!(told(&host, &app("    build: .\n")), "");
}

#[test]
fn an_explanation_points_into_the_compose_file() {
    let files = shop("roles = [\"shop\"]\n");
    let repository = repository(&with(&files));
    let host: HostName = "web-1".parse().unwrap();
    let explained =
        Fleet::new(&repository).explain(&host, &Facts::sample(), &id("container:shop-web-1")).unwrap();
    let shown: Vec<_> = explained
        .fields
        .iter()
        .map(|field| {
            format!("{} = {} ({} {})", field.field, field.winner.value, field.winner.layer, field.winner.at)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}
