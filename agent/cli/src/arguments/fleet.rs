//! Commands over all hosts, from their status branches alone.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Look at all hosts through their status branches
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Fleet {
    Status(Status),
}

/// Show how every host is
///
/// Reads the branches `status/*` of a clone, checks that each is signed with its host's own key, and prints one line a
/// host: how it is, what is applied, whether that is the newest revision, and how old the news is. A host whose status
/// is unsigned, signed with another key, or silent for too long is marked.
#[derive(Debug, Args)]
#[command(after_long_help = "  git fetch && holdfast fleet status
      Show all hosts, from the clone around the current directory.

  holdfast fleet status --url https://git.example.com/fleet.git
      Fetch first, into nothing that stays.

  holdfast fleet status --json | jq '.hosts[] | select(.result != \"converged\")'
      List what is not in order.")]
pub struct Status {
    /// A clone of the fleet repository [default: the one around the current directory]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub dir: Option<PathBuf>,

    /// Fetch the status branches from here instead
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// Take the fleet and the hosts' keys from this branch
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub branch: String,

    /// After how long without news a host counts as silent
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = super::host::duration)]
    pub silent_after: std::time::Duration,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
