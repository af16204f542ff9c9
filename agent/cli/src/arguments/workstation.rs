//! Commands over a fleet repository's work tree.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use holdfast_schema::{AbsolutePath, HostName, ObjectName, ResourceId};

/// Where the fleet repository is.
#[derive(Debug, Args)]
pub struct WorkTree {
    /// The fleet repository's work tree [default: the nearest directory upwards that holds fleet.toml]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Try the whole loop here, with nothing installed and no root rights
///
/// Makes a signed fleet repository, converges a scratch root from it and pushes a signed status branch, all in one
/// directory. Nothing outside that directory is read or changed.
///
/// On a directory that was made before it does one more pass, just as the agent does on a host: it fetches, verifies,
/// converges what differs and reports. Files, directories and symbolic links are converged for real; packages and units
/// need a host.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast try
      Make ./holdfast-try and do the first pass, or do one more.

  holdfast try --dir /tmp/demo
      Do so in a place of your choice:
        /tmp/demo/fleet.git   the Git server's repository, with the status branch in it
        /tmp/demo/work        an author's clone of it, set up so that `git commit -S` signs
        /tmp/demo/root        the scratch root, instead of /")]
pub struct Try {
    /// Where everything is made, or was made before
    #[arg(long, value_name = "DIR", default_value = "holdfast-try")]
    pub dir: PathBuf,
}

/// Make a new fleet repository
///
/// Writes a small fleet repository that passes `holdfast check`: one host, one role with a template, the list of people
/// who may change it, and a README with the next steps. Runs `git init` there and tells Git to sign commits with your
/// SSH key. Nothing that exists is overwritten.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast init fleet
      Make ./fleet, with your key as the only one that may change it.

  holdfast init fleet --host web-1 --commit
      Name the first host, and make the first signed commit too.

  holdfast init fleet --level four-eyes --with bob@example.com=bob.pub --hooks
      Let two people agree to everything.")]
pub struct Init {
    /// The directory to make
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// The first host's name
    #[arg(long, value_name = "NAME", default_value = "web-1")]
    pub host: HostName,

    /// Whose key it is.
    #[command(flatten)]
    pub author: super::trust::Author,

    /// Who else.
    #[command(flatten)]
    pub people: super::trust::People,

    /// Make the first signed commit as well
    #[arg(long)]
    pub commit: bool,
}

/// Find every problem in a fleet repository
///
/// Parses every document, merges the layers of every host, resolves references and renders every template, just as the
/// agents will. All problems of all files are shown in one go, each with its place, its code and what mends it.
///
/// What a host knows only of itself (its facts) is what it told last, if the clone has its status branch and that is signed with
/// the status_key of the host's document; for all other hosts a plausible Debian 12 host stands in.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast check
      Check the repository around the current directory.

  holdfast check fleet
      Check the repository in ./fleet.

  git fetch origin '+refs/heads/status/*:refs/remotes/origin/status/*' && holdfast check
      Check each host by what it told last, in a clone that has one branch only.

  holdfast check --json
      Print one JSON object with all problems, for a CI job or an editor.

  holdfast check --resolve
      Write the digests of images into the documents first, where they name a tag alone.")]
pub struct Check {
    /// The same as --dir
    #[arg(value_name = "DIR", conflicts_with = "dir")]
    pub path: Option<PathBuf>,

    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// Fill in the digests of images that containers and services name by their tags alone
    ///
    /// Asks the images' registries over HTTPS, with the logins that `docker login` keeps in a file, and an authority that
    /// Docker trusts for a registry alone. Everything else in the documents stays as it is. Registries on this very machine are
    /// asked without TLS. If one image cannot be resolved, nothing is written. Compose files that documents name get their
    /// digests, too, where no variable stands in the image.
    #[arg(long, conflicts_with = "json")]
    pub resolve: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Show what a host should be
///
/// Resolves all layers for one host and prints the state that its agent would converge to. What a host knows only of
/// itself (its facts) is what it told last, if the clone has its status branch, or else a plausible Debian 12 host's; `--fact`
/// sets single ones.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast render web-1
      Print the resolved state as TOML.

  holdfast render web-1 --content
      Print the files' contents too.

  holdfast render web-1 --fact os_version=13 --out /tmp/web-1
      Write every file as it would be on a Debian 13 host under /tmp/web-1.")]
pub struct Render {
    /// The host
    #[arg(value_name = "HOST")]
    pub host: HostName,

    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// How to print the state
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: Format,

    /// Print the contents of files and units as well
    #[arg(long, conflicts_with = "out")]
    pub content: bool,

    /// Write files, directories, symbolic links and unit files under DIR instead of printing
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// What the host is.
    #[command(flatten)]
    pub facts: Facts,
}

/// Facts to take instead of those that the host told, or of the sample's.
#[derive(Debug, Args)]
pub struct Facts {
    /// Take this fact instead of the host's; may be repeated
    #[arg(long = "fact", value_name = "NAME=VALUE", value_parser = fact)]
    pub facts: Vec<(String, String)>,
}

/// Parses `NAME=VALUE`.
fn fact(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, as in os_version=13")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A document's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// TOML.
    #[default]
    Toml,
    /// JSON.
    Json,
}

/// Tell where a resource's settings come from, or what a code means
///
/// With a host and a resource: tells for each field which value it has, which file and line set it, and which lower
/// layers it overrides. With a code, such as a status or an error shows: tells what it means and what mends it.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast explain web-1 file:/etc/motd
      Tell which file and line won each field.

  holdfast explain E_UNSIGNED
      Tell what the code means.

  holdfast explain codes
      List all codes.")]
pub struct Explain {
    /// A host, a code such as E_UNSIGNED, or `codes` for all of them
    #[arg(value_name = "HOST|CODE")]
    pub subject: String,

    /// The resource, such as file:/etc/motd
    #[arg(value_name = "RESOURCE")]
    pub resource: Option<ResourceId>,

    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// What the host is.
    #[command(flatten)]
    pub facts: Facts,
}

/// Write what exists elsewhere as resources
///
/// Prints TOML for a host's, a group's or a role's document. Nothing is changed.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Import {
    Compose(ImportCompose),
}

/// Write a compose file as TOML
///
/// Prints containers, networks, volumes and the files that they mount, or with --stack the services, networks, configs and
/// secrets of a Swarm, once and for all, for who wants to leave the compose file behind. Comments say what has no
/// equivalent and what became of it. To keep the compose file as it is, declare it as a resource of the kind compose or
/// stack instead.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast import compose compose.yaml
      Print the services of ./compose.yaml, with the variables of ./.env if there is one.

  holdfast import compose shop/compose.yaml --profile search --directory /opt/shop
      Take in the services of a profile too, and put what ./shop holds below /opt/shop.

  holdfast import compose --stack stack.yaml
      Print what `docker stack deploy` would make of ./stack.yaml.")]
pub struct ImportCompose {
    /// The compose file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Take the file as that of a stack, for a Swarm
    #[arg(long, conflicts_with = "directory")]
    pub stack: bool,

    /// The project's name, or the stack's [default: the file's own `name`, else that of its directory]
    #[arg(long, value_name = "NAME")]
    pub name: Option<ObjectName>,

    /// Take in the services of this profile too; may be repeated
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,

    /// Where variables have their values from [default: .env beside the file, if there is one]
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,

    /// Where on the host the paths begin that the file writes as relative ones [default: /srv/NAME]
    #[arg(long, value_name = "PATH")]
    pub directory: Option<AbsolutePath>,
}

/// Print the JSON Schema of a fleet repository's documents
///
/// Prints the JSON Schema of one kind of document, or sets a repository up so that an editor with a TOML language
/// server (taplo, tombi, Even Better TOML) completes and checks it.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast schema host
      Print the schema of hosts/*.toml.

  holdfast schema --write .
      Write the schemas to ./.schema and a ./.taplo.toml that points at them.")]
pub struct Schema {
    /// Which document
    #[arg(value_name = "DOCUMENT", value_enum, required_unless_present = "write", conflicts_with = "write")]
    pub document: Option<Document>,

    /// Write all schemas and an editor's settings into this repository
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
}

/// A kind of document in a fleet repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// fleet.toml
    Fleet,
    /// hosts/NAME.toml
    Host,
    /// groups/NAME.toml
    Group,
    /// roles/NAME/role.toml
    Role,
    /// secrets/index.toml
    Secrets,
}
