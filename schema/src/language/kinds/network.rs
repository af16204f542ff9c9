//! `[network.NAME]`: a network of the Docker engine.

use super::{texts, value};
use crate::{
    KindName, ObjectName, Problem,
    document::{field::Map, source::Span, table::table},
    language::{
        common::{Common, Declared},
        values::docker::{Address, LabelName, OptionName, Subnet, Word},
    },
    resolve::build::Build,
    spec::{Ensure, NetworkSpec, Spec},
};

table! {
    /// A network of the Docker engine, by its name. What is not set is left as it is found. The engine cannot change a network:
    /// one that differs is made anew, which only works while no container is in it.
    pub(crate) struct NetworkTable {
        /// Whether it exists. One that Holdfast made goes when it is no longer declared.
        ensure: Ensure = "\"present\"",
        /// What drives it; `bridge` where a new one says nothing. One that is driven by `overlay` is the Swarm's: see `service`.
        driver: Word,
        /// Its addresses, as in `10.20.0.0/24`.
        subnet: Subnet,
        /// The gateway in the subnet.
        gateway: Address,
        /// Whether nothing gets out of it.
        internal: bool = "false",
        /// Whether it has IPv6.
        ipv6: bool = "false",
        /// Whether containers that are no service's can be in it, if it is a Swarm's (`driver = "overlay"`).
        attachable: bool = "false",
        /// The driver's options, by their names.
        options: Map<OptionName, String>,
        /// Labels, by their names.
        labels: Map<LabelName, String>,
        after common: Common,
    }
}

impl Declared for NetworkTable {
    const KIND: KindName = KindName::Network;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        if ["bridge", "host", "none"].contains(&name.as_str()) {
            let problem = Problem::new("E_RESERVED", format!("the network {name} is the engine's own"));
            build.report(at, problem.remedy("take another name"));
            return None;
        }
        if let (Some(gateway), None) = (&self.gateway, &self.subnet) {
            let problem = Problem::new("E_MISSING_KEY", "a gateway needs the `subnet` that it is in");
            build.report(gateway.at, problem.remedy("set `subnet`, or take `gateway` out"));
        }
        Some(Spec::Network(NetworkSpec {
            name: name.clone(),
            ensure: value(self.ensure.as_ref()).unwrap_or_default(),
            driver: self.driver.as_ref().map(|driver| driver.value.as_str().to_owned()),
            subnet: self.subnet.as_ref().map(|subnet| subnet.value.as_str().to_owned()),
            gateway: self.gateway.as_ref().map(|gateway| gateway.value.0),
            internal: value(self.internal.as_ref()).unwrap_or_default(),
            ipv6: value(self.ipv6.as_ref()).unwrap_or_default(),
            attachable: value(self.attachable.as_ref()).unwrap_or_default(),
            options: texts(self.options.as_ref()),
            labels: texts(self.labels.as_ref()),
        }))
    }
}
