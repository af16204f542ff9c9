//! One thing of each kind is spoilt by hand: it comes back without anybody asking, and the status tells of it.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, ensure};
use harness::{Manager, Package, SigningKey, wait};
use holdfast_schema::{KindName, status::ResourceOutcome};

use super::STATE;
use crate::{
    registry::{Shop, at},
    repositories::{declared, serve},
    site::AGENT,
};

/// A repair, and the push of the status that tells of it, on a busy machine.
const SOON: Duration = Duration::from_mins(1);

/// What is spoilt, how, and how it is when it is in order.
const WAYS: [(&str, &str, &str); 17] = [
    ("file:/etc/app/conf", "echo theirs >/etc/app/conf", "grep --quiet ours /etc/app/conf"),
    ("directory:/etc/app", "chmod 0700 /etc/app", "[ \"$(stat -c %a /etc/app)\" = 755 ]"),
    ("symlink:/etc/app/link", "ln -sfn elsewhere /etc/app/link", "[ \"$(readlink /etc/app/link)\" = conf ]"),
    (
        "repository:shop",
        "sed -i s/stable/unstable/ /etc/apt/sources.list.d/shop.sources",
        "! grep --quiet unstable /etc/apt/sources.list.d/shop.sources",
    ),
    (
        "package:shop",
        "dpkg --remove shop",
        "[ \"$(dpkg-query --show --showformat '${db:Status-Status}' shop)\" = installed ]",
    ),
    ("unit:app.service", "systemctl stop app", "systemctl --quiet is-active app"),
    ("image:SPARE", "docker image rm SPARE", "docker image inspect SPARE"),
    ("network:back", "docker network rm back", "docker network inspect back"),
    ("volume:data", "docker volume rm data", "docker volume inspect data"),
    (
        "container:shop",
        "docker rm --force shop",
        "[ \"$(docker inspect --format '{{.State.Running}}' shop)\" = true ]",
    ),
    (
        "service:web",
        "docker service scale --detach web=0",
        "[ \"$(docker service inspect --format '{{.Spec.Mode.Replicated.Replicas}}' web)\" = 1 ]",
    ),
    (
        "config:motto",
        "docker config rm $(docker config ls --quiet --filter name=motto)",
        "docker config ls --format '{{.Name}}' | grep --quiet motto",
    ),
    (
        "secret:pin",
        "docker secret rm $(docker secret ls --quiet --filter name=pin)",
        "docker secret ls --format '{{.Name}}' | grep --quiet pin",
    ),
    (
        "node:NODE",
        "docker node update --label-rm zone NODE",
        "docker node inspect --format '{{.Spec.Labels}}' NODE | grep --quiet zone:front",
    ),
    (
        "registry:registry.test:5000",
        "rm /root/.docker/config.json",
        "grep --quiet registry.test:5000 /root/.docker/config.json",
    ),
    // What a compose file makes is told by itself.
    (
        "container:crew-one-1",
        "docker rm --force crew-one-1",
        "[ \"$(docker inspect --format '{{.State.Running}}' crew-one-1)\" = true ]",
    ),
    ("service:fair_one", "docker service rm fair_one", "docker service inspect fair_one"),
];

#[test]
fn one_thing_of_each_kind_comes_back() -> Result<()> {
    let shop = Shop::new("kinds")?;
    let (site, host) = (&shop.site, &shop.site.host);
    host.run(&["docker", "swarm", "init", "--advertise-addr", &host.address()?])?;
    let node = host.run(&["docker", "node", "ls", "--format", "{{.Hostname}}"])?.trim().to_owned();
    let (image, spare) = (at(&shop.push("1", 10)?), at(&shop.push("spare", 10)?));
    shop.forget_login()?;
    shop.secret_for("pin", "7531", "secret:pin")?;
    let key = SigningKey::new("shop")?;
    serve(site, &[Package::new("shop", "1.0")], &key, "/srv/shop")?;
    for file in ["crew/compose.yaml", "fair/stack.yaml"] {
        site.fleet.write(file, "services:\n  one:\n    image: ${IMAGE}\n")?;
    }
    let state = format!(
        "{STATE}\n{}[package.shop]\n[image.\"{spare}\"]\n[network.back]\n[volume.data]\n[config.motto]\ncontent = \"well\"\n\
         [secret.pin]\nsecret = \"pin\"\n[service.web]\nimage = \"{image}\"\nreplicas = 1\n[node.{node}]\nlabels = {{ zone = \"front\" }}\n\
         [compose.crew]\nsource = \"crew/compose.yaml\"\nvariables = {{ IMAGE = \"{image}\" }}\n\
         [stack.fair]\nsource = \"fair/stack.yaml\"\nvariables = {{ IMAGE = \"{image}\" }}\n",
        declared(Manager::Apt, "shop", "/srv/shop", &key)?,
    );
    // What belongs to no table comes first.
    let state = format!("{}{state}", shop.logged_in("token", &image));
    site.publish(&state)?;
    let sync = site.sync()?;
    ensure!(sync.code == Some(0), "{sync}\n{}", host.journal(AGENT)?);

    let mut spoilt = BTreeSet::new();
    for (id, tamper, in_order) in WAYS {
        let [id, tamper, in_order] =
            [id, tamper, in_order].map(|text| text.replace("SPARE", &spare).replace("NODE", &node));
        let before = site.status()?;
        let told = || -> Result<bool> {
            let status = site.status()?;
            let mut all = status.resource.iter();
            let changed =
                all.any(|told| told.id.to_string() == id && told.outcome == ResourceOutcome::Changed);
            Ok(changed && status != before)
        };
        host.shell(&in_order)?;
        host.shell(&tamper).with_context(|| id.clone())?;
        wait::until("it is in order again", SOON, || Ok(host.shell(&in_order).is_ok()))
            .and_then(|()| wait::until("the status tells of it", SOON, told))
            .with_context(|| format!("{id} in {}", host.journal(AGENT).unwrap_or_default()))?;
        spoilt.extend(id.split(':').next().map(str::to_owned));
    }
    let all: BTreeSet<String> = KindName::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    spoilt.extend(["compose", "stack"].map(str::to_owned));
    assert_eq!(spoilt, all);
    site.is_quiet()
}
