//! The documents: `fleet.toml`, `groups/*.toml`, `hosts/*.toml`, `roles/*/role.toml`.

use super::{
    kinds::{DirectoryTable, FileTable, PackageTable, SymlinkTable, UnitTable},
    values::PackageName,
    variables::{Parameter, StatusKey, Variable},
};
use crate::{
    AbsolutePath, UnitName,
    document::{
        field::{List, Map, Whole},
        table::table,
    },
    id::{GroupName, RoleName, VariableName},
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
        /// Packages, by their names.
        package: Map<PackageName, PackageTable>,
        /// Systemd units, by their full names.
        unit: Map<UnitName, UnitTable>,
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
    /// What every host of the fleet has: `fleet.toml`.
    pub(crate) struct FleetDocument {
        /// How much one pass may remove from a host.
        guard: Guard,
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
