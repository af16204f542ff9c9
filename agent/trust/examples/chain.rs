//! How long a chain of signed commits takes to verify, and how much memory: `cargo run --release --example chain [COMMITS]`.
//!
//! Prints a table. The chain is made by a second process, so that the memory is the verifier's alone.

#![expect(clippy::disallowed_methods, reason = "a benchmark looks at clocks and files")]
#![expect(clippy::print_stdout, reason = "a benchmark prints a table")]

use std::{
    env,
    fs::{self, File},
    io::BufWriter,
    path::Path,
    process::Command,
    time::Instant,
};

use holdfast_trust::{
    FleetId, IndexedObjects, Introduction, Limits, Object, ObjectId, ObjectKind, Request, UnixTime,
    identity::Identity,
    sign::{NewCommit, SecretKey},
    stream::Writer,
    tree::{self, Entry, Mode},
    verify,
};

const BRANCH: &str = "refs/heads/main";
const START: i64 = 1_700_000_000;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", commits, path] => make(commits.parse()?, Path::new(path)),
        [] => measure("10000"),
        [commits] => measure(commits),
        _ => Err("usage: chain [COMMITS]".into()),
    }
}

/// Writes a stream whose chain has this many commits, each with a changed file.
fn make(commits: u32, path: &Path) -> Result<(), Error> {
    let limits = Limits { objects: u32::MAX, ..Limits::default() };
    let mut writer = Writer::new(BufWriter::new(File::create(path)?), &limits)?;
    let mut add = |object: Object| -> Result<ObjectId, Error> {
        writer.write(object.kind, &object.data)?;
        Ok(object.id()?)
    };
    let key = SecretKey::from_seed(&[1; 32]);
    let fleet = FleetId::from_bytes([2; 16]);
    let policy = format!("format = 1\nfleet = \"{fleet}\"\nref = \"{BRANCH}\"\n");
    let signers = format!("alice namespaces=\"git\" {}\n", key.public());
    let blob = |data: String| Object { kind: ObjectKind::Blob, data: data.into() };
    let folder = tree::make(&mut [
        Entry { mode: Mode::File, name: b"policy.toml", id: add(blob(policy))? },
        Entry { mode: Mode::File, name: b"allowed_signers", id: add(blob(signers))? },
    ])?;
    let folder = add(folder)?;
    let mut tips = Vec::new();
    for number in 0..commits {
        let file = add(blob(format!("{number}\n")))?;
        let tree = add(tree::make(&mut [
            Entry { mode: Mode::Directory, name: b".trust", id: folder },
            Entry { mode: Mode::File, name: b"file", id: file },
        ])?)?;
        let time = UnixTime::from_seconds(START + i64::from(number));
        let commit = NewCommit {
            tree,
            parents: tips.last().copied().into_iter().collect(),
            author: Identity::new("Alice Example", "alice@example.com", time),
            message: &format!("Change number {number}\n\nA body of a usual length, which says why.\n"),
        };
        tips.push(add(commit.sign(&key)?)?);
    }
    writer.finish()?;
    let (Some(first), Some(tip)) = (tips.first(), tips.last()) else { return Err("no commits".into()) };
    let introduction = Introduction { fleet, commit: *first, key: key.fingerprint() };
    fs::write(path.with_extension("txt"), format!("{introduction} {tip}"))?;
    Ok(())
}

fn measure(commits: &str) -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("stream");
    let made = Command::new(env::current_exe()?).args(["make", commits]).arg(&path).status()?;
    if !made.success() {
        return Err("the chain could not be made".into());
    }
    let text = fs::read_to_string(path.with_extension("txt"))?;
    let (introduction, tip) = text.split_once(' ').ok_or("no introduction")?;
    let (introduction, tip): (Introduction, ObjectId) = (introduction.parse()?, tip.parse()?);
    let bytes = fs::metadata(&path)?.len();
    let limits = Limits { objects: u32::MAX, chain_commits: u32::MAX, ..Limits::default() };
    println!("{commits} commits in a stream of {:.1} MiB", mebibytes(bytes / 1024));
    println!("{:<28} {:>10} {:>12}", "", "seconds", "peak MiB");

    let begin = Instant::now();
    let objects = IndexedObjects::open(File::open(&path)?, &limits)?;
    row("hash and index the stream", begin)?;

    let request = Request {
        tip,
        reference: BRANCH,
        introduction: &introduction,
        ratchet: None,
        floor: None,
        halts: &[],
        clock: None,
        limits: &limits,
    };
    let begin = Instant::now();
    let got = verify(&objects, &request);
    row("verify the whole chain", begin)?;
    let verified = got.verified.filter(|verified| verified.commit() == tip).ok_or("not verified")?;

    let ratchet = verified.ratchet();
    let begin = Instant::now();
    let got = verify(&objects, &Request { ratchet: Some(&ratchet), ..request });
    row("verify again, nothing new", begin)?;
    got.verified.filter(|verified| verified.commit() == tip).ok_or("not verified")?;
    Ok(())
}

fn row(what: &str, begin: Instant) -> Result<(), Error> {
    let seconds = begin.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")).ok_or("no VmHWM")?;
    println!("{what:<28} {seconds:>10.3} {:>12.1}", mebibytes(peak.trim().parse()?));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}
