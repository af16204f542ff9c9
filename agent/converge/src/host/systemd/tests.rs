use std::{collections::BTreeSet, os::unix::net::UnixListener};

use holdfast_schema::UnitName;

use super::{
    Systemd,
    bus::{Bus, refused},
    hex, is_template,
};
use crate::host::HostError;

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn over(address: &'static str) -> Systemd {
    Systemd { bus: Bus::at(address), ..Systemd::default() }
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_bus_every_question_says_so() {
    let systemd = over("unix:path=/nonexistent/bus");
    let wanted = BTreeSet::from([unit("nginx.service")]);
    assert_eq!(systemd.prepare(&wanted).await.unwrap_err().code(), "E_SYSTEMD_GONE");
    let error = systemd.unit(&unit("nginx.service")).await.unwrap_err();
    assert_eq!(error.code(), "E_SYSTEMD_GONE");
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(systemd.reload_manager().await.unwrap_err().code(), "E_SYSTEMD_GONE");
    // A pass that asks for no unit does not mind.
    systemd.prepare(&BTreeSet::new()).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn a_bus_that_hangs_up_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        // The second try is of a connection that is made anew.
        for _ in 0..2 {
            drop(listener.accept().unwrap());
        }
    });
    let systemd = over(format!("unix:path={}", path.display()).leak());
    assert_eq!(systemd.unit(&unit("a.service")).await.unwrap_err().code(), "E_SYSTEMD_GONE");
    server.join().unwrap();
    // The pass does not ask again.
    assert_eq!(systemd.unit(&unit("b.service")).await.unwrap_err().code(), "E_SYSTEMD_GONE");
}

#[test]
fn what_the_manager_says_is_told_once() {
    let error = |error: zbus::fdo::Error| refused("a.service", zbus::Error::FDO(Box::new(error)));
    let denied = error(zbus::fdo::Error::AccessDenied("Permission denied".into()));
    assert_eq!(denied.to_string(), "unit a.service: Permission denied");
    assert!(matches!(error(zbus::fdo::Error::NoReply("late".into())), HostError::ManagerGone { .. }));
}

#[test]
fn names_and_numbers() {
    assert!(is_template(&unit("getty@.service")));
    assert!(!is_template(&unit("getty@tty1.service")));
    assert_eq!(hex(&[0, 0xab]), "00ab");
}
