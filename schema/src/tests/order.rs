use super::*;

/// What each resource of a host waits for.
fn needs(host: &str) -> String {
    let resolved = resolve(&[("hosts/web-1.toml", host)]);
    let line = |(id, resource): (&ResourceId, &Resource)| {
        let needs: Vec<String> = resource.needs.iter().map(ToString::to_string).collect();
        format!("{id} <- {}\n", needs.join(" "))
    };
    resolved.state.resources.iter().map(line).collect()
}

#[test]
fn what_everyone_expects_comes_first() {
    insta::assert_snapshot!(needs(
        r#"
[package.nginx]
[package."libc6:i386"]
[directory."/etc/nginx/sites"]
[directory."/etc/nginx/sites/deep"]
[file."/etc/nginx/sites/deep/a.conf"]
content = ""
[file."/etc/nginx/sites/b.conf"]
content = ""
validate = ["nginx", "-t", "-c", "{path}"]
[file."/etc/apt/sources.list.d/x.list"]
content = ""
[symlink."/etc/nginx/enabled"]
target = "/etc/nginx/sites"
[symlink."/var/www"]
target = "/srv/www"
[unit."nginx.service"]
active = true
reload_on = ["file:/etc/nginx/sites/b.conf"]
restart_on = ["package:libc6:i386"]
[unit."backup.service"]
content = "[Service]"
[unit."backup.timer"]
active = true
[file."/etc/systemd/system/tunnel@.service"]
content = ""
[file."/etc/systemd/system/tunnel@home.service.d/a.conf"]
content = ""
[unit."tunnel@home.service"]
active = true
[unit."worker@.service"]
content = "[Service]"
[unit."worker@1.service"]
active = true
[directory."/etc/systemd/system"]
purge = true
"#
    ));
}

#[test]
fn what_goes_leaves_after_what_uses_it() {
    insta::assert_snapshot!(needs(
        r#"
[package.nginx]
ensure = "purged"
[directory."/etc/nginx"]
ensure = "absent"
[file."/etc/nginx/a"]
ensure = "absent"
[file."/etc/nginx/b"]
ensure = "absent"
needs = ["file:/etc/nginx/a"]
[unit."nginx.service"]
ensure = "absent"
restart_on = ["file:/etc/nginx/a"]
[package.chrony]
needs = ["package:ntp"]
[package.ntp]
ensure = "absent"
"#
    ));
}

#[test]
fn what_names_suggest_gives_way_to_what_is_written() {
    insta::assert_snapshot!(needs(
        r#"
[package.nginx]
needs = ["file:/etc/nginx/policy", "unit:nginx.service"]
[file."/etc/nginx/policy"]
content = ""
[file."/etc/nginx/other"]
content = ""
[unit."nginx.service"]
masked = true
[package.keys]
[file."/etc/apt/keyrings/keys.gpg"]
content = ""
needs = ["package:keys"]
"#
    ));
}

#[test]
fn a_great_circle_and_a_long_chain_are_no_trouble() {
    let link = |n: usize, next: usize| format!("[package.p{n}]\nneeds = [\"package:p{next}\"]\n");
    let circle: String = (0..3000).map(|n| link(n, (n + 1) % 3000)).collect();
    assert!(refuse(&circle).contains("E_CYCLE"));
    let chain: String = (0..3000).map(|n| link(n, n + 1)).collect::<String>() + "[package.p3000]\n";
    assert_eq!(resolve(&[("hosts/web-1.toml", &chain)]).state.resources.len(), 3001);
}
