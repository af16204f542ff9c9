#![expect(clippy::disallowed_methods, reason = "tests arrange a host's files")]

use std::fs;

use super::{guess_virtualization, parse_memory, parse_os_release, read};

#[test]
fn os_release_is_read_as_a_shell_would() {
    let text = "# a comment\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n\
                VERSION_CODENAME=bookworm\nNAME='it''s'\nODD=\"a \\\"b\\\" \\$c\"\nBROKEN\n";
    let fields = parse_os_release(text);
    let field = |name: &str| fields.get(name).map(String::as_str);
    assert_eq!(field("PRETTY_NAME"), Some("Debian GNU/Linux 12 (bookworm)"));
    assert_eq!((field("ID"), field("VERSION_ID")), (Some("debian"), Some("12")));
    assert_eq!(field("NAME"), Some("its"));
    assert_eq!(field("ODD"), Some("a \"b\" $c"));
    assert_eq!(field("# a comment"), None);
}

#[test]
fn memory_is_in_mebibytes() {
    assert_eq!(parse_memory("MemTotal:        4025148 kB\nMemFree: 1 kB\n"), Some(3930));
    assert_eq!(parse_memory("MemFree: 1 kB\n"), None);
}

#[test]
fn virtualization_is_guessed_from_what_there_is() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let guess = || guess_virtualization(root.path());
    assert_eq!(guess(), "none");
    put("proc/cpuinfo", "flags\t\t: fpu hypervisor lahf_lm\n");
    assert_eq!(guess(), "vm-other");
    put("sys/class/dmi/id/sys_vendor", "QEMU\n");
    assert_eq!(guess(), "qemu");
    put("proc/1/environ", "PATH=/bin\0container=lxc\0");
    assert_eq!(guess(), "lxc");
    put(".dockerenv", "");
    assert_eq!(guess(), "docker");
}

#[tokio::test(flavor = "current_thread")]
async fn this_very_machine_has_facts() {
    let facts = read(None).await.unwrap();
    assert!(!facts.hostname.is_empty() && !facts.hostname.contains('.'));
    assert!(!facts.os.is_empty() && !facts.arch.is_empty() && !facts.kernel.is_empty());
    assert!(facts.cpus > 0 && facts.memory_mib > 0);
}
