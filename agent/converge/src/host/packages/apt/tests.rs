#![expect(clippy::disallowed_methods, reason = "tests arrange dpkg's directory")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    rc::Rc,
};

use super::{
    Apt,
    complaint::{complaints, config_files, holder, installations, removals},
};
use crate::{
    host::{
        ConfigFile, PackageNow,
        packages::{
            Packages,
            complaint::{Complaint, killed},
            database::{Database, KEPT, Line},
            lock,
            manager::Manager as _,
            plan::{Attributed, Plan, name_of},
        },
    },
    plan::step::PackageTransaction,
};

/// What apt 2.6.2 and dpkg 1.21 said on Debian 12; `recorded/README` tells how it was made.
macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("recorded/", $name, ".txt"))
    };
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn what_cannot_be_found_is_named() {
    assert_eq!(complaints(recorded!("notfound")), [Complaint::NotFound(text("nope"))]);
    assert_eq!(complaints(recorded!("notfound-regex")), [Complaint::NotFound(text("pk."))]);
    assert_eq!(complaints(recorded!("version")), [Complaint::NotFound(text("pk0=9.9"))]);
    assert_eq!(complaints(recorded!("version-glob")), [Complaint::NotFound(text("pk0=9.*"))]);
}

#[test]
fn what_cannot_be_installed_together_is_named() {
    let unmet = [
        Complaint::Unmet(text("pdep"), text("Depends: nonexistent-thing but it is not installable")),
        Complaint::Unmet(text("pver"), text("Depends: plib (>= 9) but 1.0 is to be installed")),
    ];
    assert_eq!(complaints(recorded!("unmet")), unmet);
    assert_eq!(complaints(recorded!("held-dep")), unmet[1..]);
    assert_eq!(complaints(recorded!("conflict")), [Complaint::WouldRemove(names(["papp"]))]);
    assert_eq!(complaints(recorded!("held")), [Complaint::WouldMoveHeld(names(["plib"]))]);
}

#[test]
fn a_failing_script_is_quoted() {
    let failed = |name: &str, why: &str| Complaint::Failed(text(name), text(why));
    assert_eq!(
        complaints(recorded!("postinst")),
        [failed(
            "pbad2",
            "new pbad2 package pre-installation script subprocess returned error exit status 4"
        )]
    );
    assert_eq!(
        complaints(recorded!("postinst-again")),
        [failed(
            "pbad",
            "installed pbad package post-installation script subprocess returned error exit status 3; \
             it said: cannot do it"
        )]
    );
    assert_eq!(
        complaints(recorded!("ask")),
        [failed(
            "pask",
            "installed pask package post-installation script subprocess returned error exit status 2; \
             it said: /var/lib/dpkg/info/pask.postinst: 3: cannot open /dev/tty: No such device or address"
        )]
    );
}

#[test]
fn who_holds_the_lock_is_known() {
    assert_eq!(complaints(recorded!("locked")), [Complaint::Locked(None)]);
    let holder = recorded!("locked").lines().rev().find_map(holder);
    assert_eq!(holder, Some((text("apt-get"), 569)));
    assert_eq!(complaints(recorded!("locked-configure")), [Complaint::Locked(Some((String::new(), 569)))]);
    let lists = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 42 (packagekitd)\n\
                 E: Unable to lock directory /var/lib/apt/lists/";
    assert_eq!(complaints(lists)[0], Complaint::Locked(Some((text("packagekitd"), 42))));
}

#[test]
fn other_troubles() {
    assert_eq!(complaints(recorded!("interrupted")), [Complaint::Interrupted]);
    assert_eq!(
        complaints(recorded!("fetch")),
        [Complaint::NotFetched(
            text("pgone"),
            text("File not found - /srv/apt/./pgone_1.0.deb (2: No such file or directory)")
        )]
    );
    assert!(matches!(&complaints(recorded!("update-unreachable"))[..],
        [Complaint::NotRefreshed(why)] if why.contains("Could not connect to 127.0.0.1:9")));
    assert_eq!(
        complaints("E: The package foo needs to be reinstalled, but I can't find an archive for it."),
        [Complaint::NoArchive(text("foo"))]
    );
    let full = "dpkg: error processing archive /tmp/apt-dpkg-install-x1/07-big_1%3a2_amd64.deb (--unpack):\n \
                cannot copy extracted data for './x' to '/x.dpkg-new': failed to write (No space left on device)\n";
    assert_eq!(
        complaints(full),
        [
            Complaint::Failed(
                text("big"),
                text(
                    "cannot copy extracted data for './x' to '/x.dpkg-new': failed to write (No space left on device)"
                )
            ),
            Complaint::NoSpace,
        ]
    );
    assert_eq!(complaints(recorded!("configure")), []);
    assert_eq!(complaints("E: Something new\n"), [Complaint::Other(text("Something new"))]);
}

#[test]
fn simulations_tell_what_would_happen() {
    assert_eq!(removals(recorded!("sim-remove")), names(["papp", "plib", "puser"]));
    assert_eq!(installations(recorded!("sim-remove")), names(["pk3"]));
    assert_eq!(removals(recorded!("sim-conflict")), names(["papp", "puser"]));
}

/// A directory such as `/var/lib/dpkg`, and a directory for kept answers.
struct Dpkg(tempfile::TempDir);

impl Dpkg {
    fn new() -> Self {
        let dpkg = Self(tempfile::tempdir().unwrap());
        fs::create_dir(dpkg.at("updates")).unwrap();
        fs::create_dir(dpkg.at("state")).unwrap();
        dpkg.change("");
        dpkg
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// As dpkg does it: the old file stays as `status-old`, the new one takes its name.
    fn change(&self, status: &str) {
        fs::write(self.at("status-new"), status).unwrap();
        drop(fs::remove_file(self.at("status-old")));
        drop(fs::hard_link(self.at("status"), self.at("status-old")));
        fs::rename(self.at("status-new"), self.at("status")).unwrap();
    }

    /// A kept answer for the database as it is now.
    fn keep(&self, answer: &str) {
        let stamp = serde_json::to_string(&self.apt().stamp().unwrap()).unwrap();
        let kept = format!("{{\"version\":{KEPT},\"stamp\":{stamp}}}\n{answer}");
        fs::write(self.at("state/packages.kept"), kept).unwrap();
    }

    fn database(&self, answer: &str) -> Database {
        self.keep(answer);
        Database::load(&self.at("state/packages.kept"), None).unwrap()
    }

    fn packages(&self) -> Packages {
        Packages::of(Rc::new(self.apt()), Some(&self.at("state")))
    }

    fn apt(&self) -> Apt {
        Apt::at(self.0.path())
    }
}

const ANSWER: &str = "adduser\tall\tii \t0-kept\ndpkg\tamd64\tii \t1.21.23\nheld\tall\thi \t1:2.0-1\n\
                      libc6\ti386\tii \t2.36\nlibc6\tamd64\tii \t2.37\nforeign\ti386\tii \t1\n\
                      gone\tall\trc \t1.0\nhalfway\tall\trH \t1.0\nnever\tall\tun \t\npk5\tall\tiU \t1.0\npslow\tall\tiF \t1.0\n\
                      torn\tall\tiHR\t1.0\nwaits\tall\tiW \t1.0\n";

#[test]
fn states_are_read_from_their_letters() {
    let database = Dpkg::new().database(ANSWER);
    let installed = |version: &str, held| PackageNow::Installed { version: text(version), held };
    let broken = |state: &str| PackageNow::Broken { state: text(state) };
    for (name, state) in [
        ("adduser", installed("0-kept", false)),
        ("held", installed("1:2.0-1", true)),
        ("gone", PackageNow::ConfigFiles),
        ("never", PackageNow::Absent),
        ("nothing", PackageNow::Absent),
        ("pk5", broken("unpacked")),
        ("pslow", broken("half-configured")),
        ("torn", broken("reinst-required")),
        ("waits", broken("triggers-awaited")),
        ("libc6", installed("2.37", false)),
        ("libc6:amd64", installed("2.37", false)),
        ("libc6:i386", installed("2.36", false)),
        ("foreign", PackageNow::Absent),
        ("foreign:i386", installed("1", false)),
    ] {
        assert_eq!(database.state(name), state, "{name}");
    }
}

#[test]
fn what_was_being_unpacked_or_removed_is_unpacked_once_more() {
    let database = Dpkg::new().database(ANSWER);
    let lines = database.packages().filter(Line::needs_reinstall);
    assert_eq!(lines.map(|line| line.name).collect::<Vec<_>>(), ["halfway", "torn"]);
    assert_eq!(database.state("halfway"), PackageNow::Broken { state: text("half-installed") });
}

#[tokio::test(flavor = "current_thread")]
async fn a_kept_answer_is_believed_only_while_the_database_is_the_same() {
    let dpkg = Dpkg::new();
    dpkg.keep(ANSWER);
    let packages = dpkg.packages();
    let version = async || match packages.package("adduser").await.unwrap() {
        PackageNow::Installed { version, .. } => version,
        other => format!("{other:?}"),
    };
    assert_eq!(version().await, "0-kept");
    packages.forget();
    assert_eq!(version().await, "0-kept");

    // From here on the real dpkg-query answers, and its adduser, if any, is another.
    dpkg.change("");
    packages.forget();
    assert_ne!(version().await, "0-kept", "a new status file");

    dpkg.keep(ANSWER);
    fs::write(dpkg.at("updates/0001"), "").unwrap();
    assert_ne!(
        dpkg.packages().package("adduser").await.unwrap(),
        PackageNow::Installed { version: text("0-kept"), held: false }
    );
    fs::remove_file(dpkg.at("updates/0001")).unwrap();

    fs::write(dpkg.at("state/packages.kept"), "{\"version\":1}\n").unwrap();
    assert!(Database::load(&dpkg.at("state/packages.kept"), None).is_none());
    fs::write(dpkg.at("state/packages.kept"), "rubbish").unwrap();
    assert!(Database::load(&dpkg.at("state/packages.kept"), None).is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn an_answer_is_kept_for_the_next_process() {
    let dpkg = Dpkg::new();
    dpkg.packages().prepare(&names(["dpkg"])).await.unwrap();
    let kept = Database::load(&dpkg.at("state/packages.kept"), None).unwrap();
    assert!(kept.is_current(&dpkg.apt()).unwrap());
    let before = fs::metadata(dpkg.at("state/packages.kept")).unwrap().modified().unwrap();
    dpkg.packages().prepare(&names(["dpkg"])).await.unwrap();
    let after = fs::metadata(dpkg.at("state/packages.kept")).unwrap().modified().unwrap();
    assert_eq!(before, after, "a quiet pass writes nothing");
    // A pass that asks for no package asks nobody.
    Packages::of(Rc::new(Apt::at(&dpkg.at("nowhere"))), None).prepare(&BTreeSet::new()).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn a_host_without_dpkg_says_so() {
    let nowhere = tempfile::tempdir().unwrap();
    let packages = Packages::of(Rc::new(Apt::at(nowhere.path())), None);
    assert_eq!(packages.package("nginx").await.unwrap_err().code(), "E_UNSUPPORTED");
}

/// Not a test: the process that holds a lock for the test below, until its input ends.
#[test]
#[ignore = "the helper that `the_holder_of_a_lock_is_named` starts"]
fn locker() {
    let Ok(path) = env::var(LOCK) else { return };
    let file = fs::File::options().write(true).open(path).unwrap();
    let lock = lock::whole_file();
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETLK(&lock)).unwrap();
    eprintln!("locked");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Tells the helper what to lock; without it the helper does nothing.
const LOCK: &str = "HOLDFAST_LOCK_TEST";

#[test]
fn the_holder_of_a_lock_is_named() {
    let dpkg = Dpkg::new();
    assert_eq!(dpkg.apt().holder().unwrap(), None, "no lock file");
    fs::write(dpkg.at("lock-frontend"), "").unwrap();
    assert_eq!(dpkg.apt().holder().unwrap(), None, "nobody holds it");
    let program = env::current_exe().unwrap();
    let mut child = Command::new(&program)
        .args(["--exact", "host::packages::apt::tests::locker", "--ignored", "--nocapture"])
        .env(LOCK, dpkg.at("lock-frontend"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.map(Result::unwrap).find(|line| line.ends_with("locked")).unwrap();
    let holder = lock::name(dpkg.apt().holder().unwrap().unwrap());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let program = program.file_name().unwrap().to_str().unwrap();
    assert_eq!(holder, format!("{program} (pid {})", child.id()));
    assert_eq!(dpkg.apt().holder().unwrap(), None, "it was let go");
}

#[test]
fn a_package_manager_that_is_killed_is_told_from_one_that_fails() {
    assert_eq!(killed("Unpacking\nholdfast: it ended:\nkilled\nKILL\n"), Some(text("KILL")));
    assert_eq!(killed("E: failed\nholdfast: it ended:\nexited\n100\n"), None);
    assert_eq!(killed("Unpacking\n"), None);
}

#[test]
fn configuration_files_that_differ_are_told() {
    let told = |kept| {
        let beside = text(if kept { "/etc/shop.conf.dpkg-dist" } else { "/etc/shop.conf.dpkg-old" });
        ConfigFile { package: text("shop"), path: text("/etc/shop.conf"), kept, beside }
    };
    assert_eq!(config_files(recorded!("conffile-kept")), [told(true)]);
    assert_eq!(config_files(recorded!("conffile-replaced")), [told(false)]);
    assert_eq!(config_files(recorded!("postinst")), []);
}

fn transaction() -> PackageTransaction {
    PackageTransaction {
        install: BTreeMap::from([(text("nginx"), Some(text("1.22.*"))), (text("curl"), None)]),
        ..PackageTransaction::default()
    }
}

#[test]
fn a_plan_is_one_run_of_apt() {
    let dpkg = Dpkg::new();
    let database = dpkg.database(ANSWER);
    let job_of =
        |transaction: &PackageTransaction| dpkg.apt().job(&Plan::of(transaction, &database), &database);
    let words =
        |commands: &[Vec<String>]| -> Vec<String> { commands.iter().map(|words| words.join(" ")).collect() };
    let job = job_of(&transaction());
    let [apt] = &words(&job.commands)[..] else { panic!("{job:?}") };
    assert!(
        apt.starts_with("/usr/bin/apt-get --yes ")
            && apt.ends_with(" --no-remove install -- curl nginx=1.22.*"),
        "{apt}"
    );
    assert!(job.finally.is_empty());

    let mut all = transaction();
    all.remove = names(["adduser", "gone", "nothing"]);
    all.purge = names(["held", "gone"]);
    all.unhold = names(["held"]);
    all.hold = names(["nginx"]);
    let job = job_of(&all);
    let [unhold, apt, purge] = &words(&job.commands)[..] else { panic!("{job:?}") };
    assert_eq!(unhold, "/usr/bin/apt-mark --quiet unhold held");
    assert!(
        apt.ends_with(" install -- curl nginx=1.22.* adduser- held-") && !apt.contains("--no-remove"),
        "{apt}"
    );
    assert_eq!(purge, "/usr/bin/dpkg --force-confold --purge gone held");
    assert_eq!(words(&job.finally), ["/usr/bin/apt-mark --quiet hold nginx"]);

    let mut replacing = transaction();
    replacing.replace_config = names(["nginx"]);
    let job = job_of(&replacing);
    let [keep, replace] = &words(&job.commands)[..] else { panic!("{job:?}") };
    assert!(keep.contains("--force-confold") && keep.ends_with(" install -- curl"), "{keep}");
    assert!(replace.contains("--force-confnew") && !replace.contains("--force-confdef"), "{replace}");
    assert!(replace.ends_with(" install -- nginx=1.22.*"), "{replace}");

    let hold = PackageTransaction { hold: names(["adduser"]), ..PackageTransaction::default() };
    let job = job_of(&hold);
    assert_eq!(words(&job.commands), ["/usr/bin/apt-mark --quiet hold adduser"]);
    assert!(job.finally.is_empty());
    let nothing = PackageTransaction { remove: names(["nothing"]), ..PackageTransaction::default() };
    assert!(job_of(&nothing).commands.is_empty());
}

#[test]
fn the_lists_of_one_source_are_fetched_and_no_others_forgotten() {
    let job = Apt::at(&PathBuf::from("/var/lib/dpkg")).fetch(&"shop".parse().unwrap());
    let commands: Vec<String> = job.commands.iter().map(|command| command.join(" ")).collect();
    let [fetch, all] = commands.as_slice() else { panic!("{commands:?}") };
    for option in [
        "Dir::Etc::sourcelist=/etc/apt/sources.list.d/shop.sources",
        "Dir::Etc::sourceparts=-",
        "APT::Get::List-Cleanup=0",
        "APT::Update::Error-Mode=any",
    ] {
        assert!(fetch.contains(option), "{option} is not in {fetch}");
    }
    assert!(fetch.ends_with(" update") && all.contains(" indextargets "), "{commands:?}");
}

#[test]
fn a_complaint_is_handed_to_its_package() {
    let plan = Plan::of(&transaction(), &Dpkg::new().database(ANSWER));
    let attributed = |complaint: Complaint, refresh: Option<&str>| match plan.attribute(&complaint, refresh) {
        Attributed::To(name, error) => format!("{name}: {} {error}", error.code()),
        Attributed::Somebody => text("somebody"),
        Attributed::Nobody(reason) => format!("nobody: {reason}"),
        Attributed::Ignored => text("ignored"),
    };
    assert_eq!(
        attributed(Complaint::NotFound(text("nginx=1.22.*")), None),
        "nginx: E_PACKAGE_NOT_FOUND no package nginx=1.22.* can be installed from this host's sources"
    );
    assert_eq!(
        attributed(Complaint::NotFound(text("curl")), Some("no network")),
        "curl: E_PACKAGE package curl: no curl in the package lists, which could not be refreshed: no network"
    );
    assert_eq!(attributed(Complaint::Unmet(text("dependency"), text("why")), None), "somebody");
    assert_eq!(
        attributed(Complaint::Failed(text("other"), text("script failed")), None),
        "nobody: package other: script failed"
    );
    assert_eq!(attributed(Complaint::NoSpace, None), "ignored");
}

#[test]
fn a_script_is_told_by_its_path() {
    let apt = Dpkg::new().apt();
    let of = |path: &str, said: &str| {
        apt.script(path, said).map(|(package, name)| (package.unwrap_or_default(), name))
    };
    let told = |package: &str, name: &str| Some((package.to_owned(), name.to_owned()));
    assert_eq!(of("/var/lib/dpkg/info/nginx.postinst", ""), told("nginx", "postinst"));
    assert_eq!(of("/var/lib/dpkg/info/libfoo2.1:amd64.prerm", ""), told("libfoo2.1", "prerm"));
    let said =
        "Preparing to unpack .../one_1_all.deb ...\nPreparing to unpack .../1-two_2_all.deb ...\nUnpacking\n";
    let unpacked = "/var/lib/dpkg/tmp.ci/preinst";
    assert_eq!(of(unpacked, "Preparing to unpack /srv/two_2_all.deb ...\n"), told("two", "preinst"));
    assert!(of(unpacked, said).is_some_and(|(package, _)| package.ends_with("two")));
    assert_eq!(of(unpacked, ""), told("", "preinst"));
    assert_eq!(of("/usr/bin/dpkg", ""), None);
}

#[test]
fn a_name_is_told_from_what_rpm_calls_a_package() {
    for (nevra, name) in [
        ("nginx-1:1.22.1-9.el9.x86_64", "nginx"),
        ("papp-1.0-1.noarch", "papp"),
        ("papp-0:1.0-1", "papp"),
        ("python3.11-libs-3.11.2-1.fc39.aarch64", "python3.11-libs"),
        ("papp", "papp"),
    ] {
        assert_eq!(name_of(nevra), name, "{nevra}");
    }
}
