//! `holdfast check`

use std::cell::Cell;

use holdfast_schema::{Fleet, Problem, Problems};
use serde::Serialize;

use crate::{
    Context,
    arguments::workstation::Check,
    exit::Exit,
    failure::Failure,
    output::Style,
    secret,
    workstation::{facts::Told, problems, resolve, work_tree},
};

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    hosts: usize,
    /// How many of them were checked by the facts that they told last; the others as a plausible host.
    by_facts: usize,
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
    let (told, by_facts) = (Told::around(&root, &repository), Cell::new(0));
    let mut found = Fleet::new(&repository).check(&|host| {
        let facts = told.by(host)?;
        by_facts.set(by_facts.get() + 1);
        Some(facts)
    });
    found.extend(secret::check::problems(&repository));
    let (hosts, by_facts) = (repository.hosts().len(), by_facts.get());
    if arguments.json {
        context.output.json(&Document { hosts, by_facts, problems: found.iter().collect() })?;
    } else if found.is_empty() {
        let hosts = if hosts == 1 { "1 host".to_owned() } else { format!("{hosts} hosts") };
        let by_facts = match by_facts {
            0 => String::new(),
            count => format!(" ({count} by the facts they told last)"),
        };
        context.output.line(format!("{} {hosts}{by_facts}, no problem", Style::Good.of("ok:")))?;
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
