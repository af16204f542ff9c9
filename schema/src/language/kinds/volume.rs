//! `[volume.NAME]`: a volume of the Docker engine.

use super::{texts, value};
use crate::{
    KindName, ObjectName,
    document::{field::Map, source::Span, table::table},
    language::{
        common::{Common, Declared},
        values::docker::{LabelName, OptionName, Word},
    },
    resolve::build::Build,
    spec::{Ensure, Spec, VolumeSpec},
};

table! {
    /// A volume of the Docker engine, by its name. What is not set is left as it is found. A volume holds data: it is never made
    /// anew, and one that is no longer declared stays.
    pub(crate) struct VolumeTable {
        /// Whether it exists. Only `absent` ever removes a volume, with all that is in it, and that cannot be taken back.
        ensure: Ensure = "\"present\"",
        /// What drives it; `local` where a new one says nothing.
        driver: Word,
        /// The driver's options, by their names.
        options: Map<OptionName, String>,
        /// Labels, by their names.
        labels: Map<LabelName, String>,
        after common: Common,
    }
}

impl Declared for VolumeTable {
    const KIND: KindName = KindName::Volume;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &ObjectName, _at: Span, _build: &mut Build<'_, '_>) -> Option<Spec> {
        Some(Spec::Volume(VolumeSpec {
            name: name.clone(),
            ensure: value(self.ensure.as_ref()).unwrap_or_default(),
            driver: self.driver.as_ref().map(|driver| driver.value.as_str().to_owned()),
            options: texts(self.options.as_ref()),
            labels: texts(self.labels.as_ref()),
        }))
    }
}
