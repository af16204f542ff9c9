//! Commands on a host that is, or will be, enrolled.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use holdfast_schema::{HostName, ResourceId};

/// Let this host follow a fleet repository
///
/// Fetches the fleet repository, checks it against the introduction, and shows what it is and who will be able to change
/// this host. After your consent it writes /etc/holdfast/agent.toml, makes the host's own status key and starts the
/// agent. It prints the line that declares the host's key, to be committed to hosts/NAME.toml.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast enrol intro1.6f1c… https://git.example.com/fleet.git --host web-1 \\
      --user web-1 --password-file /root/fleet-token
      Follow the fleet over https, with a user name and a token.

  holdfast enrol intro1.6f1c… git@git.example.com:fleet.git --host web-1 \\
      --ssh-key /root/deploy_key --known-hosts /root/known_hosts
      Follow it over ssh, with a deploy key.

  holdfast enrol --tofu https://git.example.com/fleet.git --host web-1
      Trust what the server shows, and compare the line that is printed with what `holdfast trust intro` says elsewhere.

  holdfast enrol … --status-url https://git.example.com/fleet-status.git
      Push the status branch to a repository of its own, so that hosts need no right to write to the fleet's.")]
pub struct Enrol {
    /// The line that `holdfast trust intro` printed
    #[arg(value_name = "INTRODUCTION", required_unless_present = "tofu")]
    pub introduction: Option<String>,

    /// The fleet repository: https://, ssh://, user@host:path, file:// or an absolute path
    #[arg(value_name = "URL", required_unless_present = "tofu")]
    pub url: Option<String>,

    /// This host's name in the fleet, as in hosts/NAME.toml
    #[arg(long, value_name = "NAME")]
    pub host: HostName,

    /// The branch that holds what should be
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub branch: String,

    /// Push the status branch here [default: URL]
    #[arg(long, value_name = "URL")]
    pub status_url: Option<String>,

    /// Trust what the server shows on first use, for want of an introduction. Every status of this host will say so, for ever
    #[arg(long, value_name = "URL", conflicts_with_all = ["introduction", "url"])]
    pub tofu: Option<String>,

    /// Ask nothing
    #[arg(long, short)]
    pub yes: bool,

    /// Replace an enrolment that this host has already
    #[arg(long)]
    pub force: bool,

    /// How to reach the Git server.
    #[command(flatten)]
    pub access: Access,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

impl Enrol {
    /// The fleet repository.
    pub fn repository(&self) -> &str {
        self.tofu.as_deref().or(self.url.as_deref()).unwrap_or_default()
    }
}

/// How to reach the Git server. Files are copied to /etc/holdfast, readable for root only.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to reach the Git server")]
pub struct Access {
    /// The user's name, over https
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,

    /// A file with the user's password or access token
    #[arg(long, value_name = "FILE", requires = "user", conflicts_with = "token_file")]
    pub password_file: Option<PathBuf>,

    /// A file with a bearer token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// The certificate authorities to trust instead of the public ones, in PEM
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// A file with the address of an https proxy, such as `http://USER:PASSWORD@HOST:PORT`
    #[arg(long, value_name = "FILE")]
    pub proxy_file: Option<PathBuf>,

    /// A private key, over ssh
    #[arg(long, value_name = "FILE", requires = "known_hosts")]
    pub ssh_key: Option<PathBuf>,

    /// The ssh server's keys, as ssh-keyscan(1) prints them once you have compared them
    #[arg(long, value_name = "FILE", requires = "ssh_key")]
    pub known_hosts: Option<PathBuf>,
}

/// Show how this host is
///
/// Asks the agent, or reads what it saved last when it does not run. Exits with 1 unless the host is converged.
#[derive(Debug, Args)]
pub struct Status {
    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Show what would change on this host, and change nothing
///
/// Looks at the host and prints the steps that a pass would take and why, with a diff of every file. It only reads.
/// Contents that are marked sensitive are not shown.
#[derive(Debug, Args)]
#[command(after_long_help = "  sudo holdfast plan
      What does this host's last good revision still ask for?

  sudo holdfast plan --newest
      What will the newest revision on the server change here?

  sudo holdfast plan --from ~/fleet
      What would this work tree change here, before anything is committed?")]
pub struct Plan {
    /// Fetch and verify the newest revision first, and plan from it
    #[arg(long)]
    pub newest: bool,

    /// Plan from a work tree that need be neither committed nor signed
    #[arg(long, value_name = "DIR", conflicts_with = "newest")]
    pub from: Option<PathBuf>,

    /// The host to be, with --from [default: the name it is enrolled with]
    #[arg(long, value_name = "NAME", requires = "from")]
    pub host: Option<HostName>,

    /// Exit with 3 if something would change
    #[arg(long)]
    pub exit_code: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Show where this host is not as it is declared
///
/// Looks at the host and lists what differs from the revision in force: what is only audited or to be adopted, what
/// failed, and while the agent is paused whatever was changed meanwhile. With --toml it prints how to declare it as it is, so
/// that a change made on the host can be brought into Git. It only reads. Contents that are marked sensitive are not shown.
#[derive(Debug, Args)]
#[command(after_long_help = "  sudo holdfast drift
      What is not as Git has it?

  sudo holdfast drift --toml file:/etc/nginx/nginx.conf
      How would this file have to be declared to stay as it is now?

  sudo holdfast pause --reason tuning; …; sudo holdfast drift --toml >tuning.toml
      Try something out on the host, and bring it into Git afterwards.")]
pub struct Drift {
    /// Only these resources, such as file:/etc/motd [default: all]
    #[arg(value_name = "RESOURCE")]
    pub resources: Vec<ResourceId>,

    /// Print TOML that declares what differs as it is
    #[arg(long)]
    pub toml: bool,

    /// Exit with 3 if something differs
    #[arg(long)]
    pub exit_code: bool,

    /// Print JSON
    #[arg(long, conflicts_with = "toml")]
    pub json: bool,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Fetch and converge now
///
/// Makes the agent fetch and converge now, shows what it does, and ends with a summary. Exits with 1 unless the host is
/// converged afterwards.
#[derive(Debug, Args)]
pub struct Sync {
    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Change nothing on this host until it is resumed
///
/// The agent changes nothing on the host until `holdfast resume` or the given time. It goes on writing its status, which
/// says that it is paused, why and for how long.
#[derive(Debug, Args)]
#[command(after_long_help = "  sudo holdfast pause --reason \"restoring the database\" --until 2h
      Pause for two hours.

  sudo holdfast pause --reason \"audit\" --until 2026-12-01T08:00:00Z
      Pause until then.")]
pub struct Pause {
    /// Why, for whoever looks at the status
    #[arg(long, value_name = "TEXT")]
    pub reason: String,

    /// When it ends by itself: a duration such as 90m, 2h or 3d, or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// End a pause
///
/// The agent does a pass at once, and this shows what it does.
#[derive(Debug, Args)]
pub struct Resume {
    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Try again what failed
///
/// A revision that could not be applied whole is taken back and put into quarantine: neither it nor a later one that says
/// the same of this host is tried again. Once you have mended the host this lets it be tried again. A revision that is
/// held (`on_failure = "hold"`) is gone on with.
#[derive(Debug, Args)]
pub struct Retry {
    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Take back a revision that is on trial or held
///
/// Puts back everything that a revision has changed that is held for you to look at (`on_failure = "hold"`), waits to be
/// confirmed, or is not yet applied whole. To undo one that is in force, revert its commit in Git.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Put back something that Holdfast overwrote
///
/// What Holdfast overwrites or removes, for a revision or because it drifted, is kept for a while: `holdfast history` lists
/// it. This puts one back where it was, with its owner and mode. What Git declares is overwritten again at the next pass.
#[derive(Debug, Args)]
#[command(after_long_help = "  sudo holdfast restore /etc/motd
      Put back what was overwritten last at /etc/motd.

  sudo holdfast restore 3f2a9c1b --to /root/motd.before
      Write what `holdfast history` lists as 3f2a9c1b somewhere else.")]
pub struct Restore {
    /// What: a path, or the beginning of a digest that `holdfast history` shows
    #[arg(value_name = "PATH|DIGEST")]
    pub what: String,

    /// Write it here instead, for root alone
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// List what happened on this host
///
/// Lists the passes that did or found something and what they overwrote, newest first.
#[derive(Debug, Args)]
pub struct History {
    /// How many
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 20)]
    pub count: usize,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Look for whatever keeps this host from converging
///
/// Checks, one by one, all that the agent needs: the enrolment, its files and their permissions, the clock, systemd, the
/// package manager, the Git server, the status branch and disk space. Each is ok, a warning or a failure, with what
/// mends it. Exits with 1 if something fails.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Parses a whole number with a unit: `90s`, `15m`, `24h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    const HELP: &str = "write a whole number with s, m, h or d, as in 90m";
    let unit = match text.bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 60 * 60,
        Some(b'd') => 24 * 60 * 60,
        _ => return Err(HELP),
    };
    let number: u32 = text.strip_suffix(|_: char| true).and_then(|number| number.parse().ok()).ok_or(HELP)?;
    Ok(Duration::from_secs(u64::from(number) * unit))
}
