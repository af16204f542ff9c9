//! Commands on a host, with a directory in the place of its `/`.

use std::fs;

use crate::scene::{Ended, Scene};

/// An author's fleet with one host, on a bare repository.
fn fleet() -> (Scene, String) {
    let scene = Scene::with_author();
    scene.holdfast(&["init", "fleet", "--commit"]).expect(0);
    scene.git("", &["clone", "--quiet", "--bare", "fleet", "fleet.git"]).expect(0);
    let line = scene.holdfast_in("fleet", &["trust", "intro"]).expect(0).out;
    fs::create_dir(scene.path("host")).unwrap();
    (scene, line.trim_end().to_owned())
}

impl Scene {
    /// Enrols the host in `host` with whatever else is said.
    fn enrol(&self, introduction: &str, more: &[&str]) -> Ended {
        let (url, root) = (self.path("fleet.git"), self.path("host"));
        let (url, root) = (url.to_str().unwrap(), root.to_str().unwrap());
        let arguments = ["enrol", introduction, url, "--host", "web-1", "--root", root];
        self.holdfast(&[&arguments, more].concat())
    }

    /// A host command on the host in `host`.
    fn on_host(&self, arguments: &[&str]) -> Ended {
        let root = self.path("host");
        self.holdfast(&[arguments, &["--root", root.to_str().unwrap()]].concat())
    }
}

#[test]
fn enrolment_shows_what_it_found_and_writes_what_the_agent_needs() {
    use std::os::unix::fs::PermissionsExt as _;
    let (scene, line) = fleet();
    let enrolled = scene.enrol(&line, &["--yes"]).expect(0);
    for text in [
        "signed by alice@example.com",
        "web-1: 1 file",
        "alice@example.com  SHA256:",
        "status_key = \"ssh-ed25519 ",
    ] {
        assert!(enrolled.out.contains(text), "{text}: {}", enrolled.out);
    }
    let config = scene.read("host/etc/holdfast/agent.toml");
    assert!(config.contains("host = \"web-1\"") && config.contains("fleet.git\""), "{config}");
    assert_eq!(scene.read("host/etc/holdfast/introduction").trim_end(), line);
    for file in ["agent.toml", "host_key", "introduction"] {
        let mode =
            fs::metadata(scene.path(format!("host/etc/holdfast/{file}"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is {mode:o}");
    }
    // The line that it printed is the key's own, and the schema takes it.
    let line = enrolled.out.lines().find(|line| line.contains("status_key")).unwrap().trim();
    let host = scene.read("fleet/hosts/web-1.toml");
    scene.write("fleet/hosts/web-1.toml", &format!("{line}\n{host}"));
    scene.holdfast(&["check", "fleet"]).expect(0);
    let public = scene.run("", "ssh-keygen", &["-y", "-f", "host/etc/holdfast/host_key"]).expect(0).out;
    assert!(line.contains(public.trim_end()), "{line} {public}");
}

#[test]
fn nothing_is_written_without_consent() {
    let (scene, line) = fleet();
    scene.enrol(&line, &[]).expect(1).says("[E_CONSENT]").says("--yes");
    assert_eq!(fs::read_dir(scene.path("host")).unwrap().count(), 0);
}

/// What the status of this host will say for ever.
fn origin(scene: &Scene) -> String {
    scene.read("host/etc/holdfast/trust_origin").trim_end().to_owned()
}

#[test]
fn trust_on_first_use_is_asked_for_and_never_forgotten() {
    let (scene, line) = fleet();
    let (url, root) = (scene.path("fleet.git"), scene.path("host"));
    let (url, root) = (url.to_str().unwrap(), root.to_str().unwrap());
    scene.holdfast(&["enrol", url, "--host", "web-1", "--root", root, "--yes"]).expect(2).says("<URL>");
    assert!(!scene.path("host/etc/holdfast").exists());
    let tofu = ["enrol", "--tofu", url, "--host", "web-1", "--root", root, "--yes"];
    scene.holdfast(&tofu).expect(0).says(&line).says("compare this line");
    assert_eq!(scene.read("host/etc/holdfast/introduction").trim_end(), line);
    assert_eq!(origin(&scene), "tofu");
    scene.on_host(&["trust", "reset", &line, "--yes"]).expect(0).says("reset:");
    assert_eq!(origin(&scene), "tofu local-reset");
    scene.enrol(&line, &["--yes", "--force"]).expect(0);
    assert_eq!(origin(&scene), "tofu local-reset");
    scene.enrol(&line, &["--tofu", url, "--yes", "--force"]).expect(2);
}

#[test]
fn a_reset_begins_at_another_introduction_of_the_same_fleet() {
    let (scene, line) = fleet();
    scene.on_host(&["trust", "reset", &line, "--yes"]).expect(1).says("[E_NOT_ENROLLED]");
    scene.enrol(&line, &["--yes"]).expect(0);
    assert!(!scene.path("host/etc/holdfast/trust_origin").exists());
    scene.write("fleet/hosts/web-2.toml", "");
    scene.commit("fleet", "More", &[]);
    scene.git("fleet", &["push", "--quiet", "../fleet.git", "main"]).expect(0);
    let next = scene.holdfast_in("fleet", &["trust", "intro"]).expect(0).out;
    scene.on_host(&["trust", "reset", &next]).expect(1).says("[E_CONSENT]").says("alice@example.com");
    assert_eq!(scene.read("host/etc/holdfast/introduction").trim_end(), line);
    scene.on_host(&["trust", "reset", &next, "--yes"]).expect(0);
    assert_eq!(scene.read("host/etc/holdfast/introduction"), next);
    assert_eq!(origin(&scene), "local-reset");
    // Another fleet is none of this command's business.
    scene.holdfast(&["init", "other", "--commit"]).expect(0);
    let other = scene.holdfast_in("other", &["trust", "intro"]).expect(0).out;
    scene.on_host(&["trust", "reset", &other, "--yes"]).expect(1).says("[E_FLEET]");
}

#[test]
fn another_name_gets_another_key() {
    let (scene, line) = fleet();
    scene.enrol(&line, &["--yes"]).expect(0);
    let key = scene.read("host/etc/holdfast/host_key");
    let (url, root) = (scene.path("fleet.git"), scene.path("host"));
    let arguments =
        ["enrol", &line, url.to_str().unwrap(), "--root", root.to_str().unwrap(), "--yes", "--force"];
    scene.holdfast(&[&arguments[..], &["--host", "web-1"]].concat()).expect(0);
    assert_eq!(scene.read("host/etc/holdfast/host_key"), key);
    scene.holdfast(&[&arguments[..], &["--host", "web-9"]].concat()).expect(0);
    assert_ne!(scene.read("host/etc/holdfast/host_key"), key);
}

#[test]
fn an_enrolment_is_not_replaced_by_accident_and_keeps_its_key() {
    let (scene, line) = fleet();
    scene.enrol(&line, &["--yes"]).expect(0);
    let key = scene.read("host/etc/holdfast/host_key");
    scene.enrol(&line, &["--yes"]).expect(1).says("[E_ENROLLED]").says("--force");
    scene.enrol(&line, &["--yes", "--force"]).expect(0);
    assert_eq!(scene.read("host/etc/holdfast/host_key"), key);
}

#[test]
fn a_wrong_introduction_enrols_nothing() {
    let (scene, line) = fleet();
    scene.enrol(line.strip_suffix(|_: char| true).unwrap(), &["--yes"]).expect(1).says("[E_INTRODUCTION]");
    // Another fleet's introduction: the server does not have that commit.
    scene.holdfast(&["init", "other", "--commit"]).expect(0);
    let other = scene.holdfast_in("other", &["trust", "intro"]).expect(0).out;
    scene.enrol(other.trim_end(), &["--yes"]).expect(1).says("remedy:");
    assert_eq!(fs::read_dir(scene.path("host")).unwrap().count(), 0);
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let (scene, line) = fleet();
    fs::rename(scene.path("fleet.git"), scene.path("moved.git")).unwrap();
    scene.enrol(&line, &["--yes"]).expect(1).says("[E_GIT_NO_REPOSITORY]");
}

#[test]
fn a_host_that_the_fleet_does_not_know_yet_can_be_enrolled() {
    let (scene, line) = fleet();
    let (url, root) = (scene.path("fleet.git"), scene.path("host"));
    let arguments =
        ["enrol", &line, url.to_str().unwrap(), "--host", "new-1", "--yes", "--root", root.to_str().unwrap()];
    scene.holdfast(&arguments).expect(0).says("[E_HOST_MISSING]").says("new-1: nothing yet");
}

#[test]
fn a_secret_that_others_can_read_is_refused_and_never_shown() {
    let (scene, line) = fleet();
    scene.write("token", "hunter2\n");
    let refused = scene.enrol(&line, &["--yes", "--token-file", "token"]).expect(1).says("[E_");
    assert!(!format!("{}{}", refused.out, refused.error).contains("hunter2"));
}

#[test]
fn without_an_enrolment_every_command_says_so() {
    let (scene, _) = fleet();
    for arguments in [&["status"][..], &["plan"], &["plan", "--newest"]] {
        scene.on_host(arguments).expect(1).says("[E_NOT_ENROLLED]").says("holdfast enrol");
    }
    for arguments in [&["sync"][..], &["resume"], &["pause", "--reason", "x"]] {
        scene.on_host(arguments).expect(1).says("[E_AGENT_GONE]");
    }
    scene.on_host(&["history"]).expect(0).says("nothing has happened");
    scene.on_host(&["doctor"]).expect(1).says("FAIL").says("E_NOT_ENROLLED");
}

#[test]
fn a_work_tree_can_be_planned_before_it_is_committed() {
    let (scene, line) = fleet();
    scene.enrol(&line, &["--yes"]).expect(0);
    let plan = ["plan", "--from", "fleet"];
    let shown = scene.on_host(&plan).expect(0);
    for text in ["+ file:/etc/motd", "+web-1: kept by Holdfast.", "1 to create"] {
        assert!(shown.out.contains(text), "{text}: {}", shown.out);
    }
    scene.on_host(&[&plan[..], &["--exit-code"]].concat()).expect(3);
    assert!(!scene.path("host/etc/motd").exists(), "a plan changes nothing");
    let json = scene.on_host(&[&plan[..], &["--json"]].concat()).expect(0).json();
    assert_eq!(json["resources"][0]["id"], "file:/etc/motd");

    scene.write("host/etc/motd", "other\n");
    scene.on_host(&plan).expect(0).says("~ file:/etc/motd").says("-other");
    scene.write("fleet/hosts/web-1.toml", "rolse = []\n");
    scene.on_host(&plan).expect(1).says("did you mean `roles`?");
}

#[test]
fn a_plan_hides_what_is_sensitive() {
    let (scene, line) = fleet();
    scene.enrol(&line, &["--yes"]).expect(0);
    scene.write(
        "fleet/hosts/web-1.toml",
        "[file.\"/etc/secret\"]\ncontent = \"hunter2\"\nsensitive = true\n[file.\"/etc/plain\"]\ncontent = \"plain\"\n",
    );
    scene.write("host/etc/secret", "hunter1");
    let shown = scene.on_host(&["plan", "--from", "fleet"]).expect(0).says("/etc/secret").says("+plain");
    assert!(!shown.out.contains("hunter"), "{}", shown.out);
    for arguments in [&["render", "web-1", "--content"][..], &["render", "web-1", "--format", "json"]] {
        assert!(!scene.holdfast_in("fleet", arguments).expect(0).out.contains("hunter"));
    }
}

#[test]
fn the_doctor_names_each_check() {
    let (scene, line) = fleet();
    scene.enrol(&line, &["--yes"]).expect(0);
    let found = scene.on_host(&["doctor", "--json"]).expect(1).json();
    let verdict = |check: &str| {
        let findings = found.as_array().unwrap().iter();
        findings.clone().find(|finding| finding["check"] == check).map(|finding| finding["verdict"].clone())
    };
    for check in ["enrolment", "host key", "disk space"] {
        assert_eq!(verdict(check), Some("ok".into()), "{check}: {found}");
    }
    assert_eq!(verdict("agent"), Some("fail".into()), "{found}");
    assert_eq!(verdict("memory"), Some("warning".into()), "{found}");
    scene.on_host(&["doctor"]).expect(1).says("ok").says("remedy:");
}

#[test]
fn without_a_running_agent_the_last_status_is_told() {
    let scene = Scene::new();
    scene.holdfast(&["try", "--dir", "demo"]).expect(0);
    // What the agent of `try` left is what an agent leaves.
    fs::create_dir_all(scene.path("host/var/lib")).unwrap();
    fs::rename(scene.path("demo/agent/state"), scene.path("host/var/lib/holdfast")).unwrap();
    let shown = scene.on_host(&["status"]).expect(1).says("the agent does not run");
    assert!(shown.out.contains("web-1  converged") && shown.out.contains("5 changed"), "{}", shown.out);
    let json = scene.on_host(&["status", "--json"]).expect(1).json();
    assert_eq!((&json["running"], &json["status"]["host"]), (&false.into(), &"web-1".into()));
    let history = scene.on_host(&["history", "--json"]).expect(0).json();
    assert_eq!(history.as_array().unwrap().len(), 1);
    scene.on_host(&["history"]).expect(0).says("file:/etc/motd");
}
