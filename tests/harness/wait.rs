//! Waiting for what announces itself by no event.
#![expect(clippy::disallowed_methods, reason = "the harness looks at the clock")]

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// Asks `is_so` again and again until it says yes; an error once `limit` has passed.
pub fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > limit {
            bail!("waited {} s in vain: {what}", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
