//! The documents: `fleet.toml`, `groups/*.toml`, `hosts/*.toml`, `roles/*/role.toml`, `secrets/index.toml`.

use super::{
    kinds::{
        ComposeTable, ConfigTable, ContainerTable, DirectoryTable, FileTable, HealthTable, ImageTable,
        NetworkTable, NodeTable, PackageTable, RegistryTable, RepositoryTable, SecretObjectTable,
        ServiceTable, StackTable, SymlinkTable, UnitTable, VolumeTable,
    },
    values::PackageName,
    variables::{AgeKey, Parameter, StatusKey, Variable},
};
use crate::{
    AbsolutePath, HostName, ImageReference, ObjectName, Sha256, UnitName,
    document::{
        duration::Wait,
        field::{List, Map, Whole},
        table::table,
    },
    id::{GroupName, RegistryName, RepositoryName, RoleName, SecretName, VariableName},
    state::OnFailure,
};

table! {
    /// Resources by kind and name.
    pub(crate) struct Resources {
        /// Regular files, by their paths.
        file: Map<AbsolutePath, FileTable>,
        /// Directories, by their paths.
        directory: Map<AbsolutePath, DirectoryTable>,
        /// Symbolic links, by their paths.
        symlink: Map<AbsolutePath, SymlinkTable>,
        /// Sources of packages, by their names.
        repository: Map<RepositoryName, RepositoryTable>,
        /// Packages, by their names.
        package: Map<PackageName, PackageTable>,
        /// Systemd units, by their full names.
        unit: Map<UnitName, UnitTable>,
        /// Images of the Docker engine, by their references.
        image: Map<ImageReference, ImageTable>,
        /// Networks of the Docker engine, by their names.
        network: Map<ObjectName, NetworkTable>,
        /// Volumes of the Docker engine, by their names.
        volume: Map<ObjectName, VolumeTable>,
        /// Containers, by their names.
        container: Map<ObjectName, ContainerTable>,
        /// Services of the Swarm, by their names.
        service: Map<ObjectName, ServiceTable>,
        /// Configs of the Swarm, by their names.
        config: Map<ObjectName, ConfigTable>,
        /// Secrets of the Swarm, by their names.
        secret: Map<ObjectName, SecretObjectTable>,
        /// Nodes of the Swarm, by their host names.
        node: Map<ObjectName, NodeTable>,
        /// Logins at registries of images, by the registries.
        registry: Map<RegistryName, RegistryTable>,
        /// Compose files, by their projects' names.
        compose: Map<ObjectName, ComposeTable>,
        /// Compose files in a Swarm, by the names of their stacks.
        stack: Map<ObjectName, StackTable>,
    }
}

table! {
    /// How much one pass may remove from a host because Git no longer has it. A pass that would remove more removes
    /// nothing and is reported.
    pub(crate) struct Guard {
        /// The most resources that one pass may remove.
        max_removals: Whole<0, { u32::MAX }> = "100",
        /// The largest share of what Holdfast owns on the host, in per cent, that one pass may remove. It counts from ten
        /// owned resources on.
        max_removal_percent: Whole<0, 100> = "50",
    }
}

table! {
    /// What the fleet asks of everything that runs in Docker.
    pub(crate) struct DockerTable {
        /// Lets an image be named by its tag alone. The tag is looked up once, when a container or service is first made from it.
        /// Without this every image needs its digest, as in `nginx:1.27@sha256:…`.
        allow_tags: bool = "false",
    }
}

table! {
    /// How a new revision is put in force. A higher layer's field wins over a lower one's.
    pub(crate) struct ApplyTable {
        /// What becomes of a revision that cannot be applied whole, or under which the host is not healthy.
        on_failure: OnFailure = "\"rollback\"",
        /// How long a change that could cut the host off has until the Git server was reached again and the host is
        /// healthy. After that it is taken back.
        confirm_within: Wait<10, 86_400> = "\"5m\"",
        /// How long a package's script, such as its `postinst`, may run before it is stopped and the package has failed.
        package_script_limit: Wait<10, 86_400> = "\"1h\"",
        /// How to know that the host works under a new revision: probes by their names, each as a unit's `health`.
        health: Map<VariableName, HealthTable>,
    }
}

table! {
    /// What every host of the fleet has: `fleet.toml`.
    pub(crate) struct FleetDocument {
        /// How much one pass may remove from a host.
        guard: Guard,
        /// What the fleet asks of everything that runs in Docker.
        docker: DockerTable,
        /// How a new revision is put in force.
        apply: ApplyTable,
        /// Variables that any host may have, by their names: their types, defaults and meanings.
        params: Map<VariableName, Parameter>,
        /// Values of variables, by their names.
        vars: Map<VariableName, Variable>,
        after resources: Resources,
    }
}

table! {
    /// What a set of hosts shares: `groups/NAME.toml`.
    pub(crate) struct GroupDocument {
        /// How a new revision is put in force.
        apply: ApplyTable,
        /// Values of variables, by their names.
        vars: Map<VariableName, Variable>,
        after resources: Resources,
    }
}

table! {
    /// One host: `hosts/NAME.toml`.
    pub(crate) struct HostDocument {
        /// The roles that the host has, in any order: two roles cannot set one field differently, unless one says
        /// `override = true`.
        roles: List<RoleName> = "[]",
        /// The groups that the host is in. A later one wins over an earlier one.
        groups: List<GroupName> = "[]",
        /// The public key with which the host signs its status, as `holdfast enrol` prints it.
        status_key: StatusKey,
        /// The public key to which secrets for the host are encrypted, as `holdfast enrol` prints it.
        age_key: AgeKey,
        /// How a new revision is put in force.
        apply: ApplyTable,
        /// Values of variables, by their names.
        vars: Map<VariableName, Variable>,
        after resources: Resources,
    }
}

table! {
    /// A reusable set of resources: `roles/NAME/role.toml`.
    pub(crate) struct RoleDocument {
        /// The role's variables, by their names: their types, defaults and meanings.
        params: Map<VariableName, Parameter>,
        after resources: Resources,
    }
}

table! {
    /// Who may read one secret.
    pub(crate) struct SecretTable {
        /// Hosts that may read it.
        hosts: List<HostName> = "[]",
        /// Groups whose hosts may read it.
        groups: List<GroupName> = "[]",
        /// A digest of the keys that it is encrypted to: `holdfast secret` writes it, and `holdfast check` tells when they are
        /// not the right ones any more.
        sealed: Sha256,
    }
}

table! {
    /// Who may read the secrets of the fleet: `secrets/index.toml`. The secrets themselves are `secrets/NAME.age`.
    pub(crate) struct SecretsDocument {
        /// Public keys that every secret is encrypted to beside the hosts': without one nobody but the hosts can read them, not
        /// even to encrypt them to a new host. Their private halves belong offline.
        recovery: List<AgeKey> = "[]",
        /// Secrets, by their names.
        secret: Map<SecretName, SecretTable>,
    }
}
