//! The image that hosts are made from, built once and kept under a name that its recipe decides.
#![expect(clippy::disallowed_methods, reason = "the harness takes a lock on a file")]

use std::{
    env,
    fs::File,
    hash::{DefaultHasher, Hasher as _},
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{Command, docker};

const RECIPE: &str = include_str!("image.sh");

/// The name of the image of a plain Debian 12 host; builds it if it is not there.
pub(crate) fn plain() -> Result<String> {
    docker::ensure()?;
    let mut digest = DefaultHasher::new();
    digest.write(RECIPE.as_bytes());
    let tag = format!("holdfast-test-host:{:016x}", digest.finish());
    // Tests run at once, in several processes: one builds, the others wait for it.
    let lock = env::temp_dir().join("holdfast-test-host.lock");
    let lock = File::create(&lock).with_context(|| format!("create {}", lock.display()))?;
    lock.lock().context("lock the image")?;
    if docker::docker(["image", "inspect", &tag]).output()?.code != Some(0) {
        Command::new(["sh", "-s", &tag])
            .stdin(RECIPE)
            .limit(Duration::from_mins(15))
            .run()
            .context("build the image of test hosts")?;
    }
    Ok(tag)
}
