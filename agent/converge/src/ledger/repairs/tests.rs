use super::Repairs;

#[test]
fn three_repairs_within_ten_minutes_are_a_fight_and_pauses_grow() {
    let mut repairs = Repairs::default();
    repairs.add(1000);
    repairs.add(1200);
    assert_eq!(repairs.pause_at(1201), None);
    repairs.add(1500);
    assert_eq!(repairs.pause_at(1501), Some(600));
    assert_eq!(repairs.pause_at(2100), None, "it is tried once more");
    repairs.add(2110);
    assert_eq!(repairs.pause_at(2111), Some(1200));
    repairs.add(4000);
    assert_eq!(repairs.pause_at(4001), Some(2400));
    repairs.add(7000);
    repairs.add(11_000);
    assert_eq!(repairs.pause_at(11_001), Some(3600), "an hour at most");
}

#[test]
fn repairs_that_are_far_apart_are_no_fight() {
    let mut repairs = Repairs::default();
    for time in [0, 400, 800, 1200, 1600] {
        repairs.add(time);
        assert_eq!(repairs.pause_at(time + 1), None, "{time}");
    }
}

#[test]
fn a_fight_that_is_over_is_forgotten() {
    let mut repairs = Repairs::default();
    (0..3).for_each(|time| repairs.add(time));
    assert!(!repairs.are_over(1201));
    assert!(repairs.are_over(1202));
    repairs.add(1300);
    assert_eq!(repairs.pause_at(1301), None);
}

#[test]
fn a_clock_that_is_set_back_ends_it() {
    let mut repairs = Repairs::default();
    (10_000..10_003).for_each(|time| repairs.add(time));
    assert_eq!(repairs.pause_at(500), None);
    repairs.add(500);
    assert_eq!(repairs.pause_at(501), None);
}
