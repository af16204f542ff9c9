//! Commands over a work tree.

use crate::scene::Scene;

#[test]
fn the_editor_s_settings_are_written() {
    let scene = Scene::new();
    scene.holdfast(&["schema", "--write", "."]).expect(0);
    let settings = scene.read(".taplo.toml");
    for (document, files) in
        [("fleet", "fleet.toml"), ("host", "hosts/*.toml"), ("role", "roles/*/role.toml")]
    {
        assert!(settings.contains(files), "{settings}");
        let schema: serde_json::Value =
            serde_json::from_str(&scene.read(&format!(".schema/{document}.json"))).unwrap();
        assert_eq!(scene.holdfast(&["schema", document]).expect(0).json(), schema);
    }
    scene.holdfast(&["schema"]).expect(2);
}

/// Makes `status/HOST`, signed as Git is configured there.
fn tell(scene: &Scene, host: &str, id: &str, like: &str) {
    let family = holdfast_schema::Facts::family(id, like);
    let status = format!(
        "format = 1\nhost = \"{host}\"\ntime = \"2026-11-21T12:00:00Z\"\nresult = \"converged\"\n\
         [agent]\nversion = \"0.1.0\"\ntrust_origin = \"introduction\"\n[revision]\nbranch = \"main\"\n\
         [summary]\nsame = 1\nchanged = 0\nremoved = 0\nreleased = 0\ndiffers = 0\nwaiting = 0\nblocked = 0\nfailed = 0\n\
         [facts]\nhostname = \"{host}\"\nos = \"{id}\"\nos_family = \"{family}\"\nos_version = \"9\"\nos_codename = \"\"\n\
         arch = \"x86_64\"\nkernel = \"5.14\"\nvirtualization = \"kvm\"\ncpus = 2\nmemory_mib = 2048\n"
    );
    scene.write("fleet/.git/status.toml", &status);
    let blob = scene.git("fleet", &["hash-object", "-w", ".git/status.toml"]).expect(0).out;
    scene.write("fleet/.git/tree", &format!("100644 blob {}\tstatus.toml\n", blob.trim()));
    let tree = scene.run("fleet", "sh", &["-c", "git mktree <.git/tree"]).expect(0).out;
    let commit = scene.git("fleet", &["commit-tree", "-S", "-m", "status", tree.trim()]).expect(0).out;
    let branch = format!("refs/remotes/origin/status/{host}");
    scene.git("fleet", &["update-ref", &branch, commit.trim()]).expect(0);
}

#[test]
fn each_host_is_checked_by_the_facts_that_it_told_last() {
    let scene = Scene::with_author();
    scene.holdfast(&["init", "fleet", "--host", "db-1", "--commit"]).expect(0);
    let key = scene.read("home/.ssh/id_ed25519.pub");
    let key = key.split(' ').take(2).collect::<Vec<_>>().join(" ");
    for host in ["rocky-1", "debian-1", "unsigned-1"] {
        let key = if host == "unsigned-1" { String::new() } else { format!("status_key = \"{key}\"\n") };
        scene.write(&format!("fleet/hosts/{host}.toml"), &format!("{key}roles = [\"web\"]\n"));
    }
    scene.write(
        "fleet/roles/web/role.toml",
        "[package.apache2]\nnames = { rhel = \"httpd\" }\n[package.mod_ssl]\nwhen = \"facts.os_family == 'rhel'\"\n",
    );
    scene.holdfast_in("fleet", &["check"]).expect(0).says("ok: 4 hosts, no problem");
    tell(&scene, "rocky-1", "rocky", "rhel centos fedora");
    tell(&scene, "debian-1", "debian", "");
    // Its word cannot be told from anybody's.
    tell(&scene, "unsigned-1", "rocky", "rhel centos fedora");
    scene
        .holdfast_in("fleet", &["check"])
        .expect(0)
        .says("ok: 4 hosts (2 by the facts they told last), no problem");

    let shown = scene.holdfast_in("fleet", &["render", "rocky-1"]).expect(0).out;
    assert!(shown.contains("[package.httpd]") && shown.contains("[package.mod_ssl]"), "{shown}");
    let shown = scene.holdfast_in("fleet", &["render", "rocky-1", "--fact", "os=debian"]).expect(0).out;
    assert!(shown.contains("[package.apache2]") && !shown.contains("[package.mod_ssl]"), "{shown}");
    for host in ["debian-1", "unsigned-1"] {
        let shown = scene.holdfast_in("fleet", &["render", host]).expect(0).out;
        assert!(shown.contains("[package.apache2]") && !shown.contains("[package.mod_ssl]"), "{shown}");
    }

    // What is wrong on hosts of one family alone is found before they get it.
    scene.write(
        "fleet/hosts/rocky-1.toml",
        &format!("status_key = \"{key}\"\nroles = [\"web\"]\n[package.httpd]\nversion = \"2.4.*\"\n"),
    );
    scene
        .holdfast_in("fleet", &["check"])
        .expect(1)
        .says("package:httpd and package:apache2 are both package:httpd on this host");
}
