//! Logins at registries of images, as the docker command keeps them: root's `~/.docker/config.json`.
//!
//! Only single logins are looked at and changed; whatever else stands in the file stays. See docker-login(1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use holdfast_schema::{ImageReference, Sha256, id::RegistryName};
use holdfast_secrets::{Secret, keyed_digest};
use serde_json::{Map, Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use super::Node;

/// The file.
pub(crate) const PATH: &str = "/root/.docker/config.json";

/// A larger file is none of the docker command's, in bytes.
pub(super) const LARGEST: u64 = 512 << 10;

/// What Docker's own registry is called in the file.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What is known of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginNow {
    /// The file that it is in.
    pub node: Node,
    /// The user and the password's digest under the host's own key; `None` if there is no login.
    pub known: Option<(String, Sha256)>,
}

/// The document, wiped when it is dropped: it holds passwords.
struct Document(Value);

impl Drop for Document {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A user and a password.
struct Login {
    user: String,
    password: Secret,
}

fn parse(config: Option<&Secret>) -> Result<Document, serde_json::Error> {
    let map: Map<String, Value> =
        config.map_or_else(|| Ok(Map::new()), |config| serde_json::from_slice(config.expose()))?;
    Ok(Document(Value::Object(map)))
}

fn key(server: &RegistryName) -> &str {
    if server.as_str() == "docker.io" { DOCKER_HUB } else { server.as_str() }
}

fn find(document: &Document, server: &RegistryName) -> Option<Login> {
    let auth = document.0.get("auths")?.get(key(server))?.get("auth")?.as_str()?;
    let text = Zeroizing::new(STANDARD.decode(auth).ok()?);
    let at = text.iter().position(|byte| *byte == b':')?;
    let (user, password) = text.split_at_checked(at)?;
    let password = Secret::new(password.get(1..).unwrap_or_default().to_vec());
    Some(Login { user: String::from_utf8_lossy(user).into_owned(), password })
}

/// A password without the line end that a file or an editor put behind it.
pub(super) fn line(secret: &Secret) -> &[u8] {
    let bytes = secret.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Who is logged in at a registry, and the digest of the password.
pub(super) fn known(
    config: &Secret,
    server: &RegistryName,
    digests: &[u8; 32],
) -> Result<Option<(String, Sha256)>, serde_json::Error> {
    let document = parse(Some(config))?;
    Ok(find(&document, server).map(|login| {
        let digest = keyed_digest(digests, login.password.expose());
        (login.user, digest)
    }))
}

/// The file with a login in it.
pub(super) fn with(
    config: Option<&Secret>,
    server: &RegistryName,
    user: &str,
    password: &Secret,
) -> Result<Secret, serde_json::Error> {
    let mut document = parse(config)?;
    let both = Zeroizing::new([user.as_bytes(), b":", line(password)].concat());
    let auth = STANDARD.encode(&*both);
    let mut logins = match document.0.get_mut("auths").map(Value::take) {
        Some(Value::Object(logins)) => logins,
        Some(_) | None => Map::new(),
    };
    if let Some(mut old) = logins.insert(key(server).to_owned(), json!({ "auth": auth })) {
        wipe(&mut old);
    }
    if let Value::Object(all) = &mut document.0 {
        all.insert("auths".to_owned(), Value::Object(logins));
    }
    print(&document)
}

/// The file without a login.
pub(super) fn without(config: Option<&Secret>, server: &RegistryName) -> Result<Secret, serde_json::Error> {
    let mut document = parse(config)?;
    if let Some(Value::Object(logins)) = document.0.get_mut("auths")
        && let Some(mut gone) = logins.remove(key(server))
    {
        wipe(&mut gone);
    }
    print(&document)
}

/// What the engine is told of the login with which an image is to be pulled; `None` if there is none. See "Authentication" in
/// the engine's API.
pub(super) fn for_image(
    config: &Secret,
    image: &ImageReference,
) -> Result<Option<Zeroizing<String>>, serde_json::Error> {
    let document = parse(Some(config))?;
    let login = image.registry().and_then(|server| Some((find(&document, &server)?, server)));
    Ok(login.map(|(login, server)| {
        let body = Document(body(&server, &login.user, &login.password));
        let text = Zeroizing::new(body.0.to_string());
        Zeroizing::new(base64::engine::general_purpose::URL_SAFE.encode(text.as_bytes()))
    }))
}

/// A login as the engine's API takes it.
pub(super) fn body(server: &RegistryName, user: &str, password: &Secret) -> Value {
    let password = String::from_utf8_lossy(line(password)).into_owned();
    json!({ "username": user, "password": password, "serveraddress": key(server) })
}

fn print(document: &Document) -> Result<Secret, serde_json::Error> {
    // The docker command indents with tabs; what reads it does not care.
    let mut text = serde_json::to_vec_pretty(&document.0)?;
    text.push(b'\n');
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests;
