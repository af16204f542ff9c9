//! Servers and networks that misbehave: each has its code, its words, and an end.
#![expect(clippy::disallowed_methods, reason = "one of the servers is started here")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result};
use harness::{
    Command,
    git_server::{Fault, PASSWORD, ProxyServer, Relay, SshServer, USER, WebServer},
};
use holdfast_protocol::fetch::{Credential, Remote, Secret, Ssh};

use crate::common::{Client, at, basic, files_below, https, noise, ssh, timed};

const NOWHERE: &str = "1111111111111111111111111111111111111111";

/// A server with one repository, open and with a password, and its tip.
fn web() -> Result<(WebServer, String)> {
    let server = WebServer::start()?;
    server.repository("private/fleet.git")?.commit("main", &[("fleet.toml", b"")])?;
    let tip = server.repository("fleet.git")?.commit("main", &[("fleet.toml", b"")])?;
    Ok((server, tip))
}

fn code(remote: &Remote) -> Result<(String, String)> {
    let failure = Client::new()?.failure(remote, NOWHERE)?;
    Ok((failure.code, failure.message))
}

#[test]
fn wrong_credentials() -> Result<()> {
    let (server, _) = web()?;
    let open = https(&server, "private/fleet.git");
    let with = |credential| Remote { credential, ..open.clone() };
    let says = |remote: &Remote, words: &str| -> Result<()> {
        let (code, message) = code(remote)?;
        assert_eq!(code, "E_GIT_AUTH", "{message}");
        assert!(message.contains(words), "{message}");
        Ok(())
    };
    says(&open, "asks for a credential and none is set (HTTP 401)")?;
    says(&with(basic(USER, "canary-wrong")), "does not accept the credential (HTTP 401)")?;
    says(&with(Credential::Bearer { token: Secret::new("canary-token".to_owned()) }), "HTTP 401")?;
    says(
        &https(&server, "denied/fleet.git"),
        "denies access (HTTP 403): write access to this repository is not granted",
    )?;
    assert_eq!(Client::new()?.changed(&with(basic(USER, PASSWORD)), &repository_tip(&server)?)?.1.len(), 3);
    Ok(())
}

fn repository_tip(server: &WebServer) -> Result<String> {
    // Both repositories have the same commit.
    let path = server.repository("fleet.git")?;
    path.tip("main")
}

#[test]
fn credentials_never_travel_in_the_clear() -> Result<()> {
    let (server, _) = web()?;
    let plain = at(&server.http_url("private/fleet.git"));
    let (code, message) = code(&Remote { credential: basic(USER, "canary"), ..plain })?;
    assert_eq!(code, "E_GIT_ADDRESS");
    assert!(message.contains("never sent over plain http"), "{message}");
    assert_eq!(server.http().connections(), 0);
    Ok(())
}

#[test]
fn a_server_that_cannot_prove_who_it_is_gets_nothing() -> Result<()> {
    let (server, _) = web()?;
    let (other, _) = web()?;
    let with = |ca: Option<&str>| Remote {
        ca: ca.map(str::to_owned),
        credential: basic(USER, "canary"),
        ..https(&server, "private/fleet.git")
    };
    for ca in [None, Some(other.ca())] {
        let (code, message) = code(&with(ca))?;
        assert_eq!(code, "E_GIT_TLS", "{message}");
        assert!(message.contains("not signed by an authority that is trusted here"), "{message}");
    }
    let other_name = server.https_url("private/fleet.git").replace("localhost", "127.0.0.1");
    let (code_of_name, message) = code(&Remote { url: other_name, ..with(Some(server.ca())) })?;
    assert_eq!(code_of_name, "E_GIT_TLS");
    assert!(message.contains("for another name"), "{message}");
    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN"] {
        let (code, message) = code(&with(Some(broken)))?;
        assert!(["E_GIT_ADDRESS", "E_GIT_TLS"].contains(&code.as_str()), "{code} {message}");
    }
    Ok(())
}

/// What `openssl req -x509` makes of itself is an authority, and clients like this one do not take it for a server.
#[test]
fn an_authority_is_told_from_a_server() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    let make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"];
    let more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", &key, "-out", &certificate];
    Command::new(["openssl"].iter().chain(&make).chain(&more).copied()).run()?;
    let mut server = std::process::Command::new("openssl")
        .args(["s_server", "-www", "-accept", "localhost:0", "-cert", &certificate, "-key", &key])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let said = BufReader::new(server.stdout.take().context("no output")?).lines();
    let address = said.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()));
    let port =
        address.as_ref().and_then(|address| address.rsplit(':').next()).context("it does not listen")?;
    let remote = Remote {
        ca: Some(fs::read_to_string(&certificate)?),
        ..at(&format!("https://localhost:{port}/fleet.git"))
    };
    let told = code(&remote);
    server.kill()?;
    server.wait()?;
    let (code, message) = told?;
    assert_eq!(code, "E_GIT_TLS", "{message}");
    assert!(message.contains("an authority's own (CA:TRUE)"), "{message}");
    Ok(())
}

#[test]
fn redirects_are_told_and_not_followed() -> Result<()> {
    let (server, _) = web()?;
    let (code, message) = code(&https(&server, "moved/fleet.git"))?;
    assert_eq!(code, "E_GIT_REDIRECT");
    assert!(message.ends_with("the server redirects to https://elsewhere.example/x.git"), "{message}");
    Ok(())
}

#[test]
fn what_is_no_git_server_is_told_as_such() -> Result<()> {
    let (server, _) = web()?;
    assert_eq!(code(&https(&server, "page/fleet.git"))?.0, "E_GIT_PROTOCOL");
    assert_eq!(code(&https(&server, "busy/fleet.git"))?.0, "E_GIT_UNREACHABLE");
    let answers: [&[u8]; 9] = [
        b"",
        b"\0\0\0\0\0\0",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-result\r\ncontent-length: 4\r\n\r\nzzzz",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-advertisement\r\ncontent-length: 9\r\n\r\n0009ERR x",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-advertisement\r\n\r\n001e# service=git-upload-pack\n0000",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-advertisement\r\n\r\n001e# service=git-upload-pack\n0000000eversion 2\n000bls-refs0000",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-advertisement\r\n\r\n001e# service=git-upload-pack\n0000\xff\xff\xff\xff",
    ];
    for answer in answers {
        let relay = Relay::saying(answer)?;
        let remote = Remote { stall_seconds: 2, ..at(&format!("http://{}/fleet.git", relay.address())) };
        let (code, message) = code(&remote)?;
        let seen = String::from_utf8_lossy(answer);
        assert!(
            ["E_GIT_PROTOCOL", "E_GIT_UNREACHABLE"].contains(&code.as_str()),
            "{seen:?}: {code} {message}"
        );
    }
    Ok(())
}

/// holdfast-trust(7) says why these are not supported; whoever has one is to be told that, and nothing else.
#[test]
fn what_is_named_by_sha256_is_told_as_such() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    let path = repository.path().display().to_string();
    Command::new(["rm", "-r", &path]).run()?;
    Command::new(["git", "init", "--quiet", "--bare", "--object-format=sha256", &path]).run()?;
    repository.commit("main", &[("fleet.toml", b"")])?;
    for (remote, words) in [
        (https(&server, "fleet.git"), "SHA-256, which is not supported"),
        (at(&path), "SHA-256, which is not supported"),
        // The first version of the protocol has no word for it.
        (at(&server.http_url("old/fleet.git")), "64 hexadecimal characters"),
    ] {
        let (code, message) = code(&remote)?;
        assert_eq!(code, "E_GIT_PROTOCOL", "{message}");
        assert!(message.contains(words), "{}: {message}", remote.url);
    }
    Ok(())
}

#[test]
fn nobody_there() -> Result<()> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    assert_eq!(code(&at(&format!("http://127.0.0.1:{port}/x.git")))?.0, "E_GIT_UNREACHABLE");
    assert_eq!(code(&at("https://name.invalid/x.git"))?.0, "E_GIT_UNREACHABLE");
    assert_eq!(code(&at("/nowhere/x.git"))?.0, "E_GIT_NO_REPOSITORY");
    assert_eq!(code(&at("/tmp"))?.0, "E_GIT_NO_REPOSITORY");
    let server = SshServer::start(true)?;
    let remote = ssh(&server, "x.git")?;
    let port = format!("ssh://root@127.0.0.1:{port}/x.git");
    assert_eq!(code(&Remote { url: port, ..remote.clone() })?.0, "E_GIT_UNREACHABLE");
    assert_eq!(
        code(&Remote { url: "ssh://root@name.invalid/x.git".to_owned(), ..remote })?.0,
        "E_GIT_UNREACHABLE"
    );
    Ok(())
}

#[test]
fn a_silent_server_is_left() -> Result<()> {
    let (server, tip) = web()?;
    server.repository("fleet.git")?.commit("main", &[("big", &noise(500_000))])?;
    // From the first byte on; within TLS; within the headers; within the pack.
    for limit in [0, 100, 1000, 60_000] {
        server.https().set_fault(Fault::Stall(limit));
        let remote = Remote { stall_seconds: 1, ..https(&server, "fleet.git") };
        let (failure, time) = timed(|| Client::new()?.failure(&remote, &tip));
        let failure = failure?;
        assert_eq!(failure.code, "E_GIT_TIMEOUT", "{limit}: {failure}");
        assert!(time < Duration::from_secs(10), "{limit}: {time:?}");
    }
    Ok(())
}

#[test]
fn a_server_that_goes_drop_by_drop_is_left() -> Result<()> {
    let (server, tip) = web()?;
    server.http().set_fault(Fault::Drip(Duration::from_millis(200)));
    let remote = Remote { stall_seconds: 1, total_seconds: 2, ..at(&server.http_url("fleet.git")) };
    let (failure, time) = timed(|| Client::new()?.failure(&remote, &tip));
    let failure = failure?;
    assert_eq!(failure.code, "E_GIT_TIMEOUT");
    assert!(failure.message.ends_with("it took longer than 2 s"), "{failure}");
    assert!(time < Duration::from_secs(10), "{time:?}");
    Ok(())
}

#[test]
fn a_silent_ssh_server_is_left() -> Result<()> {
    let server = SshServer::start(true)?;
    let repository = server.repository("fleet.git")?;
    let tip = repository.commit("main", &[("big", &noise(500_000))])?;
    for limit in [0, 1000, 40_000] {
        server.relay().set_fault(Fault::Stall(limit));
        let remote = Remote { stall_seconds: 1, ..ssh(&server, "fleet.git")? };
        let (failure, time) = timed(|| Client::new()?.failure(&remote, &tip));
        let failure = failure?;
        assert!(
            ["E_GIT_TIMEOUT", "E_GIT_UNREACHABLE"].contains(&failure.code.as_str()),
            "{limit}: {failure}"
        );
        assert!(time < Duration::from_secs(10), "{limit}: {time:?}");
    }
    Ok(())
}

#[test]
fn ssh_says_why() -> Result<()> {
    let server = SshServer::start(true)?;
    server.repository("fleet.git")?;
    let right = ssh(&server, "fleet.git")?;
    let with = |key: String, known_hosts: String| Remote {
        ssh: Some(Ssh { key: Secret::new(key), known_hosts }),
        ..right.clone()
    };
    let says = |remote: &Remote, code_wanted: &str, words: &str| -> Result<()> {
        let (code, message) = code(remote)?;
        assert_eq!(code, code_wanted, "{message}");
        assert!(message.contains(words), "{message}");
        Ok(())
    };
    says(&right, "E_GIT_NO_BRANCH", "no such branch")?;
    says(
        &with(server.client_key()?, server.other_known_hosts()?),
        "E_GIT_HOST_KEY",
        "it changed, or somebody is in the middle",
    )?;
    says(
        &with(server.client_key()?, String::new()),
        "E_GIT_HOST_KEY",
        "known_hosts lists no key for 127.0.0.1",
    )?;
    says(&with(server.other_key()?, server.known_hosts()?), "E_GIT_AUTH", "does not accept the ssh key")?;
    says(&with("canary".to_owned(), server.known_hosts()?), "E_GIT_AUTH", "does not accept the ssh key")?;
    says(&Remote { url: server.url("none.git"), ..right.clone() }, "E_GIT_NO_REPOSITORY", "none.git")?;
    says(&Remote { ssh: None, ..right }, "E_GIT_ADDRESS", "needs a private key")?;
    Ok(())
}

#[test]
fn no_key_stays_behind() -> Result<()> {
    let server = SshServer::start(true)?;
    let mut client = Client::new()?;
    client.failure(&ssh(&server, "none.git")?, NOWHERE)?;
    assert_eq!(files_below(client.dir.path())?, [""; 0].map(PathBuf::from));
    Ok(())
}

#[test]
fn through_a_proxy_with_a_password() -> Result<()> {
    let (server, tip) = web()?;
    let proxy = ProxyServer::start()?;
    let with = |credential| Remote {
        proxy: Some(Secret::new(proxy.url(credential))),
        ..https(&server, "fleet.git")
    };
    assert_eq!(Client::new()?.changed(&with(Some(ProxyServer::CREDENTIAL)), &tip)?.0, tip);
    assert!(proxy.log()?.contains("CONNECT localhost"), "{}", proxy.log()?);
    for wrong in [None, Some("proxy-user:canary-wrong")] {
        let failure = Client::new()?.failure(&with(wrong), &tip)?;
        assert_eq!(failure.code, "E_GIT_AUTH", "{failure}");
        assert!(failure.message.contains("proxy"), "{failure}");
    }
    let wrong = Remote { proxy: Some(Secret::new("socks5://canary@x".to_owned())), ..with(None) };
    assert_eq!(Client::new()?.failure(&wrong, &tip)?.code, "E_GIT_ADDRESS");
    Ok(())
}
