//! Sources of packages: their lists are fetched, and rpm is told which keys it trusts.
//!
//! rpm keeps a key beside its packages, all under one name. Among packages each is told apart here as `gpg-pubkey-ID-TIME`.

use holdfast_schema::{AbsolutePath, id::RepositoryName};

use super::{
    Installer,
    complaint::{Complaint, squeeze},
    install::{busy, last_words},
    manager::words,
    plan::Job,
    rpm::KEY,
};
use crate::{
    host::{HostError, RepositoryTrouble},
    plan::step::PackageTransaction,
};

#[cfg(test)]
mod tests;

/// The letters of a key's id that its name has. Newer rpms have all of them.
const ID: usize = 8;

/// So many lines of what was said are told.
const MOST_LINES: usize = 4;

/// The name of a key that rpm has at this version: `ID-TIME`, with or without an epoch.
pub(super) fn key_name(version: &str) -> Option<String> {
    let version = version.rsplit(':').next().unwrap_or(version);
    let (id, time) = version.rsplit_once('-')?;
    let id = id.get(id.len().checked_sub(ID)?..)?;
    Some(format!("{KEY}-{id}-{time}"))
}

/// Whether it is a key and no package.
pub(super) fn is_key(name: &str) -> bool {
    name.strip_prefix(KEY).is_some_and(|rest| rest.starts_with('-'))
}

impl Installer {
    /// Makes rpm trust the keys in a file.
    pub(in crate::host) async fn trust(&self, file: &AbsolutePath) -> Result<(), HostError> {
        let import = words(["/usr/bin/rpm", "--import", file.as_str()]);
        self.tell_rpm(format!("rpm --import {file}"), import).await
    }

    /// Makes rpm trust a key no longer.
    pub(in crate::host) async fn distrust(&self, key: &str) -> Result<(), HostError> {
        self.tell_rpm(format!("rpm --erase {key}"), words(["/usr/bin/rpm", "--erase", key])).await
    }

    async fn tell_rpm(&self, command: String, words: Vec<String>) -> Result<(), HostError> {
        let said = self.alone(&Job::of(words)).await?;
        said.map(drop).map_err(|said| HostError::Command { command, reason: last_words(&said) })
    }

    /// Fetches the lists of one source.
    pub(in crate::host) async fn refresh_repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<(), HostError> {
        let manager = self.manager()?;
        let ran = self.alone(&manager.fetch(repository)).await?;
        let (Ok(said) | Err(said)) = &ran;
        let is_about_lists =
            |complaint: &Complaint| matches!(complaint, Complaint::NotRefreshed(_) | Complaint::Other(_));
        if ran.is_ok() && !manager.complaints(said).iter().any(is_about_lists) {
            return Ok(());
        }
        Err(HostError::Repository {
            repository: repository.to_string(),
            why: RepositoryTrouble::of(said),
            reason: reason(said),
        })
    }

    /// Runs a job by itself. Gives what it said, as an error if it failed.
    async fn alone(&self, job: &Job) -> Result<Result<String, String>, HostError> {
        let session = self.begin(&PackageTransaction::default()).await?;
        let ran = self.unit(&session, job).await;
        self.forget();
        let ran = ran?;
        let (Ok(said) | Err(said)) = &ran;
        let manager = self.manager()?;
        busy(&*manager, &manager.complaints(said), said)?;
        Ok(ran)
    }
}

/// What a package manager complained about, in one line.
fn reason(said: &str) -> String {
    const COMPLAINS: [&str; 7] = ["E: ", "W: ", "Error: ", "  - ", "File '", "[", " - "];
    const SUMS_UP: &str = "Some index files failed to download";
    let complains =
        |line: &&str| COMPLAINS.iter().any(|word| line.starts_with(word)) && !line.contains(SUMS_UP);
    let lines: Vec<String> = said.lines().filter(complains).take(MOST_LINES).map(squeeze).collect();
    if lines.is_empty() { last_words(said) } else { lines.join("; ") }
}
