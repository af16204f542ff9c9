//! Any sequence of revisions, faults, drift and people's commands against a small model. In the end the host is as the last
//! good revision says, and the status says the truth about it.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
};

use holdfast_trust::ObjectId;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::{
    git::{Git, Host},
    *,
};
use crate::trial::{Phase, Window};

/// What is the matter with a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    /// One of its files is refused.
    FailsInApply,
    /// The same, and its author wants to look at it.
    Held,
    FailsInHealth,
    /// The Git server is out of reach as long as one of its files is there.
    CutsOff,
}

/// What somebody does.
#[derive(Debug, Clone)]
enum Deed {
    Push(Kind),
    /// Spoils the file with this number, or removes it.
    Drift(u8, bool),
    Cycle,
    /// The agent is killed in a cycle once it has waited so often, and its journal loses so many bytes of its end.
    Kill(u32, usize),
    TimeIsOver,
    Retry,
    Rollback,
}

fn deed() -> impl Strategy<Value = Deed> {
    let kind = prop_oneof![
        6 => Just(Kind::Good),
        4 => Just(Kind::FailsInApply),
        2 => Just(Kind::Held),
        1 => Just(Kind::FailsInHealth),
        3 => Just(Kind::CutsOff),
    ];
    let torn = prop_oneof![3 => Just(0_usize), 1 => 1..400_usize];
    prop_oneof![
        6 => kind.prop_map(Deed::Push),
        2 => (0..2_u8, any::<bool>()).prop_map(|(file, gone)| Deed::Drift(file, gone)),
        6 => Just(Deed::Cycle),
        5 => (0..60_u32, torn).prop_map(|(waits, torn)| Deed::Kill(waits, torn)),
        1 => Just(Deed::TimeIsOver),
        1 => Just(Deed::Retry),
        1 => Just(Deed::Rollback),
    ]
}

/// The files of the revision with a number: two of each, and one of every other revision.
fn files(number: usize) -> Vec<(&'static str, String)> {
    let mut files = vec![("etc/a", format!("a{number}")), ("etc/b", format!("b{number}"))];
    if number % 2 == 1 {
        files.push(("etc/c", format!("c{number}")));
    }
    files
}

/// All paths that a revision can have.
const PATHS: [&str; 5] = ["etc/a", "etc/b", "etc/c", "etc/refused", "etc/resolv.conf"];

fn text(number: usize, kind: Kind) -> String {
    // A program that checks each file is where an agent waits, and can be killed.
    let file = |(path, content): &(&str, String)| {
        format!("[file.\"/{path}\"]\ncontent = \"{content}\"\nvalidate = [\"/bin/true\", \"{{path}}\"]\n")
    };
    let refused = "[file.\"/etc/refused\"]\ncontent = \"x\"\nvalidate = [\"/bin/false\", \"{path}\"]\nneeds = [\"file:/etc/b\", \"file:/etc/theirs\"]\n";
    let bad = match kind {
        Kind::Good => String::new(),
        Kind::FailsInApply => refused.to_owned(),
        Kind::Held => format!("[apply]\non_failure = \"hold\"\n{refused}"),
        Kind::FailsInHealth => {
            "[apply.health.never]\ncommand = [\"/bin/false\"]\nwithin = \"1s\"\n".to_owned()
        }
        Kind::CutsOff => "[file.\"/etc/resolv.conf\"]\ncontent = \"nobody\"\n".to_owned(),
    };
    // A bad one lays its hand on what is somebody else's, too.
    let theirs = if kind == Kind::Good { String::new() } else { file(&("etc/theirs", "ours".to_owned())) };
    files(number).iter().map(file).collect::<String>() + &theirs + &bad
}

/// The model beside the host.
struct World {
    git: Git,
    host: Host,
    /// The process in which the agent lives: whatever it still does ends with it.
    agent: Option<(Agent, Runtime)>,
    revisions: Vec<(ObjectId, Kind)>,
    /// The newest revision that was seen in force: there is no way back.
    floor: usize,
    /// The revision that a person has taken back, until somebody says otherwise.
    rejected: Option<ObjectId>,
    /// How often somebody has spoiled each file: what is spoiled again and again is left alone after a while.
    spoiled: [u32; 2],
}

impl World {
    fn new() -> Self {
        let git = Git::new(&[("hosts/web-1.toml", &text(0, Kind::Good))]);
        let host = Host::new(&git);
        git.unreachable_while(host.path("etc/resolv.conf"));
        let revisions = vec![(git.tip(), Kind::Good)];
        let mut world = Self { git, host, agent: None, revisions, floor: 0, rejected: None, spoiled: [0; 2] };
        std::fs::create_dir(world.host.path("etc")).unwrap();
        world.host.write("etc/theirs", "theirs");
        world.cycle();
        world
    }

    fn process(&mut self) -> (Agent, Runtime) {
        self.agent.take().unwrap_or_else(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            (runtime.block_on(self.host.agent()), runtime)
        })
    }

    fn is_cut_off(&self) -> bool {
        self.host.read("etc/resolv.conf").is_some()
    }

    fn number(&self, commit: &str) -> usize {
        self.revisions.iter().position(|(id, _)| id.to_string() == commit).unwrap()
    }

    /// One whole cycle, and a look at what must hold after any.
    fn cycle(&mut self) -> Status {
        let (mut agent, runtime) = self.process();
        let was_cut_off = self.is_cut_off();
        runtime.block_on(agent.cycle(&Stop::never()));
        let status = agent.status().unwrap().clone();
        let (tip, kind) = *self.revisions.last().unwrap();
        let applied = status.revision.applied.as_ref().map_or(0, |commit| self.number(commit));
        assert_eq!(self.revisions[applied].1, Kind::Good, "a bad one is in force: {status:#?}");
        assert!(applied >= self.floor, "{applied} is in force after {}: {status:#?}", self.floor);
        self.floor = applied;
        if !was_cut_off && !self.is_cut_off() && kind == Kind::Good && self.rejected != Some(tip) {
            assert_eq!(applied + 1, self.revisions.len(), "the newest is good: {status:#?}");
        }
        if status.result == PassResult::Converged {
            assert_eq!(applied + 1, self.revisions.len(), "more than is true: {status:#?}");
        }
        let quarantined = agent.memory().quarantine.as_ref().map(|quarantine| quarantine.commit.to_string());
        assert_eq!(status.revision.quarantined, quarantined);
        if agent.memory().trial.is_none() {
            self.is_as_revision_says(applied, &status);
        }
        self.agent = Some((agent, runtime));
        status
    }

    fn is_as_revision_says(&self, number: usize, status: &Status) {
        let files = files(number);
        for path in PATHS {
            let want = files.iter().find(|(name, _)| *name == path).map(|(_, content)| content.as_str());
            assert_eq!(self.host.read(path).as_deref(), want, "{path} at revision {number}: {status:#?}");
        }
        assert_eq!(self.host.read("etc/theirs").as_deref(), Some("theirs"), "{status:#?}");
    }

    fn act(&mut self, deed: &Deed) {
        match *deed {
            Deed::Push(kind) => {
                let commit = self.git.commit(&[("hosts/web-1.toml", &text(self.revisions.len(), kind))]);
                self.revisions.push((commit, kind));
            }
            Deed::Drift(file, _) if self.spoiled[usize::from(file)] == 2 => {}
            Deed::Drift(file, gone) => {
                self.spoiled[usize::from(file)] += 1;
                let path = ["etc/a", "etc/b"][usize::from(file)];
                if gone {
                    std::fs::remove_file(self.host.path(path)).ok();
                } else {
                    self.host.write(path, "by hand");
                }
            }
            Deed::Cycle => drop(self.cycle()),
            Deed::Kill(waits, torn) => self.kill(waits, torn),
            Deed::TimeIsOver => self.time_is_over(),
            Deed::Retry => {
                let (mut agent, runtime) = self.process();
                agent.try_again().unwrap();
                self.rejected = None;
                self.agent = Some((agent, runtime));
            }
            Deed::Rollback => {
                let (mut agent, runtime) = self.process();
                let trial = agent.memory().trial.as_ref().map(|trial| trial.commit);
                assert_eq!(agent.take_back_by_hand().is_ok(), trial.is_some());
                self.rejected = trial.or(self.rejected);
                self.agent = Some((agent, runtime));
            }
        }
    }

    /// Begins a cycle, and is gone in the middle of it.
    fn kill(&mut self, waits: u32, torn: usize) {
        let (mut agent, runtime) = self.process();
        let stop = Stop::never();
        let mut left = waits;
        runtime.block_on(async {
            let mut cycle = pin!(agent.cycle(&stop));
            poll_fn(|context| match cycle.as_mut().poll(context) {
                Poll::Pending if left > 0 => {
                    left -= 1;
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            })
            .await;
        });
        drop((agent, runtime));
        let journal = self.host.state().join("journal");
        if let Ok(bytes) = std::fs::read(&journal) {
            std::fs::write(journal, &bytes[..bytes.len().saturating_sub(torn)]).unwrap();
        }
    }

    /// Nobody waits any longer for what is to be confirmed.
    fn time_is_over(&mut self) {
        let (mut agent, runtime) = self.process();
        if let Some(Phase::Confirming(window)) = agent.memory.trial.as_ref().map(|trial| trial.phase.clone())
        {
            agent.memory.tried(Phase::Confirming(Window { until: 0, ..window })).unwrap();
        }
        self.agent = Some((agent, runtime));
    }

    /// Whatever happened: once everything is left alone, the host is as it should be.
    fn ends_well(mut self) {
        let mut status = self.cycle();
        for _ in 0..6 {
            self.time_is_over();
            status = self.cycle();
            if self.agent.as_ref().is_some_and(|(agent, _)| {
                agent.memory().trial.as_ref().is_some_and(|trial| matches!(trial.phase, Phase::Held(_)))
            }) {
                assert!(codes(&status).contains(&"E_HELD"), "{status:#?}");
                self.act(&Deed::Rollback);
            }
        }
        let (tip, kind) = *self.revisions.last().unwrap();
        if kind == Kind::Good && self.rejected != Some(tip) {
            assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]), "{status:#?}");
            assert_eq!(status.revision.applied, Some(tip.to_string()));
        } else {
            assert_eq!(
                (status.result, codes(&status)[0]),
                (PassResult::Held, "E_QUARANTINED"),
                "{status:#?}"
            );
            assert_eq!(status.revision.quarantined, Some(tip.to_string()), "{status:#?}");
        }
        self.is_as_revision_says(self.floor, &status);
        assert_eq!(self.git.published().unwrap().status.revision, status.revision);
        assert!(!self.host.state().join("journal").exists(), "the journal has not ended");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(16, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_last_good_revision_wins_in_the_end(deeds in prop::collection::vec(deed(), 1..14)) {
        let mut world = World::new();
        for deed in &deeds {
            world.act(deed);
        }
        world.ends_well();
    }
}
