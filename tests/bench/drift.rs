//! From somebody's change to its repair, by the running service.

use std::{thread, time::Duration};

use anyhow::Result;
use harness::Host;

use crate::{median, milliseconds, row, workload::Workload};

/// How many files are spoiled, each once.
const FILES: u32 = 100;

/// How often each unit is killed: what is repaired once more would be a fight.
const TIMES: u32 = 2;

/// What goes on between two changes comes to rest.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) fn measure(host: &Host) -> Result<()> {
    let files = (0..FILES).map(|file| ["file".to_owned(), format!("/etc/bench.d/f{file:04}")]);
    let units = (0..TIMES).flat_map(|_| Workload::units()).map(|unit| ["unit".to_owned(), unit]);
    for (what, changes, budget, worst) in [
        ("a file that somebody overwrites is repaired after", files.collect::<Vec<_>>(), "50 ms", "1 s"),
        ("a unit that somebody kills is started after", units.collect(), "200 ms", "1 s"),
    ] {
        let mut times = Vec::with_capacity(changes.len());
        for [kind, name] in changes {
            thread::sleep(PAUSE);
            let said = host.run(&["drift", &kind, &name])?;
            times.push(Duration::from_micros(said.trim().parse()?));
        }
        times.sort_unstable();
        row(what, &milliseconds(median(times.iter().copied())), budget);
        row("  the slowest", &milliseconds(times.last().copied().unwrap_or_default()), worst);
    }
    Ok(())
}
