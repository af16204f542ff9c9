use super::*;
use crate::{
    ImageReference, InvalidName,
    language::values::docker::{Size, Subnet},
    spec::{ContainerSpec, Port, Protocol, Spec},
};

const DIGEST: &str = "sha256:0f04e4f646a3f14bf31d8bc8d885b6c951fdcf42589d06845f64d18aec6a3c4d";

fn container(fields: &str) -> ContainerSpec {
    let host = format!("[container.shop]\nimage = \"{DIGEST}\"\n{fields}");
    let resolved = resolve(&[
        ("hosts/web-1.toml", &host),
        ("shop.env", "# who\nUSER=shop\n\nPASSWORD=a=b c\n"),
        ("odd.env", "PATH\n"),
    ]);
    let Spec::Container(container) = &get(&resolved.state, "container:shop").spec else { panic!() };
    (**container).clone()
}

#[test]
fn references() {
    let parts = |text: &str| {
        let reference: ImageReference = text.parse()?;
        let part = |part: Option<&str>| part.unwrap_or("-").to_owned();
        Ok::<_, InvalidName>((
            part(reference.repository()),
            part(reference.tag()),
            part(reference.digest()),
            reference.is_pinned(),
        ))
    };
    let of = |repository: &str, tag: &str, digest: &str, pinned: bool| {
        Ok((repository.to_owned(), tag.to_owned(), digest.to_owned(), pinned))
    };
    assert_eq!(parts("nginx"), of("nginx", "latest", "-", false));
    assert_eq!(parts("docker.io/library/nginx:1.27"), of("nginx", "1.27", "-", false));
    assert_eq!(parts(&format!("nginx:1.27@{DIGEST}")), of("nginx", "1.27", DIGEST, true));
    let private = format!("registry.example.com:5000/shop/web@{DIGEST}");
    assert_eq!(parts(&private), of("registry.example.com:5000/shop/web", "latest", DIGEST, true));
    assert_eq!(parts("localhost/shop:v2"), of("localhost/shop", "v2", "-", false));
    assert_eq!(parts(DIGEST), of("-", "-", "-", true));
    for bad in
        ["", "Nginx", "nginx:", "nginx@sha256:12", "sha256:12", "a b", "/nginx", "nginx/", "nginx:a/b c"]
    {
        assert!(parts(bad).is_err(), "{bad}");
    }
}

#[test]
fn ports() {
    let port = |published, target, protocol, address: Option<&str>| Port {
        target,
        protocol,
        published,
        address: address.map(|address| address.parse().unwrap()),
    };
    for (text, expected) in [
        ("80", port(None, 80, Protocol::Tcp, None)),
        ("8080:80", port(Some(8080), 80, Protocol::Tcp, None)),
        ("8080:80/tcp", port(Some(8080), 80, Protocol::Tcp, None)),
        ("127.0.0.1:53:53/udp", port(Some(53), 53, Protocol::Udp, Some("127.0.0.1"))),
        ("127.0.0.1::53/sctp", port(None, 53, Protocol::Sctp, Some("127.0.0.1"))),
        ("[::1]:8080:80", port(Some(8080), 80, Protocol::Tcp, Some("::1"))),
    ] {
        let found: Port = text.parse().unwrap();
        assert_eq!(found, expected, "{text}");
        assert_eq!(found.to_string().parse::<Port>().unwrap(), expected, "{text}");
    }
    for bad in ["", "0:80", "80-90:80-90", "80:99999", "1.2.3:80:80", "80/icmp", "a:80", "+80:80", "80:+80"] {
        assert!(bad.parse::<Port>().is_err(), "{bad}");
    }
}

#[test]
fn sizes_and_subnets_are_what_they_look_like() {
    for (text, bytes) in [("512", 512), ("64k", 64 << 10), ("512m", 512 << 20), ("2g", 2 << 30)] {
        assert_eq!(text.parse::<Size>().unwrap().0, bytes, "{text}");
    }
    for bad in ["", "m", "+512m", "-1", "0", "1.5g", "512mb"] {
        assert!(bad.parse::<Size>().is_err(), "{bad}");
    }
    for good in ["10.20.0.0/24", "10.20.0.0/32", "fd00:20::/64"] {
        assert!(good.parse::<Subnet>().is_ok(), "{good}");
    }
    for bad in
        ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0/8", "fd00::/129", "///", "0.0.0.0/0"]
    {
        assert!(bad.parse::<Subnet>().is_err(), "{bad}");
    }
}

#[test]
fn environment_files_yield_to_the_table() {
    let spec = container("env_file = { source = \"shop.env\" }\nenvironment = { USER = \"admin\" }\n");
    let shown: Vec<_> =
        spec.config.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown, ["PASSWORD=a=b c", "USER=admin"]);
}

#[test]
fn what_is_not_set_is_not_written_out() {
    let config = serde_json::to_value(&container("").config).unwrap();
    assert_eq!(config, serde_json::json!({ "image": DIGEST }));
}

#[test]
fn a_tag_needs_leave() {
    let host = "[container.shop]\nimage = \"nginx:1.27\"\n[image.redis]\n";
    insta::assert_snapshot!(refuse(host));
    let fleet = "[docker]\nallow_tags = true\n";
    assert_eq!(check(&[("fleet.toml", fleet), ("hosts/web-1.toml", host)]), "");
}

#[test]
fn what_cannot_hold_is_told() {
    let host = format!(
        r#"
[container.one]
[container.two]
image = "{DIGEST}"
networks = ["host", "shop"]
mounts."/data" = {{ read_only = true }}
mounts."/both" = {{ volume = "data", bind = "/srv" }}
healthcheck = {{ interval = "5s" }}
labels = {{ "io.holdfast.resource" = "mine" }}
memory = "12q"
cpus = 0.0
ports = ["80-90:80-90"]
ulimits = {{ nofile = "many" }}
[container.three]
image = "{DIGEST}"
env_file = {{ content = "NAME\n" }}
healthcheck = {{ command = ["true"], disable = true }}
[network.host]
[network.lan]
gateway = "10.0.0.1"
"#
    );
    insta::assert_snapshot!(refuse(&host));
    insta::assert_snapshot!("later", {
        let early = ["memory", "cpus", "ports", "ulimits", "mounts.\"/both\""];
        let late: Vec<_> =
            host.lines().filter(|line| !early.iter().any(|field| line.starts_with(field))).collect();
        refuse(&late.join("\n"))
    });
}

#[test]
fn a_container_comes_after_what_it_is_made_of() {
    let resolved = resolve(&[(
        "hosts/web-1.toml",
        &format!(
            r#"
[package."docker.io"]
[unit."docker.service"]
active = true
[file."/etc/docker/daemon.json"]
content = "{{}}"
[image."{DIGEST}"]
[network.shop]
[volume.data]
[file."/etc/shop/shop.conf"]
content = "x"
[directory."/srv/www/html"]
[directory."/srv"]
[container.shop]
image = "{DIGEST}"
networks = ["shop"]
mounts."/data" = {{ volume = "data" }}
mounts."/etc/shop.conf" = {{ bind = "/etc/shop/shop.conf" }}
mounts."/www" = {{ bind = "/srv/www" }}
[container.old]
ensure = "absent"
"#
        ),
    )]);
    let shown: Vec<String> = resolved
        .state
        .resources
        .iter()
        .filter(|(id, _)| id.kind.is_of_docker())
        .map(|(id, resource)| {
            let needs: Vec<_> = resource.needs.iter().map(ToString::to_string).collect();
            format!("{id} <- {}", needs.join(" "))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn what_a_container_restarts_on_is_part_of_what_it_is_made_from() {
    let inputs = |motd: &str, conf: &str| {
        let host = format!(
            r#"
[file."/etc/motd"]
content = "{motd}"
[file."/etc/shop/shop.conf"]
content = "{conf}"
[file."/etc/shop/in-a-directory"]
content = "{conf}"
[container.shop]
image = "{DIGEST}"
mounts."/conf" = {{ bind = "/etc/shop/shop.conf" }}
mounts."/all" = {{ bind = "/etc/shop" }}
restart_on = ["file:/etc/motd"]
"#
        );
        let resolved = resolve(&[("hosts/web-1.toml", &host)]);
        let Spec::Container(container) = &get(&resolved.state, "container:shop").spec else { panic!() };
        let needs = &get(&resolved.state, "container:shop").needs;
        assert!(needs.contains(&id("file:/etc/motd")) && needs.contains(&id("file:/etc/shop/shop.conf")));
        container.config.restart_on.clone()
    };
    let first = inputs("a", "b");
    let named: Vec<_> = first.keys().map(ToString::to_string).collect();
    assert_eq!(named, ["file:/etc/motd", "file:/etc/shop/shop.conf"]);
    let changed = |other: &std::collections::BTreeMap<ResourceId, crate::Sha256>| {
        first
            .iter()
            .filter(|(id, digest)| other.get(*id) != Some(*digest))
            .map(|(id, _)| id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(changed(&inputs("a", "b")), [""; 0]);
    assert_eq!(changed(&inputs("c", "b")), ["file:/etc/motd"]);
    assert_eq!(changed(&inputs("a", "c")), ["file:/etc/shop/shop.conf"]);
    assert!(
        refuse(&format!("[container.shop]\nimage = \"{DIGEST}\"\nrestart_on = [\"file:/none\"]\n"))
            .contains("E_NEEDS")
    );
}
