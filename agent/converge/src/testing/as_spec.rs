//! The spec of a resource as the kind that a test knows it to be.

use holdfast_schema::{
    Resource,
    spec::{
        ConfigSpec, ContainerSpec, DirectorySpec, FileSpec, NetworkSpec, NodeSpec, PackageSpec, RegistrySpec,
        RepositorySpec, ServiceSpec, Spec, UnitSpec, VolumeSpec,
    },
};

/// The variant that a test knows it made.
pub(crate) trait AsSpec {
    fn as_file(&mut self) -> &mut FileSpec;
    fn as_registry(&mut self) -> &mut RegistrySpec;
    fn as_repository(&mut self) -> &mut RepositorySpec;
    fn as_directory(&mut self) -> &mut DirectorySpec;
    fn as_package(&mut self) -> &mut PackageSpec;
    fn as_unit(&mut self) -> &mut UnitSpec;
    fn as_container(&mut self) -> &mut ContainerSpec;
    fn as_network(&mut self) -> &mut NetworkSpec;
    fn as_volume(&mut self) -> &mut VolumeSpec;
    fn as_service(&mut self) -> &mut ServiceSpec;
    fn as_config(&mut self) -> &mut ConfigSpec;
    fn as_node(&mut self) -> &mut NodeSpec;
}

impl AsSpec for Resource {
    fn as_file(&mut self) -> &mut FileSpec {
        if let Spec::File(file) = &mut self.spec { file } else { panic!("no file") }
    }
    fn as_registry(&mut self) -> &mut RegistrySpec {
        if let Spec::Registry(registry) = &mut self.spec { registry } else { panic!("no login") }
    }
    fn as_repository(&mut self) -> &mut RepositorySpec {
        if let Spec::Repository(repository) = &mut self.spec { repository } else { panic!("no repository") }
    }
    fn as_directory(&mut self) -> &mut DirectorySpec {
        if let Spec::Directory(directory) = &mut self.spec { directory } else { panic!("no directory") }
    }
    fn as_package(&mut self) -> &mut PackageSpec {
        if let Spec::Package(package) = &mut self.spec { package } else { panic!("no package") }
    }
    fn as_unit(&mut self) -> &mut UnitSpec {
        if let Spec::Unit(unit) = &mut self.spec { unit } else { panic!("no unit") }
    }
    fn as_container(&mut self) -> &mut ContainerSpec {
        if let Spec::Container(container) = &mut self.spec { container } else { panic!("no container") }
    }
    fn as_network(&mut self) -> &mut NetworkSpec {
        if let Spec::Network(network) = &mut self.spec { network } else { panic!("no network") }
    }
    fn as_volume(&mut self) -> &mut VolumeSpec {
        if let Spec::Volume(volume) = &mut self.spec { volume } else { panic!("no volume") }
    }
    fn as_service(&mut self) -> &mut ServiceSpec {
        if let Spec::Service(service) = &mut self.spec { service } else { panic!("no service") }
    }
    fn as_config(&mut self) -> &mut ConfigSpec {
        if let Spec::Config(config) = &mut self.spec { config } else { panic!("no config") }
    }
    fn as_node(&mut self) -> &mut NodeSpec {
        if let Spec::Node(node) = &mut self.spec { node } else { panic!("no node") }
    }
}
