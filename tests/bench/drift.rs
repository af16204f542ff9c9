//! From somebody's change to its repair, by the running service.

use std::{fmt::Write as _, thread, time::Duration};

use anyhow::Result;
use harness::{Fleet, Host};

use crate::{times, workload::Workload};

/// How many files are spoiled and how many units killed, each once: what is repaired again and again is a fight.
const TIMES: u32 = 100;

/// What goes on between two changes comes to rest: for half a second a unit that was started is watched.
const PAUSE: Duration = Duration::from_millis(900);

pub(crate) fn measure(host: &Host, fleet: &Fleet) -> Result<()> {
    let mut state = "roles = [\"bench\"]\n".to_owned();
    for unit in 0..TIMES {
        write!(
            state,
            "[unit.\"drift-{unit}.service\"]\ncontent = \"\"\"\n{}\"\"\"\nactive = true\n",
            Workload::unit_text()
        )?;
    }
    fleet.change("hosts/bench.toml", &state)?;
    host.run(&["holdfast", "sync"])?;
    let after = |kind: &str, name: &str| -> Result<Duration> {
        thread::sleep(PAUSE);
        Ok(Duration::from_micros(host.run(&["drift", kind, name])?.trim().parse()?))
    };
    let files = (0..TIMES).map(|file| after("file", &format!("/etc/bench.d/f{file:04}")));
    times("a file that somebody overwrites is repaired after", files.collect::<Result<_>>()?, "50 ms", "1 s");
    let units = (0..TIMES).map(|unit| after("unit", &format!("drift-{unit}.service")));
    times("a unit that somebody kills is started after", units.collect::<Result<_>>()?, "200 ms", "1 s");
    fleet.write("hosts/bench.toml", "roles = [\"bench\"]\n")?;
    fleet.commit(&format!("no more units\n\nAllow-Removals: {TIMES}"))?;
    host.run(&["holdfast", "sync"]).map(drop)
}
