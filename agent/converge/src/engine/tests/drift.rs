//! What is watched, and what a change concerns.

use std::collections::BTreeSet;

use holdfast_schema::spec::Ensure;

use crate::{
    engine::{Outcome, Report, concerned, culprits, watched},
    host::watch::{Command, Culprit, Interest, Run, Touched},
    testing::{AsSpec as _, Scene, id, path},
};

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.file("/etc/app/conf", "x");
    scene.file("/top", "x");
    scene.file("/srv/gone/file", "x").as_file().ensure = Ensure::Absent;
    scene.directory("/var/lib/app");
    scene.directory("/var/lib/pure").as_directory().purge = true;
    scene.package("app");
    let unit = scene.service("app.service", "[Service]\n").as_unit();
    unit.restart_on.insert(id("file:/etc/app/conf"));
    scene.unit("other.service").as_unit().enabled = Some(true);
    scene.network("front");
    scene.container("shop", "shop:1");
    scene
}

fn touched(paths: &[&str]) -> Touched {
    Touched { paths: paths.iter().map(|text| path(text)).collect(), ..Touched::default() }
}

fn names(touched: &Touched) -> Vec<String> {
    concerned(&scene().state, touched).iter().map(ToString::to_string).collect()
}

#[test]
fn directories_are_watched_for_their_entries_and_the_way_to_them_for_itself() {
    let watched = watched(&scene().state);
    let of = |interest| -> BTreeSet<&str> {
        let directories = watched.directories.iter().filter(|(_, found)| **found == interest);
        directories.map(|(path, _)| path.as_str()).collect()
    };
    let entries = ["", "/etc", "/etc/app", "/etc/systemd/system", "/srv/gone", "/var/lib/pure"];
    assert_eq!(of(Interest::Entries), BTreeSet::from(entries));
    let itself = ["/etc/systemd", "/srv", "/var", "/var/lib", "/var/lib/app"];
    assert_eq!(of(Interest::Itself), BTreeSet::from(itself));
    assert_eq!(watched.units.len(), 2);
    assert!(watched.packages);
}

#[test]
fn a_change_concerns_what_lies_there_and_what_watches_it() {
    assert_eq!(names(&touched(&["/etc/app/conf"])), ["file:/etc/app/conf", "unit:app.service"]);
    assert_eq!(names(&touched(&["/etc/app"])), ["file:/etc/app/conf", "unit:app.service"], "a parent moved");
    assert_eq!(names(&touched(&["/etc/app/other", "/tmp/x"])), Vec::<String>::new());
    assert_eq!(names(&touched(&["/srv/gone/file"])), ["file:/srv/gone/file"]);
    assert_eq!(names(&touched(&["/var/lib/pure/stranger"])), ["directory:/var/lib/pure"]);
    assert_eq!(names(&touched(&["/var/lib/app/theirs"])), Vec::<String>::new());
    assert_eq!(
        names(&touched(&["/etc/systemd/system/app.service"])),
        ["file:/etc/app/conf", "unit:app.service"]
    );
    assert_eq!(names(&touched(&["/etc/systemd/system/other.service"])), ["unit:other.service"], "a mask");
    let accounts = names(&touched(&["/etc/group"]));
    assert_eq!(accounts.len(), 6, "{accounts:?}");
}

#[test]
fn who_changed_a_path_changed_the_resources_there() {
    let by = |program: &str| Culprit { program: program.to_owned(), pid: 7, user: None, unit: None };
    let told = |changed: &[(&str, &str)]| -> Vec<String> {
        let state = scene().state;
        let mut touched = touched(&changed.iter().map(|(path, _)| *path).collect::<Vec<_>>());
        touched.by = changed.iter().map(|(at, program)| (path(at), by(program))).collect();
        let culprits = culprits(&state, &concerned(&state, &touched), &touched);
        culprits.iter().map(|(id, by)| format!("{id} {}", by.program)).collect()
    };
    assert_eq!(
        told(&[("/etc/app/conf", "vim"), ("/top", "sed")]),
        ["file:/etc/app/conf vim", "file:/top sed"]
    );
    assert_eq!(told(&[("/etc/app", "mv")]), ["file:/etc/app/conf mv"], "a parent");
    assert_eq!(told(&[("/etc/systemd/system/app.service", "sed")]), ["unit:app.service sed"]);
    assert_eq!(told(&[("/var/lib/pure/stranger", "touch")]), ["directory:/var/lib/pure touch"]);
    assert_eq!(told(&[("/var/lib/app/theirs", "touch")]), Vec::<String>::new());
}

#[test]
fn who_named_a_thing_in_a_command_that_changes_it_changed_it() {
    let by = |program: &str| Culprit { program: program.to_owned(), pid: 7, user: None, unit: None };
    let told = |line: &str| -> Vec<String> {
        let mut words = line.split(' ').map(str::to_owned);
        let (command, program) = match words.next().as_deref() {
            Some("systemctl") => (Command::Systemctl, by("systemctl")),
            _ => (Command::Docker, by("docker")),
        };
        let runs = vec![Run { command, words: words.collect(), directory: None, by: program }];
        let touched = Touched { runs, docker: true, all_units: true, ..Touched::default() };
        let state = scene().state;
        let culprits = culprits(&state, &concerned(&state, &touched), &touched);
        culprits.keys().map(ToString::to_string).collect()
    };
    let app = ["unit:app.service"];
    assert_eq!(told("systemctl stop app"), app);
    assert_eq!(told("systemctl --now disable app.service other"), ["unit:app.service", "unit:other.service"]);
    assert_eq!(told("docker rm -f shop"), ["container:shop"]);
    assert_eq!(told("docker network disconnect front shop"), ["network:front", "container:shop"]);
    for nobodys in [
        "systemctl status app",
        "systemctl stop application",
        "systemctl restart shop",
        "docker logs shop",
        "docker restart app.service",
        "docker stop sho",
        "docker stop ",
    ] {
        assert_eq!(told(nobodys), Vec::<String>::new(), "{nobodys}");
    }

    let told = |line: &str, directory: &str| -> Vec<String> {
        let mut scene = Scene::new();
        scene.container("shop-web-1", "shop:1");
        scene.config("shop.conf", "x");
        let words = line.split(' ').map(str::to_owned).collect();
        let directory = Some(directory.to_owned());
        let runs = vec![Run { command: Command::Docker, words, directory, by: by("docker") }];
        let touched = Touched { runs, docker: true, ..Touched::default() };
        let culprits = culprits(&scene.state, &concerned(&scene.state, &touched), &touched);
        culprits.keys().map(|id| id.name.clone()).collect()
    };
    for (line, directory) in [
        ("compose -p shop down", "/root"),
        ("compose -f /srv/shop/compose.yaml down", "/root"),
        ("compose down", "/srv/Shop"),
        ("service scale shop-web-1=0", "/"),
    ] {
        assert_eq!(told(line, directory), ["shop-web-1"], "{line}");
    }
    assert_eq!(told("config rm shop.conf-42b5fcb95da7", "/"), ["shop.conf"]);
    for (line, directory) in
        [("compose -p sho down", "/root"), ("stop shop", "/srv/shop"), ("compose down", "/shop/web")]
    {
        assert_eq!(told(line, directory), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn who_was_at_work_on_packages_changed_them() {
    let apt = Culprit { program: "apt-get".to_owned(), pid: 7, user: Some("alice".to_owned()), unit: None };
    let touched = Touched { packages: true, packages_by: Some(apt.clone()), ..Touched::default() };
    let state = scene().state;
    let culprits = culprits(&state, &concerned(&state, &touched), &touched);
    assert_eq!(culprits, [(id("package:app"), apt)].into());
}

#[test]
fn units_packages_and_all() {
    let unit = Touched { units: ["other.service".parse().unwrap()].into(), ..Touched::default() };
    assert_eq!(names(&unit), ["unit:other.service"]);
    let units = Touched { all_units: true, ..Touched::default() };
    assert_eq!(
        names(&units),
        ["file:/etc/app/conf", "unit:app.service", "unit:other.service"],
        "what is read"
    );
    assert_eq!(names(&Touched { packages: true, ..Touched::default() }), ["package:app"]);
    assert_eq!(names(&Touched { docker: true, ..Touched::default() }), ["network:front", "container:shop"]);
    assert!(watched(&scene().state).docker);
    assert_eq!(
        names(&Touched { everything: true, ..Touched::default() }).len(),
        scene().state.resources.len()
    );
    assert_eq!(names(&Touched::default()), Vec::<String>::new());
}

#[test]
fn a_report_takes_in_what_a_look_at_a_part_found() {
    let bad = || Outcome::Differs(Vec::new());
    let mut report = Report { same: 3, ..Report::default() };
    report.outcomes = [(id("file:/bad"), bad()), (id("file:/mended"), bad())].into();
    let part = Report {
        same: 1,
        outcomes: [(id("file:/new"), Outcome::Changed(Vec::new()))].into(),
        ..Report::default()
    };
    report.update(&[id("file:/mended"), id("file:/new")].into(), part);
    assert_eq!(report.same, 3);
    let left: Vec<String> = report.outcomes.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["file:/bad", "file:/new"]);
}
