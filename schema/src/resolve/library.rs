//! What is read from the repository, each thing once: documents, files, templates.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use super::secrets;
use crate::{
    Blob, Entry, Location, Problem, Repository, Sha256,
    document::{
        decode::Decoder,
        source::{Source, Sources, Span},
        table::{self, Table},
    },
    id::{GroupName, RoleName},
    language::documents::{FleetDocument, GroupDocument, HostDocument, RoleDocument, SecretsDocument},
    limits,
    spec::Content,
    template::{Condition, Template},
    text,
};

/// A document as it was read: its tables, and what is wrong with it.
pub(crate) struct Document<T> {
    pub(crate) tables: T,
    pub(crate) problems: Vec<Problem>,
}

/// A file of the repository that is taken as it is.
#[derive(Clone)]
pub(crate) struct StoredFile {
    pub(crate) content: Content,
    pub(crate) blob: Arc<dyn Blob>,
    pub(crate) executable: bool,
}

/// A template with the text that its problems are shown in.
pub(crate) struct StoredTemplate {
    pub(crate) source: Rc<Source>,
    /// Or what is wrong with it, as a problem of its own file.
    pub(crate) template: Result<Template, Problem>,
}

/// Everything that was read from a repository so far.
pub(crate) struct Library<'r> {
    repository: &'r Repository,
    sources: Sources,
    read: u64,
    fleet: Option<Rc<Document<FleetDocument>>>,
    secrets: Option<Rc<Document<SecretsDocument>>>,
    groups: BTreeMap<GroupName, Option<Rc<Document<GroupDocument>>>>,
    roles: BTreeMap<RoleName, Option<Rc<Document<RoleDocument>>>>,
    files: BTreeMap<String, StoredFile>,
    texts: BTreeMap<String, Rc<Source>>,
    templates: BTreeMap<String, Rc<StoredTemplate>>,
    conditions: BTreeMap<String, Rc<Condition>>,
}

impl<'r> Library<'r> {
    pub(crate) fn new(repository: &'r Repository) -> Self {
        Self {
            repository,
            sources: Sources::default(),
            read: 0,
            fleet: None,
            secrets: None,
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            files: BTreeMap::new(),
            texts: BTreeMap::new(),
            templates: BTreeMap::new(),
            conditions: BTreeMap::new(),
        }
    }

    pub(crate) fn repository(&self) -> &'r Repository {
        self.repository
    }

    pub(crate) fn locate(&self, at: Span) -> Location {
        self.sources.location(at)
    }

    /// The path of the document in which something stands.
    pub(crate) fn path(&self, at: Span) -> &str {
        self.sources.path(at)
    }

    /// `path:line:column`.
    pub(crate) fn position(&self, at: Span) -> String {
        self.sources.of(at).map_or_else(String::new, |source| {
            let (line, column) = source.position(at);
            format!("{}:{line}:{column}", text::escape(source.path()))
        })
    }

    /// `fleet.toml`; without one the fleet sets nothing.
    pub(crate) fn fleet(&mut self) -> Rc<Document<FleetDocument>> {
        if let Some(fleet) = &self.fleet {
            return Rc::clone(fleet);
        }
        let empty = Document { tables: FleetDocument::default(), problems: Vec::new() };
        let fleet = Rc::new(self.document("fleet.toml").unwrap_or(empty));
        self.fleet = Some(Rc::clone(&fleet));
        fleet
    }

    /// `secrets/index.toml`; without one the fleet has no secrets.
    pub(crate) fn secrets(&mut self) -> Rc<Document<SecretsDocument>> {
        if let Some(secrets) = &self.secrets {
            return Rc::clone(secrets);
        }
        let empty = Document { tables: SecretsDocument::default(), problems: Vec::new() };
        let secrets = Rc::new(self.document(secrets::INDEX).unwrap_or(empty));
        self.secrets = Some(Rc::clone(&secrets));
        secrets
    }

    /// `groups/<name>.toml`, if there is one.
    pub(crate) fn group(&mut self, name: &GroupName) -> Option<Rc<Document<GroupDocument>>> {
        if let Some(group) = self.groups.get(name) {
            return group.clone();
        }
        let group = self.document(&format!("groups/{name}.toml")).map(Rc::new);
        self.groups.insert(name.clone(), group.clone());
        group
    }

    /// `roles/<name>/role.toml`, if there is one.
    pub(crate) fn role(&mut self, name: &RoleName) -> Option<Rc<Document<RoleDocument>>> {
        if let Some(role) = self.roles.get(name) {
            return role.clone();
        }
        let role = self.document(&format!("roles/{name}/role.toml")).map(Rc::new);
        self.roles.insert(name.clone(), role.clone());
        role
    }

    /// `hosts/<name>.toml`, if there is one. Not kept: nobody else uses it.
    pub(crate) fn host(&mut self, name: &crate::HostName) -> Option<Document<HostDocument>> {
        self.document(&format!("hosts/{name}.toml"))
    }

    /// Reads and decodes a document, if there is one at `path`.
    fn document<T: Table>(&mut self, path: &str) -> Option<Document<T>> {
        let entry = self.repository.get(path)?;
        let broken = |problem| Some(Document { tables: T::default(), problems: vec![problem] });
        let text = match self.text(path, entry) {
            Ok(text) => text,
            Err(problem) => return broken(problem),
        };
        let source = self.sources.add(path, text);
        let (tree, mut decoder) = Decoder::parse(&source);
        let tables = table::decode_document(&tree, &mut decoder);
        Some(Document { tables, problems: decoder.finish() })
    }

    /// The text of a document.
    fn text(&mut self, path: &str, entry: &Entry) -> Result<String, Problem> {
        let blob = file(path, entry).map_err(|problem| problem.at(Location::file(path)))?.0;
        let size = blob.size();
        if size > limits::DOCUMENT_BYTES {
            let message = format!(
                "a document cannot have more than {} bytes; this one has {size}",
                limits::DOCUMENT_BYTES
            );
            let problem = Problem::new("E_LIMIT", message).at(Location::file(path));
            return Err(problem.remedy("put long texts into files and name them with `source`"));
        }
        self.read = self.read.saturating_add(size);
        if self.read > limits::ALL_DOCUMENTS_BYTES {
            let message =
                format!("the documents have more than {} MiB in all", limits::ALL_DOCUMENTS_BYTES >> 20);
            return Err(Problem::new("E_LIMIT", message).at(Location::file(path)));
        }
        let bytes = read(path, blob)?;
        let text = str::from_utf8(&bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            // Shown with the mark for what is no character, which is just where the problem is.
            let source = Source::new(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned(), 0);
            let at = source.location(source.span(before.len()..before.len() + 3));
            Problem::new("E_TOML", "this is not UTF-8").at(at).remedy("save the file as UTF-8")
        })?;
        Ok(text.to_owned())
    }

    /// A file that is taken as it is.
    pub(crate) fn file(&mut self, path: &str) -> Result<StoredFile, Problem> {
        if let Some(stored) = self.files.get(path) {
            return Ok(stored.clone());
        }
        let (blob, executable) = self.sized(path)?;
        let bytes = read(path, blob)?;
        let content = Content { sha256: Sha256::of(&bytes), size: bytes.len() as u64 };
        let stored = StoredFile { content, blob: Arc::clone(blob), executable };
        self.files.insert(path.to_owned(), stored.clone());
        Ok(stored)
    }

    /// The text of a file that is read as a document of its own sort.
    pub(crate) fn source(&mut self, path: &str) -> Result<Rc<Source>, Problem> {
        if let Some(source) = self.texts.get(path) {
            return Ok(Rc::clone(source));
        }
        let entry = self.repository.get(path).ok_or_else(|| self.missing(path))?;
        let text = self.text(path, entry)?;
        let source = self.sources.add(path, text);
        self.texts.insert(path.to_owned(), Rc::clone(&source));
        Ok(source)
    }

    /// A compiled template.
    pub(crate) fn template(&mut self, path: &str) -> Result<Rc<StoredTemplate>, Problem> {
        if let Some(stored) = self.templates.get(path) {
            return Ok(Rc::clone(stored));
        }
        let (blob, _) = self.sized(path)?;
        let bytes = read(path, blob)?;
        let text = str::from_utf8(&bytes).map_err(|_not_text| {
            Problem::new("E_TEMPLATE", format!("the template {path} is not UTF-8"))
                .remedy("use `source` for a file that is no text")
        })?;
        let source = self.sources.add(path, text.to_owned());
        let template = Template::compile(text).map_err(|error| at_template(&source, error));
        let stored = Rc::new(StoredTemplate { source, template });
        self.templates.insert(path.to_owned(), Rc::clone(&stored));
        Ok(stored)
    }

    /// A compiled condition. Its grammar was checked when its document was decoded.
    pub(crate) fn condition(&mut self, written: &str) -> Option<Rc<Condition>> {
        if let Some(condition) = self.conditions.get(written) {
            return Some(Rc::clone(condition));
        }
        let condition = Rc::new(Condition::compile(written).ok()?);
        self.conditions.insert(written.to_owned(), Rc::clone(&condition));
        Some(condition)
    }

    /// A file within the limit for contents.
    fn sized(&self, path: &str) -> Result<(&'r Arc<dyn Blob>, bool), Problem> {
        let entry = self.repository.get(path).ok_or_else(|| self.missing(path))?;
        let (blob, executable) = file(path, entry)?;
        if blob.size() > limits::CONTENT_BYTES {
            let message = format!(
                "{path} has {} bytes; a content cannot have more than {} MiB",
                blob.size(),
                limits::CONTENT_BYTES >> 20
            );
            return Err(Problem::new("E_LIMIT", message).remedy("distribute large files as packages"));
        }
        Ok((blob, executable))
    }

    fn missing(&self, path: &str) -> Problem {
        let problem = Problem::new("E_SOURCE_MISSING", format!("there is no file {path} in the repository"));
        // Only among the neighbours: in a large repository something always looks alike.
        let parent = path.split_inclusive('/').take(2).collect::<String>();
        let known = self.repository.under(&parent).map(|(path, _)| path).take(10_000);
        match text::near(path, known) {
            Some(near) => problem.remedy(format!("did you mean {near}?")),
            None => problem.remedy("add the file, and commit it with the document"),
        }
    }
}

/// A template's error as a problem, placed in the template.
pub(crate) fn at_template(source: &Source, error: crate::template::TemplateError) -> Problem {
    let whole = error.range.is_empty();
    let at = if whole { Location::file(source.path()) } else { source.location(source.span(error.range)) };
    let mut problem = Problem::new("E_TEMPLATE", error.message).at(at);
    problem.remedy = error.remedy;
    problem
}

/// The bytes and the executable flag of what must be a file.
fn file<'e>(path: &str, entry: &'e Entry) -> Result<(&'e Arc<dyn Blob>, bool), Problem> {
    match entry {
        Entry::File { blob, executable } => Ok((blob, *executable)),
        Entry::Symlink => {
            Err(Problem::new("E_SYMLINK", format!("{path} is a symbolic link, which is never followed"))
                .remedy("put the file itself there"))
        }
        Entry::Submodule => {
            Err(Problem::new("E_SUBMODULE", format!("{path} is a submodule, which is never read"))
                .remedy("put the files themselves into the repository"))
        }
    }
}

fn read(path: &str, blob: &Arc<dyn Blob>) -> Result<Arc<[u8]>, Problem> {
    let fail =
        |why: &str| Problem::new("E_READ", format!("cannot read {path}: {why}")).at(Location::file(path));
    let bytes = blob.read().map_err(|error| fail(&error.to_string()))?;
    // The limits were checked on the size that was told.
    if bytes.len() as u64 != blob.size() {
        return Err(fail("it changed meanwhile").remedy("run again"));
    }
    Ok(bytes)
}
