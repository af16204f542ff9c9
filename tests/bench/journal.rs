//! What it costs to be able to take a revision back: a pass that changes 1,000 files, with the journal and the store of what
//! is overwritten, and without either.

use std::{fmt::Write as _, fs, io, path::Path, time::Duration, time::Instant};

use anyhow::{Context as _, Result, ensure};
use holdfast_agent::{journal::JournalFiles, memory::LedgerRecord, store::Store};
use holdfast_converge::{
    engine::{self, Scope, Stop, Task},
    host::LocalHost,
    journal::{Journal, JournalStore, Record, Recorded},
    ledger::Ledger,
};
use holdfast_schema::{Entry, Facts, Fleet, HostName, Repository, Resolved, Sha256, status::Summary};

use crate::{RUNS, median, milliseconds, row, tools};

const FILES: usize = 1000;

/// A store that forgets.
struct Nowhere;

impl JournalStore for Nowhere {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<Sha256> {
        Ok(Sha256::of(bytes))
    }

    fn append(&mut self, _records: &[Record]) -> io::Result<()> {
        Ok(())
    }

    fn note(&mut self, _record: &Record) {}
}

/// A scratch root and the agent's memory, on the disk that the build is on.
struct Scene {
    _folder: tempfile::TempDir,
    host: LocalHost,
    store: Store,
    ledger: Ledger,
}

impl Scene {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir_in(tools()?)?;
        let root = folder.path().join("root");
        fs::create_dir(&root)?;
        let (host, store) = (LocalHost::scratch(&root)?, Store::open(folder.path().join("state"))?);
        Ok(Self { _folder: folder, host, store, ledger: Ledger::default() })
    }

    /// One pass, and how long it took until its journal had ended.
    async fn pass(&mut self, resolved: &Resolved, journalled: bool) -> Result<(Duration, Summary)> {
        let Resolved { state, contents } = resolved;
        let (revision, scope) = ("3fa2c1d", Scope::All);
        let task =
            Task { state, contents, scope, revision, whole_but_for: None, in_force: false, upkeep: None };
        let mut records = LedgerRecord(self.store.clone());
        let (mut files, mut nowhere) = (JournalFiles::new(&self.store), Nowhere);
        let start = Instant::now();
        let store: &mut dyn JournalStore = if journalled { &mut files } else { &mut nowhere };
        let (journal, stop) = (Journal::new(store, &Recorded::default()), Stop::never());
        let report = engine::pass(&task, &self.host, &mut self.ledger, &mut records, journal, &stop).await;
        if files.is_there() {
            let (recorded, _damage) = files.read()?;
            files.end(&recorded, "2026-01-01T00:00:00Z", revision)?;
        }
        Ok((start.elapsed(), report.summary()))
    }

    /// What is in the memory, with the time of its last change.
    fn memory(&self) -> Result<Vec<(std::path::PathBuf, std::time::SystemTime)>> {
        let entry = |entry: io::Result<fs::DirEntry>| -> Result<_> {
            let entry = entry?;
            Ok((entry.path(), entry.metadata()?.modified()?))
        };
        let directory = |path: &Path| fs::read_dir(path)?.map(entry).collect::<Result<Vec<_>>>();
        let mut all = directory(&self.store.path(""))?;
        all.sort();
        Ok(all)
    }
}

/// A revision whose files all differ from those of any other.
fn revision(number: usize) -> Result<Resolved> {
    let mut state = String::from("[directory.\"/srv/bench\"]\n");
    let mut repository = Repository::default();
    for file in 0..FILES {
        let source = format!("roles/bench/files/{file}");
        writeln!(state, "[file.\"/srv/bench/{file}\"]\nsource = \"files/{file}\"")?;
        repository.insert(&source, Entry::file(format!("{number} {file}\n").repeat(100).into_bytes()));
    }
    repository.insert("roles/bench/role.toml", Entry::file(state.into_bytes()));
    repository.insert("hosts/bench.toml", Entry::file(*b"roles = [\"bench\"]\n"));
    let host: HostName = "bench".parse()?;
    let resolved = Fleet::new(&repository).resolve(&host, &Facts::sample());
    resolved.ok().context("the revision of the benchmark is refused")
}

/// Measures both, in turns, for the disk is not always equally fast.
pub(crate) fn measure() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut with, mut without) = (Scene::new()?, Scene::new()?);
        let mut times = [Vec::new(), Vec::new()];
        for number in 0..=RUNS {
            let resolved = revision(number)?;
            for (scene, journalled) in [(&mut with, true), (&mut without, false)] {
                let (time, summary) = scene.pass(&resolved, journalled).await?;
                ensure!(summary.changed as usize >= FILES && summary.failed == 0, "it changed {summary:?}");
                // In the first pass there is nothing to keep yet.
                if number > 0
                    && let Some(times) = times.get_mut(usize::from(!journalled))
                {
                    times.push(time);
                }
            }
        }
        let last = revision(RUNS)?;
        let memory = with.memory()?;
        let (_time, summary) = with.pass(&last, true).await?;
        ensure!(
            summary.changed == 0 && with.memory()? == memory,
            "a pass with nothing to do wrote something"
        );

        let [with, without] = times.map(median);
        let share = 100.0 * (with.as_secs_f64() / without.as_secs_f64() - 1.0);
        row("a pass that changes 1000 files (wall)", &milliseconds(with), "");
        row("  without a journal and what is kept", &milliseconds(without), "");
        row("  which is more by", &format!("{share:.0} %"), "25 %");
        Ok(())
    })
}
