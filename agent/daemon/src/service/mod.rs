//! The main loop of the root service: polls when it is time, converges, publishes, answers the `holdfast` command.
//!
//! One thing at a time, on one thread. Between polls nothing wakes it but a signal, a command or the watchdog.
#![expect(clippy::disallowed_methods, reason = "a stale control socket is a file to remove")]

mod control;
mod manager;
mod rest;

use std::{cell::RefCell, fs, io, path::Path, pin::pin, rc::Rc, time::Duration};

use holdfast_converge::host::watch::Touched;
use holdfast_protocol::control::{Reply, Request};
use tokio::{
    net::UnixListener,
    sync::mpsc::{self, UnboundedSender},
    time::{Instant, sleep_until},
};

use self::{
    control::{Command, Snapshot},
    manager::{Signals, Watchdog},
};
use crate::{
    agent::{Agent, Stop, Stopper},
    schedule::Schedule,
};

/// How long a stop waits for the step at hand; systemd kills later than that.
const STOP_PATIENCE: Duration = Duration::from_secs(4);

/// How soon the Git server is asked again while a change waits to be confirmed.
const CONFIRM_AGAIN: Duration = Duration::from_secs(5);

/// How soon the Git server is asked again while nobody was told that a revision was taken back.
const TELL_AGAIN: Duration = Duration::from_secs(30);

/// Listens at `path`, where only root may connect.
///
/// # Errors
/// If the socket cannot be made.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Runs until told to stop.
///
/// # Errors
/// When signals cannot be caught. Everything else is met, reported and tried again.
pub async fn run(agent: Agent, listener: UnixListener) -> io::Result<()> {
    let snapshot = Rc::new(RefCell::new(agent.snapshot(None)));
    let (sender, commands) = mpsc::unbounded_channel();
    tokio::task::spawn_local(control::serve(listener, Rc::clone(&snapshot), sender));
    let schedule = Schedule::new(agent.poll_interval(), agent.host());
    let due = Instant::now() + schedule.first();
    let (signals, watchdog) = (Signals::new()?, Watchdog::from_environment());
    manager::ready();
    let rest = Some(Instant::now() + REST_AFTER);
    let service = Service { agent, schedule, due, publish: None, rest, snapshot, signals, watchdog };
    Box::pin(service.serve(commands)).await;
    manager::stopping();
    Ok(())
}

struct Service {
    agent: Agent,
    schedule: Schedule,
    /// When the next poll is due.
    due: Instant,
    /// When what was mended between polls is published.
    publish: Option<Instant>,
    /// When what the last work needed is given back.
    rest: Option<Instant>,
    snapshot: Snapshot,
    signals: Signals,
    watchdog: Watchdog,
}

/// How soon what was mended is published: what comes together is told together.
const PUBLISH_AFTER: Duration = Duration::from_secs(1);

/// How soon the service rests: work often comes together.
const REST_AFTER: Duration = Duration::from_secs(5);

/// Whether to go on.
enum Next {
    Loop,
    End,
}

impl Service {
    async fn serve(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            let next = tokio::select! {
                () = sleep_until(self.due) => self.cycle(None).await,
                touched = self.agent.drifted() => self.mend(&touched).await,
                () = sleep_until(self.publish.unwrap_or(self.due)), if self.publish.is_some() => self.publish().await,
                () = sleep_until(self.rest.unwrap_or(self.due)), if self.rest.is_some() => {
                    self.rest = None;
                    rest::rest();
                    Next::Loop
                }
                () = self.watchdog.tick() => Next::Loop,
                () = self.signals.stop.wait() => Next::End,
                _ = self.signals.reload.recv() => {
                    self.reload();
                    Next::Loop
                }
                Some(command) = commands.recv() => self.obey(command).await,
            };
            if let Next::End = next {
                return;
            }
        }
    }

    async fn obey(&mut self, Command { request, replies }: Command) -> Next {
        let done = match request {
            Request::Status => {
                answer(&replies, self.agent.snapshot(Some(self.due)));
                return Next::Loop;
            }
            Request::Sync => Ok(()),
            Request::Pause { reason, until } => self.agent.pause(reason, until),
            Request::Resume => self.agent.resume(),
            Request::Retry => self.agent.try_again(),
            Request::Rollback => self.agent.take_back_by_hand(),
            Request::Reload => self.read_configuration(),
        };
        match done {
            Ok(()) => {
                self.agent.ask_for_all();
                self.cycle(Some(replies)).await
            }
            Err(failed) => {
                answer(&replies, *failed);
                Next::Loop
            }
        }
    }

    /// Has the agent do something that may take long. Nothing if it was told to stop meanwhile.
    async fn attend<T>(&mut self, work: impl AsyncFnOnce(&mut Agent, &Stop) -> T) -> Option<T> {
        let Self { agent, signals, watchdog, .. } = self;
        watchdog.ping();
        let (stopper, stop) = Stopper::new();
        let mut work = pin!(work(agent, &stop));
        loop {
            tokio::select! {
                done = &mut work => {
                    self.rest = Some(Instant::now() + REST_AFTER);
                    return Some(done);
                }
                () = watchdog.tick() => {}
                () = signals.stop.wait() => {
                    manager::stopping();
                    stopper.stop();
                    if tokio::time::timeout(STOP_PATIENCE, work).await.is_err() {
                        tracing::warn!(
                            "stopped in the middle of a step that took too long; the next start looks again"
                        );
                    }
                    return None;
                }
            }
        }
    }

    /// Polls, converges and publishes once, and tells whoever asked for it.
    async fn cycle(&mut self, listener: Option<UnboundedSender<Reply>>) -> Next {
        self.agent.tell_progress_to(listener.clone());
        let work = async |agent: &mut Agent, stop: &Stop| agent.cycle(stop).await;
        let Some(reached) = self.attend(work).await else {
            return Next::End;
        };
        self.agent.tell_progress_to(None);
        self.due = Instant::now() + self.schedule.after_poll(reached);
        let urgent = match (self.agent.is_confirming(), self.agent.is_quarantine_untold()) {
            (true, _) => Some(CONFIRM_AGAIN),
            (false, true) => Some(TELL_AGAIN),
            (false, false) => None,
        };
        if let Some(urgent) = urgent {
            self.due = self.due.min(Instant::now() + urgent);
        }
        self.publish = None;
        let snapshot = self.show();
        if let Some(listener) = listener {
            answer(&listener, snapshot);
        }
        Next::Loop
    }

    /// Repairs what drifted, and has it published soon.
    async fn mend(&mut self, touched: &Touched) -> Next {
        let work = async |agent: &mut Agent, stop: &Stop| agent.mend(touched, stop).await;
        if self.attend(work).await.is_none() {
            return Next::End;
        }
        if self.agent.take_news() {
            self.publish.get_or_insert(Instant::now() + PUBLISH_AFTER);
            self.show();
        }
        Next::Loop
    }

    async fn publish(&mut self) -> Next {
        self.publish = None;
        let work = async |agent: &mut Agent, stop: &Stop| agent.publish_news(stop).await;
        if self.attend(work).await.is_none() {
            return Next::End;
        }
        if self.agent.take_news() {
            self.publish = Some(Instant::now() + PUBLISH_AFTER);
        }
        self.show();
        Next::Loop
    }

    /// Has everybody who asks see how things are now.
    fn show(&mut self) -> Reply {
        let snapshot = self.agent.snapshot(Some(self.due));
        *self.snapshot.borrow_mut() = snapshot.clone();
        manager::status(&self.agent.summary_line());
        snapshot
    }

    fn read_configuration(&mut self) -> Result<(), Box<Reply>> {
        self.agent.reload()?;
        self.schedule = Schedule::new(self.agent.poll_interval(), self.agent.host());
        Ok(())
    }

    /// Reads the configuration again because systemd says so, and polls at once with what it says.
    fn reload(&mut self) {
        manager::reloading();
        match self.read_configuration() {
            Ok(()) => self.due = Instant::now(),
            Err(failed) => {
                tracing::error!(?failed, "the configuration was not read again; the old one stays");
            }
        }
        manager::ready();
    }
}

/// Sends a reply to somebody who may have gone.
fn answer(listener: &UnboundedSender<Reply>, reply: Reply) {
    if listener.send(reply).is_err() {
        tracing::debug!("nobody waits for the reply any more");
    }
}
