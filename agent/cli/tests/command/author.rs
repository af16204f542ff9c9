//! An author with an SSH key and stock Git.

use crate::scene::Scene;

impl Scene {
    /// A scene whose author has a key in the usual place and a name in Git.
    pub(crate) fn with_author() -> Self {
        let scene = Self::new();
        std::fs::create_dir(scene.path("home/.ssh")).unwrap();
        scene.make_key("home/.ssh/id_ed25519");
        scene.git("", &["config", "--global", "user.email", "alice@example.com"]).expect(0);
        scene.git("", &["config", "--global", "user.name", "Alice"]).expect(0);
        scene
    }

    /// Makes a key pair.
    pub(crate) fn make_key(&self, path: &str) {
        let path = self.path(path);
        let path = path.to_str().unwrap();
        self.run("", "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path]).expect(0);
    }

    /// Commits all of `directory`; signed as Git is configured there unless `arguments` say otherwise.
    pub(crate) fn commit(&self, directory: &str, message: &str, arguments: &[&str]) {
        self.git(directory, &["add", "--all"]).expect(0);
        self.git(directory, &[&["commit", "--quiet", "--message", message], arguments].concat()).expect(0);
    }

    /// The id of a revision.
    pub(crate) fn id(&self, directory: &str, revision: &str) -> String {
        self.git(directory, &["rev-parse", revision]).expect(0).out.trim_end().to_owned()
    }
}
