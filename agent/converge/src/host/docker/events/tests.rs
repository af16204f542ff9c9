use std::collections::BTreeMap;

use super::{Told, told};

fn event(action: &str, id: &str) -> String {
    // As engines of API 1.41 write it; later ones leave out what stands twice.
    format!(
        "{{\"status\":\"{action}\",\"id\":\"{id}\",\"Type\":\"container\",\"Action\":\"{action}\",\"Actor\":{{\"ID\":\"{id}\",\
         \"Attributes\":{{\"exitCode\":\"137\",\"name\":\"the-{id}\"}}}},\"scope\":\"local\",\"time\":1}}\n"
    )
}

#[test]
fn ends_are_told_apart_however_the_events_are_cut() {
    let all = event("die", "one") + &event("start", "three") + &event("die", "two");
    for cut in 0..=all.len() {
        let (mut begun, (first, second)) = (Vec::new(), all.split_at(cut));
        let (first, second) = (told(&mut begun, first.as_bytes()), told(&mut begun, second.as_bytes()));
        assert_eq!([first.ended, second.ended].concat(), ["one", "two"], "cut at {cut}");
        assert!(first.more ^ second.more, "cut at {cut}");
        let names: BTreeMap<_, _> = first.names.into_iter().chain(second.names).collect();
        assert_eq!((names.len(), names["two"].as_str()), (3, "the-two"), "cut at {cut}");
        assert!(begun.is_empty());
    }
}

#[test]
fn what_cannot_be_read_may_be_anything() {
    let mut begun = Vec::new();
    assert_eq!(told(&mut begun, b"{}\n"), Told { more: true, ..Told::default() });
    assert_eq!(told(&mut begun, b""), Told::default());
}
