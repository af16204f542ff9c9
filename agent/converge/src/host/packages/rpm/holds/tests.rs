use super::{Holds, dnf4, dnf5, matches, zypper};

#[test]
fn dnf_4_locks_versions() {
    let list = "\n# Added lock on Sun Nov 22\npapp-0:2.0-1.*\n!shunned-0:1.0-1.*\nby-name\nepoch-1:2.*\n";
    let holds = Holds { packages: dnf4(list), ..Holds::default() };
    assert!(holds.hold("papp", "2.0-1", "noarch"));
    assert!(!holds.hold("papp", "1.0-1", "noarch"), "locked at another version");
    assert!(!holds.hold("shunned", "1.0-1", "noarch"));
    assert!(holds.hold("by-name", "3-1", "x86_64"));
    assert!(holds.hold("epoch", "1:2.5-1", "x86_64") && !holds.hold("epoch", "2.5-1", "x86_64"));
}

#[test]
fn dnf_5_locks_names_under_conditions() {
    let toml = "version = \"1.0\"\n[[packages]]\nname = \"bash\"\n[[packages.conditions]]\nkey = \"evr\"\ncomparator = \"=\"\n\
                value = \"0:5.2-1\"\n[[packages]]\nname = \"shunned\"\n[[packages.conditions]]\nkey = \"evr\"\ncomparator = \"!=\"\n";
    assert_eq!(dnf5(toml), ["bash"]);
}

#[test]
fn zypper_locks_names() {
    let locks = "\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: papp\n\n\
                 type: pattern\nsolvable_name: gnome\n\nsolvable_name: only-there\nrepo: test\n\nsolvable_name: py*\n";
    assert_eq!(zypper(locks), ["papp", "py*"]);
    let holds = Holds { names: zypper(locks), ..Holds::default() };
    assert!(holds.hold("python", "1-1", "noarch") && !holds.hold("gnome", "1-1", "noarch"));
}

#[test]
fn patterns() {
    for (pattern, text, fits) in [
        ("a*c", "abc", true),
        ("a*c", "ac", true),
        ("a*c", "abd", false),
        ("*", "", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("**x", "x", true),
        ("ab", "abc", false),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
}
