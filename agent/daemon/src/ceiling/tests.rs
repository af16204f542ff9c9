use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    ResourceId,
    spec::{ContainerConfig, ContainerSpec, Ensure, Limits, Mount, MountSource, Pull, Restart, Spec},
};

use super::{Ceiling, is_at_or_below};

#[test]
fn a_container_reaches_what_lies_below_its_mounts() {
    let ceiling = Ceiling::parse("forbidden = [\"/etc/ssh\"]").unwrap();
    let id: ResourceId = "container:shop".parse().unwrap();
    let refuses = |path: &str, read_only| {
        let source = MountSource::Bind(path.parse().unwrap());
        let mount = Mount { source, read_only, create: false, propagation: None };
        let spec = Spec::Container(Box::new(ContainerSpec {
            name: "shop".parse().unwrap(),
            ensure: Ensure::Present,
            config: ContainerConfig {
                mounts: BTreeMap::from([("/mnt".parse().unwrap(), mount)]),
                ..ContainerConfig::default()
            },
            pull: Pull::Never,
            running: true,
            networks: BTreeSet::new(),
            restart: Restart::No,
            limits: Limits::default(),
            healthy_within: std::time::Duration::from_mins(1),
        }));
        ceiling.refuses(&id, &spec).is_some()
    };
    for (path, refused) in
        [("/etc/ssh", true), ("/etc/ssh/keys", true), ("/etc", true), ("/", true), ("/etc/ssh2", false)]
    {
        assert_eq!(refuses(path, false), refused, "{path}");
        assert!(!refuses(path, true), "{path}");
    }
}

#[test]
fn an_unknown_line_or_value_refuses_the_file() {
    for good in
        ["", "kinds = []", "kinds = [\"file\", \"unit\"]\nforbidden = [\"/etc/ssh\"]\nmax_removals = 0"]
    {
        Ceiling::parse(good).unwrap();
    }
    for bad in
        ["kind = [\"file\"]", "kinds = [\"files\"]", "forbidden = [\"etc\"]", "max_removals = -1", "kinds"]
    {
        assert!(Ceiling::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_path_is_below_a_directory_by_its_parts() {
    for (path, directory, want) in [
        ("/etc/ssh", "/etc/ssh", true),
        ("/etc/ssh/sshd_config", "/etc/ssh", true),
        ("/etc/ssh2", "/etc/ssh", false),
        ("/etc", "/etc/ssh", false),
    ] {
        assert_eq!(is_at_or_below(path, directory), want, "{path} {directory}");
    }
}
