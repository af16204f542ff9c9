//! What the `holdfast` command asks of a running agent.

use holdfast_protocol::control::{Local, Pause, Reply};
use tokio::time::Instant;

use super::{Agent, now, rfc3339};
use crate::{
    settings::Settings,
    store::StoreError,
    trial::{self, Phase},
};

impl Agent {
    /// The answer to a question for the status. `next_poll` is when the next poll is due.
    pub fn snapshot(&self, next_poll: Option<Instant>) -> Reply {
        let wait = next_poll.map(|due| due.saturating_duration_since(Instant::now()).as_secs());
        let next_poll = wait.and_then(|wait| i64::try_from(wait).ok()).map(|wait| rfc3339(now() + wait));
        Reply::Status {
            document: self.status.as_ref().map(holdfast_schema::status::Status::to_toml).unwrap_or_default(),
            local: Local {
                next_poll,
                pushed: self.memory.published.tip.map(|tip| tip.to_string()),
                push_failure: self.push_failure.clone(),
                paused: self.memory.pause.clone(),
            },
        }
    }

    /// The line that `systemctl status` shows.
    pub fn summary_line(&self) -> String {
        self.status.as_ref().map_or_else(|| "starting".to_owned(), holdfast_schema::status::Status::subject)
    }

    /// Stops changing the host until resumed.
    ///
    /// # Errors
    /// The reply to give when the end is no time to come, or the pause cannot be remembered.
    pub fn pause(&mut self, reason: String, until: Option<String>) -> Result<(), Box<Reply>> {
        if let Some(until) = &until {
            let end: jiff::Timestamp = until
                .parse()
                .map_err(|_no_time| refused(format!("{until:?} is no time such as 2026-01-31T18:00:00Z")))?;
            if end.as_second() <= now() {
                return Err(refused(format!("{until} is over already")));
            }
        }
        let pause = Pause { reason, since: rfc3339(now()), until };
        tracing::info!(reason = pause.reason, until = pause.until, "paused: {}", pause.reason);
        self.memory.paused(Some(pause)).map_err(|why| stored(&why))
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// The reply to give when that cannot be remembered.
    pub fn resume(&mut self) -> Result<(), Box<Reply>> {
        if self.memory.pause.is_some() {
            self.memory.paused(None).map_err(|why| stored(&why))?;
            tracing::info!("resumed");
        }
        Ok(())
    }

    /// Lets what failed be tried again.
    ///
    /// # Errors
    /// The reply to give when that cannot be remembered.
    pub fn try_again(&mut self) -> Result<(), Box<Reply>> {
        match self.memory.trial.as_ref().map(|trial| &trial.phase) {
            Some(Phase::Held(_)) => self.memory.tried(Phase::Applying).map_err(|why| stored(&why)),
            Some(_) => Ok(()),
            None => self.memory.pardoned().map_err(|why| stored(&why)),
        }
    }

    /// Has the revision that is on trial taken back.
    ///
    /// # Errors
    /// The reply to give when there is none, or that cannot be remembered.
    pub fn take_back_by_hand(&mut self) -> Result<(), Box<Reply>> {
        let Some(trial) = &self.memory.trial else {
            let message =
                "no revision is on trial or held; to undo one that is in force, revert its commit".to_owned();
            return Err(refused(message));
        };
        let mut why = match &trial.phase {
            Phase::Held(why) => why.clone(),
            Phase::Applying | Phase::Confirming(_) | Phase::TakingBack(_) => Vec::new(),
        };
        why.insert(0, trial::own("E_TAKEN_BACK", "an operator took it back".to_owned(), trial.commit));
        self.memory.tried(Phase::TakingBack(why)).map_err(|why| stored(&why))
    }

    /// Ends a pause whose time is over.
    pub(super) fn end_pause_that_is_over(&mut self) {
        let until = self.memory.pause.as_ref().and_then(|pause| pause.until.as_ref());
        let over = until
            .and_then(|until| until.parse::<jiff::Timestamp>().ok())
            .is_some_and(|end| end.as_second() <= now());
        if over && self.resume().is_err() {
            tracing::error!("the pause is over but cannot be ended");
        }
    }

    /// Reads the configuration again.
    ///
    /// # Errors
    /// The reply to give when it cannot be used; the old one stays.
    pub fn reload(&mut self) -> Result<(), Box<Reply>> {
        let settings = Settings::load(&self.paths).map_err(|why| {
            Box::new(Reply::Failed {
                code: why.code().to_owned(),
                message: crate::revision::one_line(&why),
                remedy: Some(why.remedy().to_owned()),
            })
        })?;
        self.settings = settings;
        tracing::info!("configuration read again");
        Ok(())
    }
}

fn refused(message: String) -> Box<Reply> {
    Box::new(Reply::Failed { code: "E_VALUE".to_owned(), message, remedy: None })
}

fn stored(why: &StoreError) -> Box<Reply> {
    let message = crate::revision::one_line(why);
    Box::new(Reply::Failed { code: why.code().to_owned(), message, remedy: None })
}
