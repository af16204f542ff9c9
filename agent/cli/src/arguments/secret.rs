//! Commands about what only some hosts may read.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use holdfast_schema::{
    AbsolutePath, FileMode, HostName, ResourceId,
    id::{GroupName, SecretName},
};

use super::workstation::WorkTree;

/// Encrypt what only some hosts may read
///
/// A secret lies in the fleet repository as `secrets/NAME.age`, encrypted to the keys of the hosts that may read it and to
/// recovery keys that people keep offline. Where a host may put it is sealed in with it. `secrets/index.toml` lists who may
/// read what. Nothing here speaks to a host or to the network: commit and push what was written, as any change.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Secret {
    Recovery(Recovery),
    Encrypt(Encrypt),
    Edit(Edit),
    Rekey(Rekey),
}

/// Make a key that can read every secret, to be kept offline
///
/// Writes the private half to a new file that only you can read, and lists the public half in `secrets/index.toml`. Move
/// the file to where it is safe: it is asked for when a secret is changed, and when another host may read one. Without such a
/// key a secret that every host has lost is lost. Keys of age-keygen(1) do as well: list their public half by hand.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast secret recovery /media/safe/fleet.key
      Make one on a medium that is then locked away.")]
pub struct Recovery {
    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// The new file for the private half
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Where a secret may go.
#[derive(Debug, Args)]
pub struct Terms {
    /// A file that may hold it; may be repeated
    #[arg(long, value_name = "PATH")]
    pub file: Vec<AbsolutePath>,

    /// Another resource that may hold it; may be repeated
    #[arg(long, value_name = "KIND:NAME")]
    pub destination: Vec<ResourceId>,

    /// Who may own such a file [default: root:root]
    #[arg(long, value_name = "USER:GROUP")]
    pub owner: Option<String>,

    /// The widest permissions that such a file may have [default: 0600]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<FileMode>,
}

/// Encrypt a new secret
///
/// Takes it from a file, from standard input or, where that is a terminal, asks for one line that is not shown. It is never
/// taken from the command line, which others can see.
#[derive(Debug, Args)]
#[command(
    after_long_help = "  holdfast secret encrypt tls-web --host web-1 --file /etc/nginx/tls/key.pem --owner root:www-data --mode 0640 --from key.pem
      Encrypt a key to one host, which may put it there and nowhere else.

  holdfast secret encrypt db-password --group prod --file /etc/shop/db-password
      Encrypt what is typed, or piped in, to all hosts of a group."
)]
pub struct Encrypt {
    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// Its name
    #[arg(value_name = "NAME")]
    pub name: SecretName,

    /// A host that may read it; may be repeated
    #[arg(long, value_name = "HOST")]
    pub host: Vec<HostName>,

    /// A group whose hosts may read it; may be repeated
    #[arg(long, value_name = "GROUP")]
    pub group: Vec<GroupName>,

    /// Where it may go.
    #[command(flatten)]
    pub terms: Terms,

    /// A file that holds it [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

/// Change a secret, or where it may go
///
/// Decrypts it with a recovery key and opens it in your editor, in memory only. With `--from` it becomes what a file holds
/// instead. With nothing but `--file`, `--destination`, `--owner` or `--mode` it stays what it is and may go elsewhere.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast secret edit db-password --identity /media/safe/fleet.key
      Open it in the editor.

  holdfast secret edit tls-web --identity /media/safe/fleet.key --from renewed.pem
      Replace it.

  holdfast secret edit tls-web --identity /media/safe/fleet.key --file /etc/haproxy/key.pem
      Let it go to that file instead.")]
pub struct Edit {
    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// Its name
    #[arg(value_name = "NAME")]
    pub name: SecretName,

    /// The private half of a recovery key
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,

    /// Where it may go.
    #[command(flatten)]
    pub terms: Terms,

    /// A file that holds the new secret; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

/// Encrypt secrets again, to the keys that may read them now
///
/// After `secrets/index.toml`, a host's groups or its `age_key` have changed. Secrets that are encrypted to the right keys are
/// left alone. Whoever could read a secret before can still read what Git had then: change such a secret itself.
#[derive(Debug, Args)]
#[command(after_long_help = "  holdfast secret rekey --identity /media/safe/fleet.key
      Encrypt again what `holdfast check` complains about.

  holdfast secret rekey --identity /media/safe/fleet.key tls-web
      Encrypt this one again, whatever it is encrypted to.")]
pub struct Rekey {
    /// Where.
    #[command(flatten)]
    pub work_tree: WorkTree,

    /// The private half of a recovery key
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,

    /// Only these
    #[arg(value_name = "NAME")]
    pub names: Vec<SecretName>,
}
