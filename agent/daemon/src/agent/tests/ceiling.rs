//! The ceiling of a host, which no signature raises.

use holdfast_schema::status::PassResult;

use super::{
    MOTD, codes, cycle,
    git::{Git, Host},
};
use crate::ceiling::Ceiling;

const TWO: &str =
    "[file.\"/etc/motd\"]\ncontent = \"hello\\n\"\n[file.\"/etc/ssh/sshd_config\"]\ncontent = \"x\\n\"\n";
const LINK: &str = "[symlink.\"/etc/motd\"]\ntarget = \"/run/motd\"\n";

fn host(git: &Git, ceiling: &str) -> Host {
    let host = Host::new(git);
    *host.ceiling.borrow_mut() = Ceiling::parse(ceiling).unwrap();
    host
}

/// Tried: without the check in `adopt` both files change.
#[tokio::test]
async fn a_revision_that_is_over_the_ceiling_is_refused_as_a_whole() {
    for (ceiling, over) in [
        ("forbidden = [\"/etc/ssh\"]", TWO),
        ("forbidden = [\"/etc\"]\nkinds = [\"file\"]", TWO),
        ("kinds = [\"file\", \"unit\"]", LINK),
    ] {
        let git = Git::new(&[("hosts/web-1.toml", "")]);
        let host = host(&git, ceiling);
        let mut agent = host.agent().await;
        assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
        let good = git.tip();
        git.commit(&[("hosts/web-1.toml", over)]);
        let status = cycle(&mut agent).await;
        assert_eq!(status.result, PassResult::Held);
        assert!(codes(&status).iter().all(|code| *code == "E_CEILING"), "{status:#?}");
        assert!(status.problem[0].at.as_ref().unwrap().starts_with("hosts/web-1.toml:"), "{status:#?}");
        assert_eq!((status.revision.applied, status.revision.trial), (Some(good.to_string()), None));
        assert_eq!((host.read("etc/motd"), host.read("etc/ssh/sshd_config")), (None, None));
    }
}

#[tokio::test]
async fn a_ceiling_that_is_lowered_holds_what_is_in_force() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = host(&git, "");
    cycle(&mut host.agent().await).await;
    host.write("etc/motd", "by hand");
    *host.ceiling.borrow_mut() = Ceiling::parse("forbidden = [\"/etc\"]").unwrap();
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Held, vec!["E_CEILING"]));
    assert_eq!(host.read("etc/motd").unwrap(), "by hand");
}

#[tokio::test]
async fn no_more_is_removed_than_the_ceiling_allows() {
    let file = |n: u32| format!("[file.\"/etc/motd-{n}\"]\ncontent = \"x\\n\"\n");
    let many = [0, 1, 2, 3].map(file).concat();
    let git = Git::new(&[("hosts/web-1.toml", &many)]);
    let host = host(&git, "max_removals = 3");
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    git.commit(&[("hosts/web-1.toml", "")]);
    let status = cycle(&mut agent).await;
    assert_ne!(status.result, PassResult::Converged, "{status:#?}");
    assert!(host.read("etc/motd-0").is_some(), "all are still there");
    drop(agent);
    *host.ceiling.borrow_mut() = Ceiling::default();
    cycle(&mut host.agent().await).await;
    assert_eq!(host.read("etc/motd-0"), None);
}
