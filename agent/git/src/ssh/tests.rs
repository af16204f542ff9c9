use super::{explained, quoted};

#[test]
fn what_ssh_says_becomes_a_fault() {
    let changed = "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@\nIT IS POSSIBLE\n\
                   Host key for h has changed and you have requested strict checking.\r\nHost key verification failed.\r\n";
    for (said, code) in [
        (changed, "E_GIT_HOST_KEY"),
        (
            "No ED25519 host key is known for h and you have requested strict checking.\r\nHost key verification failed.\r\n",
            "E_GIT_HOST_KEY",
        ),
        ("git@h: Permission denied (publickey).\r\n", "E_GIT_AUTH"),
        ("Load key \"./key\": error in libcrypto\r\n", "E_GIT_AUTH"),
        ("FATAL: R any fleet web-1 DENIED by fallthru\r\n(or you mis-spelled the reponame)", "E_GIT_AUTH"),
        ("ssh: Could not resolve hostname h: Name or service not known\r\n", "E_GIT_UNREACHABLE"),
        ("ssh: connect to host h port 22: Connection refused\r\n", "E_GIT_UNREACHABLE"),
        ("ssh: connect to host h port 22: Connection timed out\r\n", "E_GIT_TIMEOUT"),
        ("Connection closed by 10.0.0.1 port 22\r\n", "E_GIT_UNREACHABLE"),
        ("fatal: '/x' does not appear to be a git repository\n", "E_GIT_NO_REPOSITORY"),
        ("ERROR: Repository not found.\n", "E_GIT_NO_REPOSITORY"),
        ("something else\n", "E_GIT_PROTOCOL"),
    ] {
        assert_eq!(explained(said, "h").map(|fault| fault.code()), Some(code), "{said}");
    }
    assert!(explained(" \n", "h").is_none());
}

#[test]
fn a_path_is_one_word_for_a_shell() {
    assert_eq!(quoted("/a b"), "'/a b'");
    assert_eq!(quoted("/it's $(x)"), r"'/it'\''s $(x)'");
    assert_eq!(quoted("/wow!"), r"'/wow'\!''");
}
