//! What others say in words of their own, in words that may leave the host.

/// What keeps the lists of a package source from being taken, in words that may leave the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryTrouble {
    /// They are not signed, or with another key.
    #[error("its lists are not signed with the key that is declared")]
    Signature,
    /// They are too old, or from the future.
    #[error("its lists have expired, or are not valid yet")]
    Expired,
    /// Something else: mostly that they cannot be had.
    #[error("its lists could not be fetched")]
    Other,
}

impl RepositoryTrouble {
    /// What the words of apt, dnf or zypper mean, in the C locale.
    pub fn of(said: &str) -> Self {
        const EXPIRED: [&str; 2] = ["is expired (invalid since", "is not valid yet"];
        const SIGNATURE: [&str; 13] = [
            "no_pubkey",
            "badsig",
            "expkeysig",
            "revkeysig",
            "nodata",
            "signatures couldn't be verified",
            "signatures were invalid",
            "is not signed",
            "signature verification",
            "gpg signature",
            "signing key not found",
            "is unsigned",
            "signed with an unknown key",
        ];
        let said = said.to_ascii_lowercase();
        let speaks_of = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if speaks_of(&EXPIRED) {
            Self::Expired
        } else if speaks_of(&SIGNATURE) {
            Self::Signature
        } else {
            Self::Other
        }
    }
}

/// What keeps an image from being pulled, in words that may leave the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PullTrouble {
    /// The registry wants a login, or another one.
    #[error("the registry does not give it to the login that the host has there")]
    Denied,
    /// The registry has no such image.
    #[error("the registry does not have it")]
    NotFound,
    /// The registry does not answer, or ended in the middle.
    #[error("the registry cannot be reached, or ended in the middle")]
    Unreachable,
    /// What came is not what it should be.
    #[error("what the registry sent is damaged")]
    Damaged,
    /// The engine has no room for it.
    #[error("the engine's disk is full")]
    DiskFull,
    /// Something else.
    #[error("the engine's words are in the agent's journal")]
    Other,
}

impl PullTrouble {
    /// What the engine's words mean. They are no part of its API; what is not known is [`Self::Other`].
    pub fn of(reason: &str) -> Self {
        const WORDS: [(PullTrouble, &[&str]); 5] = [
            (PullTrouble::DiskFull, &["no space left on device", "disk quota exceeded"]),
            (
                PullTrouble::Denied,
                &["unauthorized", "basic auth credentials", "denied", "forbidden", "authentication"],
            ),
            (PullTrouble::NotFound, &["manifest unknown", "not found", "name unknown"]),
            (PullTrouble::Damaged, &["digest", "checksum", "verification failed"]),
            (
                PullTrouble::Unreachable,
                &[
                    "refused",
                    "no such host",
                    "timeout",
                    "timed out",
                    "unreachable",
                    "eof",
                    "reset by peer",
                    "x509",
                    "dial tcp",
                ],
            ),
        ];
        let reason = reason.to_ascii_lowercase();
        let known = WORDS.iter().find(|(_, words)| words.iter().any(|word| reason.contains(word)));
        known.map_or(Self::Other, |(trouble, _)| *trouble)
    }
}
