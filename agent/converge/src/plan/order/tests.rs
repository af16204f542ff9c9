use std::collections::BTreeSet;

use holdfast_schema::{ResourceId, ResourceSet, Sha256};
use proptest::prelude::*;

use super::{Item, order};
use crate::{
    ledger::{Ledger, Lesson, Started},
    plan::inventory::leaving,
    testing::{AsSpec as _, Scene, id, ledger_of},
};

/// The order in short: `-` marks what goes.
fn sequence(scene: &Scene, ledger: &Ledger) -> Vec<String> {
    let leaving = leaving(&scene.state, ledger);
    let items = order(&scene.state, |_| true, &leaving, ledger);
    items.iter().map(short).collect()
}

fn short(item: &Item<'_>) -> String {
    if item.declared.is_some() { item.id.to_string() } else { format!("-{}", item.id) }
}

#[test]
fn needs_first_else_by_kind_and_name() {
    let mut scene = Scene::new();
    scene.file("/etc/a", "x").needs.extend([id("unit:z.service"), id("package:p")]);
    scene.file("/etc/b", "x");
    scene.package("p");
    scene.unit("z.service");
    assert_eq!(
        sequence(&scene, &Ledger::default()),
        ["file:/etc/b", "package:p", "unit:z.service", "file:/etc/a"]
    );
}

#[test]
fn units_go_first_and_the_rest_last_from_the_inside_out() {
    let mut scene = Scene::new();
    scene.file("/etc/kept", "x");
    let mut ledger = ledger_of(&[
        ("unit:old.service", "/etc/systemd/system/old.service", Some("x")),
        ("directory:/etc/app", "/etc/app", None),
        ("file:/etc/app/conf", "/etc/app/conf", Some("x")),
        ("file:/etc/used", "/etc/used", Some("x")),
    ]);
    ledger.set_needs(&id("file:/etc/app/conf"), &ResourceSet::from([id("file:/etc/used")]));
    assert_eq!(
        sequence(&scene, &ledger),
        [
            "-unit:old.service",
            "file:/etc/kept",
            "-file:/etc/app/conf",
            "-file:/etc/used",
            "-directory:/etc/app"
        ]
    );
}

#[test]
fn what_goes_waits_for_its_users_but_not_for_those_that_watch_it() {
    let mut scene = Scene::new();
    scene.file("/etc/user", "x");
    scene.unit("watcher.service");
    let mut ledger = ledger_of(&[
        ("file:/etc/used", "/etc/used", Some("x")),
        ("file:/etc/watched", "/etc/watched", Some("x")),
        ("file:/etc/user", "/etc/user", Some("x")),
    ]);
    ledger.set_needs(&id("file:/etc/user"), &ResourceSet::from([id("file:/etc/used")]));
    ledger.set_needs(&id("unit:watcher.service"), &ResourceSet::from([id("file:/etc/watched")]));
    let mut started = Started::default();
    started.restart.insert("file:/etc/watched".to_owned(), Sha256::of(b"x"));
    ledger.learn(&id("unit:watcher.service"), Lesson::Started(Box::new(started)));
    assert_eq!(
        sequence(&scene, &ledger),
        ["file:/etc/user", "-file:/etc/used", "-file:/etc/watched", "unit:watcher.service"]
    );
}

#[test]
fn what_lies_under_a_file_to_be_or_in_a_purged_directory_goes_first() {
    let mut scene = Scene::new();
    scene.file("/etc/app", "x");
    scene.directory("/etc/purged").as_directory().purge = true;
    scene.directory("/etc/plain");
    let ledger = ledger_of(&[
        ("file:/etc/app/conf", "/etc/app/conf", Some("x")),
        ("file:/etc/purged/conf", "/etc/purged/conf", Some("x")),
        ("file:/etc/plain/conf", "/etc/plain/conf", Some("x")),
    ]);
    assert_eq!(
        sequence(&scene, &ledger),
        [
            "directory:/etc/plain",
            "-file:/etc/app/conf",
            "file:/etc/app",
            "-file:/etc/plain/conf",
            "-file:/etc/purged/conf",
            "directory:/etc/purged",
        ]
    );
}

#[test]
fn wishes_that_contradict_each_other_give_way() {
    // What goes is watched by a unit, needed by a file, and that file waits for the unit.
    let mut scene = Scene::new();
    scene.unit("watcher.service");
    scene.file("/etc/user", "x").needs.insert(id("unit:watcher.service"));
    let mut ledger = ledger_of(&[("file:/etc/gone", "/etc/gone", Some("x"))]);
    for user in ["file:/etc/user", "unit:watcher.service"] {
        ledger.set_needs(&id(user), &ResourceSet::from([id("file:/etc/gone")]));
    }
    let mut started = Started::default();
    started.restart.insert("file:/etc/gone".to_owned(), Sha256::of(b"x"));
    ledger.learn(&id("unit:watcher.service"), Lesson::Started(Box::new(started)));
    assert_eq!(sequence(&scene, &ledger), ["unit:watcher.service", "file:/etc/user", "-file:/etc/gone"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Edges only lead from a larger to a smaller number, so there is no cycle among what is declared.
    #[test]
    fn everything_has_one_place_after_what_it_needs(
        edges in prop::collection::vec((0..12_usize, 0..12_usize), 0..30),
        gone in prop::collection::btree_set(0..12_usize, 0..6),
    ) {
        let (mut scene, mut ledger) = (Scene::new(), Ledger::default());
        let name = |number: usize| format!("/etc/f{number:02}");
        let file = |number: usize| ResourceId::new(holdfast_schema::KindName::File, name(number));
        for number in 0..12 {
            scene.file(&name(number), "x");
            ledger.intend(&file(number), &name(number).parse().unwrap(), None, true);
        }
        for (from, to) in edges.into_iter().filter(|(from, to)| from > to) {
            scene.get(&file(from).to_string()).needs.insert(file(to));
            let needs = scene.get(&file(from).to_string()).needs.clone();
            ledger.set_needs(&file(from), &needs);
        }
        for number in &gone {
            scene.drop(&file(*number).to_string());
        }
        let leaving = leaving(&scene.state, &ledger);
        let items = order(&scene.state, |_| true, &leaving, &ledger);
        let ids: BTreeSet<_> = items.iter().map(|item| item.id.clone()).collect();
        prop_assert_eq!((items.len(), ids.len()), (12, 12));
        for (place, item) in items.iter().enumerate() {
            prop_assert!(item.needs.iter().chain(&item.after).all(|before| *before < place));
        }
        let number = |id: &ResourceId| id.name.strip_prefix("/etc/f").unwrap().parse::<usize>().unwrap();
        let place = |number: usize| items.iter().position(|item| *item.id == file(number)).unwrap();
        for (user, entry) in ledger.owned() {
            let user = number(user);
            for used in entry.needs.iter().map(number) {
                // What stays is there before its user; what goes is there until its user can do without.
                prop_assert_eq!(place(used) < place(user), !gone.contains(&used));
            }
        }
    }
}
