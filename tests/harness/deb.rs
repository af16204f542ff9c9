//! The package under test. `packaging/build deb` makes it; `HOLDFAST_DEB` says where it is, `HOLDFAST` where its command is.
#![expect(clippy::disallowed_methods, reason = "the harness takes its settings from tests/run")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::Command;

/// The package.
pub fn path() -> Result<PathBuf> {
    let path = env::var_os("HOLDFAST_DEB")
        .context("HOLDFAST_DEB is not set: `tests/run machine` builds the package and sets it")?;
    fs::canonicalize(&path).with_context(|| format!("find the package {}", path.display()))
}

/// The same package as an .rpm.
pub fn rpm_path() -> Result<PathBuf> {
    let path = env::var_os("HOLDFAST_RPM")
        .context("HOLDFAST_RPM is not set: `tests/run machine` builds the package and sets it")?;
    fs::canonicalize(&path).with_context(|| format!("find the package {}", path.display()))
}

/// The command `holdfast` as it is in the package, to be run on the test machine.
pub fn command() -> Result<PathBuf> {
    let path = env::var_os("HOLDFAST")
        .context("HOLDFAST is not set: `tests/run machine` builds the command and sets it")?;
    fs::canonicalize(&path).with_context(|| format!("find the command {}", path.display()))
}

/// The same package under another version, with one program of `/usr/libexec/holdfast` as told, in a scratch folder.
pub(crate) fn made_anew(
    version: &str,
    program: Option<(&str, &str)>,
) -> Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir().context("make a scratch folder")?;
    let root = folder.path().join("root");
    Command::new(["dpkg-deb", "--raw-extract", &path()?.to_string_lossy(), &root.to_string_lossy()]).run()?;
    let control = root.join("DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    let lines = text.lines().map(|line| match line.strip_prefix("Version: ") {
        Some(_) => format!("Version: {version}\n"),
        None => format!("{line}\n"),
    });
    fs::write(&control, lines.collect::<String>())?;
    if let Some((name, script)) = program {
        fs::write(root.join("usr/libexec/holdfast").join(name), script)?;
    }
    let deb = folder.path().join(format!("holdfast_{version}.deb"));
    Command::new([
        "dpkg-deb",
        "--root-owner-group",
        "-Znone",
        "--build",
        &root.to_string_lossy(),
        &deb.to_string_lossy(),
    ])
    .run()?;
    Ok((folder, deb))
}

/// The .rpm of the only .deb in a folder, which it joins.
pub(crate) fn to_rpm(folder: &Path) -> Result<PathBuf> {
    let build = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/build");
    let payload = "HOLDFAST_PAYLOAD=w0.gzdio";
    let said = Command::new(["env", payload, build, "rpm", &folder.to_string_lossy()]).run()?;
    said.lines().last().map(PathBuf::from).context("packaging/build tells no path")
}
