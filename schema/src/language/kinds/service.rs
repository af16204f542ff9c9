//! `[service.NAME]`: a service of the Swarm.

use std::{collections::BTreeMap, time::Duration};

use super::{
    HealthcheckTable, LoggingTable, MountTable,
    container::{environment, healthcheck, labels, mounts},
    list, map, string, strings, texts, value, wait, words,
};
use crate::{
    AbsolutePath, FileMode, ImageReference, KindName, ObjectName, Problem,
    document::{
        duration::Wait,
        field::{List, Map, Whole},
        source::{Located, Span},
        table::table,
    },
    language::{
        common::{Body, Common, Declared},
        values::docker::{
            Address, Capability, Constraint, EnvironmentName, LabelName, OptionName, Processors, Ratio, Size,
            Word, Words,
        },
    },
    resolve::build::Build,
    spec::{
        Attached, EndpointMode, Ensure, FailureAction, Limits, Port, RestartCondition, ServiceConfig,
        ServiceMode, ServiceSpec, Spec, TaskRestart, Ulimit, UpdateOrder, UpdatePolicy,
    },
};

table! {
    /// How the containers of a service see a config.
    pub(crate) struct ConfigFileTable {
        /// The file's path. By default the config's name, in the root directory.
        target: AbsolutePath,
        /// The number of the user who owns it.
        uid: Whole<0, { u32::MAX }> = "0",
        /// The number of the group that owns it.
        gid: Whole<0, { u32::MAX }> = "0",
        /// Its permissions.
        mode: FileMode = "\"0444\"",
    }
}

table! {
    /// How the containers of a service see a secret.
    pub(crate) struct SecretFileTable {
        /// The file's path, or its name in /run/secrets. By default the secret's name.
        target: Word,
        /// The number of the user who owns it.
        uid: Whole<0, { u32::MAX }> = "0",
        /// The number of the group that owns it.
        gid: Whole<0, { u32::MAX }> = "0",
        /// Its permissions.
        mode: FileMode = "\"0444\"",
    }
}

table! {
    /// When the Swarm replaces a task that ended.
    pub(crate) struct TaskRestartTable {
        /// Which ends count.
        condition: RestartCondition = "\"any\"",
        /// How long it waits before. By default 5 seconds.
        delay: Wait<0, 86_400>,
        /// How often at most. By default for ever.
        max_attempts: Whole<0, { u32::MAX }>,
        /// Within which time attempts are counted.
        window: Wait<0, 86_400>,
    }
}

table! {
    /// How a change is brought to the tasks, or taken back.
    pub(crate) struct PolicyTable {
        /// How many tasks at once; 0 for all. By default one after the other.
        parallelism: Whole<0, { u32::MAX }>,
        /// How long to wait between them.
        delay: Wait<0, 86_400>,
        /// What becomes of it when tasks fail. By default a change is taken back, and a rollback that fails is left where it is.
        failure_action: FailureAction,
        /// How long a task is watched for failing after it was started. By default 5 seconds.
        monitor: Wait<1, 86_400>,
        /// Which share of the tasks may fail, as in `0.25`. By default none.
        max_failure_ratio: Ratio,
        /// Which of the old and the new task comes first. By default the old one is stopped first.
        order: UpdateOrder,
    }
}

table! {
    /// A service of the Swarm, by its name. What is not set is left to the image and the engine. Only the manager that leads the
    /// Swarm acts; the other nodes leave it to that one. A change is waited for until all tasks run and are healthy; one that
    /// the Swarm takes back, or stops at, has failed and is not tried again. A service of that name that is there and does not
    /// differ is taken over as it is.
    pub(crate) struct ServiceTable {
        /// Whether it exists. One that Holdfast made goes when it is no longer declared.
        ensure: Ensure = "\"present\"",
        /// Its image, with its digest: `nginx:1.27@sha256:…`. Needed unless the service is absent.
        image: ImageReference,
        /// Whether so many tasks run as `replicas` says, or one on each node.
        mode: ModeName = "\"replicated\"",
        /// How many tasks there are. By default one.
        replicas: Whole<0, 100_000>,
        /// What the command is given to, in place of the image's.
        entrypoint: Words,
        /// The arguments of the entry point, or a program and its arguments; in place of the image's.
        command: Words,
        /// Environment variables, by their names, besides those of the image.
        environment: Map<EnvironmentName, String>,
        /// A text of `NAME=VALUE` lines with more of them; takes `content`, `source` or `template`. What `environment` says
        /// wins.
        env_file: Body,
        /// Ports that are open on every node and lead to any task: `PUBLISHED:TARGET[/PROTOCOL]`.
        ports: List<Port> = "[]",
        /// Ports that are open on the nodes that tasks run on, each leading to the task there.
        host_ports: List<Port> = "[]",
        /// How its name is resolved. By default to one address that stands for all tasks.
        endpoint_mode: EndpointMode,
        /// What is mounted, by the path in the container.
        mounts: Map<AbsolutePath, MountTable>,
        /// The networks that it is in. They are of the Swarm: a declared one has `driver = "overlay"`.
        networks: List<ObjectName> = "[]",
        /// More names under which the other services of its networks find it.
        aliases: List<Word> = "[]",
        /// Configs that its containers see as files, by their names. One that is not declared is the Swarm's of just that name.
        configs: Map<ObjectName, ConfigFileTable>,
        /// Secrets that its containers see as files, by their names. One that is not declared is the Swarm's of just that name.
        secrets: Map<ObjectName, SecretFileTable>,
        /// How to know that a container works.
        healthcheck: HealthcheckTable,
        /// How long a change may take until all tasks run and are healthy.
        healthy_within: Wait<1, 86_400> = "\"5m\"",
        /// Labels of the service, by their names.
        labels: Map<LabelName, String>,
        /// Labels of its containers, by their names.
        container_labels: Map<LabelName, String>,
        /// Who its containers run as: a name or number in the container, with `:GROUP` if need be.
        user: Word,
        /// The directory in which they start.
        working_dir: AbsolutePath,
        /// The name that they take themselves for.
        hostname: Word,
        /// Where what they say goes.
        logging: LoggingTable,
        /// Capabilities that they get besides Docker's usual ones.
        cap_add: List<Capability> = "[]",
        /// Capabilities that they lose; `ALL` for all.
        cap_drop: List<Capability> = "[]",
        /// Whether their own files cannot be changed.
        read_only: bool,
        /// Whether an init of the engine looks after their processes.
        init: bool,
        /// Limits of setrlimit(2), by their names without `RLIMIT_` and in lower case: one number, or soft and hard.
        ulimits: Map<OptionName, Ulimit>,
        /// Kernel parameters of their own, by their names.
        sysctls: Map<OptionName, String>,
        /// The signal that asks them to stop.
        stop_signal: Word,
        /// How long they have to stop until they are killed. By default 10 seconds.
        stop_grace_period: Wait<1, 3600>,
        /// Name servers.
        dns: List<Address> = "[]",
        /// More lines for their /etc/hosts: addresses by names.
        extra_hosts: Map<OptionName, Word>,
        /// How much memory each task may use.
        memory: Size,
        /// How many processors each task may use, as in `1.5`.
        cpus: Processors,
        /// How many processes and threads each task may have.
        pids: Whole<1, { u32::MAX }>,
        /// How much memory a node must have free for a task.
        reserve_memory: Size,
        /// How many processors a node must have free for a task.
        reserve_cpus: Processors,
        /// What must hold of a node that runs a task, as in `node.labels.disk == ssd`.
        constraints: List<Constraint> = "[]",
        /// What tasks are spread over, the most important first, as in `node.labels.rack`.
        spread: List<Word> = "[]",
        /// The most tasks on one node.
        max_replicas_per_node: Whole<1, 100_000>,
        /// When the Swarm replaces a task that ended.
        restart: TaskRestartTable,
        /// How a change is brought to the tasks.
        update: PolicyTable,
        /// How a change is taken back by the Swarm.
        rollback: PolicyTable,
        after common: Common,
    }
}

/// How the tasks of a service are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModeName {
    Replicated,
    Global,
}

crate::language::values::choice!(ModeName {
    "replicated" => ModeName::Replicated, "so many tasks as `replicas` says, wherever there is room";
    "global" => ModeName::Global, "one on each node that it may run on";
});

impl Declared for ServiceTable {
    const KIND: KindName = KindName::Service;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        const LONGEST: usize = 63;
        if name.as_str().len() > LONGEST {
            let message = format!("the name {name} has more than {LONGEST} characters");
            build.report(at, Problem::new("E_LIMIT", message).remedy("take a shorter one"));
        }
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        let config = match ensure {
            Ensure::Absent => ServiceConfig::default(),
            Ensure::Present => self.config(name, at, build)?,
        };
        let healthy_within = wait(self.healthy_within.as_ref()).unwrap_or(Duration::from_mins(5));
        Some(Spec::Service(Box::new(ServiceSpec { name: name.clone(), ensure, config, healthy_within })))
    }
}

impl ServiceTable {
    fn config(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<ServiceConfig> {
        let Some(image) = &self.image else {
            let problem =
                Problem::new("E_MISSING_KEY", format!("nothing says which image {name} is made from"));
            build.report(at, problem.remedy("set `image`, or ensure = \"absent\""));
            return None;
        };
        build.check_pinned(&image.value, image.at);
        self.check_ports(build);
        self.check_mounts(build);
        Some(ServiceConfig {
            image: Some(image.value.clone()),
            mode: self.mode(build),
            entrypoint: words(self.entrypoint.as_ref()),
            command: words(self.command.as_ref()),
            environment: environment(self.env_file.as_ref(), self.environment.as_ref(), build)?,
            ports: list(self.ports.as_ref()).collect(),
            host_ports: list(self.host_ports.as_ref()).collect(),
            endpoint_mode: value(self.endpoint_mode.as_ref()),
            mounts: mounts(self.mounts.as_ref(), build),
            networks: strings(self.networks.as_ref()).collect(),
            aliases: strings(self.aliases.as_ref()).collect(),
            configs: attached(self.configs.as_ref(), |name, file| Attached {
                target: string(file.target.as_ref()).unwrap_or_else(|| format!("/{name}")),
                uid: whole(file.uid.as_ref()).unwrap_or_default(),
                gid: whole(file.gid.as_ref()).unwrap_or_default(),
                mode: value(file.mode.as_ref()).unwrap_or(FileMode::new(0o444)),
            }),
            secrets: attached(self.secrets.as_ref(), |name, file| Attached {
                target: string(file.target.as_ref()).unwrap_or_else(|| name.to_string()),
                uid: whole(file.uid.as_ref()).unwrap_or_default(),
                gid: whole(file.gid.as_ref()).unwrap_or_default(),
                mode: value(file.mode.as_ref()).unwrap_or(FileMode::new(0o444)),
            }),
            healthcheck: healthcheck(self.healthcheck.as_ref(), build),
            labels: labels(self.labels.as_ref(), build),
            container_labels: texts(self.container_labels.as_ref()),
            user: string(self.user.as_ref()),
            working_dir: string(self.working_dir.as_ref()),
            hostname: string(self.hostname.as_ref()),
            logging: self.logging.as_ref().and_then(|logging| logging.value.logging()),
            cap_add: list(self.cap_add.as_ref()).map(|name| name.as_str().to_owned()).collect(),
            cap_drop: list(self.cap_drop.as_ref()).map(|name| name.as_str().to_owned()).collect(),
            read_only: value(self.read_only.as_ref()),
            init: value(self.init.as_ref()),
            ulimits: map(self.ulimits.as_ref(), |limit| *limit),
            sysctls: texts(self.sysctls.as_ref()),
            stop_signal: string(self.stop_signal.as_ref()),
            stop_grace_period: wait(self.stop_grace_period.as_ref()),
            dns: list(self.dns.as_ref()).map(|address| address.0).collect(),
            extra_hosts: map(self.extra_hosts.as_ref(), Word::to_string),
            limits: Limits {
                memory: self.memory.as_ref().map(|memory| memory.value.0),
                nano_cpus: self.cpus.as_ref().map(|cpus| cpus.value.0),
                pids: whole(self.pids.as_ref()),
            },
            reservations: Limits {
                memory: self.reserve_memory.as_ref().map(|memory| memory.value.0),
                nano_cpus: self.reserve_cpus.as_ref().map(|cpus| cpus.value.0),
                pids: None,
            },
            constraints: list(self.constraints.as_ref()).map(|rule| rule.as_str().to_owned()).collect(),
            spread: strings(self.spread.as_ref()).collect(),
            max_replicas_per_node: whole(self.max_replicas_per_node.as_ref()),
            restart: self.restart.as_ref().map(|restart| restart.value.restart()),
            update: policy(self.update.as_ref()),
            rollback: policy(self.rollback.as_ref()),
        })
    }

    fn mode(&self, build: &mut Build<'_, '_>) -> ServiceMode {
        match (value(self.mode.as_ref()), &self.replicas) {
            (Some(ModeName::Global), Some(replicas)) => {
                let problem = Problem::new("E_CONFLICT", "a global service has no `replicas`");
                build.report(replicas.at, problem.remedy("take it out, or mode = \"global\""));
                ServiceMode::Global
            }
            (Some(ModeName::Global), None) => ServiceMode::Global,
            (Some(ModeName::Replicated) | None, replicas) => {
                ServiceMode::Replicated(replicas.as_ref().map_or(1, |replicas| replicas.value.0))
            }
        }
    }

    /// Tells of paths that would have to be made: a Swarm does not.
    fn check_mounts(&self, build: &mut Build<'_, '_>) {
        for (_, mount) in self.mounts.iter().flat_map(|mounts| &mounts.value.0) {
            if let Some(create) = mount.value.create.as_ref().filter(|create| create.value) {
                let problem = Problem::new("E_VALUE", "a Swarm makes no directory that a service mounts");
                build.report(create.at, problem.remedy("declare the directory on the nodes that may run it"));
            }
        }
    }

    /// Tells of ports with an address: a Swarm opens a port on all of a node's.
    fn check_ports(&self, build: &mut Build<'_, '_>) {
        let all = self.ports.iter().chain(&self.host_ports).flat_map(|ports| &ports.value.0);
        for port in all.filter(|port| port.value.address.is_some()) {
            let problem = Problem::new("E_VALUE", "a service's port is open on all addresses of a node");
            build.report(port.at, problem.remedy("take the address out, as in \"8080:80\""));
        }
    }
}

impl TaskRestartTable {
    fn restart(&self) -> TaskRestart {
        TaskRestart {
            condition: value(self.condition.as_ref()).unwrap_or_default(),
            delay: wait(self.delay.as_ref()),
            max_attempts: whole(self.max_attempts.as_ref()),
            window: wait(self.window.as_ref()),
        }
    }
}

fn policy(policy: Option<&Located<PolicyTable>>) -> UpdatePolicy {
    let Some(Located { value: policy, .. }) = policy else { return UpdatePolicy::default() };
    UpdatePolicy {
        parallelism: whole(policy.parallelism.as_ref()),
        delay: wait(policy.delay.as_ref()),
        failure_action: value(policy.failure_action.as_ref()),
        monitor: wait(policy.monitor.as_ref()),
        max_failure_ratio: policy.max_failure_ratio.as_ref().map(|ratio| ratio.value.0),
        order: value(policy.order.as_ref()),
    }
}

fn attached<T>(
    table: Option<&Located<Map<ObjectName, T>>>,
    of: impl Fn(&ObjectName, &T) -> Attached,
) -> BTreeMap<ObjectName, Attached> {
    let entries = table.into_iter().flat_map(|table| &table.value.0);
    entries.map(|(name, file)| (name.clone(), of(name, &file.value))).collect()
}

fn whole<const MIN: u32, const MAX: u32>(number: Option<&Located<Whole<MIN, MAX>>>) -> Option<u32> {
    number.map(|number| number.value.0)
}
