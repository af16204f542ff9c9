use super::*;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

fn beat(sequence: u64, until: i64) -> Beat {
    Beat { sequence, until: at(until) }
}

#[test]
fn what_nobody_has_confirmed_in_time_is_stale() {
    let fresh = Freshness::default();
    let told = fresh.problem(at(0)).unwrap();
    assert_eq!(told.code, "E_STALE");
    assert!(told.remedy.is_some_and(|remedy| !remedy.is_empty()));
    let fresh = fresh.heard(Some(beat(1, 100)));
    assert_eq!(fresh.problem(at(100)), None);
    let stale = fresh.problem(at(101)).unwrap();
    // The same words at every poll, or each would be news.
    assert_eq!(fresh.problem(at(9999)), Some(stale));
    assert_eq!(fresh.clone().heard(None), fresh);
}

#[test]
fn an_older_beat_counts_no_more() {
    let fresh = Freshness::default().heard(Some(beat(5, 100)));
    assert_eq!(fresh.clone().heard(Some(beat(4, 999))), fresh);
    assert_eq!(fresh.clone().heard(Some(beat(5, 999))), fresh);
    assert_eq!(fresh.heard(Some(beat(6, 50))).until, Some(at(50)));
}
