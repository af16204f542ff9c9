//! `holdfast pause`

use holdfast_protocol::control::Request;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Context,
    arguments::host::{Pause, duration},
    exit::Exit,
    failure::{Code, Failure},
    host::agent::Agent,
    time::ahead,
};

/// Changes nothing on this host until it is resumed.
pub(crate) fn run(arguments: &Pause, context: &Context) -> Result<Exit, Failure> {
    let until = arguments.until.as_deref().map(|text| until(text, context.now)).transpose()?;
    let request = Request::Pause { reason: arguments.reason.clone(), until: until.clone() };
    let report = Agent::of(&arguments.root).ask(&request, &mut |line| context.output.note(line))?;
    let end = match until {
        Some(until) => format!("until {until} ({})", ahead(&until, context.now)),
        None => "until `holdfast resume`".to_owned(),
    };
    context.output.line(format!("{}: paused {end}", report.status.host))?;
    Ok(Exit::Success)
}

/// When a pause ends: a duration from now, or an RFC 3339 time that is still to come.
fn until(text: &str, now: Timestamp) -> Result<String, Failure> {
    let fail = |why: &str| Failure::new(Code::Until, format!("cannot pause until {text:?}: {why}"));
    let end = match (text.parse::<Timestamp>(), duration(text)) {
        (Ok(end), _) => end,
        (_, Ok(length)) => SignedDuration::try_from(length)
            .ok()
            .and_then(|length| now.checked_add(length).ok())
            .ok_or_else(|| fail("that is too far away"))?,
        _ => return Err(fail("this is neither a duration nor a time")),
    };
    if end <= now {
        return Err(fail("that is over already"));
    }
    // Whole seconds: nobody pauses for a fraction.
    Ok(Timestamp::from_second(end.as_second()).map_err(|_range| fail("that is too far away"))?.to_string())
}

#[cfg(test)]
mod tests;
