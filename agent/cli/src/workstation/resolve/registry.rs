//! Asks registries of images what a tag means, with the user's own logins. See the OCI Distribution Specification, and for tokens
//! <https://distribution.github.io/distribution/spec/auth/token/>.
#![expect(clippy::disallowed_methods, reason = "reads the user's logins and the registries' authorities")]

use std::{
    collections::BTreeMap,
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_schema::{ImageReference, Sha256};
use serde::Deserialize;
use ureq::{
    Body,
    http::{Response, StatusCode, header},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::failure::{Code, Failure};

/// What a manifest may be: of several platforms or of one.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// Where Docker's own registry answers, and what logins call it.
const DOCKER: (&str, &str) = ("registry-1.docker.io", "https://index.docker.io/v1/");

/// How long one answer may take, and how long it may be.
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST: u64 = 4 << 20;

/// The registries, as this user reaches them.
pub(super) struct Registries {
    /// `USER:PASSWORD` in base64, by what logins call the registries.
    logins: BTreeMap<String, String>,
}

/// What is read of Docker's own settings.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Settings {
    auths: BTreeMap<String, Login>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Login {
    auth: String,
}

/// What a token service answers.
#[derive(Deserialize)]
struct Token {
    #[serde(alias = "access_token")]
    token: String,
}

impl Registries {
    /// With the logins that `docker login` keeps in a file.
    pub(super) fn new(home: Option<&Path>) -> Result<Self, Failure> {
        let directory = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let Some(directory) = directory.or_else(|| home.map(|home| home.join(".docker"))) else {
            return Ok(Self { logins: BTreeMap::new() });
        };
        let path = directory.join("config.json");
        let settings = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|why| {
                Failure::new(Code::Read, format!("cannot read {}", path.display())).because(why)
            })?,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Settings::default(),
            Err(why) => return Err(Failure::read(&path, why)),
        };
        let logins = settings.auths.into_iter().filter(|(_, login)| !login.auth.is_empty());
        Ok(Self { logins: logins.map(|(name, login)| (name, login.auth)).collect() })
    }

    /// The digest that a tag stands for now.
    pub(super) fn digest(&mut self, image: &ImageReference) -> Result<String, Failure> {
        let fail = |why: String| Failure::new(Code::Resolve, format!("cannot resolve {image}: {why}"));
        let (Some(registry), Some(tag)) = (image.registry(), image.tag()) else {
            return Err(fail("it is no tag".to_owned()));
        };
        let registry = registry.as_str();
        let path = path(image, registry);
        let host = if registry == "docker.io" { DOCKER.0 } else { registry };
        let login = if registry == "docker.io" { DOCKER.1 } else { registry };
        let login = self.logins.get(login).or_else(|| self.logins.get(&format!("https://{login}")));
        let agent = agent(registry).map_err(fail)?;
        let url = format!("{}://{host}/v2/{path}/manifests/{tag}", scheme(host));
        let ask = |authorization: Option<&str>| get(&agent, &url, authorization, MANIFESTS);
        let mut answer = ask(None).map_err(fail)?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let challenge = field(&answer, header::WWW_AUTHENTICATE);
            let authorization = authorization(&agent, &challenge, login, &path).map_err(fail)?;
            answer = ask(Some(&authorization)).map_err(fail)?;
        }
        match answer.status() {
            StatusCode::OK => manifest(answer).map_err(fail),
            StatusCode::NOT_FOUND => Err(fail(format!("{registry} does not have it"))),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if login.is_some() => {
                Err(fail(format!("{registry} does not give it to this login")))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(fail(format!("{registry} does not give it without a login, or does not have it")))
            }
            status => Err(fail(format!("{registry} answered {status}"))),
        }
    }
}

/// What the registry calls the image's repository.
fn path(image: &ImageReference, registry: &str) -> String {
    let repository = image.repository().unwrap_or_default();
    if registry != "docker.io" {
        // The registry stands before the first slash.
        return repository.split_once('/').map_or(repository, |(_, path)| path).to_owned();
    }
    if repository.contains('/') { repository.to_owned() } else { format!("library/{repository}") }
}

/// Registries on this very machine need no TLS, as for Docker itself.
fn scheme(host: &str) -> &'static str {
    let name = host.split(':').next().unwrap_or(host);
    if name == "localhost" || name.starts_with("127.") { "http" } else { "https" }
}

/// A client that trusts the public authorities, or that which Docker trusts for this registry alone.
fn agent(registry: &str) -> Result<ureq::Agent, String> {
    let own = Path::new("/etc/docker/certs.d").join(registry).join("ca.crt");
    let roots = match fs::read(&own) {
        Ok(pem) => {
            let items = parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            let certificates: Vec<_> = items.collect();
            if certificates.is_empty() {
                return Err(format!("{} holds no certificate", own.display()));
            }
            RootCerts::new_with_certs(&certificates)
        }
        Err(_) => RootCerts::WebPki,
    };
    Ok(ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(PATIENCE))
        .build()
        .into())
}

fn get(
    agent: &ureq::Agent,
    url: &str,
    authorization: Option<&str>,
    accept: &str,
) -> Result<Response<Body>, String> {
    let mut request = agent.get(url).header(header::ACCEPT, accept);
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    request.call().map_err(|why| match why.to_string() {
        why if why.contains("CaUsedAsEndEntity") => format!(
            "{url}: the registry's certificate is an authority's own (CA:TRUE), not a server's: have it sign one for the registry, \
             or make it anew with basicConstraints=CA:FALSE"
        ),
        why => format!("{url}: {why}"),
    })
}

/// What answers a registry's challenge: the login itself, or a token that another service gives for it.
fn authorization(
    agent: &ureq::Agent,
    challenge: &str,
    login: Option<&String>,
    path: &str,
) -> Result<String, String> {
    let basic = login.map(|login| format!("Basic {login}"));
    let Some(asked) = challenge.strip_prefix("Bearer ") else {
        return basic.ok_or_else(|| "the registry wants a login, and there is none".to_owned());
    };
    let asked = parameters(asked);
    let realm = asked.get("realm").map(String::as_str).unwrap_or_default();
    let host = realm.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    if !realm.starts_with(&format!("{}://", scheme(host))) {
        return Err("the registry asks for a token from nowhere".to_owned());
    }
    let service = asked.get("service").map(|service| format!("service={}&", escaped(service)));
    let scope = escaped(&format!("repository:{path}:pull"));
    let mark = if realm.contains('?') { '&' } else { '?' };
    let url = format!("{realm}{mark}{}scope={scope}", service.unwrap_or_default());
    let answer = get(agent, &url, basic.as_deref(), "application/json")?;
    if answer.status() != StatusCode::OK {
        return Err(format!("{host} gives no token for it: {}", answer.status()));
    }
    let token: Token = serde_json::from_slice(&bytes(answer)?).map_err(|why| format!("{host}: {why}"))?;
    Ok(format!("Bearer {}", token.token))
}

/// The parts of a challenge: `NAME="VALUE",…`.
fn parameters(challenge: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = challenge;
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else { break };
        found.insert(name.trim_matches([' ', ',']).to_owned(), value.to_owned());
        rest = after;
    }
    found
}

/// A text as part of a URL's query.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let escape = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

fn field(answer: &Response<Body>, name: header::HeaderName) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The digest of the manifest that was sent. What the registry itself says of it is not taken on trust.
fn manifest(answer: Response<Body>) -> Result<String, String> {
    let told = field(&answer, header::HeaderName::from_static("docker-content-digest"));
    let digest = format!("sha256:{}", Sha256::of(&bytes(answer)?));
    if told.starts_with("sha256:") && told != digest {
        return Err(format!("the registry calls it {told}, but what it sent is {digest}"));
    }
    Ok(digest)
}

fn bytes(answer: Response<Body>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = answer.into_body().into_reader().take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|why| why.to_string())?;
    if bytes.len() as u64 > LONGEST { Err("the answer is too long".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests;
