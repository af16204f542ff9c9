//! Asks for a package's state.

use holdfast_schema::spec::PackageSpec;

use crate::{
    host::{HostError, PackageNow, Read},
    kinds::Subject,
};

pub(super) async fn observe(
    subject: &Subject<'_, PackageSpec>,
    host: &impl Read,
) -> Result<PackageNow, HostError> {
    host.package(subject.want.map_or(subject.id.name.as_str(), |want| want.name.as_str())).await
}
