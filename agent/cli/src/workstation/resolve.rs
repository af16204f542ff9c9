//! `holdfast check --resolve`: fills in the digests of images that documents name by their tags.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use holdfast_schema::{Entry, ImageReference, Repository, compose};
use toml_edit::{DocumentMut, Item, TableLike};

use crate::{Context, failure::Failure, output::Style};

mod registry;

use registry::Registries;

/// The kinds whose `image` is one.
const KINDS: [&str; 2] = ["container", "service"];

/// The kinds whose `source` is a compose file.
const PROJECTS: [&str; 2] = ["compose", "stack"];

/// A file in which something is to change.
struct Draft {
    path: PathBuf,
    text: Text,
    /// What it names by tag alone.
    tags: Vec<ImageReference>,
}

/// What a file is.
enum Text {
    Document(DocumentMut),
    Compose(String),
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
        draft.text.pin(&mut |image| Some(format!("{image}@{}", digests.get(image)?)));
        put(&draft.path, draft.text.to_string().as_bytes())
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

/// The files that name images by tag alone. What is no TOML is told by the check.
fn drafts(root: &Path, repository: &Repository) -> Result<Vec<Draft>, Failure> {
    let mut texts = BTreeMap::new();
    for (name, document) in documents(repository) {
        let document = document?;
        for file in projects(name, &document) {
            if let Some(text) = text(repository, &file)? {
                texts.insert(file, Text::Compose(text));
            }
        }
        texts.insert(name.to_owned(), Text::Document(document));
    }
    let drafts = texts.into_iter().map(|(name, mut text)| {
        let mut tags = Vec::new();
        text.pin(&mut |image| {
            tags.push(image.clone());
            None
        });
        Draft { path: root.join(name), text, tags }
    });
    Ok(drafts.filter(|draft| !draft.tags.is_empty()).collect())
}

/// The compose files that a document names, by their paths in the repository.
fn projects(name: &str, document: &DocumentMut) -> Vec<String> {
    let folder = name.strip_suffix("role.toml").unwrap_or("");
    let tables = PROJECTS.iter().filter_map(|kind| document.get(kind).and_then(Item::as_table_like));
    let sources = tables.flat_map(TableLike::iter).filter_map(|(_, project)| {
        project.as_table_like().and_then(|project| project.get("source")).and_then(Item::as_str)
    });
    sources.map(|source| format!("{folder}{source}")).collect()
}

/// A file's text, if it is one.
fn text(repository: &Repository, path: &str) -> Result<Option<String>, Failure> {
    let Some(Entry::File { blob, .. }) = repository.get(path) else { return Ok(None) };
    let bytes = blob.read().map_err(|why| Failure::read(Path::new(path), why))?;
    Ok(String::from_utf8(bytes.to_vec()).ok())
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

impl Text {
    /// Writes what `pinned` gives in the place of each image that is named by its tag alone; all else stays as it is.
    fn pin(&mut self, pinned: &mut dyn FnMut(&ImageReference) -> Option<String>) {
        match self {
            Self::Document(document) => {
                for kind in KINDS {
                    let resources = document.get_mut(kind).and_then(Item::as_table_like_mut);
                    for (_, resource) in resources.into_iter().flat_map(TableLike::iter_mut) {
                        let image =
                            resource.as_table_like_mut().and_then(|resource| resource.get_mut("image"));
                        let Some(value) = image.and_then(Item::as_value_mut) else { continue };
                        let image = value.as_str().and_then(|text| text.parse::<ImageReference>().ok());
                        let image = image.filter(|image| !image.is_pinned());
                        if let Some(pinned) = image.and_then(|image| pinned(&image)) {
                            let decor = value.decor().clone();
                            *value = pinned.into();
                            *value.decor_mut() = decor;
                        }
                    }
                }
            }
            Self::Compose(text) => {
                // From the end, so that the places before it stay.
                for (at, image) in compose::images(text).into_iter().rev() {
                    if let Some(pinned) =
                        Some(image).filter(|image| !image.is_pinned()).and_then(|image| pinned(&image))
                    {
                        text.replace_range(at, &pinned);
                    }
                }
            }
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(document) => document.fmt(f),
            Self::Compose(text) => text.fmt(f),
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
