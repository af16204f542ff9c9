//! `holdfast init`

use holdfast_schema::HostName;

use crate::{
    Context,
    arguments::workstation::Init,
    author,
    exit::Exit,
    failure::{Code, Failure},
    files,
    output::Style,
    stock_git::{self, StockGit},
    trust,
};

/// The sample repository: each file's path and text. `HOST` stands for the first host's name.
const SAMPLE: [(&str, &str); 5] = [
    ("README.md", include_str!("../sample/init/README.md")),
    ("fleet.toml", include_str!("../sample/init/fleet.toml")),
    ("hosts/HOST.toml", include_str!("../sample/init/hosts/HOST.toml")),
    ("roles/base/role.toml", include_str!("../sample/init/roles/base/role.toml")),
    ("roles/base/templates/motd", include_str!("../sample/init/roles/base/templates/motd")),
];

/// Makes a new fleet repository.
pub(crate) fn run(arguments: &Init, context: &Context) -> Result<Exit, Failure> {
    let root = context.directory.join(&arguments.dir);
    // Asked before the directory is made: its own settings do not exist yet.
    let author = author::find(&arguments.author, &StockGit::at(&context.directory), context)?;
    let git = StockGit::at(&root);
    if arguments.commit && !stock_git::is_installed("git") {
        return Err(Failure::new(Code::Git, "--commit needs git, which is not installed"));
    }
    let mut documents = sample(&arguments.host);
    documents.extend(trust::init::documents(&author, &arguments.people, &context.directory)?);
    files::write_new(&root, &documents)?;

    let has_git = stock_git::is_installed("git");
    if has_git {
        if !root.join(".git").exists() {
            git.run(&["init", "--quiet", "--initial-branch=main"])?;
        }
        trust::init::configure(&git, &author)?;
    }
    if arguments.commit {
        let paths: Vec<&str> = documents.iter().map(|(path, _)| path.as_str()).collect();
        git.run(&[&["add", "--"], paths.as_slice()].concat())?;
        git.run(&["commit", "--quiet", "--gpg-sign", "--message", "Make the fleet"])?;
    }

    let dir = arguments.dir.display();
    context.output.line(format!("made the fleet repository {}", Style::Strong.of(&dir)))?;
    trust::init::told(&author, &arguments.people, context)?;
    trust::init::hook(&git, &arguments.people, context)?;
    context.output.line(next_steps(&dir.to_string(), &arguments.host, has_git, arguments.commit))?;
    Ok(Exit::Success)
}

/// The sample's files for a fleet with this host.
pub(crate) fn sample(host: &HostName) -> Vec<(String, String)> {
    SAMPLE
        .into_iter()
        .map(|(path, text)| (path.replace("HOST", host.as_str()), text.replace("HOST", host.as_str())))
        .collect()
}

fn next_steps(dir: &str, host: &HostName, has_git: bool, committed: bool) -> String {
    let mut steps =
        vec![format!("cd {dir}"), "holdfast check".to_owned(), format!("holdfast render {host} --content")];
    if !has_git {
        steps.push("install git, then: git init -b main, and holdfast trust init --configure-git".to_owned());
    }
    if !committed {
        steps.push("git add --all && git commit -S -m \"Make the fleet\"".to_owned());
    }
    steps.push("git remote add origin URL && git push -u origin main".to_owned());
    steps.push("holdfast trust intro".to_owned());
    let steps: Vec<String> = steps.iter().map(|step| format!("  {step}")).collect();
    format!("\nNext:\n{}", steps.join("\n"))
}
