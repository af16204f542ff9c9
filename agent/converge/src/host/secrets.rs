//! The secrets that this host can read: decrypted when they are put in place, and never kept.
//!
//! What is kept of one is what may be told: digests under a key, and where it may go.
#![expect(clippy::disallowed_methods, reason = "this module is the room of the host's own key")]

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use holdfast_schema::{
    AbsolutePath, ContentSource, KindName, ResourceId, Sha256,
    id::SecretName,
    spec::{Access, SecretReference},
};
use holdfast_secrets::{
    Envelope, EnvelopeError, Identity, OpenError, Secret, age, envelope::Salt, keyed_digest,
};
use zeroize::Zeroizing;

use super::{HostError, Stat, logins};

/// Where the host's key lies, seen from its root directory.
pub const KEY: &str = "etc/holdfast/age_key";

/// What the key for digests is derived for.
const DIGESTS: &str = "digests of secrets";

/// A larger file is not kept when it held a secret, in bytes: room is left for the envelope.
pub(crate) const LARGEST_SEALED: u64 = (age::LONGEST_CONTENT - (16 << 10)) as u64;

/// The longest key file that is read, in bytes.
const LONGEST_KEY: usize = 4096;

/// The name of what was overwritten, in its envelope.
const OVERWRITTEN: &str = "overwritten";

/// Why a secret cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing can be encrypted to this host.
    #[error("this host has no key for secrets")]
    NoKey,
    /// The host's key cannot be used.
    #[error("the host's own key cannot be used: {why}")]
    Key {
        /// What is wrong with it.
        why: String,
    },
    /// The encrypted file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is not for what it should be used for.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

impl SecretError {
    /// What mends it, in one line.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoKey | Self::Key { .. } => {
                "run `holdfast enrol --force` on the host, commit the age_key that it prints, and run `holdfast secret rekey`"
            }
            Self::Open(OpenError::NotForUs) => {
                "list the host in secrets/index.toml and its age_key in its document, and run `holdfast secret rekey`"
            }
            Self::Open(_) => "encrypt it again: `holdfast secret edit`",
            Self::Envelope(_) => {
                "correct the resource, or let somebody who can read the secret allow it: `holdfast secret edit`"
            }
        }
    }
}

/// What can be told of a secret without telling it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretNow {
    /// Its digest under this host's own key: what [`super::Look::Keyed`] gives of a file that holds it.
    pub digest: Sha256,
    /// Its digest under a key that is sealed in with it: the same on every host that can read it.
    pub shared: Sha256,
    /// The digest under this host's own key of the secret without a line end behind it.
    pub line: Sha256,
    /// Where it may go.
    envelope: Envelope,
}

impl SecretNow {
    /// How often it was given new content.
    pub fn generation(&self) -> u32 {
        self.envelope.generation
    }

    /// Whether a resource may hold it.
    pub fn check_destination(&self, resource: &ResourceId) -> Result<(), EnvelopeError> {
        self.envelope.check_destination(resource)
    }

    /// Whether a file that holds it may belong to these and have this mode.
    pub fn check_access(&self, access: &Access) -> Result<(), EnvelopeError> {
        self.envelope.check_access(access)
    }
}

/// A file that is kept although it holds a secret.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The name in its envelope.
    pub name: SecretName,
    /// Its content, encrypted to this host.
    pub bytes: Vec<u8>,
    /// The digest of the content under this host's own key.
    pub digest: Sha256,
}

/// The secrets that a host can read.
#[derive(Default)]
pub(crate) struct Secrets {
    /// Where its key lies.
    place: PathBuf,
    key: RefCell<Option<Rc<Key>>>,
    /// What was learned of secrets so far, by the digests of their encrypted files.
    known: RefCell<BTreeMap<SecretReference, Arc<SecretNow>>>,
}

/// The host's key, and the one for digests.
struct Key {
    identity: Identity,
    digests: Zeroizing<[u8; 32]>,
}

impl Key {
    fn new(identity: Identity) -> Rc<Self> {
        Rc::new(Self { digests: identity.derive(DIGESTS), identity })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Secrets {
    /// The secrets of the host whose `/` is at `root`. Nothing is read before it is needed.
    pub(super) fn of(root: &Path) -> Self {
        Self { place: root.join(KEY), ..Self::default() }
    }

    /// Those that this key can read.
    #[cfg(test)]
    pub(crate) fn held_by(identity: Identity) -> Self {
        let secrets = Self::default();
        *secrets.key.borrow_mut() = Some(Key::new(identity));
        secrets
    }

    /// What can be told of a secret. It is decrypted once.
    pub(super) fn look(
        &self,
        reference: &SecretReference,
        contents: &dyn ContentSource,
    ) -> Result<Arc<SecretNow>, HostError> {
        if let Some(known) = self.known.borrow().get(reference) {
            return Ok(Arc::clone(known));
        }
        let (envelope, secret) = self.open(reference, contents)?;
        let digests = &self.key_for(reference)?.digests;
        let (digest, line) = (secret.digest(digests), keyed_digest(digests, logins::line(&secret)));
        let now = Arc::new(SecretNow { digest, shared: envelope.shared_digest(&secret), line, envelope });
        self.known.borrow_mut().insert(reference.clone(), Arc::clone(&now));
        Ok(now)
    }

    /// The secret itself, for the one who puts it in place for `resource`.
    pub(super) fn disclose(
        &self,
        reference: &SecretReference,
        resource: &ResourceId,
        contents: &dyn ContentSource,
    ) -> Result<(Envelope, Secret), HostError> {
        let (envelope, secret) = self.open(reference, contents)?;
        envelope.check_destination(resource).map_err(|why| unusable(reference, why))?;
        Ok((envelope, secret))
    }

    fn open(
        &self,
        reference: &SecretReference,
        contents: &dyn ContentSource,
    ) -> Result<(Envelope, Secret), HostError> {
        let tried = || format!("read the encrypted file of the secret {}", reference.name);
        let sealed = contents
            .content(&reference.sealed.sha256)
            .map_err(|source| HostError::Io { tried: tried(), source })?;
        let key = self.key_for(reference)?;
        let decrypted = age::open(&sealed, &[&key.identity]).map_err(|why| unusable(reference, why))?;
        let (envelope, secret) = Envelope::disclose(&decrypted).map_err(|why| unusable(reference, why))?;
        envelope.check_name(&reference.name).map_err(|why| unusable(reference, why))?;
        Ok((envelope, secret))
    }

    /// The digest of bytes under the host's own key.
    pub(super) fn digest_key(&self, path: &AbsolutePath) -> Result<Zeroizing<[u8; 32]>, HostError> {
        self.key().map(|key| key.digests.clone()).map_err(|why| unreadable(path, why))
    }

    /// Encrypts what a file holds to this host, so that it can be kept and only be put back where it was.
    pub(super) fn seal(
        &self,
        path: &AbsolutePath,
        secret: &Secret,
        stat: &Stat,
    ) -> Result<Sealed, HostError> {
        let key = self.key().map_err(|why| unreadable(path, why))?;
        let name: SecretName = OVERWRITTEN
            .parse()
            .map_err(|_never| HostError::Unsupported { what: "keeping secrets".to_owned() })?;
        let no_random = |_| HostError::Io {
            tried: "draw a key".to_owned(),
            source: io::Error::other("no random numbers"),
        };
        let envelope = Envelope {
            name: name.clone(),
            destinations: vec![ResourceId::new(KindName::File, path.as_str()).to_string()],
            owner: format!("{}:{}", stat.uid, stat.gid),
            greatest_mode: stat.mode,
            generation: 0,
            salt: Salt::random().map_err(no_random)?,
        };
        let enclosed = envelope.enclose(secret);
        let sealed = age::seal(&enclosed, &[key.identity.recipient()]).map_err(no_random)?;
        Ok(Sealed { name, bytes: sealed.into_bytes(), digest: keyed_digest(&key.digests, secret.expose()) })
    }

    fn key_for(&self, reference: &SecretReference) -> Result<Rc<Key>, HostError> {
        self.key().map_err(|why| unusable(reference, why))
    }

    fn key(&self) -> Result<Rc<Key>, SecretError> {
        let mut key = self.key.borrow_mut();
        if let Some(key) = &*key {
            return Ok(Rc::clone(key));
        }
        let read = Key::new(read(&self.place)?);
        Ok(Rc::clone(key.insert(read)))
    }
}

fn read(place: &Path) -> Result<Identity, SecretError> {
    let bad = |why: &dyn fmt::Display| SecretError::Key { why: format!("{}: {why}", place.display()) };
    let file = match File::open(place) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Err(SecretError::NoKey),
        file => file.map_err(|why| bad(&why))?,
    };
    let metadata = file.metadata().map_err(|why| bad(&why))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(bad(&"others than its owner may read it"));
    }
    // Room enough that it is not moved, which would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(2 * LONGEST_KEY));
    file.take(LONGEST_KEY as u64).read_to_string(&mut text).map_err(|why| bad(&why))?;
    Identity::parse(&text).map_err(|why| bad(&why))
}

fn unusable(reference: &SecretReference, why: impl Into<SecretError>) -> HostError {
    HostError::Secret { what: format!("the secret {}", reference.name), source: why.into() }
}

fn unreadable(path: &AbsolutePath, why: SecretError) -> HostError {
    HostError::Secret { what: format!("what {path} holds"), source: why }
}
