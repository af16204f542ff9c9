#![expect(clippy::disallowed_methods, reason = "tests change what is watched")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    time::Duration,
};

use tokio::time::timeout;

use super::{Interest, MOST_PATHS, Touched, Watch, Watched, Witness};
use crate::host::LocalHost;

/// A directory in which `/etc/app` is watched for its entries.
struct Site {
    root: tempfile::TempDir,
    watch: Watch,
}

impl Site {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/app")).unwrap();
        fs::write(root.path().join("etc/app/conf"), "x").unwrap();
        let mut watch = LocalHost::scratch(root.path()).unwrap().watch(None).unwrap();
        watch.set(Self::watched()).unwrap();
        Self { root, watch }
    }

    fn watched() -> Watched {
        let directories =
            [("", Interest::Itself), ("/etc", Interest::Itself), ("/etc/app", Interest::Entries)];
        let directories: BTreeMap<_, _> =
            directories.into_iter().map(|(path, interest)| (path.to_owned(), interest)).collect();
        Watched { directories, ..Watched::default() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    async fn touched(&mut self) -> Touched {
        timeout(Duration::from_secs(10), self.watch.next()).await.unwrap()
    }

    /// The paths of the next burst.
    async fn paths(&mut self) -> Vec<String> {
        self.touched().await.paths.iter().map(ToString::to_string).collect()
    }

    async fn listen_for(&mut self, milliseconds: u64) {
        timeout(Duration::from_millis(milliseconds), self.watch.listen()).await.unwrap_err();
    }

    async fn is_quiet(&mut self) {
        let quiet = timeout(Duration::from_millis(200), self.watch.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }
}

#[tokio::test]
async fn every_way_to_save_a_file_is_seen() {
    let mut site = Site::new();
    let conf = site.path("etc/app/conf");
    let ways: [(&str, &dyn Fn()); 9] = [
        ("written in place", &|| fs::write(&conf, "in place").unwrap()),
        ("appended to", &|| File::options().append(true).open(&conf).unwrap().write_all(b"more").unwrap()),
        ("moved over", &|| {
            fs::write(conf.with_file_name(".conf.swp"), "moved").unwrap();
            fs::rename(conf.with_file_name(".conf.swp"), &conf).unwrap();
        }),
        ("moved away and made anew", &|| {
            fs::rename(&conf, conf.with_file_name("conf~")).unwrap();
            fs::write(&conf, "anew").unwrap();
        }),
        ("truncated", &|| drop(File::create(&conf).unwrap())),
        ("given another mode", &|| fs::set_permissions(&conf, fs::Permissions::from_mode(0o600)).unwrap()),
        ("removed", &|| fs::remove_file(&conf).unwrap()),
        ("replaced by a link", &|| symlink("elsewhere", &conf).unwrap()),
        ("replaced by a directory", &|| {
            fs::remove_file(&conf).unwrap();
            fs::create_dir(&conf).unwrap();
        }),
    ];
    for (way, save) in ways {
        save();
        let paths = site.paths().await;
        assert!(paths.contains(&"/etc/app/conf".to_owned()), "{way}: {paths:?}");
    }
    site.is_quiet().await;
}

#[tokio::test]
async fn a_burst_is_told_once() {
    let mut site = Site::new();
    for number in 0..500 {
        fs::write(site.path(&format!("etc/app/{}", number % 3)), "x").unwrap();
    }
    assert_eq!(site.paths().await, ["/etc/app/0", "/etc/app/1", "/etc/app/2"]);
    site.is_quiet().await;
}

#[tokio::test]
async fn what_is_not_watched_wakes_nobody() {
    let mut site = Site::new();
    fs::write(site.path("etc/other"), "x").unwrap();
    let mut log = File::create(site.path("etc/app/log")).unwrap();
    assert_eq!(site.paths().await, ["/etc/app/log"], "it was made");
    for _ in 0..100 {
        log.write_all(b"a line\n").unwrap();
    }
    site.is_quiet().await;
    drop(log);
    assert_eq!(site.paths().await, ["/etc/app/log"], "it was closed");
}

#[tokio::test]
async fn a_directory_on_the_way_that_is_replaced_is_followed() {
    let mut site = Site::new();
    fs::rename(site.path("etc"), site.path("old")).unwrap();
    assert!(site.paths().await.contains(&"/etc".to_owned()));
    fs::create_dir_all(site.path("etc/app")).unwrap();
    assert!(site.paths().await.contains(&"/etc".to_owned()));
    fs::write(site.path("old/app/conf"), "nobody cares").unwrap();
    site.is_quiet().await;
    fs::write(site.path("etc/app/conf"), "new").unwrap();
    assert_eq!(site.paths().await, ["/etc/app/conf"]);

    fs::remove_dir_all(site.path("etc")).unwrap();
    site.paths().await;
    fs::create_dir_all(site.path("real/app")).unwrap();
    symlink("real", site.path("etc")).unwrap();
    assert!(site.paths().await.contains(&"/etc".to_owned()), "a link in its place");
    fs::write(site.path("real/app/conf"), "new").unwrap();
    assert!(site.paths().await.contains(&"/etc/app/conf".to_owned()));
    fs::create_dir_all(site.path("other/app")).unwrap();
    fs::remove_file(site.path("etc")).unwrap();
    symlink("other", site.path("etc")).unwrap();
    assert!(site.paths().await.contains(&"/etc".to_owned()), "the link points elsewhere");
    fs::write(site.path("other/app/conf"), "new").unwrap();
    assert!(site.paths().await.contains(&"/etc/app/conf".to_owned()));
}

#[tokio::test]
async fn more_than_the_kernel_keeps_means_everything() {
    let mut site = Site::new();
    let queue: usize =
        fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    for number in 0..queue {
        fs::write(site.path(&format!("etc/app/{number}")), "").unwrap();
    }
    assert!(site.touched().await.everything);
    fs::write(site.path("etc/app/conf"), "it goes on").unwrap();
    let paths = site.paths().await;
    assert!(paths.contains(&"/etc/app/conf".to_owned()), "{}", paths.len());
}

#[tokio::test]
async fn what_happens_while_somebody_only_listens_is_told_later() {
    let mut site = Site::new();
    fs::write(site.path("etc/app/conf"), "early").unwrap();
    site.listen_for(100).await;
    fs::write(site.path("etc/app/late"), "x").unwrap();
    site.listen_for(100).await;
    assert_eq!(site.paths().await, ["/etc/app/conf", "/etc/app/late"]);
    site.is_quiet().await;
    for number in 0..MOST_PATHS {
        fs::write(site.path(&format!("etc/app/{number}")), "").unwrap();
        if number % 1000 == 0 {
            site.listen_for(20).await;
        }
    }
    let touched = site.touched().await;
    assert!(!touched.everything && touched.paths.len() == MOST_PATHS);
    for number in 0..=MOST_PATHS {
        fs::remove_file(site.path(&format!("etc/app/{}", number % MOST_PATHS))).ok();
        fs::write(site.path(&format!("etc/app/x{number}")), "").unwrap();
        if number % 1000 == 0 {
            site.listen_for(20).await;
        }
    }
    assert!(site.touched().await.everything, "more than is remembered");
}

#[tokio::test]
async fn another_list_replaces_the_first() {
    let mut site = Site::new();
    fs::create_dir(site.path("srv")).unwrap();
    let mut watched = Watched::default();
    watched.directories.insert("/srv".to_owned(), Interest::Entries);
    site.watch.set(watched).unwrap();
    fs::write(site.path("etc/app/conf"), "not watched any more").unwrap();
    site.is_quiet().await;
    fs::write(site.path("srv/file"), "x").unwrap();
    assert_eq!(site.paths().await, ["/srv/file"]);
    site.watch.set(Site::watched()).unwrap();
    fs::write(site.path("etc/app/conf"), "watched again").unwrap();
    assert_eq!(site.paths().await, ["/etc/app/conf"]);
}

#[tokio::test]
#[ignore = "needs root"]
async fn privileged_who_changed_something_is_told() {
    let mut site = Site::new();
    // This thread's privileges go with it.
    let witness = Witness::call().unwrap().expect("Linux 5.9, and on overlayfs 6.6");
    let mut watch = LocalHost::scratch(site.root.path()).unwrap().watch(Some(witness)).unwrap();
    watch.set(Site::watched()).unwrap();
    site.watch = watch;
    let mut meddler = std::process::Command::new("sh")
        .args(["-c", "echo theirs >conf; mv conf x; echo new >conf; read wait"])
        .current_dir(site.path("etc/app"))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let touched = site.touched().await;
    let by = &touched.by[&"/etc/app/conf".parse().unwrap()];
    assert_eq!((by.program.as_str(), by.pid), ("sh", meddler.id()));
    drop(meddler.stdin.take());
    meddler.wait().unwrap();

    // Also of the directory itself, and of one whose entries are nobody's business.
    let mut meddler = std::process::Command::new("perl")
        .args(["-e", "chmod 0700, 'etc/app', 'etc'; <STDIN>"])
        .current_dir(site.path(""))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let touched = site.touched().await;
    for directory in ["/etc", "/etc/app"] {
        assert_eq!(
            touched.by.get(&directory.parse().unwrap()).map(|by| by.pid),
            Some(meddler.id()),
            "{touched:?}"
        );
    }
    drop(meddler.stdin.take());
    meddler.wait().unwrap();

    // It is gone before anybody waits for what it did.
    let mut meddler = std::process::Command::new("sh")
        .args(["-c", "echo theirs >conf; sleep 0.2"])
        .current_dir(site.path("etc/app"))
        .spawn()
        .unwrap();
    site.listen_for(100).await;
    meddler.wait().unwrap();
    let touched = site.touched().await;
    assert_eq!(touched.by[&"/etc/app/conf".parse().unwrap()].pid, meddler.id());

    // What this process does itself is nobody's fault.
    fs::write(site.path("etc/app/conf"), "ours").unwrap();
    let touched = site.touched().await;
    assert_eq!((touched.paths.len(), touched.by.len()), (1, 0), "{touched:?}");
    assert!(Witness::call().unwrap().is_none(), "the privilege is gone");
}
