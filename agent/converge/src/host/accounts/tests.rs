use nix::unistd::{getegid, geteuid};

use super::Accounts;

#[test]
fn names_and_numbers() {
    let accounts = Accounts::new(false);
    for _ in 0..2 {
        assert_eq!(accounts.user("root").unwrap(), Some(0));
        assert_eq!(accounts.group("root").unwrap(), Some(0));
        assert_eq!(accounts.user("12345").unwrap(), Some(12345));
        assert_eq!(accounts.group("0").unwrap(), Some(0));
        assert_eq!(accounts.user("no such user").unwrap(), None);
        assert_eq!(accounts.group("no-such-group").unwrap(), None);
        accounts.forget();
    }
}

#[test]
fn in_a_scratch_root_everybody_is_oneself() {
    let accounts = Accounts::new(true);
    assert_eq!(accounts.user("www-data").unwrap(), Some(geteuid().as_raw()));
    assert_eq!(accounts.group("no-such-group").unwrap(), Some(getegid().as_raw()));
}
