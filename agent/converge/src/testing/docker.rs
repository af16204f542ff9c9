//! What a scene declares of the Docker engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use holdfast_schema::{
    Resource,
    spec::{
        ComposeSpec, ConfigSpec, ContainerConfig, ContainerSpec, Ensure, ImageSpec, Limits, NetworkSpec,
        NodeSpec, Pull, Restart, ServiceConfig, ServiceSpec, Spec, StackSpec, VolumeSpec,
    },
};

use super::Scene;

impl Scene {
    pub(crate) fn image(&mut self, name: &str) -> &mut Resource {
        let (reference, ensure, pull) = (name.parse().unwrap(), Ensure::Present, Pull::Missing);
        self.add(Spec::Image(ImageSpec { reference, ensure, pull }), name)
    }

    pub(crate) fn network(&mut self, name: &str) -> &mut Resource {
        let spec = Spec::Network(NetworkSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            driver: None,
            subnet: None,
            gateway: None,
            internal: false,
            ipv6: false,
            attachable: false,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        });
        self.add(spec, name)
    }

    pub(crate) fn volume(&mut self, name: &str) -> &mut Resource {
        let spec = Spec::Volume(VolumeSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            driver: None,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        });
        self.add(spec, name)
    }

    /// A container that runs.
    pub(crate) fn container(&mut self, name: &str, image: &str) -> &mut Resource {
        let config = ContainerConfig { image: Some(image.parse().unwrap()), ..ContainerConfig::default() };
        let spec = Spec::Container(Box::new(ContainerSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            config,
            pull: Pull::Missing,
            running: true,
            networks: BTreeSet::new(),
            restart: Restart::default(),
            limits: Limits::default(),
            healthy_within: Duration::from_secs(5),
        }));
        self.add(spec, name)
    }

    /// A service of one task.
    pub(crate) fn swarm_service(&mut self, name: &str, image: &str) -> &mut Resource {
        let config = ServiceConfig { image: Some(image.parse().unwrap()), ..ServiceConfig::default() };
        let spec = Spec::Service(Box::new(ServiceSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            config,
            healthy_within: Duration::from_secs(20),
        }));
        self.add(spec, name)
    }

    pub(crate) fn config(&mut self, name: &str, text: &str) -> &mut Resource {
        let spec = Spec::Config(ConfigSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            content: Some(self.contents.add(text.as_bytes().to_vec())),
            labels: BTreeMap::new(),
        });
        self.add(spec, name)
    }

    pub(crate) fn node(&mut self, name: &str) -> &mut Resource {
        let spec = NodeSpec { name: name.parse().unwrap(), labels: BTreeMap::new(), availability: None };
        self.add(Spec::Node(spec), name)
    }

    /// A compose file, of which `asleep` are the services that no active profile has.
    pub(crate) fn compose(&mut self, name: &str, asleep: &[&str]) -> &mut Resource {
        let asleep = asleep.iter().map(|&service| service.to_owned()).collect();
        self.add(Spec::Compose(ComposeSpec { name: name.parse().unwrap(), asleep }), name)
    }

    /// A compose file in a Swarm.
    pub(crate) fn stack(&mut self, name: &str, asleep: &[&str]) -> &mut Resource {
        let asleep = asleep.iter().map(|&service| service.to_owned()).collect();
        self.add(Spec::Stack(StackSpec { name: name.parse().unwrap(), asleep }), name)
    }
}
