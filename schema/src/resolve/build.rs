//! What a kind needs to make its [`crate::spec::Spec`]: contents, and somewhere to tell of problems.

use minijinja::Value;

use super::{
    library::{Library, at_template},
    merge::Layer,
    secrets,
};
use crate::{
    Contents, ImageReference, Location, Problem, ResourceId,
    document::source::{Located, Span},
    id::SecretName,
    language::{
        common::{Body, Common},
        documents::Resources,
    },
    limits,
    spec::{Content, SecretReference},
};

/// Builds one host's specs.
pub(crate) struct Build<'b, 'r> {
    pub(crate) library: &'b mut Library<'r>,
    /// `vars`, `facts` and `host`, for templates.
    pub(crate) context: &'b Value,
    pub(crate) contents: &'b mut Contents,
    pub(crate) problems: &'b mut Vec<Problem>,
    /// Whether an image may be named by its tag alone.
    pub(crate) allow_tags: bool,
    /// Whose specs these are.
    pub(crate) layers: &'b [Layer],
    /// What resources stand for.
    pub(crate) expansions: &'b mut Vec<Expansion>,
}

/// Resources that a resource stands for.
pub(crate) struct Expansion {
    pub(crate) of: ResourceId,
    /// What it says for all of them.
    pub(crate) common: Common,
    pub(crate) resources: Resources,
}

/// A text that a resource holds.
pub(crate) struct BuiltBody {
    pub(crate) content: Content,
    /// Whether it is a file that Git has as executable.
    pub(crate) executable: bool,
}

impl Build<'_, '_> {
    /// Tells of a problem.
    pub(crate) fn report(&mut self, at: Span, problem: Problem) {
        let location = self.library.locate(at);
        self.problems.push(problem.at(location));
    }

    /// Tells of an image that could be another one tomorrow.
    pub(crate) fn check_pinned(&mut self, image: &ImageReference, at: Span) {
        if !self.allow_tags && !image.is_pinned() {
            let problem =
                Problem::new("E_IMAGE_TAG", format!("the image {image} is named without its digest"));
            self.report(
                at,
                problem.remedy(
                    "write it with its digest, as in NAME:TAG@sha256:… (`holdfast check --resolve` writes it), or set \
                     allow_tags = true under [docker] in fleet.toml",
                ),
            );
        }
    }

    pub(crate) fn locate(&self, at: Span) -> Location {
        self.library.locate(at)
    }

    /// A secret that this host may read.
    pub(crate) fn secret(&mut self, named: &Located<SecretName>) -> Option<SecretReference> {
        match secrets::reference(&named.value, self.layers, self.library) {
            Ok((reference, blob)) => {
                self.contents.add_blob(reference.sealed, blob);
                Some(reference)
            }
            Err(problem) => {
                self.report(named.at, problem);
                None
            }
        }
    }

    /// The bytes of a text, wherever they come from.
    pub(crate) fn body(&mut self, body: &Body) -> Option<BuiltBody> {
        if let Some(content) = &body.content {
            let content = self.contents.add(content.value.clone().into_bytes());
            return Some(BuiltBody { content, executable: false });
        }
        if let Some(source) = &body.source {
            let path = self.repository_path(source.at, source.value.as_str());
            return match self.library.file(&path) {
                Ok(file) => {
                    self.contents.add_blob(file.content, file.blob);
                    Some(BuiltBody { content: file.content, executable: file.executable })
                }
                Err(problem) => {
                    self.report(source.at, problem);
                    None
                }
            };
        }
        let template = body.template.as_ref()?;
        let path = self.repository_path(template.at, template.value.as_str());
        let rendered = self.render(&path, template.at)?;
        if rendered.len() as u64 > limits::CONTENT_BYTES {
            self.report(template.at, Problem::new("E_LIMIT", "the rendered text is too long"));
            return None;
        }
        Some(BuiltBody { content: self.contents.add(rendered.into_bytes()), executable: false })
    }

    fn render(&mut self, path: &str, named: Span) -> Option<String> {
        let stored = match self.library.template(path) {
            Ok(stored) => stored,
            Err(problem) => {
                self.report(named, problem);
                return None;
            }
        };
        let rendered = match &stored.template {
            Ok(template) => template.render(self.context).map_err(|error| at_template(&stored.source, error)),
            Err(problem) => Err(problem.clone()),
        };
        rendered
            .map_err(|problem| {
                let named = self.locate(named);
                self.problems.push(problem.related("the template is named here", named));
            })
            .ok()
    }

    /// The path in the repository of a file that a document names.
    pub(crate) fn repository_path(&self, at: Span, relative: &str) -> String {
        format!("{}{relative}", base(self.library.path(at)))
    }
}

/// Where the paths in a document begin: a role's in its directory, all others at the root.
pub(crate) fn base(document: &str) -> &str {
    if document.starts_with("roles/") { document.strip_suffix("role.toml").unwrap_or("") } else { "" }
}
