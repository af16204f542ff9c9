//! Commands about who may change the fleet.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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

/// Write .trust with your key as the only one
///
/// Writes `.trust/allowed_signers` and `.trust/policy.toml` for one person: whatever you sign is followed. Only ed25519
/// keys are taken, plain or on a security key: `ssh-keygen -t ed25519` or `ssh-keygen -t ed25519-sk` makes one.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast trust init
      Take the key that Git signs with, or ~/.ssh/id_ed25519.pub.

  holdfast trust init --key ~/.ssh/fleet.pub --person alice --configure-git
      Take another key, and tell Git to sign with it in this repository.")]
pub struct Init {
    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// Whose key it is.
    #[command(flatten)]
    pub author: Author,

    /// Tell Git to sign and check commits with SSH keys, in this repository only
    #[arg(long)]
    pub configure_git: bool,
}

/// Print the line that introduces this fleet to a new host
///
/// Prints one line that pins the fleet, a commit and the key that signed it. A host that is enrolled with it follows what
/// comes on top of that commit, and nothing else. The line is no secret, but take it from a place that you trust.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast trust intro
      Introduce the newest commit.

  sudo holdfast enrol \"$(holdfast trust intro)\" https://git.example.com/fleet.git --host web-1
      Enrol a host with it.")]
pub struct Intro {
    /// A signed commit
    #[arg(value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,

    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,
}

/// Show who may do what, and check the history
///
/// Prints who may change what at a commit. With an introduction it also checks every commit from there on, as a host
/// does, and tells which is refused and why.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast trust show
      Show who may do what at HEAD.

  holdfast trust show origin/main --introduction intro1.6f1c…
      Would a host with this introduction follow what is on the server?")]
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

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
