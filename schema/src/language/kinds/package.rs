//! `[package.NAME]`: a distribution's package.

use super::value;
use crate::{
    Facts, KindName,
    document::{field::Map, source::Span, table::table},
    language::{
        common::{Common, Declared},
        values::{Family, PackageName, PackageVersion},
    },
    resolve::build::Build,
    spec::{ConfigFiles, PackageEnsure, PackageSpec, Spec},
};

table! {
    /// A package of the distribution, by its name; `:ARCH` after the name takes a foreign architecture's. All changes of
    /// packages in one pass are one transaction of the package manager.
    pub(crate) struct PackageTable {
        /// What the package is called on hosts of a family (`debian`, `rhel` or `suse`; see `facts.os_family`) whose
        /// distributions have another name for it, as in `{ debian = "apache2", rhel = "httpd" }`. On all other hosts it
        /// is called as the table. Whatever refers to it writes the table's name.
        names: Map<Family, PackageName>,
        /// Whether it is installed.
        ensure: PackageEnsure = "\"present\"",
        /// An exact version, or a glob such as `1.22.*`. Without it any version is in order, and nothing is upgraded.
        version: PackageVersion,
        /// Whether the package manager holds it at its version. Without it a hold is left as it is found.
        hold: bool,
        /// What becomes of a configuration file of the package that was changed on the host, when a new version of the
        /// package brings another one. Either way the status tells.
        config_files: ConfigFiles = "\"keep\"",
        after common: Common,
    }
}

impl Declared for PackageTable {
    const KIND: KindName = KindName::Package;
    type Name = PackageName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn name_on(&self, facts: &Facts) -> Option<&PackageName> {
        let names = &self.names.as_ref()?.value.0;
        names.iter().find(|(family, _)| family.as_str() == facts.os_family).map(|(_, name)| &name.value)
    }

    fn spec(&self, name: &PackageName, _at: Span, _build: &mut Build<'_, '_>) -> Option<Spec> {
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        let present = ensure == PackageEnsure::Present;
        Some(Spec::Package(PackageSpec {
            name: name.to_string(),
            ensure,
            version: self
                .version
                .as_ref()
                .filter(|_| present)
                .map(|version| version.value.as_str().to_owned()),
            hold: value(self.hold.as_ref()).filter(|_| present),
            config_files: value(self.config_files.as_ref()).unwrap_or_default(),
        }))
    }
}
