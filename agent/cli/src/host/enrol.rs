//! `holdfast enrol`: looks first, asks, and only then writes.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use holdfast_agent::{
    revision,
    settings::{Paths, Settings},
    store::{Store, StoreError},
};
use holdfast_schema::{KindName, status::StatusProblem};
use holdfast_secrets::{Identity, Recipient};
use holdfast_trust::{Introduction, Verified, introduction::InvalidIntroduction, sign::SecretKey};
use zeroize::Zeroizing;

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
    trust::show::who_may,
};

mod configuration;
pub(super) mod reach;

/// The private half of what secrets are encrypted to, in `/etc/holdfast`.
const AGE_KEY: &str = "age_key";

/// Lets this host follow a fleet repository.
pub(crate) fn run(arguments: &Enrol, context: &Context) -> Result<Exit, Failure> {
    let introduction = arguments.introduction.as_deref().map(introduction).transpose()?;
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
    // Who trusts on first use has none until the server was asked.
    let begin = introduction.clone().unwrap_or_else(newest::nobody);
    let mut settings =
        Settings::from_config(configuration.source(), begin).map_err(|why| settings::unusable(&why))?;

    let remote = reach::remote(&paths, &settings, systemctl.as_ref())?;
    context.output.note(format!("fetching {} …", settings.fleet.url))?;
    if introduction.is_none() {
        settings.introduction = newest::first_seen(&*remote, &settings)?;
        context.output.line(format!(
            "{} compare this line with what `holdfast trust intro {}` prints where you trust the clone:\n  {}\n",
            Style::Warning.of("trust on first use:"),
            settings.introduction.commit,
            Style::Strong.of(settings.introduction.to_string()),
        ))?;
    }
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

    let (key, age_key) = write(&paths, &configuration, &settings.introduction)?;
    if introduction.is_none() {
        mark(&paths, "tofu")?;
    }
    if let Some(systemctl) = &systemctl {
        start(&paths, systemctl, arguments.force)?;
    }
    for line in done(&settings, &key, age_key, systemctl.is_some()) {
        context.output.line(line)?;
    }
    Ok(Exit::Success)
}

/// Reads the line.
pub(super) fn introduction(line: &str) -> Result<Introduction, Failure> {
    line.trim().parse().map_err(|why: InvalidIntroduction| {
        let remedy = holdfast_trust::remedy(why.code());
        Failure::coded(why.code(), "cannot take the introduction", Some(remedy)).because(why)
    })
}

/// Notes for ever how trust began here, beside how it began before.
pub(super) fn mark(paths: &Paths, origin: &str) -> Result<(), Failure> {
    let lost = |why: StoreError| settings::lost(&why);
    let store = Store::open(&paths.config).map_err(lost)?;
    let path = paths.trust_origin();
    let mut known = String::new();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(mut file) = store.read(name).map_err(lost)? {
        file.read_to_string(&mut known).map_err(|why| Failure::read(&path, why))?;
    }
    let mut origins: Vec<&str> = known.split_whitespace().collect();
    if !origins.contains(&origin) {
        origins.push(origin);
    }
    store.replace(name, |file| writeln!(file, "{}", origins.join(" "))).map_err(lost)
}

/// What was found, for whoever has to decide.
pub(super) fn found(
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
    lines.push("Whoever may change what this host does is root here.".to_owned());
    lines.extend(who_may(verified.rules()));
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
pub(super) fn consents(settings: &Settings, context: &Context) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(Code::Consent, "nobody is there to be asked"));
    }
    context.output.ask(format!("Follow this fleet as {}? [y/N] ", settings.host))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes everything below `/etc/holdfast`, what starts the agent last; gives the host's key, and what secrets are encrypted to.
fn write(
    paths: &Paths,
    configuration: &Configuration,
    introduction: &Introduction,
) -> Result<(SecretKey, Recipient), Failure> {
    let lost = |why: StoreError| settings::lost(&why);
    let store = Store::open(&paths.config).map_err(lost)?;
    for (name, bytes) in configuration.files() {
        store.replace(name, |file| file.write_all(bytes)).map_err(lost)?;
    }
    // A host that is enrolled anew keeps its key: its status branch goes on. Under another name, or if another machine has
    // the key too, it gets one of its own.
    let stays = Settings::load(paths).is_ok_and(|settings| settings.host == configuration.installed().host)
        && settings::memory(paths)?.is_none_or(|memory| !memory.published.cloned);
    let key = match paths.read_host_key() {
        Ok(key) if stays => key,
        _ => {
            let key = keys::new()?;
            let text = key.print(configuration.installed().host.as_str());
            store.replace("host_key", |file| file.write_all(text.as_bytes())).map_err(lost)?;
            key
        }
    };
    // The secrets of the fleet are encrypted to it, so it only goes when it must.
    let identity = match read_age_key(paths)? {
        Some(identity) if stays => identity,
        _ => {
            let identity = Identity::generate()
                .map_err(|why| Failure::new(Code::Random, "cannot draw a key").because(why))?;
            store.replace(AGE_KEY, |file| file.write_all(identity.print().as_bytes())).map_err(lost)?;
            identity
        }
    };
    store.replace("introduction", |file| writeln!(file, "{introduction}")).map_err(lost)?;
    let text = holdfast_schema::agent_config::write(configuration.installed(), None);
    store.replace("agent.toml", |file| file.write_all(text.as_bytes())).map_err(lost)?;
    Ok((key, identity.recipient()))
}

/// The private half of what secrets are encrypted to, if the host has one that can be used.
fn read_age_key(paths: &Paths) -> Result<Option<Identity>, Failure> {
    let store = Store::open(&paths.config).map_err(|why| settings::lost(&why))?;
    let Some(mut file) = store.read(AGE_KEY).map_err(|why| settings::lost(&why))? else { return Ok(None) };
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|why| Failure::read(&paths.config.join(AGE_KEY), why))?;
    Ok(Identity::parse(&text).ok())
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
fn done(settings: &Settings, key: &SecretKey, age_key: Recipient, started: bool) -> Vec<String> {
    let host = &settings.host;
    let started = if started { "; the agent runs" } else { "" };
    vec![
        format!("{} as {host}{started}", Style::Good.of("enrolled")),
        String::new(),
        format!(
            "Commit these lines to hosts/{host}.toml, so that everybody can check that status/{host} is this host's own, and \
             secrets can be encrypted to it:"
        ),
        format!("  {}", Style::Strong.of(format!("status_key = \"{} {host}\"", key.public()))),
        format!("  {}", Style::Strong.of(format!("age_key = \"{age_key}\""))),
        String::new(),
        "`holdfast status` tells how it goes; `holdfast doctor` looks for trouble.".to_owned(),
    ]
}
