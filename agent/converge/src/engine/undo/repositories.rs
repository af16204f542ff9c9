//! Makes sources of packages what they were, once their files are.

use holdfast_schema::{AbsolutePath, Sha256, id::RepositoryName};

use super::Undo;
use crate::{
    host::{Expected, Look, Node, PackageNow, Write},
    journal::Before,
    plan::Action,
};

impl<H: Write> Undo<'_, H> {
    /// Puts the keys back that rpm trusts, and fetches the lists of the sources that are back.
    pub(super) async fn put_repositories_back(&mut self) {
        let recorded = self.recorded;
        for before in &recorded.befores {
            match before {
                Before::Key { key, file, trusted } => self.put_key_back(key, file, *trusted).await,
                Before::Repository { name } => self.fetch_again(name).await,
                _ => {}
            }
        }
    }

    async fn put_key_back(&mut self, key: &str, file: &AbsolutePath, trusted: bool) {
        let now = match self.host.package(key).await {
            Ok(now) => matches!(now, PackageNow::Installed { .. }),
            Err(error) => return self.fail(key, &error),
        };
        let (name, key, file) = (key, key.to_owned(), file.clone());
        match (trusted, now) {
            (true, false) => self.try_run(name, &Action::TrustKey { key, file }).await,
            (false, true) => self.try_run(name, &Action::DistrustKey { key, file }).await,
            _ => {}
        }
    }

    /// Lists that cannot be fetched are no harm: package managers fetch them by themselves.
    async fn fetch_again(&mut self, name: &RepositoryName) {
        let Ok(place) = self.host.repository_place().await else { return };
        let Ok(path) = place.file(name).parse() else { return };
        if !matches!(self.host.node(&path, Look::Metadata).await, Ok(Node::File { .. })) {
            return;
        }
        let action = Action::RefreshRepository { repository: name.clone(), inputs: Sha256::of(b"") };
        if let Err(error) = self.run(&action, &Expected::Anything).await {
            tracing::info!(
                error = &error as &dyn std::error::Error,
                "the lists of {name} were not fetched again"
            );
        }
    }
}
