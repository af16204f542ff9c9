use std::collections::BTreeSet;

use super::{MOST_RULES, Signals, object_path};

#[test]
fn object_paths_are_written_as_the_manager_does() {
    let path = |unit| object_path(unit).rsplit('/').next().unwrap().to_owned();
    assert_eq!(path("nginx.service"), "nginx_2eservice");
    assert_eq!(path("a-b@c.service"), "a_2db_40c_2eservice");
    assert_eq!(path("9p.mount"), "_39p_2emount");
    assert_eq!(path("x\\x2d.mount"), "x_5cx2d_2emount");
}

#[test]
fn a_bus_is_not_asked_for_more_rules_than_it_keeps() {
    let units = |count: usize| -> BTreeSet<_> {
        (0..count).map(|number| format!("u{number}.service").parse().unwrap()).collect()
    };
    let mut signals = Signals::default();
    signals.set(&units(3));
    assert_eq!(signals.rules().len(), 3 + 3);
    assert!(
        signals
            .rules()
            .iter()
            .any(|rule| rule.ends_with("path='/org/freedesktop/systemd1/unit/u2_2eservice'"))
    );
    signals.set(&units(MOST_RULES + 1));
    assert_eq!(signals.rules().len(), 3 + 1);
}
