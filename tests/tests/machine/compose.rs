//! A compose file as it is: the example's web server, application, cache and database.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use harness::{Host, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::site::{STATE, Site};

/// Waits without end, but for a signal.
const FOREVER: &str = "trap 'exit 0' TERM; while :; do /bin/busybox sleep 1 & wait $!; done";

/// Programs of the shape of the real ones, as shell: by image, by program. The first one is what the image runs.
const IMAGES: [(&str, &[(&str, &str)]); 4] = [
    (
        "nginx",
        &[("nginx", "[ -s /etc/nginx/conf.d/default.conf ] || exit 1; [ \"$1\" = -t ] && exit; echo up >>/var/log/nginx/log; FOREVER")],
    ),
    (
        "app",
        &[(
            "app",
            "[ \"$1\" = --check ] && { [ -e /tmp/ready ]; exit; }; [ -s /run/secrets/db-password ] || exit 1
             case $(/bin/busybox cat /etc/shop/app.toml) in *broken*) ;; *) echo >/tmp/ready ;; esac; FOREVER",
        )],
    ),
    ("redis", &[("redis-server", "FOREVER"), ("redis-cli", "echo PONG")]),
    (
        "postgres",
        &[
            ("postgres", "[ -s \"$POSTGRES_PASSWORD_FILE\" ] || exit 1; echo 17 >/var/lib/postgresql/data/PG_VERSION; FOREVER"),
            ("pg_isready", "[ -e /var/lib/postgresql/data/PG_VERSION ]"),
        ],
    ),
];

/// Makes the images on the host and gives their ids.
pub(crate) fn images(host: &Host) -> Result<BTreeMap<&'static str, String>> {
    let mut ids = BTreeMap::new();
    for (image, programs) in IMAGES {
        let root = format!("/root/{image}");
        host.shell(&format!(
            "mkdir -p {root}/bin {root}/tmp && cp /bin/busybox {root}/bin/sh && ln -sf sh {root}/bin/busybox"
        ))?;
        for (program, script) in programs {
            let path = format!("{root}/bin/{program}");
            host.write_file(&path, format!("#!/bin/sh\n{}\n", script.replace("FOREVER", FOREVER)))?;
            host.run(&["chmod", "0755", &path])?;
        }
        let (first, _) = programs.first().context("no program")?;
        let made =
            host.shell(&format!("tar -C {root} -c . | docker import -c 'CMD [\"/bin/{first}\"]' - {image}"))?;
        ids.insert(image, made.trim().to_owned());
    }
    Ok(ids)
}

/// The host's document, with the images in place of those that a registry would have.
fn state(images: &BTreeMap<&str, String>) -> String {
    let variables: Vec<_> =
        images.iter().map(|(image, id)| format!("{}_IMAGE = \"{id}\"", image.to_uppercase())).collect();
    format!(
        "[compose.shop]\nsource = \"shop/compose.yaml\"\nignore = [\"build\"]\nhealthy_within = \"30s\"\n\
         variables = {{ DATABASE_USER = \"shop\", {} }}\n",
        variables.join(", ")
    )
}

/// The example's files, and a secret that everybody can read.
const FILES: [(&str, &str); 4] = [
    ("shop/compose.yaml", include_str!("../../../examples/kinds/compose/shop/compose.yaml")),
    ("shop/app.toml", include_str!("../../../examples/kinds/compose/shop/app.toml")),
    ("shop/nginx/shop.conf", include_str!("../../../examples/kinds/compose/shop/nginx/shop.conf")),
    ("shop/db/password.txt", "secret\n"),
];

/// A host that has been told to have the shop.
fn site(host: Host, images: &BTreeMap<&str, String>) -> Result<Site> {
    let state = state(images);
    let site = Site::on(host, "")?;
    for (path, text) in FILES {
        site.fleet.write(path, text)?;
    }
    site.fleet.write(STATE, &state)?;
    site.fleet.commit("a shop")?;
    Ok(site)
}

/// The project's containers with their ids, as Docker's own tools would list them.
fn project(host: &Host) -> Result<BTreeMap<String, String>> {
    let filter = "label=com.docker.compose.project=shop";
    let format = "{{.Names}} {{.ID}}";
    let listed = host.run(&["docker", "ps", "--no-trunc", "--filter", filter, "--format", format])?;
    let pair = |line: &str| line.split_once(' ').map(|(name, id)| (name.to_owned(), id.to_owned()));
    Ok(listed.lines().filter_map(pair).collect())
}

fn names(project: &BTreeMap<String, String>) -> Vec<&str> {
    project.keys().map(String::as_str).collect()
}

/// Changes a file of the repository and has the agent converge.
fn change(site: &Site, path: &str, from: &str, to: &str) -> Result<harness::Output> {
    let text = site.fleet.read(path)?;
    ensure!(text.contains(from), "{path} has no {from:?}");
    site.fleet.change(path, &text.replace(from, to))?;
    site.sync()
}

const ALL: [&str; 4] = ["shop-app-1", "shop-cache-1", "shop-database-1", "shop-web-1"];

#[test]
fn a_shop_lives() -> Result<()> {
    let host = Host::boot_with_docker("compose")?;
    let images = images(&host)?;
    let site = site(host, &images)?;
    let host = &site.host;
    let sync = site.sync()?;
    ensure!(sync.code == Some(0), "{sync}");
    let first = project(host)?;
    assert_eq!(names(&first), ALL);
    let health =
        host.run(&["docker", "inspect", "-f", "{{.State.Health.Status}}", ALL[0], ALL[1], ALL[2], ALL[3]])?;
    assert_eq!(health, "healthy\n".repeat(4));
    assert_eq!(
        host.run(&["docker", "exec", "shop-app-1", "/bin/busybox", "cat", "/run/secrets/db-password"])?,
        "secret\n"
    );
    assert_eq!(host.run(&["stat", "-c", "%a", "/srv/shop"])?, "700\n");
    assert_eq!(host.read_file("/srv/shop/logs/log")?, "up\n");
    site.is_quiet()?;
    assert_eq!(project(host)?, first);

    // Nobody asks: what is killed, removed, changed or left over by others is put right.
    host.run(&["docker", "kill", "shop-cache-1"])?;
    host.run(&["docker", "rm", "--force", "shop-app-1"])?;
    host.write_file("/srv/shop/app.toml", "currency = \"USD\"\n")?;
    let stray =
        ["docker", "run", "--detach", "--name", "shop-old-1", "--label", "com.docker.compose.project=shop"];
    host.run(&[&stray[..], &["--label", "com.docker.compose.service=old", "redis"]].concat())?;
    wait::until("the shop is whole", Duration::from_mins(1), || {
        let whole = names(&project(host)?) == ALL;
        Ok(whole && host.read_file("/srv/shop/app.toml")? == "currency = \"EUR\"\n")
    })?;
    site.sync()?.success()?;
    site.is_quiet()?;
    let second = project(host)?;
    assert_eq!(
        (&second["shop-web-1"], &second["shop-database-1"]),
        (&first["shop-web-1"], &first["shop-database-1"])
    );

    // A change makes anew only what it concerns.
    change(&site, "shop/compose.yaml", "--appendonly no", "--appendonly yes")?.success()?;
    let third = project(host)?;
    let changed: Vec<_> = ALL.into_iter().filter(|name| second[*name] != third[*name]).collect();
    assert_eq!(changed, ["shop-cache-1"]);

    // One that does not become healthy is taken back whole.
    // The application reads its config when it starts, and starts anew with another.
    let bad = change(&site, "shop/app.toml", "EUR", "broken")?;
    ensure!(bad.code != Some(0) && bad.to_string().contains("E_CONTAINER"), "{bad}");
    assert_eq!(host.read_file("/srv/shop/app.toml")?, "currency = \"EUR\"\n", "{bad}");
    assert_eq!(names(&project(host)?), ALL);
    let health = host.run(&["docker", "inspect", "-f", "{{.State.Health.Status}}", "shop-app-1"])?;
    assert_eq!(health, "healthy\n", "{bad}");
    site.fleet.write("shop/app.toml", "currency = \"EUR\"\n")?;

    // What the file has no more goes; what the document has no more goes with all but its data.
    let before = project(host)?;
    let compose = site.fleet.read("shop/compose.yaml")?;
    let (start, rest) = compose.split_once("  cache:\n").context("no cache")?;
    let (_, end) = rest.split_once("  database:\n").context("no database")?;
    let without =
        format!("{start}  database:\n{end}").replace("      cache: {condition: service_healthy}\n", "");
    site.fleet.change("shop/compose.yaml", &without)?;
    site.sync()?.success()?;
    let after = project(host)?;
    assert_eq!(names(&after), ["shop-app-1", "shop-database-1", "shop-web-1"]);
    assert_eq!(
        (&after["shop-web-1"], &after["shop-database-1"]),
        (&before["shop-web-1"], &before["shop-database-1"])
    );
    // That is more than the guard lets through without a word.
    site.fleet.write(STATE, "")?;
    site.fleet.commit("no shop\n\nAllow-Removals: 20")?;
    site.sync()?.success()?;
    assert_eq!(site.status()?.result, PassResult::Converged);
    assert_eq!(host.run(&["docker", "ps", "--all", "--quiet"])?, "");
    assert_eq!(
        host.shell("docker network ls --format '{{.Name}}' | grep shop || true; docker volume ls --quiet")?,
        "shop_database\n"
    );
    ensure!(!host.has("/srv/shop/app.toml")? && host.has("/srv/shop/logs/log")?, "the files");
    site.is_quiet()
}

#[test]
fn a_project_of_others_is_taken_over() -> Result<()> {
    let host = Host::boot_with_docker("compose-take-over")?;
    let images = images(&host)?;
    // As Compose makes it, as far as anybody looks; the engine of this host has no Compose of its own.
    let label =
        |what: &str| format!("--label com.docker.compose.project=shop --label com.docker.compose.{what}");
    let container = |service: &str, more: &str| {
        format!(
            "docker run --detach --name shop-{service}-1 --restart unless-stopped {} --label com.docker.compose.container-number=1 \
             --label com.docker.compose.oneoff=False --label com.docker.compose.version=2.29.1 {more}\n",
            label(&format!("service={service}"))
        )
    };
    let cache = container(
        "cache",
        "--network shop_back --network-alias cache --health-cmd ping --health-interval 2s redis redis-server --save '' --appendonly no",
    );
    let script = [
        format!("docker network create {} --internal shop_back\n", label("network=back")),
        format!("docker network create {} shop_front\n", label("network=front")),
        format!("docker volume create {} shop_database\n", label("volume=database")),
        "mkdir -p /srv/shop/db && echo secret >/srv/shop/db/password.txt\n".to_owned(),
        container(
            "database",
            "--network shop_back --network-alias database --shm-size 128m --env POSTGRES_USER=shop \
             --env POSTGRES_PASSWORD_FILE=/run/secrets/db-password --mount source=shop_database,target=/var/lib/postgresql/data \
             --mount type=bind,source=/srv/shop/db/password.txt,target=/run/secrets/db-password,readonly \
             --health-cmd 'pg_isready -U shop' --health-interval 2s --health-start-period 10s postgres",
        ),
        cache,
        container("gone", "redis"),
    ];
    host.shell(&script.concat())?;
    let theirs = project(&host)?;
    let site = site(host, &images)?;
    let sync = site.sync()?;
    ensure!(sync.code == Some(0), "{sync}");
    let ours = project(&site.host)?;
    assert_eq!(names(&ours), ALL);
    // The database fits and stays; the cache asks its health in another way and is made anew.
    assert_eq!(ours["shop-database-1"], theirs["shop-database-1"], "{sync}");
    assert_ne!(ours["shop-cache-1"], theirs["shop-cache-1"], "{sync}");
    site.is_quiet()?;
    site.fleet.write(STATE, "")?;
    site.fleet.commit("no shop\n\nAllow-Removals: 20")?;
    site.sync()?.success()?;
    let told = site.resource("container:shop-database-1")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Released);
    Ok(())
}
