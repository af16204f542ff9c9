//! What exists elsewhere, as resources.

use crate::scene::Scene;

const COMPOSE: &str = "services:\n  web:\n    build: .\n    image: nginx:${VERSION:-1.27}\n    env_file: .env.web\n    volumes: ['./html:/usr/share/nginx/html:ro']\n";

#[test]
fn a_compose_file_becomes_a_document() {
    let scene = Scene::new();
    scene.write("shop/compose.yaml", COMPOSE);
    scene.write("shop/.env", "VERSION=1.28\n");
    scene.write("shop/.env.web", "COLOUR=red\n");
    scene.write("shop/html/index.html", "hello\n");
    let printed = scene.holdfast(&["import", "compose", "shop/compose.yaml"]).expect(0);
    assert!(printed.error.contains("1 thing has no equivalent"), "{}", printed.error);
    for line in [
        "#   compose.yaml:3:5 build: ",
        "[container.shop-web-1]\nimage = \"nginx:1.28\"\nenvironment = { COLOUR = \"red\" }\n",
        "mounts.\"/usr/share/nginx/html\" = { bind = \"/srv/shop/html\", read_only = true }\n",
        "[file.\"/srv/shop/html/index.html\"]\nsource = \"html/index.html\"\n",
    ] {
        assert!(printed.out.contains(line), "{line:?} is not in:\n{}", printed.out);
    }

    // In a fleet repository it names its files so that the document can be used there.
    scene.write("fleet.toml", "[docker]\nallow_tags = true\n");
    let arguments = ["import", "compose", "shop/compose.yaml", "--name", "web", "--directory", "/opt/web"];
    let printed = scene.holdfast(&arguments).expect(0);
    assert!(
        printed.out.contains("[file.\"/opt/web/html/index.html\"]\nsource = \"shop/html/index.html\"\n"),
        "{}",
        printed.out
    );
    scene.write("hosts/web-1.toml", &printed.out);
    scene.holdfast(&["check"]).expect(0);
}

#[test]
fn a_stack_file_becomes_a_document() {
    let scene = Scene::new();
    scene.write("shop/web.conf", "listen 80\n");
    scene.write(
        "shop/stack.yaml",
        "services:\n  web:\n    image: nginx:1.27\n    container_name: web\n    configs: [site]\n    ports: ['80:80']\n    deploy:\n      \
         replicas: 2\nconfigs:\n  site:\n    file: web.conf\n",
    );
    let printed = scene.holdfast(&["import", "compose", "--stack", "shop/stack.yaml"]).expect(0);
    assert!(printed.error.contains("1 thing has no equivalent"), "{}", printed.error);
    for line in [
        "#   stack.yaml:4:5 container_name: ",
        "[service.shop_web]\nimage = \"nginx:1.27\"\nreplicas = 2\nports = [\"80:80\"]\n",
        "configs.shop_site = { target = \"/site\" }\n",
        "[config.shop_site]\nsource = \"web.conf\"\n",
        "[network.shop_default]\ndriver = \"overlay\"\n",
    ] {
        assert!(printed.out.contains(line), "{line:?} is not in:\n{}", printed.out);
    }
    scene.write("fleet.toml", "[docker]\nallow_tags = true\n");
    let printed = scene.holdfast(&["import", "compose", "--stack", "shop/stack.yaml"]).expect(0);
    scene.write("hosts/web-1.toml", &printed.out);
    scene.holdfast(&["check"]).expect(0);
}

#[test]
fn what_is_wrong_with_a_compose_file_is_told_with_its_place() {
    let scene = Scene::new();
    scene.write("compose.yaml", "services:\n  web:\n    image: nginx:${VERSION:?which one}\n");
    let arguments = ["import", "compose", "compose.yaml", "--name", "shop"];
    scene
        .holdfast(&arguments)
        .expect(1)
        .says("which one")
        .says("compose.yaml:3:12")
        .says("E_MISSING_VARIABLE");
    scene.holdfast(&["import", "compose", "none.yaml"]).expect(1).says("E_READ");
}
