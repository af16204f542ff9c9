//! `[image."NAME:TAG@sha256:…"]`: an image of the Docker engine.

use super::value;
use crate::spec::Ensure;
use crate::{
    ImageReference, KindName,
    document::{source::Span, table::table},
    language::common::{Common, Declared},
    resolve::build::Build,
    spec::{ImageSpec, Pull, Spec},
};

table! {
    /// An image of the Docker engine, by its reference: `[REGISTRY/]NAME[:TAG]@sha256:DIGEST`, or `sha256:ID` for one that no
    /// registry has. A container brings its image by itself; declare one to have it beforehand.
    pub(crate) struct ImageTable {
        /// Whether the engine has it. An image that is no longer declared stays.
        ensure: Ensure = "\"present\"",
        /// Where it may come from.
        pull: Pull = "\"missing\"",
        after common: Common,
    }
}

impl Declared for ImageTable {
    const KIND: KindName = KindName::Image;
    type Name = ImageReference;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, reference: &ImageReference, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        if ensure == Ensure::Present {
            build.check_pinned(reference, at);
        }
        let pull = value(self.pull.as_ref()).unwrap_or_default();
        Some(Spec::Image(ImageSpec { reference: reference.clone(), ensure, pull }))
    }
}
