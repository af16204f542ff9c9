use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    ResourceId,
    spec::{
        ContainerConfig, ContainerSpec, Ensure, Limits, Mount, MountSource, Pull, RepositorySpec, Restart,
        ServiceConfig, ServiceSpec, Spec, VolumeSpec,
    },
};

use super::{Ceiling, is_at_or_below};

#[test]
fn a_container_reaches_what_lies_below_its_mounts() {
    let ceiling = Ceiling::parse("forbidden = [\"/etc/ssh\"]").unwrap();
    let id: ResourceId = "container:shop".parse().unwrap();
    let refuses = |path: &str, read_only| {
        let source = MountSource::Bind(path.parse().unwrap());
        let mount = Mount { read_only, ..Mount::of(source) };
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
fn so_do_services_and_volumes_that_stand_for_a_directory() {
    let ceiling = Ceiling::parse("forbidden = [\"/etc/ssh\"]").unwrap();
    let options = |device: &str| {
        BTreeMap::from(
            [("o", "bind"), ("device", device)].map(|(name, text)| (name.to_owned(), text.to_owned())),
        )
    };
    let service = |mount: Mount| {
        let config = ServiceConfig {
            mounts: BTreeMap::from([("/mnt".parse().unwrap(), mount)]),
            ..ServiceConfig::default()
        };
        let healthy_within = std::time::Duration::from_mins(1);
        let name = "shop".parse().unwrap();
        let spec = ServiceSpec { name, ensure: Ensure::Present, config, healthy_within };
        ceiling.refuses(&"service:shop".parse().unwrap(), &Spec::Service(Box::new(spec))).is_some()
    };
    for (path, refused) in [("/etc/ssh", true), ("/etc", true), ("/", true), ("/srv", false)] {
        assert_eq!(service(Mount::of(MountSource::Bind(path.parse().unwrap()))), refused, "{path}");
        let volume = Mount::of(MountSource::Volume("data".parse().unwrap()));
        assert_eq!(service(Mount { options: options(path), ..volume }), refused, "{path}");
        let volume = VolumeSpec {
            name: "data".parse().unwrap(),
            ensure: Ensure::Present,
            driver: None,
            options: options(path),
            labels: BTreeMap::new(),
        };
        let id = "volume:data".parse().unwrap();
        assert_eq!(ceiling.refuses(&id, &Spec::Volume(volume)).is_some(), refused, "{path}");
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

#[test]
fn a_repository_writes_its_file_and_its_key() {
    let spec = Spec::Repository(RepositorySpec {
        name: "shop".parse().unwrap(),
        ensure: Ensure::Absent,
        enabled: true,
        source: None,
        key: None,
    });
    let id: ResourceId = "repository:shop".parse().unwrap();
    for (forbidden, refused) in [
        ("/etc/apt", true),
        ("/etc/yum.repos.d", true),
        ("/etc/zypp/repos.d/shop.repo", true),
        ("/etc/pki/rpm-gpg", true),
        ("/etc/yum.repos.d/other.repo", false),
    ] {
        let ceiling = Ceiling::parse(&format!("forbidden = [{forbidden:?}]")).unwrap();
        assert_eq!(ceiling.refuses(&id, &spec).is_some(), refused, "{forbidden}");
    }
    assert!(Ceiling::parse("kinds = [\"package\"]").unwrap().refuses(&id, &spec).is_some());
}
