//! Repositories that stock Git made.

use super::*;
use crate::testing::fleet::line;

#[test]
fn a_chain_by_stock_git_is_verified() {
    let git = Git::new();
    git.sign_with("alice", &key("alice"));
    git.write(".trust/policy.toml", policy());
    git.write(".trust/allowed_signers", line("alice"));
    let first = git.commit(1_700_000_000, "first");
    git.write(".trust/allowed_signers", line("alice") + &line("bob"));
    git.commit(1_700_000_100, "let bob in");
    git.sign_with("bob", &key("bob"));
    git.write("hosts/web-1.toml", "roles = []\n");
    let tip = git.commit(1_700_000_200, "a host");

    let objects = git.objects();
    let introduction = introduce(&objects, first, MAIN, &Limits::default()).unwrap();
    let limits = Limits::default();
    let request = request(tip, &introduction, &limits);
    let got = verify(&objects, &request);
    assert!(got.refused.is_none(), "{:?}", got.refused);
    let verified = got.verified.unwrap();
    assert_eq!(verified.commit(), tip);
    assert_eq!(verified.people(), ["bob"]);
    assert_eq!(verified.time(), UnixTime::from_seconds(1_700_000_200));
}
