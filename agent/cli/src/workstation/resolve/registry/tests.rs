use super::{escaped, parameters, path, scheme};

#[test]
fn a_repository_is_called_what_its_registry_calls_it() {
    for (image, called) in [
        ("nginx", "library/nginx"),
        ("nginx:1.27", "library/nginx"),
        ("docker.io/library/nginx:1.27", "library/nginx"),
        ("prom/node-exporter:v1", "prom/node-exporter"),
        ("registry.example.com:5000/shop/app:1", "shop/app"),
        ("localhost:5000/app", "app"),
    ] {
        let image: holdfast_schema::ImageReference = image.parse().unwrap();
        assert_eq!(path(&image, image.registry().unwrap().as_str()), called, "{image}");
    }
}

#[test]
fn a_challenge_has_parts() {
    let parts =
        parameters(r#"realm="https://auth.docker.io/token",service="registry.docker.io", scope="a,b""#);
    assert_eq!(parts["realm"], "https://auth.docker.io/token");
    assert_eq!((parts["service"].as_str(), parts["scope"].as_str()), ("registry.docker.io", "a,b"));
    assert!(parameters("realm=\"open").is_empty());
    assert_eq!(escaped("repository:a/b:pull"), "repository%3Aa%2Fb%3Apull");
}

#[test]
fn only_this_machine_is_asked_without_tls() {
    for (host, how) in [
        ("localhost:5000", "http"),
        ("127.0.0.1:80", "http"),
        ("localhost.example.com", "https"),
        ("registry-1.docker.io", "https"),
        ("10.0.0.1:5000", "https"),
    ] {
        assert_eq!(scheme(host), how, "{host}");
    }
}
