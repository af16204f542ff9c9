//! A compose file as TOML, once and for all, for who wants to leave it behind.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Note, Setting, Target, Variables, default_directory, environment_file, translate,
    tree::{Item, Value},
    write,
};
use crate::{
    AbsolutePath, ImageReference, Location, ObjectName, Problem, Problems, Repository,
    document::{decode::Decoder, source::Source, table},
    language::documents::Resources,
    yaml::{self, Yaml},
};

/// What is imported.
#[derive(Debug)]
pub struct Import<'i> {
    /// The files beside the compose file, and the file itself.
    pub repository: &'i Repository,
    /// Its path among them.
    pub path: &'i str,
    /// The project's name; `None` takes the file's own.
    pub project: Option<ObjectName>,
    /// The name of the directory that it lies in, which Compose takes where nothing else names the project.
    pub beside: &'i str,
    /// Where on the host relative paths begin; `None` takes `/srv/PROJECT`.
    pub directory: Option<AbsolutePath>,
    /// Whether it is a stack's, for a Swarm.
    pub stack: bool,
    /// A file of variables: its name for people, and its text.
    pub variables: Option<(&'i str, &'i str)>,
    /// The active profiles.
    pub profiles: BTreeSet<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Resources as TOML; comments tell what is not in it.
    pub toml: String,
    /// What is not in it.
    pub notes: Vec<Note>,
    /// Whether it names images by their tags alone, which the language only takes if it is told so.
    pub has_tags: bool,
}

/// Writes a compose file as TOML.
///
/// # Errors
/// Everything that is wrong with it.
pub fn import(import: &Import<'_>) -> Result<Imported, Problems> {
    let text = text(import.repository, import.path)?;
    let source = Source::new(import.path.to_owned(), text, 0);
    let variables = match import.variables {
        None => Variables::new(),
        Some((name, text)) => environment_file(text, &Variables::new()).map_err(|line| {
            let at =
                Location { line: u32::try_from(line).unwrap_or_default(), column: 1, ..Location::file(name) };
            Problem::new("E_VALUE", "this is not NAME=VALUE").at(at).remedy("write one NAME=VALUE a line")
        })?,
    };
    let project = match &import.project {
        Some(project) => project.clone(),
        None => project(&source, import)?,
    };
    let directory = match &import.directory {
        Some(directory) => directory.clone(),
        None => default_directory(&project)?,
    };
    let folder = import.path.rfind('/').and_then(|end| import.path.get(..=end)).unwrap_or("");
    let setting = Setting {
        project: &project,
        target: if import.stack { Target::Swarm } else { Target::Engine { directory: &directory } },
        repository: import.repository,
        folder,
        variables: &variables,
        profiles: import.profiles.clone(),
        secrets: BTreeMap::new(),
        labelled: false,
    };
    let translation = translate(&source, &setting);
    let (mut problems, mut notes) = (translation.problems, translation.notes);
    // What the language itself has to say about it.
    problems.extend(check(&source, &translation.resources));
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let toml = write::write(&translation.resources);
    notes.sort_by(|one, other| one.at.cmp(&other.at));
    let made = setting.target.kind();
    let made = translation.resources.tables.get(made).into_iter().flat_map(|(_, all)| all.tables.values());
    let images = made.filter_map(|(_, one)| one.values.get("image"));
    let is_tag = |item: &Item| matches!(&item.value, Value::Text(image) if image.parse::<ImageReference>().is_ok_and(|image| !image.is_pinned()));
    let has_tags = images.into_iter().any(is_tag);
    Ok(Imported { toml, notes, has_tags })
}

/// The name that the file gives its project, else that of its directory, as Compose has it.
fn project(source: &Source, import: &Import<'_>) -> Result<ObjectName, Problem> {
    let own = yaml::parse(source)?.and_then(|root| match &root.get("name")?.value {
        Yaml::Scalar { text, .. } => Some(text.clone()),
        _ => None,
    });
    let name = own.unwrap_or_else(|| {
        let directory = import.beside.to_lowercase();
        let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        directory.chars().filter(kept).skip_while(|c| !c.is_ascii_alphanumeric()).collect()
    });
    name.parse().map_err(|_invalid| {
        Problem::new("E_MISSING_KEY", "nothing says what the project is called")
            .at(Location::file(import.path))
            .remedy("set `name` in the file, or give --name")
    })
}

fn text(repository: &Repository, path: &str) -> Result<String, Problem> {
    let fail =
        |why: &str| Problem::new("E_READ", format!("cannot read {path}: {why}")).at(Location::file(path));
    let Some(crate::Entry::File { blob, .. }) = repository.get(path) else {
        return Err(Problem::new("E_SOURCE_MISSING", format!("there is no file {path}")));
    };
    if blob.size() > crate::limits::DOCUMENT_BYTES {
        return Err(Problem::new("E_LIMIT", "the compose file is too long").at(Location::file(path)));
    }
    let bytes = blob.read().map_err(|error| fail(&error.to_string()))?;
    String::from_utf8(bytes.to_vec()).map_err(|_not_text| fail("it is not UTF-8"))
}

/// What is wrong with what a compose file became.
fn check(source: &Source, resources: &super::Table) -> Vec<Problem> {
    let mut decoder = Decoder::of(source);
    let document = resources.document();
    drop(table::decode_document::<Resources>(&document, &mut decoder));
    decoder.finish()
}
