//! A compose file as a stack of a Swarm: the example's web server, application, cache and database.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use harness::{Host, Output, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::{
    compose::images,
    site::{NAME, STATE, Site},
};

const FILE: &str = "shop/stack.yaml";
const SECRET: &str = "shop-db-password";
const SERVICES: [&str; 4] = ["shop_app", "shop_cache", "shop_database", "shop_web"];

/// The example's files.
const FILES: [(&str, &str); 3] = [
    (FILE, include_str!("../../../examples/kinds/stack/shop/stack.yaml")),
    ("shop/app.toml", include_str!("../../../examples/kinds/stack/shop/app.toml")),
    ("shop/nginx/shop.conf", include_str!("../../../examples/kinds/stack/shop/nginx/shop.conf")),
];

/// A host that is a Swarm of its own, and a fleet that can keep secrets for it.
struct Shop {
    site: Site,
    key: String,
    images: BTreeMap<&'static str, String>,
}

impl Shop {
    fn new(host: Host, images: BTreeMap<&'static str, String>) -> Result<Self> {
        let site = Site::on(host, "")?;
        let text = site.host.read_file("/etc/holdfast/age_key")?;
        let key = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        let key = key.context("the host has no key")?.to_owned();
        site.fleet.holdfast(&["secret", "recovery", "--dir", "work", "safe.key"])?;
        for (path, text) in FILES {
            site.fleet.write(path, text)?;
        }
        let shop = Self { site, key, images };
        shop.site.fleet.write(STATE, &format!("age_key = \"{}\"\n", shop.key))?;
        let encrypt = ["encrypt", SECRET, "--host", NAME, "--destination", "secret:shop_db-password"];
        shop.secret(&encrypt, "first")?;
        Ok(shop)
    }

    fn secret(&self, arguments: &[&str], value: &str) -> Result<()> {
        self.site.fleet.write("../value", value)?;
        let all = [&["secret"], arguments, &["--dir", "work", "--from", "value"]].concat();
        self.site.fleet.holdfast(&all).map(drop)
    }

    /// The host's document, with the images in place of those that a registry would have.
    fn state(&self) -> String {
        let images = self.images.iter();
        let images: Vec<_> =
            images.map(|(image, id)| format!("{}_IMAGE = \"{id}\"", image.to_uppercase())).collect();
        format!(
            "age_key = \"{}\"\n[stack.shop]\nsource = \"{FILE}\"\nignore = [\"build\"]\nhealthy_within = \"1m\"\n\
             secrets = {{ db-password = \"{SECRET}\" }}\nvariables = {{ DATABASE_USER = \"shop\", {} }}\n",
            self.key,
            images.join(", ")
        )
    }

    fn converge(&self) -> Result<()> {
        self.site.publish(&self.state())?;
        let sync = self.site.sync()?;
        ensure!(sync.code == Some(0), "{sync}");
        Ok(())
    }

    /// Changes a file of the repository and has the agent converge.
    fn change(&self, path: &str, from: &str, to: &str) -> Result<Output> {
        let text = self.site.fleet.read(path)?;
        ensure!(text.contains(from), "{path} has no {from:?}");
        self.site.fleet.change(path, &text.replace(from, to))?;
        self.site.sync()
    }

    /// What somebody did is put right without that anybody asks.
    fn repaired(&self, what: &str, tamper: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
        self.site.host.shell(tamper)?;
        wait::until(what, Duration::from_mins(2), is_so)
    }

    fn environment(&self, service: &str) -> Result<String> {
        let format = "{{.Spec.TaskTemplate.ContainerSpec.Env}}";
        self.site.host.run(&["docker", "service", "inspect", "--format", format, service])
    }

    /// What the Swarm keeps of a sort, by name.
    fn kept(&self, sort: &str) -> Result<BTreeSet<String>> {
        let listed = self.site.host.run(&["docker", sort, "ls", "--format", "{{.Name}}"])?;
        Ok(listed.lines().filter(|name| name.starts_with("shop")).map(str::to_owned).collect())
    }
}

/// The tasks of every service of the stack that are to run, as Docker's own command lists them.
fn tasks(host: &Host) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let listed = host.shell(
        "docker stack ps --no-trunc --filter desired-state=running --format '{{.Name}} {{.ID}}' shop",
    )?;
    let mut tasks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in listed.lines() {
        let (name, id) = line.split_once(' ').with_context(|| line.to_owned())?;
        let service = name.split('.').next().unwrap_or(name);
        tasks.entry(service.to_owned()).or_default().insert(id.to_owned());
    }
    Ok(tasks)
}

fn running(host: &Host) -> Result<usize> {
    let states = host.shell(
        "docker stack ps --filter desired-state=running --format '{{.CurrentState}}' shop 2>/dev/null || true",
    )?;
    Ok(states.lines().filter(|state| state.starts_with("Running")).count())
}

fn changed<'t>(
    before: &'t BTreeMap<String, BTreeSet<String>>,
    after: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<&'t str> {
    before
        .iter()
        .filter(|(service, tasks)| after.get(*service) != Some(tasks))
        .map(|(name, _)| name.as_str())
        .collect()
}

fn boot(name: &str) -> Result<(Host, BTreeMap<&'static str, String>)> {
    let host = Host::boot_with_docker(name)?;
    host.init_swarm()?;
    let images = images(&host)?;
    Ok((host, images))
}

#[test]
fn a_shop_lives_in_a_swarm() -> Result<()> {
    let (host, images) = boot("stack")?;
    let shop = Shop::new(host, images)?;
    let host = &shop.site.host;
    shop.converge()?;
    let first = tasks(host)?;
    assert_eq!(first.keys().map(String::as_str).collect::<Vec<_>>(), SERVICES);
    assert_eq!((first["shop_app"].len(), running(host)?), (2, 5));
    let listed = host.run(&["docker", "stack", "ls", "--format", "{{.Name}} {{.Services}}"])?;
    assert_eq!(listed, "shop 4\n");
    let read = "docker exec $(docker ps -q --filter name=shop_app | head -1) /bin/busybox cat";
    assert_eq!(host.shell(&format!("{read} /run/secrets/db-password"))?, "first");
    assert_eq!(host.shell(&format!("{read} /etc/shop/app.toml"))?, "currency = \"EUR\"\n");
    shop.site.is_quiet()?;
    assert_eq!(tasks(host)?, first);

    // Nobody asks for any of it.
    shop.repaired("scaled by hand", "docker service scale --detach shop_app=1", || Ok(running(host)? == 5))?;
    shop.repaired("changed by hand", "docker service update --detach --env-add MORE=1 shop_cache", || {
        Ok(shop.environment("shop_cache")? == "[]\n" && running(host)? == 5)
    })?;
    shop.repaired("removed by hand", "docker service rm shop_cache", || {
        Ok(tasks(host)?.len() == 4 && running(host)? == 5)
    })?;
    let stray = "docker service create --detach --no-resolve-image --label com.docker.stack.namespace=shop --name shop_old redis";
    shop.repaired("a stray service", stray, || Ok(!shop.kept("service")?.contains("shop_old")))?;
    shop.site.sync()?.success()?;
    shop.site.is_quiet()?;
    let second = tasks(host)?;
    assert_eq!(changed(&first, &second), ["shop_app", "shop_cache"]);

    // A change of a config comes to the tasks that see it, one after the other.
    let configs = shop.kept("config")?;
    shop.change("shop/app.toml", "EUR", "CHF")?.success()?;
    let third = tasks(host)?;
    assert_eq!(changed(&second, &third), ["shop_app"]);
    assert_eq!(host.shell(&format!("{read} /etc/shop/app.toml"))?, "currency = \"CHF\"\n");
    shop.site.sync()?.success()?;
    let now = shop.kept("config")?;
    assert_eq!((now.len(), now.intersection(&configs).count()), (2, 1), "{configs:?} {now:?}");

    // One that does not become healthy is taken back by the Swarm, and not tried again.
    let bad = shop.change("shop/app.toml", "CHF", "broken")?;
    ensure!(bad.code != Some(0) && bad.to_string().contains("E_SERVICE"), "{bad}");
    wait::until("the tasks that were there", Duration::from_mins(2), || Ok(running(host)? == 5))?;
    assert_eq!(host.shell(&format!("{read} /etc/shop/app.toml"))?, "currency = \"CHF\"\n", "{bad}");
    let fourth = tasks(host)?;
    shop.site.sync()?;
    assert_eq!(tasks(host)?, fourth, "it was tried again");
    assert_eq!(shop.site.status()?.result, PassResult::Held);
    shop.site.fleet.write("shop/app.toml", "currency = \"CHF\"\n")?;

    // A secret is another one under another name; who has it starts anew, and the former one goes.
    let secrets = shop.kept("secret")?;
    shop.secret(&["edit", SECRET, "--identity", "safe.key"], "second")?;
    shop.site.fleet.commit("another password")?;
    let sync = shop.site.sync()?;
    ensure!(sync.code == Some(0), "{sync}");
    assert_eq!(changed(&fourth, &tasks(host)?), ["shop_app", "shop_database"]);
    assert_eq!(host.shell(&format!("{read} /run/secrets/db-password"))?, "second");
    shop.site.sync()?.success()?;
    let now = shop.kept("secret")?;
    ensure!(now.len() == 1 && now != secrets, "{secrets:?} {now:?}");

    // What the file has no more goes; what the document has no more goes with all but its data.
    let file = shop.site.fleet.read(FILE)?;
    let (start, rest) = file.split_once("  cache:\n").context("no cache")?;
    let (_, end) = rest.split_once("  database:\n").context("no database")?;
    let without = format!("{start}  database:\n{end}").replace("[database, cache]", "[database]");
    shop.site.fleet.change(FILE, &without)?;
    shop.site.sync()?.success()?;
    assert_eq!(
        tasks(host)?.keys().map(String::as_str).collect::<Vec<_>>(),
        ["shop_app", "shop_database", "shop_web"]
    );
    shop.site.fleet.write(STATE, "")?;
    shop.site.fleet.commit("no shop\n\nAllow-Removals: 20")?;
    shop.site.sync()?.success()?;
    shop.site.sync()?.success()?;
    for sort in ["service", "config", "secret", "network"] {
        assert_eq!(shop.kept(sort)?, BTreeSet::new(), "{sort}");
    }
    assert_eq!(host.run(&["docker", "volume", "ls", "--quiet"])?, "shop_database\n");
    shop.site.is_quiet()
}

#[test]
fn a_stack_that_docker_deployed_is_taken_over() -> Result<()> {
    let (host, images) = boot("stack-take-over")?;
    // Docker's own command knows neither profiles nor variables without a value.
    let (file, _) = FILES[0].1.split_once("  metrics:\n").context("no metrics")?;
    let (_, rest) = FILES[0].1.split_once("\nnetworks:\n").context("no networks")?;
    host.run(&["mkdir", "-p", "/root/shop/db", "/root/shop/nginx"])?;
    host.write_file("/root/shop/stack.yaml", format!("{file}\nnetworks:\n{rest}"))?;
    for (path, text) in &FILES[1..] {
        host.write_file(&format!("/root/{path}"), *text)?;
    }
    host.write_file("/root/shop/db/password.txt", "first")?;
    let variables: Vec<_> =
        images.iter().map(|(image, id)| format!("{}_IMAGE={id}", image.to_uppercase())).collect();
    host.shell(&format!(
        "cd /root/shop && {} DATABASE_USER=shop docker stack deploy --resolve-image never -c stack.yaml shop",
        variables.join(" ")
    ))?;
    wait::until("the tasks", Duration::from_mins(2), || Ok(running(&host)? == 5))?;
    let theirs = tasks(&host)?;

    let shop = Shop::new(host, images)?;
    let host = &shop.site.host;
    shop.converge()?;
    let ours = tasks(host)?;
    // What the secrets hold that Docker made nobody can see: who has them starts anew. The rest stays.
    assert_eq!(changed(&theirs, &ours), ["shop_app", "shop_database"]);
    assert_eq!(shop.kept("config")?, ["shop_app".to_owned(), "shop_site".to_owned()].into());
    shop.site.sync()?.success()?;
    let secrets = shop.kept("secret")?;
    ensure!(secrets.len() == 1 && !secrets.contains("shop_db-password"), "{secrets:?}");
    shop.site.is_quiet()?;
    assert_eq!(tasks(host)?, ours);

    // A config that is then changed is one of Holdfast's, and what Docker made goes.
    shop.change("shop/nginx/shop.conf", "app", "shop")?.success()?;
    assert_eq!(changed(&ours, &tasks(host)?), ["shop_web"]);
    shop.site.sync()?.success()?;
    let configs = shop.kept("config")?;
    ensure!(
        configs.len() == 2 && configs.contains("shop_app") && !configs.contains("shop_site"),
        "{configs:?}"
    );

    // What Holdfast never changed is not its own to remove.
    shop.site.fleet.write(STATE, "")?;
    shop.site.fleet.commit("no shop\n\nAllow-Removals: 20")?;
    shop.site.sync()?.success()?;
    let told = shop.site.resource("service:shop_cache")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Released);
    assert_eq!(shop.kept("service")?, ["shop_cache".to_owned()].into());
    Ok(())
}
