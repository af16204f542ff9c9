//! The walls between the crates, asked of cargo itself.

use std::collections::BTreeSet;

use anyhow::Result;
use harness::Command;

/// What must not be in the root service: everything that speaks to a network.
const NETWORK: [&str; 7] =
    ["gix-protocol", "gix-transport", "holdfast-git", "ring", "rustls", "ureq", "webpki-roots"];

/// What reads settings of a repository, starts programs for it or writes its files out: where Git's own holes were.
/// gix-protocol brings gix-credentials, which nobody asks.
const CHECKOUT: [&str; 9] = [
    "gix",
    "gix-attributes",
    "gix-config",
    "gix-filter",
    "gix-index",
    "gix-submodule",
    "gix-worktree",
    "gix-worktree-state",
    "git2",
];

/// How many crates may judge what a host believes.
const TRUST: usize = 70;

fn dependencies(package: &str) -> Result<Vec<String>> {
    let tree = Command::new([
        env!("CARGO"),
        "tree",
        "--locked",
        "--package",
        package,
        "--edges=normal,build",
        "--prefix=none",
        "--format={lib}",
    ])
    .run()?;
    Ok(tree.lines().map(|name| name.trim_end_matches(" (*)").replace('_', "-")).collect())
}

fn network(package: &str) -> Result<Vec<&'static str>> {
    let dependencies = dependencies(package)?;
    Ok(NETWORK.into_iter().filter(|name| dependencies.iter().any(|found| found == name)).collect())
}

#[test]
fn the_root_service_links_no_network_code() -> Result<()> {
    assert_eq!(network("holdfast-agent")?, [""; 0]);
    Ok(())
}

#[test]
fn the_fetcher_links_it() -> Result<()> {
    // Shows that the names above are what cargo calls these crates.
    assert_eq!(network("holdfast-fetch")?, NETWORK);
    Ok(())
}

#[test]
fn the_pure_crates_have_no_runtime() -> Result<()> {
    for package in ["holdfast-schema", "holdfast-trust"] {
        let dependencies = dependencies(package)?;
        for runtime in ["tokio", "mio", "zbus", "nix"] {
            assert!(!dependencies.iter().any(|found| found == runtime), "{package} depends on {runtime}");
        }
    }
    Ok(())
}

#[test]
fn nothing_that_checks_files_out_is_linked() -> Result<()> {
    for package in ["holdfast", "holdfast-agent", "holdfast-fetch"] {
        let found = dependencies(package)?;
        let linked: Vec<_> =
            CHECKOUT.into_iter().filter(|name| found.iter().any(|found| found == name)).collect();
        assert_eq!(linked, [""; 0], "{package}");
    }
    Ok(())
}

#[test]
fn few_crates_judge_what_a_host_believes() -> Result<()> {
    let crates: BTreeSet<_> = dependencies("holdfast-trust")?.into_iter().collect();
    assert!(crates.len() < TRUST, "{} crates: {crates:?}", crates.len());
    // The count is of what cargo names, one line each.
    assert!(crates.contains("holdfast-trust") && crates.contains("ed25519-dalek"), "{crates:?}");
    Ok(())
}
