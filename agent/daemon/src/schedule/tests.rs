use super::*;

fn schedule(host: &str) -> Schedule {
    Schedule::new(Duration::from_mins(1), &host.parse().unwrap())
}

#[test]
fn polls_stay_within_a_tenth_of_the_interval() {
    let mut web = schedule("web-1");
    let waits: Vec<f64> = (0..200).map(|_| web.after_poll(true).as_secs_f64()).collect();
    assert!(waits.iter().all(|wait| (54.0..66.0).contains(wait)));
    let mean = waits.iter().sum::<f64>() / 200.0;
    assert!((58.0..62.0).contains(&mean), "the mean is {mean}");
}

#[test]
fn failures_double_the_wait_up_to_a_quarter_of_an_hour_and_a_success_ends_that() {
    let mut web = schedule("web-1");
    let waits: Vec<u64> = (0..10).map(|_| web.after_poll(false).as_secs()).collect();
    for (wait, nominal) in waits.iter().zip([120, 240, 480, 900, 900, 900]) {
        assert!((nominal * 9 / 10..=nominal * 11 / 10).contains(wait), "{wait} for {nominal}");
    }
    assert!(waits.iter().all(|&wait| wait <= 990));
    assert!(web.after_poll(true).as_secs() <= 66);
}

#[test]
fn an_interval_longer_than_the_longest_backoff_is_never_shortened_by_failures() {
    let mut slow = Schedule::new(Duration::from_hours(1), &"web-1".parse().unwrap());
    assert!(slow.after_poll(false) >= Duration::from_mins(54));
}

#[test]
fn hosts_that_start_together_do_not_poll_together() {
    let mut firsts: Vec<_> = (0..100).map(|n| schedule(&format!("web-{n}")).first()).collect();
    firsts.sort();
    firsts.dedup();
    assert!(firsts.len() > 95);
    assert!(firsts.iter().all(|&first| first < Duration::from_secs(6)));
}
