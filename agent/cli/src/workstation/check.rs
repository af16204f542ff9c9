//! `holdfast check`

use holdfast_schema::{Fleet, Problem, Problems};
use serde::Serialize;

use crate::{
    Context,
    arguments::workstation::Check,
    exit::Exit,
    failure::Failure,
    output::Style,
    secret,
    workstation::{problems, resolve, work_tree},
};

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    hosts: usize,
    problems: Vec<&'a Problem>,
}

/// Finds every problem in a fleet repository.
pub(crate) fn run(arguments: &Check, context: &Context) -> Result<Exit, Failure> {
    let root = match &arguments.path {
        Some(path) => work_tree::at(&context.directory.join(path))?,
        None => work_tree::find(&arguments.work_tree, &context.directory)?,
    };
    let mut repository = work_tree::read(&root)?;
    if arguments.resolve {
        resolve::run(&root, &repository, context)?;
        repository = work_tree::read(&root)?;
    }
    let mut found = Fleet::new(&repository).check(&|_any_host| None);
    found.extend(secret::check::problems(&repository));
    let hosts = repository.hosts().len();
    if arguments.json {
        context.output.json(&Document { hosts, problems: found.iter().collect() })?;
    } else if found.is_empty() {
        let hosts = if hosts == 1 { "1 host".to_owned() } else { format!("{hosts} hosts") };
        context.output.line(format!("{} {hosts}, no problem", Style::Good.of("ok:")))?;
    } else {
        show(&found, context)?;
        context.output.line(Style::Bad.of(problems::count(&found)))?;
    }
    Ok(if found.is_empty() { Exit::Success } else { Exit::Problem })
}

/// Prints problems.
pub(crate) fn show(found: &Problems, context: &Context) -> Result<(), Failure> {
    Ok(problems::lines(found).iter().try_for_each(|line| context.output.line(line))?)
}
