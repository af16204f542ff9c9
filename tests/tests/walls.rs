//! The walls between the crates, asked of cargo itself.

use anyhow::Result;
use harness::Command;

/// What must not be in the root service: everything that speaks to a network.
const NETWORK: [&str; 7] =
    ["gix-protocol", "gix-transport", "holdfast-git", "ring", "rustls", "ureq", "webpki-roots"];

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
