use std::collections::BTreeMap;

use holdfast_schema::{ResourceId, Sha256, spec::Ensure};

use crate::{
    host::fake::{Active, FakeHost, Temper},
    ledger::{Inputs, Ledger, Lesson, Started},
    testing::{AsSpec as _, Scene, id, ledger_of, planned, planned_with},
};

const UNIT: &str = "unit:app.service";
const FILE: &str = "/etc/systemd/system/app.service";
const TEXT: &str = "[Service]\n";

/// A host on which the unit is as Holdfast would have left it, and runs.
fn running() -> FakeHost {
    let host = FakeHost::new();
    host.inner().file(FILE, TEXT.as_bytes());
    host.inner().units.entry("app.service".to_owned()).or_default().enabled = true;
    host.inner().reload_manager().unwrap();
    host.inner().start("app.service");
    host
}

/// A ledger that knows the unit's file and what it was started with.
fn known(inputs: &[(&str, Sha256)]) -> Ledger {
    let mut ledger = ledger_of(&[(UNIT, FILE, Some(TEXT))]);
    let restart: Inputs = inputs.iter().map(|(name, digest)| ((*name).to_owned(), *digest)).collect();
    let started = Started { restart, invocation: Some("app.service-1".to_owned()), ..Started::default() };
    ledger.learn(&id(UNIT), Lesson::Started(Box::new(started)));
    ledger
}

fn text_digest() -> Sha256 {
    Sha256::of(TEXT.as_bytes())
}

/// What is planned for a service that Holdfast writes, enables and runs.
fn plan(change: impl Fn(&mut Scene), host: &FakeHost, ledger: &Ledger) -> String {
    let mut scene = Scene::new();
    scene.service("app.service", TEXT);
    change(&mut scene);
    planned(&scene, UNIT, host, ledger)
}

#[test]
fn files_first_then_one_reload_then_the_start() {
    let none = Ledger::default();
    let everything =
        "write /etc/systemd/system/app.service; enable app.service; reload manager; start app.service";
    assert_eq!(plan(|_| (), &FakeHost::new(), &none), everything);
    let host = running();
    let known = known(&[("content", text_digest())]);
    assert_eq!(plan(|_| (), &host, &known), "");
    host.inner().access(FILE, 0, 0, 0o600);
    assert_eq!(plan(|_| (), &host, &known), format!("access {FILE} 0:0 0644; reload manager"));
    host.inner().access(FILE, 0, 0, 0o644);
    host.inner().units.get_mut("app.service").unwrap().enabled = false;
    assert_eq!(plan(|_| (), &host, &known), "enable app.service; reload manager");
    // Tampered with and read by nobody: repaired without a restart.
    let host = running();
    host.inner().file(FILE, b"[Service]\nUser=evil\n");
    assert_eq!(plan(|_| (), &host, &known), format!("write {FILE}; reload manager"));
    // Only the manager's copy is old, as after a crash.
    let host = running();
    host.inner().remove(FILE);
    host.inner().reload_manager().unwrap();
    host.inner().file(FILE, TEXT.as_bytes());
    assert_eq!(plan(|_| (), &host, &known), "reload manager");
}

#[test]
fn drop_ins() {
    let with = |scene: &mut Scene| {
        let content = scene.contents.add(b"[Service]\nNice=1\n".to_vec());
        scene.get(UNIT).as_unit().drop_ins.insert("nice.conf".to_owned(), content);
    };
    let (host, known) = (running(), known(&[("content", text_digest())]));
    let directory = format!("{FILE}.d");
    let made = format!("mkdir {directory}; write {directory}/nice.conf; reload manager; restart app.service");
    assert_eq!(plan(with, &host, &known), made);
    host.inner().directory(&directory);
    host.inner().file(&format!("{directory}/foreign.conf"), b"x");
    assert_eq!(
        plan(with, &host, &known),
        format!("write {directory}/nice.conf; reload manager; restart app.service")
    );
    host.inner().remove(&directory);
    host.inner().symlink(&directory, "/srv");
    assert_eq!(plan(with, &host, &known), "E_IN_THE_WAY");
}

#[test]
fn stale_drop_ins_go_unless_they_were_changed() {
    let host = running();
    let (directory, nice) = (format!("{FILE}.d"), format!("{FILE}.d/nice.conf"));
    host.inner().directory(&directory);
    host.inner().file(&nice, b"nice");
    host.inner().reload_manager().unwrap();
    let mut known = known(&[("content", text_digest())]);
    for (path, text) in [(&directory, None), (&nice, Some("nice"))] {
        let digest = text.map(|text: &str| Sha256::of(text.as_bytes()));
        known.intend(&id(UNIT), &crate::testing::path(path), digest, true);
        let origin = crate::ledger::Origin::Created;
        known.learn(&id(UNIT), Lesson::Origin { path: crate::testing::path(path), origin });
    }
    assert_eq!(plan(|_| (), &host, &known), format!("remove {nice}; remove {directory}; reload manager"));
    host.inner().file(&format!("{directory}/foreign.conf"), b"x");
    host.inner().reload_manager().unwrap();
    assert_eq!(plan(|_| (), &host, &known), format!("remove {nice}; reload manager"));
    host.inner().file(&nice, b"changed by hand");
    host.inner().reload_manager().unwrap();
    assert_eq!(plan(|_| (), &host, &known), "");
}

#[test]
fn masks() {
    let host = FakeHost::new();
    host.inner().bring_unit("app.service");
    host.inner().units.get_mut("app.service").unwrap().active = Active::Resting;
    let bare = |masked: bool| {
        let mut scene = Scene::new();
        let unit = scene.unit("app.service").as_unit();
        (unit.masked, unit.active) = (Some(masked), (!masked).then_some(true));
        planned(&scene, UNIT, &host, &Ledger::default())
    };
    assert_eq!(bare(false), "start app.service");
    assert_eq!(bare(true), "mask app.service; reload manager");
    host.inner().symlink(FILE, "/dev/null");
    assert_eq!(bare(true), "");
    assert_eq!(bare(false), "unmask app.service; reload manager; start app.service");
    // A mask in the place of the unit file goes only when the unit is said not to be masked.
    assert_eq!(plan(|_| (), &host, &Ledger::default()), "E_IN_THE_WAY");
    let unmask = |scene: &mut Scene| scene.get(UNIT).as_unit().masked = Some(false);
    assert_eq!(
        plan(unmask, &host, &Ledger::default()),
        format!("unmask app.service; write {FILE}; enable app.service; reload manager; start app.service")
    );
}

#[test]
fn a_unit_without_install_section_cannot_be_enabled() {
    let (host, known) = (running(), known(&[("content", text_digest())]));
    host.inner().units.get_mut("app.service").unwrap().temper = Temper::Static;
    assert_eq!(plan(|_| (), &host, &known), "E_NOT_ENABLABLE");
    // What else is wrong is mended first, and a new unit file may have one.
    host.inner().units.get_mut("app.service").unwrap().active = Active::Failed;
    assert_eq!(plan(|_| (), &host, &known), "start app.service");
    host.inner().file(FILE, b"other");
    let mended = format!("write {FILE}; enable app.service; reload manager; start app.service");
    assert_eq!(plan(|_| (), &host, &known), mended);
}

#[test]
fn stopped_and_disabled() {
    let (host, known) = (running(), known(&[("content", text_digest())]));
    let off = |scene: &mut Scene| {
        let unit = scene.get(UNIT).as_unit();
        (unit.active, unit.enabled) = (Some(false), Some(false));
    };
    assert_eq!(plan(off, &host, &known), "disable app.service; reload manager; stop app.service");
    let either = |scene: &mut Scene| {
        let unit = scene.get(UNIT).as_unit();
        (unit.active, unit.enabled) = (None, None);
    };
    assert_eq!(plan(either, &host, &known), "");
    host.inner().units.get_mut("app.service").unwrap().active = Active::Failed;
    assert_eq!(plan(off, &host, &known), "disable app.service; reload manager");
    assert_eq!(plan(either, &host, &known), "");
}

#[test]
fn levels() {
    let mut scene = Scene::new();
    let unit = scene.service("app.service", TEXT).as_unit();
    unit.restart_on.insert(id("file:/etc/a"));
    unit.reload_on.insert(id("file:/etc/b"));
    scene.file("/etc/a", "x");
    scene.file("/etc/b", "x");
    let (one, two) = (Sha256::of(b"1"), Sha256::of(b"2"));
    let host = running();
    let plan = |was: [Sha256; 3], now: [Sha256; 2]| {
        let mut ledger = known(&[("content", was[0]), ("file:/etc/a", was[1])]);
        let mut started = ledger.entry(&id(UNIT)).unwrap().started.clone().unwrap();
        started.reload.insert("file:/etc/b".to_owned(), was[2]);
        ledger.learn(&id(UNIT), Lesson::Started(started));
        let prints: BTreeMap<ResourceId, Sha256> =
            [(id("file:/etc/a"), now[0]), (id("file:/etc/b"), now[1])].into();
        planned_with(&scene, UNIT, &host, &ledger, &prints)
    };
    assert_eq!(plan([text_digest(), one, one], [one, one]), "");
    assert_eq!(plan([text_digest(), one, one], [one, two]), "reload app.service");
    assert_eq!(plan([text_digest(), one, one], [two, one]), "restart app.service");
    assert_eq!(plan([text_digest(), one, one], [two, two]), "restart app.service");
    assert_eq!(plan([one, one, one], [one, one]), "restart app.service");
    host.inner().units.get_mut("app.service").unwrap().active = Active::Resting;
    assert_eq!(plan([one, one, one], [one, one]), "start app.service");
}

#[test]
fn a_pattern_for_instances_is_written_and_never_started() {
    let mut scene = Scene::new();
    let host = FakeHost::new();
    let unit = scene.service("app@.service", TEXT).as_unit();
    unit.enabled = None;
    assert_eq!(
        planned(&scene, "unit:app@.service", &host, &Ledger::default()),
        "write /etc/systemd/system/app@.service; reload manager"
    );
}

#[test]
fn absent_removes_only_what_holdfast_wrote() {
    let absent = |scene: &mut Scene| scene.get(UNIT).as_unit().ensure = Ensure::Absent;
    let host = running();
    let known = known(&[("content", text_digest())]);
    let gone = format!("stop app.service; disable app.service; remove {FILE}; reload manager");
    assert_eq!(plan(absent, &host, &known), gone);
    assert_eq!(
        plan(absent, &host, &Ledger::default()),
        "stop app.service; disable app.service; reload manager"
    );
    // Git says that it shall not be, so a change by hand saves it no longer.
    host.inner().file(FILE, b"changed");
    host.inner().reload_manager().unwrap();
    assert_eq!(plan(absent, &host, &known), gone);
    assert_eq!(plan(absent, &FakeHost::new(), &known), "");
}

#[test]
fn no_longer_declared() {
    let gone = |scene: &mut Scene| {
        scene.drop(UNIT);
    };
    let (host, known) = (running(), known(&[("content", text_digest())]));
    let removed = format!("stop app.service; disable app.service; remove {FILE}; reload manager");
    assert_eq!(plan(gone, &host, &known), removed);
    host.inner().file(FILE, b"changed");
    host.inner().reload_manager().unwrap();
    assert_eq!(plan(gone, &host, &known), "");
    assert_eq!(plan(gone, &running(), &Ledger::default()), "");
}
