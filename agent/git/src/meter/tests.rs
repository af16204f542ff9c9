use std::{sync::atomic::Ordering, thread, time::Duration};

use holdfast_protocol::fetch::{Credential, Remote};

use super::{Activity, Meter};
use crate::limits;

fn meter(stall_seconds: u32, total_seconds: u32) -> Meter {
    let url = "/a".to_owned();
    Meter::start(&Remote {
        fresh: false,
        url,
        credential: Credential::None,
        ca: None,
        proxy: None,
        ssh: None,
        stall_seconds,
        total_seconds,
    })
}

#[test]
fn limits_are_kept_within_reason() {
    let small = meter(0, 0);
    assert_eq!((small.stall(), small.total()), (Duration::from_secs(1), Duration::from_secs(1)));
    let large = meter(u32::MAX, u32::MAX);
    assert_eq!(large.stall(), Duration::from_secs(limits::STALL_SECONDS.into()));
    assert_eq!(large.total(), Duration::from_secs(limits::TOTAL_SECONDS.into()));
}

#[test]
fn a_peer_sends_no_more_than_it_may() {
    let meter = meter(1, 60);
    meter.allow(10);
    assert!(meter.received(10).is_ok());
    assert_eq!(meter.clone().received(1).unwrap_err().code(), "E_LIMIT");
    meter.allow(limits::PACK_BYTES);
    assert!(meter.received(1000).is_ok());
}

#[test]
fn work_is_told_to_stop_when_the_time_is_over() {
    assert!(!meter(1, 60).interrupting(|stop| stop.load(Ordering::Relaxed)));
    let late = meter(1, 1);
    assert!(late.interrupting(|stop| {
        while !stop.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        true
    }));
    assert_eq!(late.left().unwrap_err().to_string(), "it took longer than 1 s");
}

#[test]
fn a_request_is_announced_until_it_is_over() {
    let activity = Activity::default();
    let late = meter(1, 1);
    let announced = late.announce(&activity);
    assert!(!activity.is_overdue(Duration::ZERO));
    late.interrupting(|stop| {
        while !stop.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    });
    assert!(activity.is_overdue(Duration::ZERO));
    assert!(!activity.is_overdue(Duration::from_mins(1)));
    drop(announced);
    assert!(!activity.is_overdue(Duration::ZERO));
}
