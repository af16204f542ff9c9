//! Digests of images, from a registry.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use holdfast_schema::Sha256;

use crate::scene::Scene;

const MANIFEST: &str = "{\"schemaVersion\": 2}";
const LOGIN: &str = "ZGVwbG95OnNlY3JldA==";

/// A registry with the one tag `shop/app:1`, for who shows the token that its service gives to the login. Gives its address.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let own = address.clone();
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &own)));
    address
}

fn answer(mut stream: TcpStream, own: &str) {
    let lines: Vec<String> = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let asked = lines.first().cloned().unwrap_or_default();
    let authorization = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then_some(value)
    });
    let digest = Sha256::of(MANIFEST.as_bytes());
    let basic = format!("Basic {LOGIN}");
    let (status, more, body) = match (asked.as_str(), authorization) {
        (asked, Some(login))
            if asked.starts_with("GET /token?service=it&scope=repository%3Ashop%2F") && login == basic =>
        {
            ("200 OK", String::new(), "{\"token\": \"t0\"}")
        }
        (asked, _) if asked.starts_with("GET /token") => ("401 Unauthorized", String::new(), ""),
        (_, None) => {
            let more = format!("WWW-Authenticate: Bearer realm=\"http://{own}/token\",service=\"it\"\r\n");
            ("401 Unauthorized", more, "")
        }
        ("GET /v2/shop/app/manifests/1 HTTP/1.1", Some("Bearer t0")) => {
            ("200 OK", format!("Docker-Content-Digest: sha256:{digest}\r\n"), MANIFEST)
        }
        ("GET /v2/shop/lies/manifests/1 HTTP/1.1", Some("Bearer t0")) => {
            ("200 OK", format!("Docker-Content-Digest: sha256:{}\r\n", "0".repeat(64)), MANIFEST)
        }
        _ => ("404 Not Found", String::new(), ""),
    };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).ok();
}

#[test]
fn tags_get_their_digests_and_all_else_stays() {
    let (scene, address) = (Scene::new(), registry());
    let digest = Sha256::of(MANIFEST.as_bytes());
    let host = |image: &str, other: &str| {
        format!(
            "# The shop.\n[container.app]   # it\nimage  =  '{image}' # why\nnetworks = [\n  \"host\",\n]\n\n[service]\nweb = {{ image = \"{other}\" }}\n"
        )
        .replace('\'', "\"")
    };
    let tag = format!("{address}/shop/app:1");
    let pinned = format!("{tag}@sha256:{digest}");
    scene.write("fleet.toml", "");
    scene.write("hosts/web-1.toml", &host(&tag, &tag));
    scene.write("roles/old/role.toml", &format!("[container.app]\nimage = \"{pinned}\"\n"));

    // Without a login nothing is given, and nothing written.
    let told = scene.holdfast(&["check", "--resolve"]).expect(1);
    told.says("E_RESOLVE").says("gives no token");
    assert_eq!(scene.read("hosts/web-1.toml"), host(&tag, &tag));

    // The same in a compose file, beside what only looks like it.
    let stack = |image: &str| {
        format!(
            "# Images\nx-app: &app\n  image: \"{image}\" # image: {tag}\nservices:\n  web: {{image: {image}, command: [image, {tag}]}}\n  \
             app: *app\n  more:\n    <<: *app\n    command: |\n      image: {tag}\n  other:\n    image: ${{NAME}}/app:1\n"
        )
    };
    scene.write("roles/old/shop/compose.yaml", &stack(&tag));
    scene.write("groups/a.toml", "");
    let role = |image: &str| {
        format!("[container.app]\nimage = \"{image}\"\n[stack.shop]\nsource = \"shop/compose.yaml\"\n")
    };
    scene.write("roles/old/role.toml", &role(&pinned));

    let login = format!("{{\"auths\": {{\"{address}\": {{\"auth\": \"{LOGIN}\"}}}}}}");
    scene.write("home/.docker/config.json", &login);
    scene.holdfast(&["check", "--resolve"]).expect(0).says(&format!("resolved: {pinned}"));
    assert_eq!(scene.read("hosts/web-1.toml"), host(&pinned, &pinned));
    assert_eq!(scene.read("roles/old/role.toml"), role(&pinned));
    assert_eq!(scene.read("roles/old/shop/compose.yaml"), stack(&pinned));
    scene.holdfast(&["check", "--resolve"]).expect(0);

    // One that is not there keeps the others from being written; so does one that is not what it is called.
    for (name, why) in [("none", "does not have it"), ("lies", "but what it sent is")] {
        let other = format!("{address}/shop/{name}:1");
        scene.write("hosts/web-1.toml", &host(&tag, &other));
        scene.holdfast(&["check", "--resolve"]).expect(1).says("E_RESOLVE").says(why);
        assert_eq!(scene.read("hosts/web-1.toml"), host(&tag, &other));
    }
}
