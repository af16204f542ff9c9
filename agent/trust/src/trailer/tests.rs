use super::*;

#[test]
fn trailers_stand_in_the_last_paragraph() {
    let message = b"subject\n\nDeploy: early\n\nbody\nDeploy: main\nVouch:  abc \nDeploy: other\n";
    assert_eq!(values(message, DEPLOY), ["main", "other"]);
    assert_eq!(values(message, VOUCH), ["abc"]);
    assert_eq!(values(b"Deploy: main\n", DEPLOY), ["main"], "a tag's message is often one line");
    assert_eq!(values(b"x\n\nDeploy: main\n\n\n", DEPLOY), ["main"]);
    for none in [
        &b""[..],
        b"\n",
        b"deploy: main",
        b" Deploy: main",
        b"Deploy main",
        b"Deployed: main",
        b"x Deploy: main",
        b"Deploy: main\n\nbody",
        b"Deploy: m\xff\n",
    ] {
        assert!(values(none, DEPLOY).is_empty(), "{none:?}");
    }
    assert_eq!(values(b"Deploy: main\r\n", DEPLOY), ["main"]);
    assert_eq!(values(b"Deploy:\n", DEPLOY), [""]);
}
