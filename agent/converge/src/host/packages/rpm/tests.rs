use std::collections::BTreeSet;

use super::{
    Rpm,
    complaint::{complaints, config_files},
    dnf::{Dnf, Generation},
    mark_torn, normal, repairs, settle,
    zypper::Zypper,
};
use crate::{
    host::{
        ConfigFile, PackageNow,
        packages::{
            complaint::Complaint,
            database::Database,
            manager::Manager,
            plan::{Job, Plan},
            rpm::holds::Holds,
        },
    },
    plan::step::PackageTransaction,
};

/// What dnf 4.14, zypper 1.14.42 and rpm 4.18 said on Debian 12; `recorded/README` tells how it was made.
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

fn rpm() -> Rpm {
    Rpm { database: "/nowhere".into(), state: "/state".into() }
}

fn dnf() -> Dnf {
    Dnf::new(rpm(), Generation::Four)
}

fn failed(name: &str, why: &str) -> Complaint {
    Complaint::Failed(text(name), text(why))
}

#[test]
fn a_package_that_another_key_has_signed_is_named() {
    let dnf = "Check that the correct key URLs are configured for this repository.. Failing package is: shop-1.0-1.noarch\n GPG \
               Keys are configured as: file:///etc/pki/rpm-gpg/RPM-GPG-KEY-shop\nError: GPG check FAILED\n";
    let zypper = "shop-1.0-1.noarch (shop): Signature verification failed [4-Signatures public key is not available]\nProblem \
                  occurred during or after installation or removal of packages:\n";
    let why = text("it is not signed with a key of its source");
    for said in [dnf, zypper] {
        assert_eq!(complaints(said), [Complaint::NotFetched(text("shop"), why.clone())]);
    }
}

#[test]
fn a_scriptlet_that_fails_is_quoted() {
    let found = complaints(recorded!("dnf/pre"));
    assert_eq!(found, [failed("pbad", "its %prein scriptlet failed: exit status 1")]);
    let why = "its %post scriptlet failed: exit status 3; it said: cannot do it";
    assert_eq!(complaints(recorded!("dnf/post")), [failed("ppost", why)]);
    assert_eq!(complaints(recorded!("zypper/post")), [failed("ppost", why)]);
    let found = complaints(recorded!("zypper/pre"));
    assert!(
        matches!(&found[..], [Complaint::Failed(name, why)] if name == "pbad" && why.contains("RPM failed")),
        "{found:?}"
    );
}

#[test]
fn what_cannot_be_installed_together_is_told_in_the_resolvers_words() {
    let dnf = "conflicting requests; - nothing provides nothing-has-this needed by pmiss-1.0-1.noarch";
    assert_eq!(complaints(recorded!("dnf/unmet")), [Complaint::Problem(text(dnf))]);
    let zypper = "nothing provides nothing-has-this needed by pmiss-1.0-1.noarch";
    assert_eq!(complaints(recorded!("zypper/unmet")), [Complaint::Problem(text(zypper))]);
    assert_eq!(complaints(recorded!("dnf/protected")), [Complaint::WouldRemove(names(["papp"]))]);
    let found = complaints(recorded!("zypper/dry-run-refused"));
    assert!(
        matches!(&found[..], [Complaint::Problem(why)] if why.starts_with("papp-1.0-1.noarch requires plib >= 1.0")),
        "{found:?}"
    );
    let why = "every version that would do is excluded or locked on this host";
    assert_eq!(complaints(recorded!("dnf/locked-version")), [Complaint::Unmet(text("papp"), text(why))]);
}

#[test]
fn what_cannot_be_had_is_named() {
    let missing = |name: &str| Complaint::NotFound(text(name));
    assert_eq!(complaints(recorded!("dnf/notfound")), [missing("nope"), missing("papp")]);
    assert_eq!(complaints(recorded!("zypper/notfound")), [missing("nope")]);
    assert_eq!(complaints(recorded!("zypper/notfound-version")), [missing("papp=9-1")]);
    let found = complaints(recorded!("dnf/fetch"));
    assert!(
        matches!(&found[..], [Complaint::NotFetched(name, why), Complaint::NotFetched(..)]
        if name == "pepoch" && why == "No such file or directory"),
        "{found:?}"
    );
    let found = complaints(recorded!("zypper/fetch"));
    assert_eq!(found, [Complaint::NotFetched(text("pepoch"), text("not found on 'file:/repo'"))]);
    let found = complaints(recorded!("dnf/refresh"));
    assert!(matches!(&found[..], [Complaint::NotRefreshed(why)] if why.contains("'test'")), "{found:?}");
}

#[test]
fn who_holds_the_lock_is_known() {
    let locked = |name: &str| Complaint::Locked(Some((text(name), 1184)));
    assert_eq!(complaints(recorded!("dnf/locked")), [locked("")]);
    let found = complaints(recorded!("zypper/locked"));
    assert!(matches!(&found[..], [Complaint::Locked(Some((name, _)))] if name == "zypper"), "{found:?}");
    assert_eq!(complaints(recorded!("dnf/rpm-locked")), [Complaint::Locked(None)]);
}

#[test]
fn what_goes_well_is_no_complaint() {
    for said in
        [recorded!("dnf/done"), recorded!("dnf/mixed"), recorded!("zypper/done"), recorded!("zypper/mixed")]
    {
        assert_eq!(complaints(said), []);
    }
    assert_eq!(complaints("Installed size: 0  \nError: Operation aborted.\n"), [], "a dry run of dnf");
    let zypper = Zypper::new(rpm());
    let failed = |code: &str| {
        let said = format!("{}\nholdfast: it ended:\nexited\n{code}\n", recorded!("zypper/done"));
        zypper.has_failed(true, &complaints(&said), &said)
    };
    assert!(failed("8") && failed("4"));
    assert!(!failed("102"), "it only asks for a reboot");
    assert!(
        dnf().has_failed(false, &complaints(recorded!("dnf/unmet")), ""),
        "its shell always exits with 0"
    );
}

#[test]
fn configuration_files_that_differ_are_told() {
    let told = |package: &str, kept: bool| ConfigFile {
        package: text(package),
        path: format!("/etc/{package}.conf"),
        kept,
        beside: format!("/etc/{package}.conf.{}", if kept { "rpmnew" } else { "rpmsave" }),
    };
    for said in [recorded!("dnf/config"), recorded!("zypper/config")] {
        let mut found = config_files(said);
        found.sort_by(|one, other| one.package.cmp(&other.package));
        assert_eq!(found, [told("papp", true), told("pplain", false)]);
    }
}

#[test]
fn a_configuration_file_ends_up_where_it_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.conf");
    fs_write(&path);
    let path = path.to_str().unwrap();
    let file = |kept: bool, beside: &str| ConfigFile {
        package: text("shop"),
        path: text(path),
        kept,
        beside: format!("{path}.{beside}"),
    };
    let keep = Plan { install: vec![(text("shop"), None)], ..Plan::default() };
    let replace = Plan { replace_config: names(["shop"]), ..Plan::default() };
    for (plan, found, settled, moves) in [
        (&keep, file(true, "rpmnew"), file(true, "rpmnew"), vec![]),
        (&keep, file(false, "rpmsave"), file(true, "rpmnew"), vec![["", ".rpmnew"], [".rpmsave", ""]]),
        (&replace, file(true, "rpmnew"), file(false, "rpmsave"), vec![["", ".rpmsave"], [".rpmnew", ""]]),
        (&replace, file(false, "rpmsave"), file(false, "rpmsave"), vec![]),
    ] {
        let mut files = vec![found];
        let job = settle(plan, &mut files);
        assert_eq!(files, [settled]);
        let moves: Vec<_> =
            moves.iter().map(|[from, to]| format!("/bin/mv -f -- {path}{from} {path}{to}")).collect();
        assert_eq!(job.commands.iter().map(|words| words.join(" ")).collect::<Vec<_>>(), moves);
    }
    // A package that went takes its own along only when it is purged.
    let gone = ConfigFile { path: text("/nowhere/x"), beside: text("/nowhere/x.rpmsave"), ..file(false, "") };
    let purge = Plan { purge: vec![text("shop")], ..Plan::default() };
    assert_eq!(settle(&keep, &mut vec![gone.clone()]).commands.len(), 0);
    assert_eq!(
        settle(&purge, &mut vec![gone]).commands,
        [["/bin/rm", "-f", "--", "/nowhere/x.rpmsave"].map(text)]
    );
}

#[expect(clippy::disallowed_methods, reason = "a test arranges a file")]
fn fs_write(path: &std::path::Path) {
    std::fs::write(path, "").unwrap();
}

const ANSWER: &str = "papp\tnoarch\t1.0-1\t100\nlocked\tx86_64\t1:2.0-1\t100\ngpg-pubkey\t(none)\t0123abcd-def\t1\n\
                      zero\tnoarch\t0:3-1\t5\ntwice\tnoarch\t1.0-1\t100\ntwice\tnoarch\t2:2.0-1\t200\n\
                      kernel-core\tx86_64\t5.1-1\t10\nkernel-core\tx86_64\t5.2-1\t20\nlibfoo\ti686\t1-1\t1\n";

fn database(found: &str) -> Database {
    let holds = Holds::of_dnf();
    Database::parse(mark_torn(&normal(ANSWER, &holds), found), Some("x86_64"), None)
}

#[test]
fn states_are_read() {
    let database = database("");
    let installed = |version: &str| PackageNow::Installed { version: text(version), held: false };
    for (name, state) in [
        ("papp", installed("1.0-1")),
        ("locked", installed("1:2.0-1")),
        ("zero", installed("3-1")),
        ("kernel-core", installed("5.2-1")),
        ("libfoo", PackageNow::Absent),
        ("libfoo:i686", installed("1-1")),
        ("gpg-pubkey", PackageNow::Absent),
        ("gpg-pubkey-0123abcd-def", PackageNow::Installed { version: text("0"), held: false }),
        ("twice", PackageNow::Broken { state: text("installed twice") }),
    ] {
        assert_eq!(database.state(name), state, "{name}");
    }
}

#[test]
fn what_an_interrupted_transaction_left_is_set_right() {
    let found = "papp\n..5......    /usr/share/papp/v\nlocked\n..5......  c /etc/locked.conf\nzero\nlibfoo.i686\nmissing /\n\
                 twice.noarch\nmissing /\n";
    let database = database(found);
    let torn = PackageNow::Broken { state: text("half-installed") };
    assert_eq!(database.state("papp"), torn);
    assert_eq!(database.state("libfoo:i686"), torn);
    assert!(matches!(database.state("locked"), PackageNow::Installed { .. }), "that is the host's own doing");
    let jobs = repairs(&database);
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].commands[0].join(" "), "/usr/bin/rpm --erase --nodeps -- twice-1.0-1.noarch");
    let again = dnf().reinstall(&database).unwrap();
    let script = again.inputs.iter().find(|(path, _)| path.ends_with("packages.dnf")).unwrap();
    assert_eq!(script.1, "reinstall libfoo-0:1-1.i686\nreinstall papp-0:1.0-1\nrun\n");
    let forgets =
        |job: &Job| job.commands.last().unwrap().join(" ") == "/bin/rm -f -- /state/packages.unfinished";
    assert!(forgets(&again), "it may be the agent's own package, which restarts who waits for it: {again:?}");
    let again = Zypper::new(rpm()).reinstall(&database).unwrap();
    assert!(forgets(&again), "{again:?}");
    assert!(again.commands[0].join(" ").ends_with(" --force -- libfoo.i686=1-1 papp=1.0-1"), "{again:?}");

    // What could not be installed once more is tried again by the transaction, which tells why it cannot.
    let install = [(text("papp"), None), (text("libfoo:i686"), Some(text("2-1"))), (text("zero"), None)];
    let plan = Plan { install: install.into(), ..Plan::default() };
    let job = dnf().job(&plan, &database);
    let script = job.inputs.iter().find(|(path, _)| path.ends_with("packages.dnf")).unwrap();
    assert_eq!(script.1, "reinstall papp\ninstall libfoo-0:2-1.i686\ninstall zero\nrun\n");
    let job = Zypper::new(rpm()).job(&plan, &database);
    assert!(job.commands[0].join(" ").ends_with(" --force -- papp libfoo.i686=2-1 zero"), "{job:?}");
}

#[test]
fn what_was_installed_since_a_time_is_asked_of_rpm() {
    let folder = tempfile::tempdir().unwrap();
    let rpm = Rpm { database: "/nowhere".into(), state: folder.path().into() };
    assert_eq!(rpm.verify(), None, "nothing was interrupted");
    let job = rpm.noted(&Plan { remove: vec![text("papp")], ..Plan::default() }, Job::default());
    fs_write(&job.inputs[0].0);
    let verify = rpm.verify().unwrap();
    let begun: i64 = verify[4].parse().unwrap();
    assert!(verify[2].starts_with("since=$1; shift") && begun > 1_700_000_000, "{verify:?}");
    rpm.forget_unfinished();
    assert_eq!(rpm.verify(), None);
}

#[test]
fn units_are_held_back_while_a_job_runs() {
    let database = database("");
    let units = ["shop.service", "mail@a.service"].map(|unit| unit.parse().unwrap()).into();
    let plain = dnf().job(&plan(&database), &database);
    let job = dnf().job(&plan(&database), &database).holding_back(&units);
    let line = |words: &Vec<String>| words.join(" ");
    let commands: Vec<String> = job.commands.iter().map(line).collect();
    assert_eq!(commands[0], "/usr/bin/touch /run/holdfast/not-yet");
    assert!(
        commands[1].starts_with("/bin/chmod a+rX -- /run/systemd/system/mail@a.service.d "),
        "{commands:?}"
    );
    assert_eq!(commands[2], "/usr/bin/systemctl daemon-reload");
    assert_eq!(job.commands[3..], plain.commands);
    let drop_ins: Vec<_> = job.inputs[plain.inputs.len()..].iter().collect();
    assert_eq!(drop_ins.len(), 2);
    assert!(drop_ins[1].0.ends_with("systemd/system/shop.service.d/holdfast-not-yet.conf"), "{drop_ins:?}");
    assert_eq!(drop_ins[1].1, "[Unit]\nConditionPathExists=!/run/holdfast/not-yet\n");
    // Whatever becomes of it, in the end they are free.
    let finally: Vec<String> = job.finally[plain.finally.len()..].iter().map(line).collect();
    assert!(
        finally[0].starts_with("/bin/rm -f -- /run/holdfast/not-yet /run/systemd/system/mail@a.service.d/")
    );
    assert!(finally[2].ends_with(" daemon-reload"), "{finally:?}");
    assert_eq!(dnf().job(&plan(&database), &database).holding_back(&BTreeSet::new()), plain);
}

fn plan(database: &Database) -> Plan {
    let transaction = PackageTransaction {
        install: [
            (text("new"), None),
            (text("papp"), Some(text("2.0-1"))),
            (text("locked"), Some(text("1:3-1"))),
        ]
        .into(),
        remove: names(["zero", "nothing"]),
        unhold: names(["locked"]),
        hold: names(["locked"]),
        ..PackageTransaction::default()
    };
    Plan::of(&transaction, database)
}

#[test]
fn a_plan_is_one_run_of_dnf() {
    let database = database("");
    let job = dnf().job(&plan(&database), &database);
    let [unhold, change, _rm] = &job.commands[..] else { panic!("{job:?}") };
    assert!(unhold.join(" ").ends_with(" versionlock delete locked"), "{unhold:?}");
    assert!(change.join(" ").ends_with(" shell /state/packages.dnf"), "{change:?}");
    assert!(job.finally[0].join(" ").ends_with(" versionlock add locked"));
    let input = |name: &str| &job.inputs.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
    assert_eq!(
        input("packages.dnf"),
        "install locked-1:3-1\ninstall new\ninstall papp-0:2.0-1\nremove zero\nrun\n"
    );
    let protected: Vec<&str> = input("packages.protected").lines().collect();
    assert!(protected.contains(&"twice") && !protected.contains(&"zero"), "{protected:?}");
    assert_eq!(input("packages.unfinished"), "locked\nnew\npapp\nzero\n");

    let five = Dnf::new(rpm(), Generation::Five).job(&plan(&database), &database);
    let change = five.commands[1].join(" ");
    assert!(change.contains(" do --action=install locked-1:3-1 --action=install new "), "{change}");
    assert!(change.ends_with(" --action=remove zero"), "{change}");
}

#[test]
fn a_plan_is_one_run_of_zypper() {
    let database = database("");
    let zypper = Zypper::new(rpm());
    let job = zypper.job(&plan(&database), &database);
    let [unhold, change, _rm] = &job.commands[..] else { panic!("{job:?}") };
    assert!(unhold.join(" ").ends_with(" removelock locked"), "{unhold:?}");
    assert!(change.join(" ").ends_with(" -- locked=1:3-1 new papp=2.0-1 -zero"), "{change:?}");
    assert!(job.finally[0].join(" ").ends_with(" addlock locked"));
}

#[test]
fn dry_runs_tell_what_would_happen() {
    let zypper = Zypper::new(rpm());
    assert_eq!(zypper.removals(recorded!("zypper/dry-run")), names(["papp", "plib"]));
    assert_eq!(zypper.installations(recorded!("zypper/dry-run")), names(["pobs"]));
}

#[test]
fn what_is_offered_is_read() {
    let offered = |found: super::super::super::Offered| -> Vec<String> {
        found.into_iter().map(|(name, versions)| format!("{name} {versions:?}")).collect()
    };
    let wanted = ["papp {\"1.0-1\", \"1.1-1\", \"2.0-1\"}", "pepoch {\"1:0.9-2\", \"1:1.0-1\"}"];
    assert_eq!(offered(dnf().offered(recorded!("dnf/repoquery"))), wanted);
    assert_eq!(offered(Zypper::new(rpm()).offered(recorded!("zypper/search"))), wanted);
}

#[test]
fn a_scriptlet_is_told_by_its_path() {
    let of = |said| super::script("/var/tmp/rpm-tmp.42igNr", said).unwrap();
    assert_eq!(of(recorded!("dnf/post")).0, Some(text("ppost")));
    assert_eq!(of("(2/2) Installing: pslow-1.0-1.noarch [....\n").0, Some(text("pslow")));
    assert_eq!(super::script("/usr/bin/rpm", ""), None);
}
