//! Which points are taken, by how many workers, and what is told of them.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::{
    check,
    fault::Fault,
    power::Disk,
    scene::{self, Bench, ROOT, Story},
    trace::{self, Deed, TRACED, Verdict},
    tree,
    whole_host::{self, OVER_SSH, WHOLE_HOST},
};

const HELP: &str = "\
usage: cargo test -p holdfast-tests --test faults -- [OPTION...]

  --points NUMBER   how many points to take, spread evenly; by default all
  --story NAME      only this story: first, change, drift, refused, removal, owners, fetch
  --fault NAME      only this fault, such as kill, ENOSPC or ENOSPC-stays
  --at NUMBER       only at this call, and the place is kept to look at
  --trace           only tells every call of each story, and interrupts none
  --list            only tells which faults there are

HOLDFAST names the command to run. It needs root: to mount filesystems in memory and to give files away.
";

/// How many findings are told in full.
const MOST_TOLD: usize = 40;

/// What to do.
#[derive(Debug, Default)]
struct Settings {
    points: Option<usize>,
    story: Option<String>,
    fault: Option<String>,
    at: Option<usize>,
    trace: bool,
    list: bool,
}

/// One fault at one call of a story.
#[derive(Debug, Clone, Copy)]
struct Point<'a> {
    story: &'a Story,
    fault: Fault,
    at: usize,
}

/// Where everybody works; the directory can only go once nothing is mounted there.
struct Work(tempfile::TempDir);

impl Drop for Work {
    fn drop(&mut self) {
        // If nothing was mounted yet, there is nothing to do.
        let _nothing_mounted = umount2(self.0.path(), MntFlags::MNT_DETACH);
    }
}

/// A point and what was found to be wrong there; `None` if the run ended before it came there.
type Visit<'a> = (Point<'a>, Option<Vec<String>>);

/// Does what the arguments say.
pub(crate) fn run() -> Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(OsStr::new(TRACED)) {
        trace::become_program(arguments)?;
    } else if first.as_deref() == Some(OsStr::new(WHOLE_HOST)) {
        let place = arguments.next().context("no place is named")?;
        let over_ssh = arguments.next().is_some_and(|last| last == OVER_SSH);
        return whole_host::pass(Path::new(&place), over_ssh);
    }
    let Some(settings) = Settings::parse(lexopt::Parser::from_env())? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    if settings.list {
        for fault in Fault::ALL {
            println!("{fault}: test");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let holdfast: PathBuf =
        env::var_os("HOLDFAST").context("HOLDFAST is not set: `tests/run faults` sets it")?.into();
    let holdfast =
        std::fs::canonicalize(&holdfast).with_context(|| format!("find {}", holdfast.display()))?;
    let work = Work(tempfile::Builder::new().prefix("holdfast-faults-").tempdir()?);
    let bench = || -> Result<Bench> {
        let own = [work.0.path(), Path::new(scene::PROGRAMS)];
        own_memory_filesystems(&own)?;
        Bench::new(holdfast.clone(), work.0.path())
    };

    let wanted = |name: &str| settings.story.as_deref().is_none_or(|only| only == name);
    let stories = scene::prepare(&bench()?, wanted)?;
    if settings.trace {
        tell_calls(&stories);
        return Ok(ExitCode::SUCCESS);
    }
    let (points, of) = settings.points(&stories);
    if points.is_empty() {
        bail!("there is no such story, fault or call");
    }
    let next = AtomicUsize::new(0);
    let visit = || -> Result<Vec<Visit<'_>>> {
        let bench = bench()?;
        let mut visits = Vec::new();
        while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = interrupt(*point, &bench)
                .with_context(|| format!("{} {} at {}", point.story.name, point.fault, point.at))?;
            if settings.at.is_some() {
                let kept = PathBuf::from(format!(
                    "{}.{}-{}",
                    work.0.path().display(),
                    point.story.name,
                    point.fault
                ));
                tree::write(&tree::read(&bench.place())?.0, &kept)?;
                println!("the place is kept: {}", kept.display());
            }
            visits.push((*point, found));
        }
        Ok(visits)
    };
    let visits: Result<Vec<_>> = thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let visit = &visit;
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(visit)).collect();
        running
            .into_iter()
            .map(|worker| worker.join().map_err(|_panic| anyhow!("a worker panicked"))?)
            .collect()
    });
    let all_is_well = tell(&visits?.concat(), &of);
    Ok(if all_is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Settings {
    /// `None` if only help is wanted.
    fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>> {
        use lexopt::{Arg::Long, ValueExt as _};
        let mut settings = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("points") => settings.points = Some(parser.value()?.parse()?),
                Long("story") => settings.story = Some(parser.value()?.string()?),
                Long("fault") => settings.fault = Some(parser.value()?.string()?),
                Long("at") => settings.at = Some(parser.value()?.parse()?),
                Long("trace") => settings.trace = true,
                Long("list") => settings.list = true,
                Long("help") => return Ok(None),
                unexpected => return Err(unexpected.unexpected().into()),
            }
        }
        Ok(Some(settings))
    }

    /// The points to take, and how many there are of each story and fault.
    fn points<'a>(&self, stories: &'a [Story]) -> (Vec<Point<'a>>, Vec<(&'a str, Fault, usize)>) {
        let mut groups = Vec::new();
        for story in stories {
            for fault in Fault::ALL {
                if self.fault.as_ref().is_some_and(|only| *only != fault.to_string()) {
                    continue;
                }
                let calls = story.calls.iter().filter(|call| fault.can_hit(call));
                // The power can also be cut after all is done.
                let end = matches!(fault, Fault::PowerCut(_)).then(|| story.calls.len() + 1);
                let points: Vec<_> = calls
                    .map(|call| call.number)
                    .chain(end)
                    .filter(|number| self.at.is_none_or(|at| at == *number))
                    .map(|at| Point { story, fault, at })
                    .collect();
                groups.push(points);
            }
        }
        groups.retain(|points| !points.is_empty());
        let counts = groups
            .iter()
            .filter_map(|points| points.first().map(|first| (first.story.name, first.fault, points.len())))
            .collect();
        let all: usize = groups.iter().map(Vec::len).sum();
        let wanted = self.points.unwrap_or(all).min(all);
        let mut taken = Vec::new();
        for (index, points) in groups.iter().enumerate() {
            let share = (points.len() * wanted).div_ceil(all.max(1));
            // Each group begins elsewhere in its stride, so that together they visit more of the calls.
            let offset = index * points.len() / groups.len() / share.max(1);
            taken.extend(
                (0..share).filter_map(|step| points.get((step * points.len() + offset) / share)).copied(),
            );
        }
        (taken, counts)
    }
}

/// Runs a story with a fault and once more without, and looks at what is left each time.
fn interrupt(point: Point<'_>, bench: &Bench) -> Result<Option<Vec<String>>> {
    let Point { story, fault, at } = point;
    tree::write(&story.before, &bench.place())?;
    let mut stamps = tree::read(&bench.place().join(ROOT))?.1;
    let mut disk = match fault {
        Fault::PowerCut(loss) => Some((Disk::new(&bench.place())?, loss)),
        _ => None,
    };
    let (mut happened, mut unwatched) = (None, Ok(()));
    let ended = bench.run(story.vehicle, &mut |call| {
        let mut did = happened.is_some();
        let verdict = fault.verdict(at, call, &mut did);
        if did && happened.is_none() {
            happened = Some(format!("{} {:?}", call.name, call.touches));
        }
        if let (Some((disk, _)), Verdict::Go, Deed::Flush) = (&mut disk, verdict, call.deed) {
            let flushed = match &call.descriptor {
                Some(open) if !call.name.starts_with("sync") => disk.flush(open),
                _ => disk.flush_all(),
            };
            unwatched = std::mem::replace(&mut unwatched, Ok(())).and(flushed);
        }
        verdict
    })?;
    unwatched?;
    if let Some((disk, loss)) = disk {
        happened.get_or_insert_with(|| "the end".to_owned());
        disk.cut(loss)?;
        stamps = tree::read(&bench.place().join(ROOT))?.1;
    }
    let Some(happened) = happened else { return Ok(None) };
    let mut found = check::ending(story, bench, fault, &ended)?.0;
    found.extend(check::right_after(story, bench, fault, &stamps)?.0);
    if fault == Fault::KillTwice {
        // Anywhere, and at the same call every time.
        let again = at * 7919 % story.calls.len() + 1;
        let kill = |call: &trace::Call| if call.number == again { Verdict::Kill } else { Verdict::Go };
        bench.run(story.vehicle, &mut |call| kill(call))?;
        found.extend(check::right_after(story, bench, fault, &stamps)?.0);
    }
    let mut next = bench.run(story.vehicle, &mut |_| Verdict::Go)?;
    if bench.is_quarantined() {
        found.extend(check::after_quarantine(story, bench, fault, &next)?.0);
        bench.pardon()?;
        next = bench.run(story.vehicle, &mut |_| Verdict::Go)?;
    }
    found.extend(check::after_next_run(story, bench, &next, &stamps)?.0);
    if fault == Fault::Kill {
        found.extend(check::quiet(&bench.calls(story.vehicle)?).0);
    }
    if let Some(first) = found.first_mut() {
        *first = format!("at {happened}\n      {first}");
    }
    Ok(Some(found))
}

/// Gives this thread and all that it starts filesystems of their own in these places, in memory: every run flushes a
/// hundred files, and every worker needs the same paths, for some stories have them in their revisions.
fn own_memory_filesystems(places: &[&Path]) -> Result<()> {
    let nothing = None::<&str>;
    let own = unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing));
    own.context("leave the mount namespace, which needs root")?;
    places.iter().try_for_each(|place| {
        mount(Some("tmpfs"), *place, Some("tmpfs"), MsFlags::empty(), Some("mode=0700"))
            .with_context(|| format!("mount a filesystem in memory at {}", place.display()))
    })
}

fn tell_calls(stories: &[Story]) {
    for story in stories {
        println!("{}", story.name);
        for call in &story.calls {
            let touches: Vec<_> = call.touches.iter().map(|path| path.display().to_string()).collect();
            println!("  {:4} {:16} {}", call.number, call.name, touches.join(" -> "));
        }
    }
}

/// Tells what was done and found. Whether all is well.
fn tell(visits: &[Visit<'_>], of: &[(&str, Fault, usize)]) -> bool {
    let (mut taken, mut all, mut bad) = (0, 0, Vec::new());
    for (name, fault, count) in of {
        let here: Vec<_> =
            visits.iter().filter(|(point, _)| point.story.name == *name && point.fault == *fault).collect();
        let reached = here.iter().filter(|(_, found)| found.is_some()).count();
        let found: Vec<_> = here
            .iter()
            .copied()
            .filter(|(_, found)| found.as_ref().is_some_and(|found| !found.is_empty()))
            .collect();
        let missed = if reached == here.len() {
            String::new()
        } else {
            format!(", {} not reached", here.len() - reached)
        };
        println!(
            "{name:8} {:14} {reached:4} of {count:4} points, {} with findings{missed}",
            fault.to_string(),
            found.len()
        );
        taken += reached;
        all += count;
        bad.extend(found);
    }
    for (point, found) in bad.iter().take(MOST_TOLD) {
        println!("\n--story {} --fault {} --at {}", point.story.name, point.fault, point.at);
        found.iter().flatten().for_each(|finding| println!("    {finding}"));
    }
    println!("\n{taken} of {all} points, {} with findings", bad.len());
    // The order of threads may cost a point or two at the end of a run; more would mean that nothing is tested.
    let reached_most = taken * 100 >= visits.len() * 95;
    if !reached_most {
        println!("too many points were not reached: {} of {}", visits.len() - taken, visits.len());
    }
    bad.is_empty() && reached_most
}
