//! The agent on a whole host instead of a scratch root, where it may give files away: what `holdfast try` does, with
//! [`LocalHost::new`]. Its revisions name only paths below the place.

use std::{
    fs,
    io::Write,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use holdfast_agent::{
    Agent,
    agent::Stop,
    ceiling::Ceiling,
    lock::Lock,
    remote::Remote,
    settings::{Paths, Settings},
    store::Store,
};
use holdfast_converge::host::LocalHost;
use holdfast_git::{Fetcher, Place};
use holdfast_protocol::fetch::{self, Credential, Failure, Reply, Request, Secret, Ssh};
use holdfast_schema::status::PassResult;
use holdfast_trust::{Object, sign::SecretKey};

use crate::{scene::SERVER, tree};

/// The first argument of the process that is this agent.
pub(crate) const WHOLE_HOST: &str = "whole-host";

/// The last argument if the fleet is reached over ssh: then the fetcher keeps a copy of it.
pub(crate) const OVER_SSH: &str = "ssh";

/// One pass with the memory and the server in `place`.
pub(crate) fn pass(place: &Path, over_ssh: bool) -> Result<ExitCode> {
    let agent = place.join("agent");
    let paths = Paths { config: agent.clone(), state: agent.join("state"), run: agent.join("run") };
    let key =
        SecretKey::parse(&fs::read(paths.host_key())?).map_err(|why| anyhow!("the host's key: {why}"))?;
    let _lock = Lock::take(&Store::open(&paths.state)?.path("lock"))?;
    // The service manager makes this one anew for each process.
    let private = agent.join("private");
    tree::remove(&private)?;
    fs::create_dir(&private)?;
    let remote = InProcess(Mutex::new(Fetcher::new(Place { mirrors: agent.join("fetcher"), private })));
    let mut settings = settings(&paths, place)?;
    if over_ssh {
        settings.fleet.url = format!("ssh://server{}", settings.fleet.url);
        settings.fleet.ssh =
            Some(Ssh { key: Secret::new("no key".to_owned()), known_hosts: "no host".to_owned() });
    }
    let host = LocalHost::new(&paths.state)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut agent = Agent::new(paths, settings, Arc::new(remote), host, key).await?;
        agent.cycle(&Stop::never()).await;
        let status = agent.status().context("no status")?;
        println!("{}", status.to_toml());
        let good = status.result == PassResult::Converged && agent.push_failure().is_none();
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn settings(paths: &Paths, place: &Path) -> Result<Settings> {
    let introduction = fs::read_to_string(paths.introduction())?;
    let server = fetch::Remote {
        url: place.join(SERVER).display().to_string(),
        credential: Credential::None,
        ca: None,
        proxy: None,
        ssh: None,
        fresh: false,
        stall_seconds: 30,
        total_seconds: 120,
    };
    Ok(Settings {
        host: "web-1".parse().map_err(|why| anyhow!("the host's name: {why}"))?,
        fleet: server.clone(),
        branch: "main".to_owned(),
        status: server,
        status_branch: "status/web-1".to_owned(),
        poll: Duration::from_mins(1),
        full_pass: Duration::from_hours(1),
        heartbeat: Duration::from_hours(6),
        introduction: introduction.trim().parse().map_err(|why| anyhow!("the introduction: {why}"))?,
        trust_origin: "introduction".to_owned(),
        ceiling: Ceiling::default(),
        machine: None,
    })
}

/// The fetcher in the same process.
struct InProcess(Mutex<Fetcher>);

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

impl Remote for InProcess {
    fn exchange(
        &self,
        request: &Request,
        objects: &[Object],
        received: &mut dyn Write,
    ) -> Result<Reply, Failure> {
        let failed = |message: String| Failure { code: "E_GIT_MIRROR".to_owned(), message, remedy: None };
        let mut fetcher = self.0.lock().map_err(|why| failed(why.to_string()))?;
        let answer = fetcher.answer(request, objects);
        if let Some(objects) = &answer.objects {
            objects.write(received).map_err(|why| failed(why.to_string()))?;
        }
        Ok(answer.reply)
    }
}
