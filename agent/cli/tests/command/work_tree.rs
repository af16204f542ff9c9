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
