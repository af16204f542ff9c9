//! What Git itself has been made to run or write by a repository. Nothing is ever checked out here.

use anyhow::{Result, ensure};

use super::history::goes_on;
use crate::{
    last_good::{EVIL, good, is_refused},
    site::{STATE, Site},
};

/// Programs that leave a mark when they are run, wherever they are and whoever runs them.
const MARKS: &str = "/var/tmp/marks";

fn prepare(site: &Site) -> Result<()> {
    site.host.shell(&format!(
        "install -d -m 1777 {MARKS} && printf '#!/bin/sh\\ntouch {MARKS}/$(basename $0)-$(id -u)\\n' >/usr/local/bin/mark\n\
         chmod 0755 /usr/local/bin/mark"
    ))?;
    Ok(())
}

fn nothing_ran(site: &Site) -> Result<()> {
    let marks = site.host.run(&["ls", "--almost-all", MARKS])?;
    ensure!(marks.is_empty(), "it was run: {marks}");
    Ok(())
}

/// T29: whoever could write the fetcher's own copy.
#[test]
fn what_is_planted_in_the_local_copy_has_no_effect() -> Result<()> {
    let site = good()?;
    prepare(&site)?;
    // The evil objects are there, by whatever way; nothing signed leads to them.
    site.fleet.write(STATE, EVIL)?;
    site.fleet.git(&["commit", "--quiet", "--all", "--no-gpg-sign", "--message", "evil"])?;
    let evil = site.fleet.git(&["rev-parse", "HEAD"])?;
    site.fleet.git(&["gc", "--quiet"])?;
    site.host.copy(&site.fleet.work().join(".git/objects"), "/var/lib/evil")?;
    site.fleet.git(&["reset", "--quiet", "--hard", "HEAD~1"])?;
    let next = site.fleet.commit("a new one to fetch")?;
    site.host.shell(&format!(
        "cd $(dirname $(find /var/lib/holdfast-fetch /var/lib/private/holdfast-fetch -name HEAD 2>/dev/null | head -n 1))
         chmod -R a+rX /var/lib/evil
         cat >>config <<'END'
[core]
	fsmonitor = mark
	sshCommand = mark
	gitProxy = mark
	hooksPath = hooks
	pager = mark
	alternateRefsCommand = mark
[filter \"evil\"]
	smudge = mark
	clean = mark
[include]
	path = /var/lib/evil/config
[url \"file:///var/lib/evil\"]
	insteadOf = https://
[http]
	proxy = http://127.0.0.1:1
[gc]
	recentObjectsHook = mark
[uploadpack]
	packObjectsHook = mark
[extensions]
	worktreeConfig = true
END
         echo '* filter=evil' >info-attributes && mkdir -p info hooks refs/replace objects/info
         mv info-attributes info/attributes
         echo {next} {evil} >info/grafts
         echo {evil} >refs/replace/{next}
         echo /var/lib/evil >objects/info/alternates
         for hook in post-checkout post-merge pre-auto-gc reference-transaction post-update; do
             cp /usr/local/bin/mark hooks/$hook
         done
         chown -R holdfast-fetch: .",
        next = next.trim(),
        evil = evil.trim(),
    ))?;
    site.host.write_file("/etc/motd", "drift")?;
    site.sync()?.success()?;
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n");
    assert_eq!(site.status()?.revision.applied, Some(next));
    nothing_ran(&site)?;
    goes_on(&site)
}

/// Makes a tree with each of git's own known ways out of a work tree, and `$more`, with the tools that make what they are
/// told: CVE-2014-9390 (names that a file system takes for `.git`), CVE-2018-11235, 2019-19604, 2024-32002 and 2025-48384
/// (submodules whose name, address, command or path leads out), CVE-2021-21300 and 2024-32021 (links on the way to a hook),
/// CVE-2015-7545 (an address that is a program), CVE-2019-1353 (streams).
const EXPLOITS: &str = r#"
blob() { printf "$1" | git hash-object -w --stdin; }
tree() {
    perl -ne 'chomp; my ($mode, $id, $name) = split / /, $_, 3;
        push @all, [$name . ($mode eq "40000" && "/"), "$mode $name\0" . pack "H*", $id];
        END { print map { $_->[1] } sort { $a->[0] cmp $b->[0] } @all }' |
        git hash-object -w -t tree --stdin --literally
}
hook=$(blob '#!/bin/sh\nmark\n')
hooks=$(echo 100755 $hook post-checkout | tree)
git_dir=$(printf '100644 %s config\n40000 %s hooks\n' $(blob '[core]\n\tfsmonitor = mark\n') $hooks | tree)
modules=$(blob '[submodule "../../hooks"]\n\tpath = x\r\n\turl = -u./mark\n\tupdate = !mark\n[submodule "a"]\n\tpath = A/modules/x\n\turl = ext::mark\n')
git checkout --quiet --force main
tree=$( {
    git ls-tree HEAD | sed 's/^0*\([0-7]*\) [a-z]* \([0-9a-f]*\)\t/\1 \2 /'
    echo 100644 $(blob '* filter=evil ident\n') .gitattributes
    echo 100644 $modules .gitmodules
    printf '40000 %s .g\342\200\214it\n' $git_dir
    echo 40000 $git_dir GIT~1
    echo 120000 $(blob '.git/hooks') A
    echo 40000 $hooks a
    echo 120000 $(blob '/etc/cron.d') B
    echo 40000 $hooks b
    echo 100644 $hook 'c:\windows\mark'
    echo 100644 $hook 'git~1::$INDEX_ALLOCATION'
    echo 160000 $(git rev-parse HEAD) x
    [ -z "$more" ] || echo 40000 $git_dir "$more"
} | tree)
commit=$(git commit-tree --gpg-sign -p HEAD -m 'a way out' $tree)
git push --quiet --force origin $commit:main
printf %s $commit
"#;

/// T26, T27.
#[test]
fn ways_out_of_a_work_tree_lead_nowhere() -> Result<()> {
    let site = good()?;
    prepare(&site)?;
    site.host.write_file("/root/before", "")?;
    site.repository().git(["config", "receive.fsckObjects", "false"])?;
    for name in ["..", ".", ".git", ".GIT"] {
        site.fleet.shell(&format!("more='{name}'{EXPLOITS}"))?;
        is_refused(&site, "E_TREE_GRAMMAR", name)?;
    }
    // The others are names and links that no resource uses: nothing is made of them, whoever signed them.
    let commit = site.fleet.shell(&format!("more={EXPLOITS}"))?;
    let tree = format!("{commit}^{{tree}}");
    let unsigned = site.fleet.git(&["commit-tree", "-p", "HEAD", "-m", "unsigned", &tree])?;
    site.fleet.git(&["push", "--quiet", "--force", "origin", &format!("{}:main", unsigned.trim())])?;
    is_refused(&site, "E_UNSIGNED", "")?;
    site.fleet.git(&["push", "--quiet", "--force", "origin", &format!("{commit}:main")])?;
    site.host.write_file("/etc/motd", "drift")?;
    site.sync()?.success()?;
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n");
    site.fleet.git(&["reset", "--quiet", "--soft", &commit])?;
    nothing_ran(&site)?;
    let new = site.host.run(&[
        "find",
        "/etc",
        "/root",
        "/home",
        "/usr",
        "/opt",
        "/srv",
        "/var",
        "/tmp",
        "/dev/shm",
        "/run",
        "-newer",
        "/root/before",
        "-not",
        "-type",
        "d",
    ])?;
    let is_ours = |path: &&str| {
        let own = ["/var/lib/holdfast/", "/var/log/journal/", "/run/systemd/", "/run/log/", "/root/before"];
        let store = "/copy.git/";
        own.iter().any(|own| path.starts_with(own))
            || (path.starts_with("/var/lib/holdfast-fetch/")
                && (path.contains(store) || path.ends_with("/lock")))
            || *path == "/etc/motd"
    };
    let strange: Vec<_> = new.lines().filter(|path| !is_ours(path)).collect();
    ensure!(strange.is_empty(), "{strange:?}");
    let files =
        site.host.run(&["find", "/var/lib/holdfast-fetch/", "-path", "*/copy.git/*", "-type", "f"])?;
    for name in files.lines().filter_map(|path| path.split_once("/copy.git/")).map(|(_, name)| name) {
        let is_store = name.starts_with("objects/pack/") || ["HEAD", "config", "shallow"].contains(&name);
        ensure!(is_store || name.starts_with("refs/heads/"), "{name} is no part of a store of objects");
    }
    goes_on(&site)
}
