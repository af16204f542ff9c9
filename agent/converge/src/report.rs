//! What of a pass goes into the status document. Pure: nothing is looked up, nothing that a program said or a file holds is
//! passed on.

use holdfast_schema::status::{PassResult, ResourceOutcome, ResourceStatus, Summary};

use crate::engine::{Failure, Outcome, Report, outcome::list};

/// The most characters of a message.
const LONGEST: usize = 300;

impl Report {
    /// How many resources ended how.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { same: self.same, ..Summary::default() };
        for outcome in self.outcomes.values() {
            let count = match outcome {
                Outcome::Same | Outcome::Elsewhere(_) => &mut summary.same,
                Outcome::Changed(_) => &mut summary.changed,
                Outcome::Removed => &mut summary.removed,
                Outcome::Released(_) => &mut summary.released,
                Outcome::Differs(_) => &mut summary.differs,
                Outcome::Failed(_) | Outcome::Conflict(_) | Outcome::Unsupported(_) => &mut summary.failed,
                Outcome::Blocked { .. } => &mut summary.blocked,
                Outcome::Waiting(_) | Outcome::Held(_) => &mut summary.waiting,
            };
            *count += 1;
        }
        summary
    }

    /// The pass in one word. What is only audited may differ.
    pub fn result(&self) -> PassResult {
        let summary = self.summary();
        if summary.failed > 0 || self.unsaved.is_some() {
            PassResult::Failed
        } else if summary.waiting > 0 || summary.blocked > 0 || self.stopped {
            PassResult::Waiting
        } else {
            PassResult::Converged
        }
    }

    /// Every resource that is not simply in order.
    pub fn resources(&self) -> Vec<ResourceStatus> {
        let told = self.outcomes.iter().filter_map(|(id, outcome)| {
            let (word, message, failure) = describe(outcome)?;
            Some(ResourceStatus {
                id: id.clone(),
                outcome: word,
                code: failure.map(|failure| failure.code.to_owned()),
                message: message.map(|message| one_line(&message)),
                by: self.by.get(id).map(|by| one_line(by)),
                remedy: failure.and_then(|failure| failure.remedy).map(str::to_owned),
            })
        });
        told.collect()
    }
}

fn describe(outcome: &Outcome) -> Option<(ResourceOutcome, Option<String>, Option<&Failure>)> {
    let failed = |word, failure: &'_ Failure| (word, Some(failure.message.clone()));
    let (word, message) = match outcome {
        Outcome::Same => return None,
        Outcome::Changed(differences) => (ResourceOutcome::Changed, Some(list(differences))),
        Outcome::Removed => (ResourceOutcome::Removed, None),
        Outcome::Released(why) => (ResourceOutcome::Released, Some((*why).to_owned())),
        Outcome::Differs(differences) => (ResourceOutcome::Differs, Some(list(differences))),
        Outcome::Failed(failure) => failed(ResourceOutcome::Failed, failure),
        Outcome::Blocked { by } => (ResourceOutcome::Blocked, Some(format!("needs {by}"))),
        Outcome::Waiting(failure) => failed(ResourceOutcome::Waiting, failure),
        Outcome::Held(failure) => failed(ResourceOutcome::Held, failure),
        Outcome::Conflict(failure) => failed(ResourceOutcome::Conflict, failure),
        Outcome::Unsupported(failure) => failed(ResourceOutcome::Unsupported, failure),
        Outcome::Elsewhere(by) => (ResourceOutcome::Elsewhere, Some(format!("managed by {by}"))),
    };
    let failure = match outcome {
        Outcome::Failed(failure)
        | Outcome::Waiting(failure)
        | Outcome::Held(failure)
        | Outcome::Conflict(failure)
        | Outcome::Unsupported(failure) => Some(failure),
        _ => None,
    };
    Some((word, message, failure))
}

/// A text without control characters and of bounded length: it may quote names that were found on the host.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            line.push('…');
            break;
        }
        if character.is_control() { line.extend(character.escape_default()) } else { line.push(character) }
    }
    line
}

#[cfg(test)]
mod tests;
