//! `holdfast enrol`: looks first, asks, and only then writes.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use holdfast_agent::{
    revision,
    settings::{Paths, Settings},
    store::{Store, StoreError},
};
use holdfast_schema::{KindName, status::StatusProblem};
use holdfast_trust::{Introduction, Verified, introduction::InvalidIntroduction, sign::SecretKey};

use self::configuration::Configuration;
use crate::{
    Context,
    arguments::host::Enrol,
    exit::Exit,
    failure::{Code, Failure},
    host::{
        look::Host,
        newest::{self, Newest},
        report, settings,
        systemctl::Systemctl,
    },
    keys,
    output::{Style, table},
};

mod configuration;
mod reach;

/// Lets this host follow a fleet repository.
pub(crate) fn run(arguments: &Enrol, context: &Context) -> Result<Exit, Failure> {
    let introduction: Introduction =
        arguments.introduction.trim().parse().map_err(|why: InvalidIntroduction| {
            Failure::coded(
                why.code(),
                "cannot take the introduction",
                Some(holdfast_trust::remedy(why.code())),
            )
            .because(why)
        })?;
    let paths = settings::paths(&arguments.root);
    let systemctl = Systemctl::of(&arguments.root);
    if systemctl.is_some() && !nix::unistd::geteuid().is_root() {
        return Err(Failure::new(Code::NotRoot, "only root may enrol this host"));
    }
    if paths.agent_toml().exists() && !arguments.force {
        return Err(Failure::new(
            Code::Enrolled,
            format!("this host is enrolled already: {}", paths.agent_toml().display()),
        ));
    }
    let configuration = Configuration::of(arguments, context)?;
    let settings = Settings::from_config(configuration.source(), introduction.clone())
        .map_err(|why| settings::unusable(&why))?;

    let remote = reach::remote(&paths, &settings, systemctl.as_ref())?;
    context.output.note(format!("fetching {} …", settings.fleet.url))?;
    let newest = newest::fetch(&*remote, &settings, None, context)?;
    let Newest { verified: Some((verified, objects)), refused, .. } = newest else {
        return Err(newest
            .refused
            .first()
            .map_or_else(|| Failure::new(Code::Fetch, "cannot verify what was fetched"), newest::refused));
    };
    let facts = Host::at(&arguments.root)?.facts()?;
    let state = revision::resolve(&objects, &verified, &settings.host, &facts);
    let state = state.map(|resolved| resolved.state.resources.keys().map(|id| id.kind).collect::<Vec<_>>());
    for line in found(&settings, &verified, state.as_deref(), &refused) {
        context.output.line(line)?;
    }
    if !arguments.yes && !consents(&settings, context)? {
        return Err(Failure::new(Code::Consent, "nothing was changed"));
    }

    let key = write(&paths, &configuration, &introduction)?;
    if let Some(systemctl) = &systemctl {
        start(&paths, systemctl, arguments.force)?;
    }
    for line in done(&settings, &key, systemctl.is_some()) {
        context.output.line(line)?;
    }
    Ok(Exit::Success)
}

/// What was found, for whoever has to decide.
fn found(
    settings: &Settings,
    verified: &Verified,
    state: Result<&[KindName], &Vec<StatusProblem>>,
    refused: &[StatusProblem],
) -> Vec<String> {
    let name = |name: &str| Style::Faint.of(name);
    let (signers, here) = (verified.people().join(", "), &settings.host);
    let mut lines = table(&[
        vec![name("fleet"), format!("{} at {}", verified.fleet(), settings.fleet.url)],
        vec![
            name("revision"),
            format!("{} of {}, signed by {signers}", verified.commit().short(), verified.time()),
        ],
        vec![
            name("this host"),
            format!("{here}: {}", state.map_or_else(|_| "nothing yet".to_owned(), declared)),
        ],
    ]);
    lines.extend(report::problems(refused));
    lines.extend(report::problems(state.err().map(Vec::as_slice).unwrap_or_default()));
    lines.push(String::new());
    lines.push("Whoever has one of these keys will be able to change everything on this host:".to_owned());
    let signers = verified.rules().signers.iter();
    let rows: Vec<_> = signers
        .map(|signer| {
            vec![format!("  {}", Style::Strong.of(&signer.principal)), signer.key.fingerprint().to_string()]
        })
        .collect();
    lines.extend(table(&rows));
    lines.push(String::new());
    lines
}

/// Such as `3 files, 1 package`.
fn declared(kinds: &[KindName]) -> String {
    let counts = KindName::ALL.into_iter().filter_map(|kind| {
        let count = kinds.iter().filter(|one| **one == kind).count();
        let plural = match (kind, count) {
            (_, 0) => return None,
            (_, 1) => "",
            (KindName::Directory, _) => return Some(format!("{count} directories")),
            _ => "s",
        };
        Some(format!("{count} {kind}{plural}"))
    });
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() { "no resources".to_owned() } else { counts.join(", ") }
}

/// Asks whoever sits at the terminal.
fn consents(settings: &Settings, context: &Context) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(Code::Consent, "nobody is there to be asked"));
    }
    context.output.ask(format!("Follow this fleet as {}? [y/N] ", settings.host))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes everything below `/etc/holdfast`, what starts the agent last; gives the host's key.
fn write(
    paths: &Paths,
    configuration: &Configuration,
    introduction: &Introduction,
) -> Result<SecretKey, Failure> {
    let lost = |why: StoreError| settings::lost(&why);
    let store = Store::open(&paths.config).map_err(lost)?;
    for (name, bytes) in configuration.files() {
        store.replace(name, |file| file.write_all(bytes)).map_err(lost)?;
    }
    // A host that is enrolled anew keeps its key: its status branch goes on.
    let key = match paths.read_host_key() {
        Ok(key) => key,
        Err(_none_or_unusable) => {
            let key = keys::new()?;
            let text = key.print(configuration.installed().host.as_str());
            store.replace("host_key", |file| file.write_all(text.as_bytes())).map_err(lost)?;
            key
        }
    };
    store.replace("introduction", |file| writeln!(file, "{introduction}")).map_err(lost)?;
    let text = holdfast_schema::agent_config::write(configuration.installed(), None);
    store.replace("agent.toml", |file| file.write_all(text.as_bytes())).map_err(lost)?;
    Ok(key)
}

/// Starts the agent, now and at every boot.
fn start(paths: &Paths, systemctl: &Systemctl, anew: bool) -> Result<(), Failure> {
    if anew {
        systemctl.run(&["stop", "holdfast-agent.service"])?;
        // Trust begins anew where the new introduction says; what the agent owns stays known.
        if let Some(mut memory) = settings::memory(paths)? {
            memory.introduced_anew().map_err(|why| settings::lost(&why))?;
        }
    }
    systemctl.run(&["enable", "--quiet", "--now", "holdfast-agent.service"])
}

/// What was done, and what is left to do.
fn done(settings: &Settings, key: &SecretKey, started: bool) -> Vec<String> {
    let host = &settings.host;
    let started = if started { "; the agent runs" } else { "" };
    vec![
        format!("{} as {host}{started}", Style::Good.of("enrolled")),
        String::new(),
        format!(
            "Commit this line to hosts/{host}.toml, so that everybody can check that status/{host} is this host's own:"
        ),
        format!("  {}", Style::Strong.of(format!("status_key = \"{} {host}\"", key.public()))),
        String::new(),
        "`holdfast status` tells how it goes; `holdfast doctor` looks for trouble.".to_owned(),
    ]
}
