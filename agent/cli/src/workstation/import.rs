//! `holdfast import`
#![expect(clippy::disallowed_methods, reason = "reads the files that the user names")]

use std::{fs, path::Path};

use holdfast_schema::compose::{self, Imported, Note};

use crate::{
    Context,
    arguments::workstation::ImportCompose,
    exit::Exit,
    failure::{Code, Failure},
    output::Style,
    workstation::{check, problems, work_tree},
};

/// Prints a compose file as TOML.
pub(crate) fn run(arguments: &ImportCompose, context: &Context) -> Result<Exit, Failure> {
    let file = context.directory.join(&arguments.file);
    let file = fs::canonicalize(&file).map_err(|why| Failure::read(&file, why))?;
    let beside = file.parent().unwrap_or(Path::new("/"));
    // In a fleet repository, paths are those of the repository: so its documents name files.
    let fleet = beside.ancestors().find(|above| above.join("fleet.toml").is_file());
    let (root, repository) = match fleet {
        Some(root) => (root, work_tree::read(root)?),
        None => (beside, work_tree::files(beside)?),
    };
    let path = file.strip_prefix(root).ok().and_then(Path::to_str).ok_or_else(|| {
        Failure::new(Code::Read, format!("cannot read {}: its path is not UTF-8", file.display()))
    })?;
    let variables = variables(arguments, beside, context)?;
    let imported = compose::import(&compose::Import {
        repository: &repository,
        path,
        project: arguments.name.clone(),
        beside: beside.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
        directory: arguments.directory.clone(),
        stack: arguments.stack,
        variables: variables.as_ref().map(|(name, text)| (name.as_str(), text.as_str())),
        profiles: arguments.profiles.iter().cloned().collect(),
    });
    match imported {
        Ok(imported) => {
            context.output.contents(document(path, arguments.stack, &imported).as_bytes())?;
            let lacking = imported.notes.iter().filter(|note| note.matters).count();
            if lacking > 0 {
                let what = if lacking == 1 { "1 thing has" } else { &format!("{lacking} things have") };
                let note =
                    format!("{} {what} no equivalent: the comments tell which", Style::Bad.of("note:"));
                context.output.note(note)?;
            }
            Ok(Exit::Success)
        }
        Err(found) => {
            check::show(&found, context)?;
            context.output.line(Style::Bad.of(problems::count(&found)))?;
            Ok(Exit::Problem)
        }
    }
}

/// A file of variables: its name for people, and its text.
fn variables(
    arguments: &ImportCompose,
    beside: &Path,
    context: &Context,
) -> Result<Option<(String, String)>, Failure> {
    let path = match &arguments.env_file {
        Some(named) => context.directory.join(named),
        None => beside.join(".env"),
    };
    if arguments.env_file.is_none() && !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|why| Failure::read(&path, why))?;
    Ok(Some((path.display().to_string(), text)))
}

/// The resources under comments that tell what is not in them.
fn document(path: &str, stack: bool, imported: &Imported) -> String {
    let command = if stack { "holdfast import compose --stack" } else { "holdfast import compose" };
    let mut lines = vec![format!("# What {path} declares, as `{command}` wrote it.")];
    let mut list = |title: &str, matters: bool| {
        let notes: Vec<&Note> = imported.notes.iter().filter(|note| note.matters == matters).collect();
        if !notes.is_empty() {
            lines.push(format!("#\n# {title}"));
            lines.extend(notes.iter().map(|note| format!("#   {} {}: {}", note.at, note.what, note.why)));
        }
    };
    list("What has no equivalent:", true);
    list("What is left out because nothing would be otherwise with it:", false);
    if imported.has_tags {
        lines.push(
            "#\n# Images are named by their tags: write them with their digests, as in NAME:TAG@sha256:…, or set\n\
             # allow_tags = true under [docker] in fleet.toml."
                .to_owned(),
        );
    }
    // A comment ends with its line.
    let comments = lines.iter().map(|line| one_line(line) + "\n").collect::<String>();
    format!("{comments}\n{}", imported.toml)
}

/// The lines of a comment, whatever a stranger's file brings into it.
fn one_line(text: &str) -> String {
    text.replace('\n', "\n#").replace("\n##", "\n#").replace('\r', "")
}
