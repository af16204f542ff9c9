//! Whatever somebody does to managed paths in whatever order, what listens brings them back without being asked.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
};

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::{
    drift::{listening, mend},
    git::{Git, Host},
    *,
};

const STATE: &str = r#"
    [file."/etc/motd"]
    content = "hello\n"
    [directory."/srv/app"]
    mode = "0750"
    purge = true
    [file."/srv/app/conf"]
    content = "app\n"
    mode = "0640"
    [symlink."/srv/app/link"]
    target = "conf"
    [file."/srv/gone"]
    ensure = "absent"
"#;

const PATHS: [&str; 6] =
    ["etc/motd", "srv/app/conf", "srv/app/link", "srv/gone", "srv/app/stranger", "srv/app"];

/// What somebody does; a path by its number.
#[derive(Debug, Clone)]
enum Tampering {
    Write(usize, Vec<u8>),
    /// A new file with this content takes the path's place.
    Replace(usize, Vec<u8>),
    Remove(usize),
    Permit(usize, u32),
    Link(&'static str),
    Swap(usize, usize),
    /// Something on the way to a path is moved away.
    MoveAway(&'static str),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let file = || prop_oneof![Just(0_usize), Just(1), Just(3), Just(4)];
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        4 => (file(), bytes()).prop_map(|(path, bytes)| Tampering::Write(path, bytes)),
        4 => (file(), bytes()).prop_map(|(path, bytes)| Tampering::Replace(path, bytes)),
        3 => (0..PATHS.len()).prop_map(Tampering::Remove),
        3 => (0..PATHS.len(), 0..0o1000_u32).prop_map(|(path, mode)| Tampering::Permit(path, mode)),
        2 => prop_oneof![Just("elsewhere"), Just("/etc/motd"), Just("conf")].prop_map(Tampering::Link),
        2 => (file(), file()).prop_map(|(one, other)| Tampering::Swap(one, other)),
        2 => prop_oneof![Just("etc"), Just("srv"), Just("srv/app")].prop_map(Tampering::MoveAway),
    ]
}

/// Does it, unless another deed before has made it impossible.
fn tamper(host: &Host, deed: &Tampering, number: usize) {
    let path = |at: usize| PathBuf::from(host.path(PATHS[at]));
    let spare = host.path(&format!("spare-{number}"));
    let _done = match deed {
        Tampering::Write(at, bytes) => fs::write(path(*at), bytes),
        Tampering::Replace(at, bytes) => {
            fs::write(&spare, bytes).and_then(|()| fs::rename(&spare, path(*at)))
        }
        Tampering::Remove(at) if path(*at).is_dir() && !path(*at).is_symlink() => {
            fs::remove_dir_all(path(*at))
        }
        Tampering::Remove(at) => fs::remove_file(path(*at)),
        Tampering::Permit(at, mode) => fs::set_permissions(path(*at), Permissions::from_mode(*mode)),
        Tampering::Link(target) => fs::remove_file(path(2)).and_then(|()| symlink(target, path(2))),
        Tampering::Swap(one, other) => fs::rename(path(*one), &spare)
            .and_then(|()| fs::rename(path(*other), path(*one)))
            .and_then(|()| fs::rename(&spare, path(*other))),
        Tampering::MoveAway(directory) => fs::rename(host.path(directory), spare),
    };
}

fn is_declared(host: &Host) {
    let mode = |path: &str| fs::symlink_metadata(host.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((host.read("etc/motd").as_deref(), mode("etc/motd")), (Some("hello\n"), 0o644));
    assert_eq!((host.read("srv/app/conf").as_deref(), mode("srv/app/conf")), (Some("app\n"), 0o640));
    assert_eq!(mode("srv/app"), 0o750);
    assert_eq!(fs::read_link(host.path("srv/app/link")).unwrap().to_str(), Some("conf"));
    assert_eq!(host.read("srv/gone"), None);
    assert_eq!(fs::read_dir(host.path("srv/app")).unwrap().count(), 2, "what nothing declares is purged");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(12, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_declared_state_comes_back(
        // Two bursts, for a third repair of the same within minutes is a fight.
        bursts in prop::collection::vec(prop::collection::vec(tampering(), 1..8), 1..=2),
    ) {
        let git = Git::new(&[("hosts/web-1.toml", STATE)]);
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let (host, mut agent) = listening(&git).await;
            let mut number = 0;
            for burst in &bursts {
                for deed in burst {
                    number += 1;
                    tamper(&host, deed, number);
                }
                mend(&mut agent).await;
                is_declared(&host);
            }
            agent.settings.full_pass = Duration::ZERO;
            let status = cycle(&mut agent).await;
            assert_eq!((status.result, codes(&status)), (PassResult::Converged, Vec::new()), "{status:#?}");
        });
    }
}
