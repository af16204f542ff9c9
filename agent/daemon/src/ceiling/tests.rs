use super::{Ceiling, is_at_or_below};

#[test]
fn an_unknown_line_or_value_refuses_the_file() {
    for good in
        ["", "kinds = []", "kinds = [\"file\", \"unit\"]\nforbidden = [\"/etc/ssh\"]\nmax_removals = 0"]
    {
        Ceiling::parse(good).unwrap();
    }
    for bad in
        ["kind = [\"file\"]", "kinds = [\"files\"]", "forbidden = [\"etc\"]", "max_removals = -1", "kinds"]
    {
        assert!(Ceiling::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_path_is_below_a_directory_by_its_parts() {
    for (path, directory, want) in [
        ("/etc/ssh", "/etc/ssh", true),
        ("/etc/ssh/sshd_config", "/etc/ssh", true),
        ("/etc/ssh2", "/etc/ssh", false),
        ("/etc", "/etc/ssh", false),
    ] {
        assert_eq!(is_at_or_below(path, directory), want, "{path} {directory}");
    }
}
