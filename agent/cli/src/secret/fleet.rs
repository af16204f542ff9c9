//! The secrets of a work tree: who is to read each, and their files.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is the room that reads and writes an author's secrets"
)]

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use holdfast_schema::{
    Entry, Fleet, Repository,
    id::SecretName,
    secrets::{self, INDEX, Listed, Secrets},
};
use holdfast_secrets::{Envelope, Identity, Recipient, Secret, age};
use zeroize::Zeroizing;

use super::{index::Index, misplaced, unreadable, wrong};
use crate::{
    Context,
    arguments::workstation::WorkTree,
    failure::{Code, Failure},
    workstation::{check, work_tree},
};

/// A work tree, and the list of its secrets as it will be.
pub(super) struct WorkTreeSecrets {
    root: PathBuf,
    repository: Repository,
    pub(super) index: Index,
}

impl WorkTreeSecrets {
    /// The work tree that the arguments name.
    pub(super) fn find(arguments: &WorkTree, context: &Context) -> Result<Self, Failure> {
        let root = work_tree::find(arguments, &context.directory)?;
        let repository = work_tree::read(&root)?;
        let path = root.join(INDEX);
        let text = match fs::read_to_string(&path) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|why| Failure::read(&path, why))?,
        };
        Ok(Self { root, repository, index: Index::parse(&text)? })
    }

    /// Who may read what, with the list as it will be.
    pub(super) fn secrets(&mut self, context: &Context) -> Result<Secrets, Failure> {
        self.repository.insert(INDEX, Entry::file(self.index.to_string().into_bytes()));
        Fleet::new(&self.repository).secrets().or_else(|found| {
            check::show(&found, context)?;
            Err(Failure::coded(
                "E_SECRETS",
                "the list of secrets cannot be used",
                Some("correct what was shown"),
            ))
        })
    }

    /// Whether there is a file of this secret.
    pub(super) fn has(&self, name: &SecretName) -> bool {
        self.root.join(secrets::path(name)).symlink_metadata().is_ok()
    }

    /// Decrypts a secret.
    pub(super) fn open(&self, name: &SecretName, identity: &Identity) -> Result<(Envelope, Secret), Failure> {
        let path = self.root.join(secrets::path(name));
        let file = fs::read(&path).map_err(|why| Failure::read(&path, why))?;
        let decrypted = age::open(&file, &[identity]).map_err(|why| unreadable(name, why))?;
        let (envelope, secret) = Envelope::disclose(&decrypted).map_err(|why| misplaced(name, why))?;
        envelope.check_name(name).map_err(|why| misplaced(name, why))?;
        Ok((envelope, secret))
    }

    /// Encrypts a secret to all who may read it, and then writes down that it is.
    pub(super) fn seal(
        &mut self,
        envelope: &Envelope,
        secret: &Secret,
        context: &Context,
    ) -> Result<usize, Failure> {
        let name = &envelope.name;
        let all = self.secrets(context)?;
        let listed = all.secrets.get(name).filter(|listed| !listed.hosts.is_empty()).ok_or_else(|| {
            wrong(
                format!("no host may read the secret {name}"),
                "name some with --host or --group, or in secrets/index.toml",
            )
        })?;
        if let Some((host, _)) = listed.hosts.iter().find(|(_, key)| key.is_none()) {
            let remedy = format!(
                "commit the line `age_key = …` that `holdfast enrol` printed on that host to hosts/{host}.toml"
            );
            return Err(wrong(format!("the host {host} has no age_key"), &remedy));
        }
        if all.recovery.is_empty() {
            return Err(wrong(
                "nobody but the hosts could read the secret",
                "make a key for people first: `holdfast secret recovery FILE`",
            ));
        }
        let recipients = all.recipients(name);
        let keys = recipients.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
        if keys.len() > age::MOST_RECIPIENTS {
            let message = format!(
                "{} keys are to read the secret {name}, and {} can",
                keys.len(),
                age::MOST_RECIPIENTS
            );
            return Err(wrong(message, "give parts of the fleet a secret of their own"));
        }
        let enclosed = envelope.enclose(secret);
        if enclosed.len() > age::LONGEST_CONTENT {
            return Err(wrong(
                "a secret cannot have more than 1 MiB",
                "encrypt a key to a larger file, not the file",
            ));
        }
        let sealed = age::seal(&enclosed, &keys)
            .map_err(|why| Failure::new(Code::Random, "cannot draw a key").because(why))?;
        self.index.seal(name, &secrets::digest(&recipients));
        self.write(&secrets::path(name), sealed.as_bytes())?;
        self.write_index()?;
        Ok(recipients.len())
    }

    /// Writes the list.
    pub(super) fn write_index(&self) -> Result<(), Failure> {
        self.write(INDEX, self.index.to_string().as_bytes())
    }

    /// Puts a whole file in place.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.root.join(name);
        let write = |directory: &Path| {
            fs::create_dir_all(directory)?;
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            file.write_all(bytes)?;
            // It is for everybody who may read the repository.
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(readable)?;
            file.persist(&path)?;
            Ok(())
        };
        write(path.parent().unwrap_or(&self.root)).map_err(|why: std::io::Error| Failure::write(&path, why))
    }
}

/// The secrets that are not encrypted to the right keys, or cannot be.
pub(super) fn stale(secrets: &Secrets) -> BTreeSet<SecretName> {
    let is_right = |name: &SecretName, listed: &Listed| {
        listed.sealed == Some(secrets::digest(&secrets.recipients(name)))
            && listed.hosts.values().all(Option::is_some)
    };
    let stale = secrets.secrets.iter().filter(|(name, listed)| !is_right(name, listed));
    stale.map(|(name, _)| name.clone()).collect()
}

/// The private half of a key.
pub(super) fn identity(path: &Path) -> Result<Identity, Failure> {
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|why| Failure::read(path, why))?);
    Identity::parse(&text).map_err(|why| {
        wrong(format!("{} is no key", path.display()), "name a file as `holdfast secret recovery` makes it")
            .because(why)
    })
}

fn recipient(text: &str) -> Result<Recipient, Failure> {
    text.parse().map_err(|why: age::InvalidKey| {
        let remedy = "correct it where it is listed: secrets/index.toml or hosts/*.toml";
        Failure::coded("E_SECRETS", format!("{text} is no key"), Some(remedy)).because(why)
    })
}
