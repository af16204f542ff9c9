//! `[container.NAME]`: a container of the Docker engine.

use std::{collections::BTreeMap, time::Duration};

use super::{list, map, string, strings, texts, value, wait, words};
use crate::{
    AbsolutePath, ContentSource as _, HostPath, ImageReference, KindName, ObjectName, Problem, ResourceId,
    document::{
        duration::Wait,
        field::{List, Map, Signed, Whole},
        source::{Located, Span},
        table::table,
    },
    language::{
        common::{Body, Common, Declared},
        values::docker::{
            Address, Capability, EnvironmentName, LabelName, MemorySize, OptionName, Processors, Size, Word,
            Words, environment_file,
        },
    },
    resolve::{
        build::Build,
        order::{self, Written},
    },
    spec::{
        ContainerConfig, ContainerSpec, Device, Ensure, Healthcheck, Limits, Logging, Mount, MountSource,
        Port, Propagation, Pull, Restart, Spec, Ulimit,
    },
};

table! {
    /// What is mounted: one of three.
    pub(crate) struct MountTable {
        /// A volume, by its name. A volume that is not declared is made where it is missing.
        volume: ObjectName,
        /// A path of the host, or `/` for all of it. It must be there, unless `create` says otherwise.
        bind: HostPath,
        /// Memory, at most this much; `default` for as much as the kernel allows, half of what the host has.
        tmpfs: MemorySize,
        /// Whether the container cannot write to it.
        read_only: bool = "false",
        /// Whether a directory is made where the path of a `bind` is missing. What becomes of it is the container's business.
        create: bool = "false",
        /// Whether mounts that are made later beneath a `bind` are seen on the other side. By default they are not.
        propagation: Propagation,
        /// The driver of a `volume` that is made where it is missing; `local` where nothing is said.
        driver: Word,
        /// The driver's options, by their names.
        options: Map<OptionName, String>,
    }
    one_of [["volume", "bind", "tmpfs"]]
}

table! {
    /// How to know that a container works, in place of what its image says.
    pub(crate) struct HealthcheckTable {
        /// A program in the container and its arguments; it ends with exit code 0 while all is well.
        command: Words,
        /// The same as a line for the container's shell.
        shell: String,
        /// Takes the image's own check away.
        disable: bool = "false",
        /// How often it is asked. By default 30 seconds.
        interval: Wait<1, 86_400>,
        /// How long an answer may take. By default 30 seconds.
        timeout: Wait<1, 3600>,
        /// How many failures in a row make it unhealthy. By default 3.
        retries: Whole<1, 1000>,
        /// How long failures do not count after a start.
        start_period: Wait<1, 86_400>,
    }
    one_of [["command", "shell"]]
}

table! {
    /// Where what a container says goes.
    pub(crate) struct LoggingTable {
        /// The log driver, such as `json-file`, `journald` or `none`.
        driver: Word [required],
        /// Its options, by their names.
        options: Map<OptionName, String>,
    }
}

table! {
    /// A container of the Docker engine, by its name. What is not set is left to the image and the engine. A container cannot be
    /// changed but for its networks, limits and restart policy: one that differs otherwise is made anew, with the old one's
    /// anonymous volumes. One of that name that is there and does not differ is taken over as it is.
    pub(crate) struct ContainerTable {
        /// Whether it exists. One that Holdfast made goes when it is no longer declared; its volumes stay.
        ensure: Ensure = "\"present\"",
        /// Its image, with its digest: `nginx:1.27@sha256:…`, or `sha256:ID` for one that no registry has. Needed unless the
        /// container is absent.
        image: ImageReference,
        /// Where the image may come from.
        pull: Pull = "\"missing\"",
        /// Whether it runs.
        running: bool = "true",
        /// What the command is given to, in place of the image's.
        entrypoint: Words,
        /// The arguments of the entry point, or a program and its arguments; in place of the image's.
        command: Words,
        /// Environment variables, by their names, besides those of the image.
        environment: Map<EnvironmentName, String>,
        /// A text of `NAME=VALUE` lines with more of them; takes `content`, `source` or `template`. What `environment` says
        /// wins.
        env_file: Body,
        /// Ports that are open on the host: `[ADDRESS:]PUBLISHED:TARGET[/PROTOCOL]`.
        ports: List<Port> = "[]",
        /// What is mounted, by the path in the container.
        mounts: Map<AbsolutePath, MountTable>,
        /// The networks that it is in, and no others; `host` and `none` stand alone. By default the engine's `bridge`.
        networks: List<ObjectName>,
        /// More names under which the other containers of its networks find it.
        aliases: List<Word> = "[]",
        /// When the engine starts it again.
        restart: Restart = "\"unless-stopped\"",
        /// How much memory it may use.
        memory: Size,
        /// How many processors it may use, as in `1.5`.
        cpus: Processors,
        /// How many processes and threads it may have.
        pids: Whole<1, { u32::MAX }>,
        /// How to know that it works.
        healthcheck: HealthcheckTable,
        /// How long a container with a health check may take after a start until it is healthy.
        healthy_within: Wait<1, 3600> = "\"1m\"",
        /// Labels, by their names.
        labels: Map<LabelName, String>,
        /// Who it runs as: a name or number in the container, with `:GROUP` if need be.
        user: Word,
        /// The directory in which it starts.
        working_dir: AbsolutePath,
        /// The name that it takes itself for.
        hostname: Word,
        /// The domain that it takes itself to be in.
        domainname: Word,
        /// Whether it has a terminal.
        tty: bool,
        /// Whether its standard input stays open.
        stdin_open: bool,
        /// Where what it says goes.
        logging: LoggingTable,
        /// Capabilities that it gets besides Docker's usual ones.
        cap_add: List<Capability> = "[]",
        /// Capabilities that it loses; `ALL` for all.
        cap_drop: List<Capability> = "[]",
        /// Options of the kernel's security modules, such as `no-new-privileges`.
        security_opt: List<Word> = "[]",
        /// Whether it has all that root of the host has.
        privileged: bool,
        /// Whether its own files cannot be changed.
        read_only: bool,
        /// Whether an init of the engine looks after its processes.
        init: bool,
        /// Limits of setrlimit(2), by their names without `RLIMIT_` and in lower case: one number, or soft and hard.
        ulimits: Map<OptionName, Ulimit>,
        /// Kernel parameters of its own, by their names.
        sysctls: Map<OptionName, String>,
        /// Devices of the host: `PATH[:PATH_IN_CONTAINER[:rwm]]`.
        devices: List<Device> = "[]",
        /// More groups that it is in, by the names or numbers in the container.
        group_add: List<Word> = "[]",
        /// Whose processes it sees: `host`, or `container:NAME`. By default its own.
        pid: Word,
        /// Whose shared memory it has: `host`, `none`, `private`, `shareable`, or `container:NAME`.
        ipc: Word,
        /// Whose numbers of users it has: `host`, where the engine gives containers numbers of their own.
        userns: Word,
        /// What of the engine runs it, such as `nvidia`.
        runtime: Word,
        /// How readily the kernel ends it when memory is short: from -1000, never, to 1000.
        oom_score_adj: Signed<-1000, 1000>,
        /// How large its /dev/shm is.
        shm_size: Size,
        /// The signal that asks it to stop.
        stop_signal: Word,
        /// How long it has to stop until it is killed. By default 10 seconds.
        stop_grace_period: Wait<1, 3600>,
        /// Name servers.
        dns: List<Address> = "[]",
        /// Domains in which names without one are looked up.
        dns_search: List<Word> = "[]",
        /// More lines for its /etc/hosts: addresses by names; `host-gateway` is the host's address.
        extra_hosts: Map<OptionName, Word>,
        /// Resources whose change makes the container anew. A file that it mounts by itself, not with its directory, is always
        /// one of them: the container would go on seeing the old one.
        restart_on: List<ResourceId> = "[]",
        after common: Common,
    }
}

impl Declared for ContainerTable {
    const KIND: KindName = KindName::Container;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn triggers(&self, written: &mut Written) {
        written.restart_on = order::listed(self.restart_on.as_ref());
    }

    fn spec(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        let config = match ensure {
            Ensure::Absent => ContainerConfig::default(),
            Ensure::Present => self.config(name, at, build)?,
        };
        Some(Spec::Container(Box::new(ContainerSpec {
            name: name.clone(),
            ensure,
            config,
            pull: value(self.pull.as_ref()).unwrap_or_default(),
            running: value(self.running.as_ref()).unwrap_or(true),
            networks: strings(self.networks.as_ref()).collect(),
            restart: value(self.restart.as_ref()).unwrap_or_default(),
            limits: Limits {
                memory: self.memory.as_ref().map(|memory| memory.value.0),
                nano_cpus: self.cpus.as_ref().map(|cpus| cpus.value.0),
                pids: self.pids.as_ref().map(|pids| pids.value.0),
            },
            healthy_within: wait(self.healthy_within.as_ref()).unwrap_or(Duration::from_mins(1)),
        })))
    }
}

impl ContainerTable {
    fn config(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<ContainerConfig> {
        let Some(image) = &self.image else {
            let problem =
                Problem::new("E_MISSING_KEY", format!("nothing says which image {name} is made from"));
            build.report(at, problem.remedy("set `image`, or ensure = \"absent\""));
            return None;
        };
        build.check_pinned(&image.value, image.at);
        self.check_networks(build);
        Some(ContainerConfig {
            image: Some(image.value.clone()),
            entrypoint: words(self.entrypoint.as_ref()),
            command: words(self.command.as_ref()),
            environment: environment(self.env_file.as_ref(), self.environment.as_ref(), build)?,
            ports: list(self.ports.as_ref()).collect(),
            mounts: mounts(self.mounts.as_ref(), build),
            aliases: strings(self.aliases.as_ref()).collect(),
            healthcheck: healthcheck(self.healthcheck.as_ref(), build),
            labels: labels(self.labels.as_ref(), build),
            user: string(self.user.as_ref()),
            working_dir: string(self.working_dir.as_ref()),
            hostname: string(self.hostname.as_ref()),
            domainname: string(self.domainname.as_ref()),
            tty: value(self.tty.as_ref()),
            stdin_open: value(self.stdin_open.as_ref()),
            logging: self.logging.as_ref().and_then(|logging| logging.value.logging()),
            cap_add: list(self.cap_add.as_ref()).map(|name| name.as_str().to_owned()).collect(),
            cap_drop: list(self.cap_drop.as_ref()).map(|name| name.as_str().to_owned()).collect(),
            security_opt: strings(self.security_opt.as_ref()).collect(),
            privileged: value(self.privileged.as_ref()),
            read_only: value(self.read_only.as_ref()),
            init: value(self.init.as_ref()),
            ulimits: map(self.ulimits.as_ref(), |limit| *limit),
            sysctls: texts(self.sysctls.as_ref()),
            devices: list(self.devices.as_ref()).collect(),
            group_add: strings(self.group_add.as_ref()).collect(),
            pid: string(self.pid.as_ref()),
            ipc: string(self.ipc.as_ref()),
            userns: string(self.userns.as_ref()),
            runtime: string(self.runtime.as_ref()),
            oom_score_adj: self.oom_score_adj.as_ref().map(|score| score.value.0),
            shm_size: self.shm_size.as_ref().map(|size| size.value.0),
            stop_signal: string(self.stop_signal.as_ref()),
            stop_grace_period: wait(self.stop_grace_period.as_ref()),
            dns: list(self.dns.as_ref()).map(|address| address.0).collect(),
            dns_search: strings(self.dns_search.as_ref()).collect(),
            extra_hosts: map(self.extra_hosts.as_ref(), Word::to_string),
            // What these are is known once all is built.
            restart_on: BTreeMap::new(),
        })
    }

    /// Tells of networks that exclude others.
    fn check_networks(&self, build: &mut Build<'_, '_>) {
        let Some(networks) = &self.networks else { return };
        let alone = networks.value.0.iter().find(|network| matches!(network.value.as_str(), "host" | "none"));
        if let Some(alone) = alone
            && networks.value.0.len() > 1
        {
            let problem =
                Problem::new("E_CONFLICT", format!("the network {} goes with no other", alone.value));
            build.report(alone.at, problem.remedy("take it out, or the others"));
        }
    }
}

impl HealthcheckTable {
    fn healthcheck(&self) -> Result<Healthcheck, Problem> {
        let command =
            self.command.as_ref().map(|words| [vec!["CMD".to_owned()], words.value.0.clone()].concat());
        let shell = || self.shell.as_ref().map(|line| vec!["CMD-SHELL".to_owned(), line.value.clone()]);
        let disabled = self.disable.as_ref().is_some_and(|disable| disable.value);
        let test = match (disabled, command.or_else(shell)) {
            (true, None) => vec!["NONE".to_owned()],
            (false, Some(test)) => test,
            (true, Some(_)) => {
                let problem = Problem::new("E_CONFLICT", "`healthcheck` is disabled and has a command");
                return Err(problem.remedy("take one of the two out"));
            }
            (false, None) => {
                let problem = Problem::new("E_MISSING_KEY", "`healthcheck` does not say what is asked");
                return Err(problem.remedy("set `command`, `shell` or `disable`"));
            }
        };
        Ok(Healthcheck {
            test,
            interval: wait(self.interval.as_ref()),
            timeout: wait(self.timeout.as_ref()),
            retries: self.retries.as_ref().map(|retries| retries.value.0),
            start_period: wait(self.start_period.as_ref()),
        })
    }
}

impl LoggingTable {
    pub(super) fn logging(&self) -> Option<Logging> {
        Some(Logging { driver: string(self.driver.as_ref())?, options: texts(self.options.as_ref()) })
    }
}

/// The file's variables under those of the table.
pub(super) fn environment(
    file: Option<&Located<Body>>,
    table: Option<&Located<Map<EnvironmentName, String>>>,
    build: &mut Build<'_, '_>,
) -> Option<BTreeMap<String, String>> {
    let mut environment = BTreeMap::new();
    if let Some(file) = file {
        let body = build.body(&file.value)?;
        let bytes = build.contents.content(&body.content.sha256).ok();
        let text = bytes.as_deref().and_then(|bytes| str::from_utf8(bytes).ok());
        let read = text.map(environment_file);
        let message = match read {
            Some(Ok(variables)) => {
                environment = variables;
                None
            }
            Some(Err(line)) => Some(format!("line {line} of `env_file` is not NAME=VALUE")),
            None => Some("`env_file` is not a text".to_owned()),
        };
        if let Some(message) = message {
            build.report(file.at, Problem::new("E_VALUE", message).remedy("write one NAME=VALUE a line"));
        }
    }
    environment.extend(texts(table));
    Some(environment)
}

pub(super) fn mounts(
    table: Option<&Located<Map<AbsolutePath, MountTable>>>,
    build: &mut Build<'_, '_>,
) -> BTreeMap<AbsolutePath, Mount> {
    let mut mounts = BTreeMap::new();
    for (path, mount) in table.into_iter().flat_map(|mounts| &mounts.value.0) {
        let MountTable { volume, bind, tmpfs, read_only, create, propagation, driver, options } =
            &mount.value;
        let source = volume.as_ref().map(|volume| MountSource::Volume(volume.value.clone()));
        let source = source.or_else(|| bind.as_ref().map(|path| MountSource::Bind(path.value.clone())));
        let source = source.or_else(|| tmpfs.as_ref().map(|size| MountSource::Tmpfs(size.value.0)));
        let Some(source) = source else {
            let problem = Problem::new("E_MISSING_KEY", format!("nothing says what is mounted at {path}"));
            build.report(mount.at, problem.remedy("set `volume`, `bind` or `tmpfs`"));
            continue;
        };
        let mount = Mount {
            source,
            read_only: value(read_only.as_ref()).unwrap_or_default(),
            create: value(create.as_ref()).unwrap_or_default(),
            propagation: value(propagation.as_ref()),
            driver: string(driver.as_ref()),
            options: texts(options.as_ref()),
        };
        mounts.insert(path.clone(), mount);
    }
    mounts
}

/// The author's labels; tells of those that are Holdfast's own.
pub(super) fn labels(
    table: Option<&Located<Map<LabelName, String>>>,
    build: &mut Build<'_, '_>,
) -> BTreeMap<String, String> {
    for (label, text) in table.into_iter().flat_map(|labels| &labels.value.0) {
        if label.as_str().starts_with("io.holdfast.") {
            let problem =
                Problem::new("E_RESERVED", format!("the label {} is Holdfast's own", label.as_str()));
            build.report(text.at, problem.remedy("take another name"));
        }
    }
    texts(table)
}

pub(super) fn healthcheck(
    table: Option<&Located<HealthcheckTable>>,
    build: &mut Build<'_, '_>,
) -> Option<Healthcheck> {
    let check = table?;
    check.value.healthcheck().map_err(|problem| build.report(check.at, problem)).ok()
}
