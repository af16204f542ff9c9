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
const RECIPE_OF_RPM: &str = include_str!("image-rpm.sh");

/// What a host with a Docker engine of its own has besides; the shell of its containers is busybox.
const DOCKER: &str = "docker.io,iptables,busybox-static";

/// The name of the image of a plain Debian 12 host; builds it if it is not there.
pub(crate) fn plain() -> Result<String> {
    with("")
}

/// The same with a Docker engine of its own.
pub(crate) fn with_docker() -> Result<String> {
    with(DOCKER)
}

/// The same with these packages, separated by commas.
pub(crate) fn with(packages: &str) -> Result<String> {
    made_by(RECIPE, packages)
}

/// A host whose packages are rpm's, with these packages of Debian.
pub(crate) fn of_rpm(packages: &str) -> Result<String> {
    made_by(RECIPE_OF_RPM, packages)
}

fn made_by(recipe: &str, packages: &str) -> Result<String> {
    docker::ensure()?;
    let mut digest = DefaultHasher::new();
    digest.write(recipe.as_bytes());
    digest.write(packages.as_bytes());
    let tag = format!("holdfast-test-host:{:016x}", digest.finish());
    // Tests run at once, in several processes: one builds, the others wait for it.
    let lock = env::temp_dir().join("holdfast-test-host.lock");
    let lock = File::create(&lock).with_context(|| format!("create {}", lock.display()))?;
    lock.lock().context("lock the image")?;
    if docker::docker(["image", "inspect", &tag]).output()?.code != Some(0) {
        Command::new(["sh", "-s", &tag, packages])
            .stdin(recipe)
            .limit(Duration::from_mins(15))
            .run()
            .context("build the image of test hosts")?;
    }
    Ok(tag)
}
