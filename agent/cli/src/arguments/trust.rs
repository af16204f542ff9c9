//! Commands about who may change the fleet.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::workstation::WorkTree;

/// Say who may change the fleet
///
/// A fleet repository itself says whose signed commits its hosts follow: `.trust/allowed_signers` lists the keys, in
/// OpenSSH's own format, and `.trust/policy.toml` says what each may change. A host checks every commit against what the
/// commit before it says.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Trust {
    Init(Init),
    Intro(Intro),
    Ok(Approve),
    Reset(Reset),
    Show(Show),
}

/// Whose key may change the fleet.
#[derive(Debug, Args)]
pub struct Author {
    /// Your SSH public key, or a private key with its .pub beside it [default: Git's user.signingKey, else
    /// ~/.ssh/id_ed25519_sk.pub or ~/.ssh/id_ed25519.pub]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Your name in the list of signers [default: Git's user.email]
    #[arg(long, value_name = "PERSON")]
    pub person: Option<String>,
}

/// How many people must agree to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Everybody who is listed may change everything alone
    Solo,
    /// Everybody who is listed may deploy alone; two must agree to a change of .trust
    Team,
    /// Two must agree to everything
    FourEyes,
}

/// Who may change the fleet beside its author, and how many of them must agree.
#[derive(Debug, Default, Args)]
pub struct People {
    /// How many people must agree to what [default: team if there are others, else solo]
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub level: Option<Level>,

    /// Somebody else and their SSH public key file; may be repeated
    #[arg(long, value_name = "PERSON=FILE", value_parser = named_file)]
    pub with: Vec<(String, PathBuf)>,

    /// Install two hooks into this clone: one adds the line `Deploy: BRANCH` to messages on the branch that hosts follow,
    /// the other looks at what is pushed there as a host would
    #[arg(long)]
    pub hooks: bool,
}

/// Parses `PERSON=FILE`.
fn named_file(text: &str) -> Result<(String, PathBuf), &'static str> {
    let (name, file) = text.split_once('=').ok_or("write PERSON=FILE, as in bob@example.com=keys/bob.pub")?;
    Ok((name.to_owned(), file.into()))
}

/// Write .trust with your key, and perhaps those of others
///
/// Writes `.trust/allowed_signers` and `.trust/policy.toml`: whose signatures are followed, and how many of them it takes.
/// Only ed25519 keys are taken, plain or on a security key: `ssh-keygen -t ed25519` makes one, or for those who may change
/// .trust better `ssh-keygen -t ed25519-sk -O verify-required`.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast trust init
      Take the key that Git signs with, or ~/.ssh/id_ed25519.pub.

  holdfast trust init --level four-eyes --with bob@example.com=bob.pub --hooks
      Let nothing be changed that two people did not agree to.

  holdfast trust init --key ~/.ssh/fleet.pub --person alice --configure-git
      Take another key, and tell Git to sign with it in this repository.")]
pub struct Init {
    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// Whose key it is.
    #[command(flatten)]
    pub author: Author,

    /// Who else.
    #[command(flatten)]
    pub people: People,

    /// Tell Git to sign and check commits with SSH keys, in this repository only
    #[arg(long)]
    pub configure_git: bool,
}

/// Print the line that introduces this fleet to a new host
///
/// Prints one line that pins the fleet, a commit and the key that signed it. A host that is enrolled with it follows what
/// comes on top of that commit, and nothing else. The line is no secret, but take it from a place that you trust. A commit that
/// the hosts of today would not follow, for want of approvals say, is introduced to nobody.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast trust intro
      Introduce the newest commit.

  sudo holdfast enrol \"$(holdfast trust intro)\" https://git.example.com/fleet.git --host web-1
      Enrol a host with it.")]
pub struct Intro {
    /// A signed commit
    #[arg(value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,

    /// Judge what hosts follow from this commit on, which they have verified [default: the first that had a policy]
    #[arg(long, value_name = "COMMIT")]
    pub from: Option<String>,

    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,
}

/// Look at a change and approve it
///
/// Shows the whole change, asks, and makes the signed tag that approves it: `ok/BRANCH/…` on the commit, with the digest of
/// all its files in the message. Plain `git tag -s ok/BRANCH/ANYTHING COMMIT` does too. Nothing is pushed unless you say
/// where to.
///
/// A commit that a forge's merge button made is signed by nobody. Whoever approves it with --since says that they looked
/// at everything since then, and the change that is shown is all that.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast trust ok --push origin
      Approve the newest commit.

  holdfast trust ok origin/main --since 3f2a9c1 --push origin
      Vouch for everything after 3f2a9c1, the last commit that hosts have verified.")]
pub struct Approve {
    /// The commit
    #[arg(value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,

    /// Vouch for everything since this commit, which hosts have verified [default: the commit's first parent]
    #[arg(long, value_name = "COMMIT")]
    pub since: Option<String>,

    /// What the tag says
    #[arg(long, short, value_name = "TEXT", default_value = "Looked at and approved")]
    pub message: String,

    /// Push the tag there
    #[arg(long, value_name = "REMOTE")]
    pub push: Option<String>,

    /// Ask nothing, and show only what changed where
    #[arg(long, short)]
    pub yes: bool,

    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// Your SSH public key, or a private key with its .pub beside it [default: the one that Git signs with]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// Let this host begin to trust anew, at another introduction
///
/// For when those who could change .trust have lost their keys, or the history was rewritten and nobody may say so by
/// reset/ tags. Run it as root on each host: nobody can do it from afar. What the host owns stays known, and every status of
/// this host will say `local-reset`, for ever.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast trust reset intro1.6f1c…
      Forget what was verified, and begin at this introduction.")]
pub struct Reset {
    /// The line that `holdfast trust intro` printed
    #[arg(value_name = "INTRODUCTION")]
    pub introduction: String,

    /// Ask nothing
    #[arg(long, short)]
    pub yes: bool,

    /// The host's root directory.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Show who may do what, and check the history
///
/// Prints who may change what at a commit. With an introduction, or another commit to begin at, it also checks every commit
/// from there on, as a host does, with the ok/, reset/, stop/ and go/ tags of this clone, and tells which is
/// refused and why.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast trust show
      Show who may do what at HEAD.

  holdfast trust show origin/main --introduction intro1.6f1c…
      Would a host with this introduction follow what is on the server?

  holdfast trust show HEAD --from origin/main
      Would the hosts that follow origin/main follow this commit?")]
pub struct Show {
    /// The commit
    #[arg(value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,

    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// Check the history from this introduction on
    #[arg(long, value_name = "LINE")]
    pub introduction: Option<String>,

    /// Check the history as hosts do that have verified this commit
    #[arg(long, value_name = "COMMIT", conflicts_with = "introduction")]
    pub from: Option<String>,

    /// Take it for good that a commit only waits for people, to approve it or to lift a stop
    #[arg(long, requires = "from")]
    pub waiting: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
