//! A server that decides by branch who may write: gitolite over ssh.
#![expect(clippy::disallowed_methods, reason = "this test writes gitolite's configuration")]

use std::fs;

use anyhow::Result;
use harness::{
    Command,
    git_server::{Repository, SshServer},
};
use holdfast_protocol::fetch::{Remote, Reply};

use crate::common::{Client, commit, ssh};

/// What each host needs: to read all, and to write its own status.
const RULES: &str = "repo fleet
    R = web-1 web-2
    RW+ refs/heads/status/web-1$ = web-1
    RW+ refs/heads/status/web-2$ = web-2
repo quiet
    R = web-1
repo secret
    RW+ = web-2
";

#[test]
fn a_host_reads_the_fleet_and_writes_its_own_status() -> Result<()> {
    let home = tempfile::tempdir()?;
    let path = home.path().display().to_string();
    // gitolite is set up by the key of an administrator, whom this test does not need again.
    let key = home.path().join("admin");
    Command::new(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &key.display().to_string()]).run()?;
    let gitolite = |arguments: &[&str]| {
        let environment =
            ["env", "-i", &format!("HOME={path}"), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "gitolite"];
        Command::new(environment.into_iter().chain(arguments.iter().copied())).run()
    };
    gitolite(&["setup", "-pk", &format!("{path}/admin.pub")])?;
    fs::write(home.path().join(".gitolite/conf/gitolite.conf"), RULES)?;
    gitolite(&["setup"])?;
    let repository = Repository::at(home.path().join("repositories/fleet.git"));
    let tip = repository.commit("main", &[("fleet.toml", b"")])?;

    let server =
        SshServer::start_with(true, &format!("HOME={path} /usr/share/gitolite3/gitolite-shell web-1"))?;
    let remote =
        |name: &str| -> Result<Remote> { Ok(Remote { url: server.url_of(name), ..ssh(&server, name)? }) };
    let mut client = Client::new()?;
    assert_eq!(client.changed(&remote("fleet")?, &tip)?.0, tip);

    let status = commit(None, "first")?;
    let push = |client: &mut Client, name: &str, branch: &str| -> Result<Reply> {
        Ok(client.push(&remote(name)?, branch, None, &status)?.reply)
    };
    assert_eq!(push(&mut client, "fleet", "status/web-1")?, Reply::Pushed);
    assert_eq!(repository.tip("status/web-1")?, status.id.to_string());
    for (name, branch, code, words) in [
        ("fleet", "status/web-2", "E_GIT_PUSH_REFUSED", "hook declined (server: FATAL: "),
        ("fleet", "main", "E_GIT_PUSH_REFUSED", "DENIED by"),
        ("quiet", "status/web-1", "E_GIT_AUTH", "DENIED by fallthru"),
        ("secret", "status/web-1", "E_GIT_AUTH", "DENIED by fallthru"),
    ] {
        match push(&mut client, name, branch)? {
            Reply::Failed(failure) => {
                assert_eq!(failure.code, code, "{failure}");
                assert!(failure.message.contains(words), "{failure}");
            }
            // `main` is somewhere else than nowhere.
            Reply::Moved { current } => assert_eq!((branch, current), ("main", tip.parse().ok())),
            other => panic!("{name} {branch}: {other:?}"),
        }
    }
    assert_eq!(client.failure(&remote("secret")?, &tip)?.code, "E_GIT_AUTH");
    assert_eq!(client.failure(&remote("none")?, &tip)?.code, "E_GIT_AUTH");
    Ok(())
}
