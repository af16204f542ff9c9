//! The local copy: it is a cache that any accident may befall.
#![expect(clippy::disallowed_methods, reason = "these tests damage files")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use harness::git_server::{Fault, Repository, WebServer};
use holdfast_protocol::fetch::Remote;

use crate::common::{Client, at, files_below, ids, noise};

/// A server with one repository, a client, and the first commit.
struct Scene {
    server: WebServer,
    repository: Repository,
    remote: Remote,
    base: String,
    client: Client,
}

impl Scene {
    fn new() -> Result<Self> {
        let server = WebServer::start()?;
        let repository = server.repository("fleet.git")?;
        let base = repository.commit("main", &[("fleet.toml", b"")])?;
        let remote = at(&server.http_url("fleet.git"));
        Ok(Self { server, repository, remote, base, client: Client::new()? })
    }

    /// What the client gets.
    fn objects(&mut self) -> Result<Vec<String>> {
        ids(&self.client.changed(&self.remote, &self.base)?.1)
    }

    /// What one gets who has nothing yet.
    fn expected(&self) -> Result<Vec<String>> {
        ids(&Client::new()?.changed(&self.remote, &self.base)?.1)
    }

    fn mirrors(&self) -> PathBuf {
        self.client.dir.path().join("mirrors")
    }
}

#[test]
fn a_connection_that_breaks_anywhere_leaves_one_that_works() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.repository.commit("main", &[("noise", &noise(80_000))])?;
    let expected = scene.expected()?;
    let all = scene.server.http().received();
    // Early enough to break the poll, or late enough to break the pack.
    for limit in [0, 50, 300, 500, 1000, 5000, all / 2, all - 2000, all - 50] {
        scene.server.http().set_fault(Fault::Cut(limit));
        scene.client.restart();
        let failure = scene.client.failure(&scene.remote, &scene.base)?;
        let codes = ["E_GIT_UNREACHABLE", "E_GIT_PROTOCOL"];
        assert!(codes.contains(&failure.code.as_str()), "{limit}: {failure}");
    }
    scene.server.http().set_fault(Fault::None);
    scene.client.restart();
    assert_eq!(scene.objects()?, expected);
    Ok(())
}

/// Changes one bit of a file, if the file is there and that long.
fn flip(file: &Path, at: u64) -> Result<bool> {
    let Ok(mut bytes) = fs::read(file) else { return Ok(false) };
    let Some(byte) = bytes.get_mut(usize::try_from(at)?) else { return Ok(false) };
    *byte ^= 1 << (at % 8);
    // gix makes its files read-only and maps them: never change one in place.
    fs::remove_file(file)?;
    fs::write(file, bytes)?;
    Ok(true)
}

#[test]
fn a_flipped_bit_anywhere_is_mended() -> Result<()> {
    let mut scene = Scene::new()?;
    for n in 0..20 {
        let host = format!("n = {n}\n");
        scene
            .repository
            .commit("main", &[(".trust/allowed_signers", b"key\n"), ("hosts/a.toml", host.as_bytes())])?;
    }
    let expected = scene.expected()?;
    assert_eq!(scene.objects()?, expected);
    let mut flips = 0;
    for file in files_below(&scene.mirrors())? {
        let length = fs::metadata(&file)?.len();
        for at in (0..length).step_by(usize::try_from(length / 40)?.max(1)) {
            flips += u32::from(flip(&file, at)?);
            assert_eq!(scene.objects()?, expected, "byte {at} of {}", file.display());
        }
        // Or the file is empty, or gone.
        fs::write(&file, "")
            .or_else(|_readonly| fs::remove_file(&file).and_then(|()| fs::write(&file, "")))?;
        assert_eq!(scene.objects()?, expected, "empty {}", file.display());
        if file.exists() {
            fs::remove_file(&file)?;
        }
        assert_eq!(scene.objects()?, expected, "no {}", file.display());
    }
    assert!(flips > 100, "{flips}");
    Ok(())
}

#[test]
fn packs_do_not_pile_up() -> Result<()> {
    let mut scene = Scene::new()?;
    let mut most = 0;
    for n in 0..60 {
        let tip = scene.repository.commit("main", &[("n", format!("{n}").as_bytes())])?;
        assert_eq!(scene.client.changed(&scene.remote, &scene.base)?.0, tip);
        let files = files_below(&scene.mirrors())?;
        most = most
            .max(files.iter().filter(|file| file.extension().is_some_and(|found| found == "pack")).count());
    }
    assert!((40..=52).contains(&most), "{most} packs");
    Ok(())
}

#[test]
fn what_a_killed_fetch_left_is_swept() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.objects()?;
    let files = files_below(&scene.mirrors())?;
    let head = files.iter().find(|file| file.ends_with("HEAD")).context("a repository")?;
    let copy = head.parent().context("its directory")?;
    let left = [
        "shallow.lock",
        "packed-refs.lock",
        "refs/heads/main.lock",
        "objects/pack/.tmpAbCdEf",
        "objects/pack/pack-1111111111111111111111111111111111111111.pack",
        "objects/pack/pack-2222222222222222222222222222222222222222.idx",
        "objects/pack/pack-2222222222222222222222222222222222222222.keep",
        "../new.git/HEAD",
        "../old.git/HEAD",
    ]
    .map(|name| copy.join(name));
    for file in &left {
        fs::create_dir_all(file.parent().context("a directory")?)?;
        fs::write(file, "left behind")?;
    }
    let tip = scene.repository.commit("main", &[("n", b"1")])?;
    assert_eq!(scene.client.changed(&scene.remote, &scene.base)?.0, tip);
    for file in &left {
        assert!(!file.exists(), "{}", file.display());
    }
    Ok(())
}

#[test]
fn stock_git_reads_it_and_finds_nothing_checked_out() -> Result<()> {
    let mut scene = Scene::new()?;
    let tip = scene.repository.commit("main", &[("a", b"1")])?;
    scene.objects()?;
    let files = files_below(&scene.mirrors())?;
    let head = files.iter().find(|file| file.ends_with("HEAD")).context("a repository")?;
    let copy = head.parent().context("its directory")?.display().to_string();
    let git = |arguments: &[&str]| {
        harness::Command::new(["git", "--git-dir", &copy].into_iter().chain(arguments.iter().copied())).run()
    };
    assert_eq!(git(&["rev-parse", "HEAD"])?.trim_end(), tip);
    assert_eq!(git(&["rev-parse", "--is-bare-repository"])?.trim_end(), "true");
    git(&["fsck", "--strict"])?;
    Ok(())
}

#[test]
fn of_the_mirrors_of_changed_urls_only_some_are_kept() -> Result<()> {
    let mut scene = Scene::new()?;
    for n in 0..7 {
        let repository = scene.server.repository(&format!("fleet-{n}.git"))?;
        let tip = repository.commit("main", &[("fleet.toml", b"")])?;
        scene.client.changed(&at(&scene.server.http_url(&format!("fleet-{n}.git"))), &tip)?;
    }
    assert_eq!(fs::read_dir(scene.mirrors())?.count(), holdfast_git::limits::MIRRORS);
    Ok(())
}

#[test]
fn too_much_is_told_with_its_place() -> Result<()> {
    let mut scene = Scene::new()?;
    let tip = scene.repository.commit("main", &[("files/big.iso", &vec![0; (64 << 20) + 1])])?;
    let failure = scene.client.failure(&scene.remote, &scene.base)?;
    assert_eq!(failure.code, "E_LIMIT");
    let place = format!("the file files/big.iso of commit {tip} has 67108865 bytes");
    assert!(failure.message.contains(&place), "{failure}");
    let deep = "d/".repeat(33) + "f";
    let tip = scene.repository.commit("main", &[("files/big.iso", b"small"), (&deep, b"x")])?;
    let failure = scene.client.failure(&scene.remote, &scene.base)?;
    assert_eq!(failure.code, "E_LIMIT");
    assert!(failure.message.contains("nested deeper than 32") && failure.message.contains(&tip), "{failure}");
    // Taking it away again mends it, though the history still has it.
    let tree = format!("{}^{{tree}}", scene.base);
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let commit = ["commit-tree", &tree, "-p", &tip, "-m", "clean"];
    let clean = scene.repository.git(who.into_iter().chain(commit))?;
    scene.repository.git(["update-ref", "refs/heads/main", &clean])?;
    assert_eq!(scene.client.changed(&scene.remote, &scene.base)?.0, clean);
    Ok(())
}

#[test]
fn an_object_that_unfolds_to_hundreds_of_megabytes_is_not_unfolded() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.repository.commit("main", &[("bomb", &vec![0; (256 << 20) + 1])])?;
    let failure = scene.client.failure(&scene.remote, &scene.base)?;
    assert_eq!(failure.code, "E_LIMIT", "{failure}");
    assert!(failure.message.ends_with("an object is larger than 256 MiB"), "{failure}");
    Ok(())
}
