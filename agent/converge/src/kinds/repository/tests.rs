use holdfast_schema::spec::{Ensure, RepositoryPlace};

use crate::{
    engine::{Outcome, undo},
    host::{
        fake::{FakeHost, Supply},
        faulty::{MemoryJournal, MemoryStore},
    },
    ledger::Ledger,
    testing::{AsSpec as _, Scene, block_on, id, planned, shorts},
};

const SOURCE: &str = "/etc/apt/sources.list.d/shop.sources";
const KEY: &str = "/etc/apt/keyrings/shop.asc";
const REPO: &str = "/etc/yum.repos.d/shop.repo";
const RPM_KEY: &str = "/etc/pki/rpm-gpg/RPM-GPG-KEY-shop";

/// A host with the directories that its package manager brings.
fn host(place: RepositoryPlace) -> FakeHost {
    let host = FakeHost::new();
    host.inner().place = Some(place);
    let directories: &[&str] = match place {
        RepositoryPlace::Apt => &["/etc/apt", "/etc/apt/sources.list.d", "/etc/apt/keyrings"],
        RepositoryPlace::Dnf => &["/etc/yum.repos.d", "/etc/pki", "/etc/pki/rpm-gpg"],
        RepositoryPlace::Zypper => &["/etc/zypp", "/etc/zypp/repos.d"],
    };
    for directory in directories {
        host.inner().directory(directory);
    }
    host
}

/// Passes over one host, one after another.
struct Passes {
    host: FakeHost,
    store: MemoryStore,
    journal: MemoryJournal,
}

impl Passes {
    fn over(host: FakeHost) -> Self {
        Self { host, store: MemoryStore::default(), journal: MemoryJournal::default() }
    }

    /// What a pass does; a second one must do nothing.
    fn settle(&mut self, scene: &Scene) -> String {
        let done = self.pass(scene);
        assert_eq!(self.pass(scene), "", "it is not quiet after: {done}");
        done
    }

    fn pass(&mut self, scene: &Scene) -> String {
        let mut ledger = self.store.ledger();
        let report = scene.pass_and_record(&self.host, &mut ledger, &mut self.store, &mut self.journal);
        assert_eq!(report.summary().failed, 0, "{report:#?}");
        shorts(&self.host.take_done()).join("; ")
    }
}

#[test]
fn on_apt_a_repository_is_two_files_and_lists() {
    let (mut scene, mut passes) = (Scene::new(), Passes::over(host(RepositoryPlace::Apt)));
    scene.repository("shop", true, "one", &["1"]);
    assert_eq!(passes.settle(&scene), format!("write {KEY}; write {SOURCE}; fetch shop"));
    // By hand.
    passes.host.inner().file(SOURCE, b"two");
    assert_eq!(passes.settle(&scene), format!("write {SOURCE}; fetch shop"));
    passes.host.inner().remove(KEY);
    assert_eq!(passes.settle(&scene), format!("write {KEY}; fetch shop"));
    passes.host.inner().access(SOURCE, 0, 0, 0o600);
    assert_eq!(passes.settle(&scene), format!("access {SOURCE} 0:0 0644; fetch shop"));
    // In Git.
    scene.repository("shop", true, "two", &["1"]);
    assert_eq!(passes.settle(&scene), format!("write {SOURCE}; fetch shop"));
    scene.repository("shop", true, "two", &["2"]);
    assert_eq!(passes.settle(&scene), format!("write {KEY}; fetch shop"));
    scene.repository("shop", true, "unsigned", &[]);
    assert_eq!(passes.settle(&scene), format!("write {SOURCE}; remove {KEY}; fetch shop"));
    scene.drop("repository:shop");
    assert_eq!(passes.settle(&scene), format!("remove {SOURCE}"));
    assert!(passes.store.ledger().owned().is_empty());
}

#[test]
fn with_rpm_the_key_is_told_to_rpm_and_taken_back() {
    for place in [RepositoryPlace::Dnf, RepositoryPlace::Zypper] {
        let (mut scene, mut passes) = (Scene::new(), Passes::over(host(place)));
        let repo = place.file(&"shop".parse().unwrap());
        let mkdirs = match place {
            RepositoryPlace::Zypper => "mkdir /etc/pki; mkdir /etc/pki/rpm-gpg; ",
            _ => "",
        };
        scene.repository("shop", false, "one", &["1"]);
        assert_eq!(
            passes.settle(&scene),
            format!("{mkdirs}write {RPM_KEY}; trust gpg-pubkey-1; write {repo}; fetch shop")
        );
        passes.host.inner().packages.remove("gpg-pubkey-1");
        assert_eq!(passes.settle(&scene), "trust gpg-pubkey-1");
        scene.repository("shop", false, "one", &["2"]);
        assert_eq!(
            passes.settle(&scene),
            format!("write {RPM_KEY}; trust gpg-pubkey-2; distrust gpg-pubkey-1; fetch shop")
        );
        scene.drop("repository:shop");
        assert_eq!(passes.settle(&scene), format!("remove {repo}; distrust gpg-pubkey-2; remove {RPM_KEY}"));
        assert!(passes.store.ledger().owned().is_empty());
        assert!(passes.host.inner().packages.is_empty());
    }
}

#[test]
fn a_key_stays_while_another_repository_needs_it() {
    let (mut scene, mut passes) = (Scene::new(), Passes::over(host(RepositoryPlace::Dnf)));
    scene.repository("shop", false, "shop", &["1"]);
    scene.repository("tools", false, "tools", &["1"]);
    passes.settle(&scene);
    scene.drop("repository:shop");
    assert_eq!(passes.settle(&scene), format!("remove {REPO}; remove {RPM_KEY}"));
    scene.drop("repository:tools");
    assert!(passes.settle(&scene).contains("distrust gpg-pubkey-1"));

    // One that rpm trusted before is not Holdfast's to take.
    passes.host.inner().packages.insert(
        "gpg-pubkey-1".to_owned(),
        crate::host::PackageNow::Installed { version: "0".to_owned(), held: false },
    );
    scene.repository("shop", false, "shop", &["1"]);
    assert_eq!(passes.settle(&scene), format!("write {RPM_KEY}; write {REPO}; fetch shop"));
    scene.drop("repository:shop");
    assert_eq!(passes.settle(&scene), format!("remove {REPO}; remove {RPM_KEY}"));
}

#[test]
fn what_is_there_as_declared_is_taken_over() {
    let (mut scene, mut passes) = (Scene::new(), Passes::over(host(RepositoryPlace::Apt)));
    scene.repository("shop", true, "one", &["1"]);
    passes.host.inner().file(SOURCE, b"one");
    passes.host.inner().file(KEY, b"1");
    assert_eq!(passes.settle(&scene), "");
    passes.host.inner().file(SOURCE, b"two");
    assert_eq!(passes.settle(&scene), format!("write {SOURCE}; fetch shop"));
    // It was there before Holdfast managed it.
    scene.drop("repository:shop");
    assert_eq!(passes.settle(&scene), "");
    assert!(passes.host.inner().content(SOURCE).is_some());
}

#[test]
fn absent_removes_what_is_there() {
    let (mut scene, mut passes) = (Scene::new(), Passes::over(host(RepositoryPlace::Apt)));
    passes.host.inner().file(SOURCE, b"one");
    passes.host.inner().file(KEY, b"1");
    let repository = scene.repository("shop", true, "", &[]).as_repository();
    (repository.ensure, repository.source) = (Ensure::Absent, None);
    assert_eq!(passes.settle(&scene), format!("remove {SOURCE}; remove {KEY}"));
}

#[test]
fn one_that_is_not_enabled_is_not_fetched() {
    let (mut scene, mut passes) = (Scene::new(), Passes::over(host(RepositoryPlace::Apt)));
    scene.repository("shop", true, "off", &["1"]).as_repository().enabled = false;
    assert_eq!(passes.settle(&scene), format!("write {KEY}; write {SOURCE}"));
}

#[test]
fn a_host_takes_only_what_its_package_manager_can() {
    let plan = |place, deb| {
        let mut scene = Scene::new();
        scene.repository("shop", deb, "one", &["1"]);
        planned(&scene, "repository:shop", &host(place), &Ledger::default())
    };
    for (place, deb) in
        [(RepositoryPlace::Apt, false), (RepositoryPlace::Dnf, true), (RepositoryPlace::Zypper, true)]
    {
        assert_eq!(plan(place, deb), "E_REPOSITORY_FORMAT");
    }
    let (mut scene, zypper) = (Scene::new(), host(RepositoryPlace::Zypper));
    scene.repository_for_dnf_alone("shop");
    assert_eq!(planned(&scene, "repository:shop", &zypper, &Ledger::default()), "E_REPOSITORY_FORMAT");
}

#[test]
fn packages_come_after_their_repositories_and_do_not_fall_with_them() {
    let (mut scene, host) = (Scene::new(), host(RepositoryPlace::Apt));
    for (name, of) in [("apple", Some("shop")), ("pear", Some("forged")), ("plum", None)] {
        scene.package(name);
        host.inner()
            .supplies
            .insert(name.to_owned(), Supply { versions: vec!["1.0"], of, ..Supply::default() });
    }
    scene.repository("shop", true, "shop", &["1"]);
    scene.repository("forged", true, "forged", &["2"]);
    host.inner().forged.insert("forged".to_owned());
    let mut store = MemoryStore::default();
    let report = scene.pass(&host, &mut store);
    let outcome = |name: &str| report.outcomes.get(&id(name));
    assert!(matches!(outcome("repository:shop"), Some(Outcome::Changed(_))), "{report:#?}");
    for name in ["package:apple", "package:plum"] {
        assert!(matches!(outcome(name), Some(Outcome::Changed(_))), "{name}: {report:#?}");
    }
    let Some(Outcome::Failed(failure)) = outcome("repository:forged") else { panic!("{report:#?}") };
    assert_eq!(failure.code, "E_REPOSITORY_KEY");
    assert!(!failure.message.contains("NO_PUBKEY"), "{}", failure.message);
    let Some(Outcome::Failed(failure)) = outcome("package:pear") else { panic!("{report:#?}") };
    assert_eq!(failure.code, "E_PACKAGE_NOT_FOUND");

    // Once it is signed as it should be, it is tried again.
    host.inner().forged.clear();
    let report = scene.pass(&host, &mut store);
    assert!(matches!(report.outcomes.get(&id("package:pear")), Some(Outcome::Changed(_))), "{report:#?}");
}

#[test]
fn a_repository_may_need_a_package() {
    let (mut scene, mut passes) = (Scene::new(), Passes::over(host(RepositoryPlace::Apt)));
    let supply = |of| Supply { versions: vec!["1.0"], of, ..Supply::default() };
    passes.host.inner().supplies.insert("ca-certificates".to_owned(), supply(None));
    passes.host.inner().supplies.insert("apple".to_owned(), supply(Some("shop")));
    scene.package("ca-certificates");
    scene.package("apple");
    scene.repository("shop", true, "shop", &[]).needs.extend([id("package:ca-certificates")]);
    assert_eq!(
        passes.settle(&scene),
        format!("packages install ca-certificates; write {SOURCE}; fetch shop; packages install apple")
    );
}

#[test]
fn everything_is_put_back() {
    let (mut scene, mut passes) = (Scene::new(), Passes::over(host(RepositoryPlace::Dnf)));
    scene.repository("shop", false, "one", &["1"]);
    passes.settle(&scene);
    let before = passes.host.inner().picture();

    passes.journal = MemoryJournal::default();
    scene.repository("shop", false, "two", &["2"]);
    scene.repository("tools", false, "tools", &["3"]);
    passes.pass(&scene);
    assert_ne!(passes.host.inner().picture(), before);
    let undone = block_on(undo(&passes.journal.recorded(), &passes.journal.kept, &passes.host));
    assert!(undone.left.is_empty(), "{undone:#?}");
    assert_eq!(passes.host.inner().picture(), before);
    assert!(shorts(&passes.host.take_done()).contains(&"fetch shop".to_owned()));
}

#[test]
fn a_crash_between_a_file_and_its_lists_owes_the_lists() {
    let (mut scene, mut passes) = (Scene::new(), Passes::over(host(RepositoryPlace::Apt)));
    scene.repository("shop", true, "one", &["1"]);
    passes.settle(&scene);
    scene.repository("shop", true, "two", &["1"]);
    passes.host.inner().packages_busy = true;
    let mut ledger = passes.store.ledger();
    let report = scene.pass_with(&passes.host, &mut ledger, &mut passes.store);
    assert!(matches!(report.outcomes.get(&id("repository:shop")), Some(Outcome::Waiting(_))), "{report:#?}");
    passes.host.take_done();
    passes.host.inner().packages_busy = false;
    assert_eq!(passes.settle(&scene), "fetch shop");
}
