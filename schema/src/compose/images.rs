//! The images that a compose file names.

use std::ops::Range;

use crate::{
    ImageReference,
    document::source::Source,
    yaml::{self, Yaml},
};

/// The images that services of a compose file name without variables, each with its place in the text, in the order of the
/// places. Of what is no compose file there are none: who uses it is told why.
pub fn images(text: &str) -> Vec<(Range<usize>, ImageReference)> {
    let source = Source::new(String::new(), text.to_owned(), 0);
    let Ok(Some(root)) = yaml::parse(&source) else { return Vec::new() };
    let Some(Yaml::Mapping(services)) = root.get("services").map(|services| &services.value) else {
        return Vec::new();
    };
    let image = |service: &yaml::Node| {
        let image = service.get("image")?;
        let Yaml::Scalar { text: name, .. } = &image.value else { return None };
        let reference = name.parse().ok()?;
        // Within its quotes, if it has some.
        let begin = image.at.start + text.get(image.at.clone())?.find(name.as_str())?;
        Some((begin..begin + name.len(), reference))
    };
    let mut images: Vec<_> = services.iter().filter_map(|(_, service)| image(service)).collect();
    // What an alias stands for stands once in the text.
    images.sort_by_key(|(at, _): &(Range<usize>, ImageReference)| at.start);
    images.dedup_by_key(|(at, _)| at.start);
    images
}
