use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use holdfast_secrets::{Secret, keyed_digest};
use serde_json::{Value, json};

use super::{for_image, known, with, without};

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn json_of(secret: &Secret) -> Value {
    serde_json::from_slice(secret.expose()).unwrap()
}

#[test]
fn a_login_is_put_beside_those_of_others_and_taken_out_again() {
    let theirs = r#"{"auths":{"other.example.com":{"auth":"eDp5"}},"credHelpers":{"gcr.io":"gcloud"}}"#;
    let server = "registry.example.com:5000".parse().unwrap();
    let ours = with(Some(&secret(theirs)), &server, "deploy", &secret("pass:word\n")).unwrap();
    let expected = json!({
        "auths": {
            "other.example.com": { "auth": "eDp5" },
            "registry.example.com:5000": { "auth": "ZGVwbG95OnBhc3M6d29yZA==" },
        },
        "credHelpers": { "gcr.io": "gcloud" },
    });
    assert_eq!(json_of(&ours), expected);
    let digest = keyed_digest(&[1; 32], b"pass:word");
    assert_eq!(known(&ours, &server, &[1; 32]).unwrap(), Some(("deploy".to_owned(), digest)));
    assert_eq!(known(&ours, &"third.example.com".parse().unwrap(), &[1; 32]).unwrap(), None);
    let gone = without(Some(&ours), &server).unwrap();
    assert_eq!(json_of(&gone), serde_json::from_str::<Value>(theirs).unwrap());
}

#[test]
fn docker_s_own_registry_has_another_name_there() {
    let file = with(None, &"docker.io".parse().unwrap(), "me", &secret("token")).unwrap();
    assert!(json_of(&file)["auths"]["https://index.docker.io/v1/"].is_object());
    for image in ["nginx:1.27", "docker.io/library/nginx:1.27", "me/app"] {
        let told = for_image(&file, &image.parse().unwrap()).unwrap().unwrap();
        let told: Value = serde_json::from_slice(&URL_SAFE.decode(told.as_bytes()).unwrap()).unwrap();
        let expected =
            json!({ "username": "me", "password": "token", "serveraddress": "https://index.docker.io/v1/" });
        assert_eq!(told, expected, "{image}");
    }
    assert_eq!(for_image(&file, &"ghcr.io/me/app:1".parse().unwrap()).unwrap(), None);
}

#[test]
fn a_file_that_is_none_is_not_overwritten() {
    let server = "registry.example.com".parse().unwrap();
    for broken in ["", "[]", "{", "null"] {
        assert!(with(Some(&secret(broken)), &server, "x", &secret("y")).is_err(), "{broken}");
    }
    let odd = with(Some(&secret(r#"{"auths":[1]}"#)), &server, "x", &secret("y")).unwrap();
    assert!(json_of(&odd)["auths"]["registry.example.com"].is_object());
}
