use super::Repairs;

#[test]
fn three_repairs_within_ten_minutes_are_a_fight_and_pauses_grow() {
    let mut repairs = Repairs::default();
    repairs.add(1000, None);
    repairs.add(1200, None);
    assert_eq!(repairs.pause_at(1201), None);
    repairs.add(1500, None);
    assert_eq!(repairs.pause_at(1501), Some(30));
    assert_eq!(repairs.pause_at(1530), None, "it is tried once more");
    let mut now = 1530;
    for pause in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
        repairs.add(now, None);
        assert_eq!(repairs.pause_at(now + 1), Some(pause));
        now += pause;
    }
}

#[test]
fn repairs_that_are_far_apart_are_no_fight() {
    let mut repairs = Repairs::default();
    for time in [0, 400, 800, 1200, 1600] {
        repairs.add(time, None);
        assert_eq!(repairs.pause_at(time + 1), None, "{time}");
    }
}

#[test]
fn a_fight_that_is_over_is_forgotten() {
    let mut repairs = Repairs::default();
    (0..3).for_each(|time| repairs.add(time, None));
    assert!(!repairs.are_over(601));
    assert!(repairs.are_over(602));
    repairs.add(700, None);
    assert_eq!(repairs.pause_at(701), None);
}

#[test]
fn a_clock_that_is_set_back_ends_it() {
    let mut repairs = Repairs::default();
    (10_000..10_003).for_each(|time| repairs.add(time, None));
    assert_eq!(repairs.pause_at(500), None);
    repairs.add(500, None);
    assert_eq!(repairs.pause_at(501), None);
}
