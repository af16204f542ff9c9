//! `holdfast check --resolve`: fills in the digests of images that documents name by their tags.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use holdfast_schema::{Entry, ImageReference, Repository};
use toml_edit::{DocumentMut, Item, TableLike, Value};

use crate::{Context, failure::Failure, output::Style};

mod registry;

use registry::Registries;

/// The kinds whose `image` is one.
const KINDS: [&str; 2] = ["container", "service"];

/// A document in which something is to change.
struct Draft {
    path: PathBuf,
    document: DocumentMut,
    /// What it names by tag alone.
    tags: Vec<ImageReference>,
}

/// Asks the registries for the digests, and writes them into the documents at `root`. If one cannot be had, nothing is written.
pub(super) fn run(root: &Path, repository: &Repository, context: &Context) -> Result<(), Failure> {
    let mut drafts: Vec<Draft> = drafts(root, repository)?;
    let mut registries = Registries::new(context.home.as_deref())?;
    let mut digests: BTreeMap<ImageReference, String> = BTreeMap::new();
    for image in drafts.iter().flat_map(|draft| &draft.tags) {
        if !digests.contains_key(image) {
            digests.insert(image.clone(), registries.digest(image)?);
        }
    }
    for draft in &mut drafts {
        each_image(&mut draft.document, &mut |image, value| {
            let Some(digest) = digests.get(&image) else { return };
            let decor = value.decor().clone();
            *value = format!("{image}@{digest}").into();
            *value.decor_mut() = decor;
        });
        put(&draft.path, draft.document.to_string().as_bytes())
            .map_err(|why| Failure::write(&draft.path, why))?;
    }
    for (image, digest) in &digests {
        context.output.line(format!("{} {image}@{digest}", Style::Good.of("resolved:")))?;
    }
    for image in named(repository) {
        let note = format!(
            "{} [image.{:?}] has the image as its name: write the digest into it, and wherever it is needed",
            Style::Bad.of("note:"),
            image.as_str()
        );
        context.output.note(note)?;
    }
    Ok(())
}

/// The documents that name images by tag alone. What is no TOML is told by the check.
fn drafts(root: &Path, repository: &Repository) -> Result<Vec<Draft>, Failure> {
    let mut drafts = Vec::new();
    for (name, document) in documents(repository) {
        let path = root.join(name);
        let mut document = document?;
        let mut tags = Vec::new();
        each_image(&mut document, &mut |image, _| tags.push(image));
        if !tags.is_empty() {
            drafts.push(Draft { path, document, tags });
        }
    }
    Ok(drafts)
}

/// The documents that are TOML, by their paths.
fn documents(repository: &Repository) -> impl Iterator<Item = (&str, Result<DocumentMut, Failure>)> {
    let all = repository.under("").filter(|(path, _)| is_document(path));
    all.filter_map(|(path, entry)| {
        let Entry::File { blob, .. } = entry else { return None };
        let bytes = match blob.read() {
            Ok(bytes) => bytes,
            Err(why) => return Some((path, Err(Failure::read(Path::new(path), why)))),
        };
        Some((path, Ok(str::from_utf8(&bytes).ok()?.parse().ok()?)))
    })
}

fn is_document(path: &str) -> bool {
    let directly = |directory: &str| {
        let name = path.strip_prefix(directory).and_then(|name| name.strip_suffix(".toml"));
        name.is_some_and(|name| !name.contains('/'))
    };
    let role = path.strip_prefix("roles/").and_then(|rest| rest.split_once('/'));
    path == "fleet.toml"
        || directly("groups/")
        || directly("hosts/")
        || matches!(role, Some((_, "role.toml")))
}

/// Tells every image that is named by its tag alone, with the value that names it.
fn each_image(document: &mut DocumentMut, tell: &mut dyn FnMut(ImageReference, &mut Value)) {
    for kind in KINDS {
        let resources = document.get_mut(kind).and_then(Item::as_table_like_mut);
        for (_, resource) in resources.into_iter().flat_map(TableLike::iter_mut) {
            let image = resource.as_table_like_mut().and_then(|resource| resource.get_mut("image"));
            let Some(value) = image.and_then(Item::as_value_mut) else { continue };
            let reference = value.as_str().and_then(|text| text.parse::<ImageReference>().ok());
            if let Some(image) = reference.filter(|image| !image.is_pinned()) {
                tell(image, value);
            }
        }
    }
}

/// The images by tag alone that are the names of resources: others may need them by these names.
fn named(repository: &Repository) -> Vec<ImageReference> {
    let mut named = Vec::new();
    for (_, document) in documents(repository) {
        let Ok(document) = document else { continue };
        let images = document.get("image").and_then(Item::as_table_like);
        let entries = images.into_iter().flat_map(TableLike::iter);
        named.extend(entries.filter_map(|(name, _)| name.parse::<ImageReference>().ok()));
    }
    named.retain(|image| !image.is_pinned());
    named
}

/// Puts a whole file in the place of one that is there.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    file.persist(path)?;
    Ok(())
}
