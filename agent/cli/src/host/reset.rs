//! `holdfast trust reset`: root on the host lets trust begin anew. There is no way to do it from afar.

use std::io::Write as _;

use holdfast_agent::store::Store;

use crate::{
    Context,
    arguments::trust::Reset,
    exit::Exit,
    failure::{Code, Failure},
    host::{
        enrol,
        look::Host,
        newest::{self, Newest},
        settings,
        systemctl::Systemctl,
    },
    output::Style,
};

/// Shows what would be trusted, asks, and forgets what was.
pub(crate) fn run(arguments: &Reset, context: &Context) -> Result<Exit, Failure> {
    let introduction = enrol::introduction(&arguments.introduction)?;
    let paths = settings::paths(&arguments.root);
    let systemctl = Systemctl::of(&arguments.root);
    if systemctl.is_some() && !nix::unistd::geteuid().is_root() {
        return Err(Failure::new(Code::NotRoot, "only root may reset this host's trust"));
    }
    let mut settings = settings::load(&paths)?;
    let (old, new) = (settings.introduction.fleet, introduction.fleet);
    if old != new {
        let message = format!("the introduction is to the fleet {new}, and this host belongs to {old}");
        return Err(Failure::coded("E_FLEET", message, None)
            .remedy_is("To let the host follow another fleet, use `holdfast enrol --force`."));
    }
    settings.introduction = introduction;
    let remote = enrol::reach::remote(&paths, &settings, systemctl.as_ref())?;
    context.output.note(format!("fetching {} …", settings.fleet.url))?;
    let newest = newest::fetch(&*remote, &settings, None, context)?;
    let Newest { verified: Some((verified, objects)), refused, .. } = newest else {
        return Err(newest
            .refused
            .first()
            .map_or_else(|| Failure::new(Code::Fetch, "cannot verify what was fetched"), newest::refused));
    };
    let facts = Host::at(&arguments.root)?.facts()?;
    let state = holdfast_agent::revision::resolve(&objects, &verified, &settings.host, &facts);
    let state = state.map(|resolved| resolved.state.resources.keys().map(|id| id.kind).collect::<Vec<_>>());
    for line in enrol::found(&settings, &verified, state.as_deref(), &refused) {
        context.output.line(line)?;
    }
    if !arguments.yes && !enrol::consents(&settings, context)? {
        return Err(Failure::new(Code::Consent, "nothing was changed"));
    }

    if let Some(systemctl) = &systemctl {
        systemctl.run(&["stop", "holdfast-agent.service"])?;
    }
    // The mark first: whatever happens then, the host does not pass for one that was never reset.
    enrol::mark(&paths, "local-reset")?;
    let store = Store::open(&paths.config).map_err(|why| settings::lost(&why))?;
    let write = store.replace("introduction", |file| writeln!(file, "{}", settings.introduction));
    write.map_err(|why| settings::lost(&why))?;
    if let Some(mut memory) = settings::memory(&paths)? {
        memory.introduced_anew().map_err(|why| settings::lost(&why))?;
    }
    if let Some(systemctl) = &systemctl {
        systemctl.run(&["start", "holdfast-agent.service"])?;
    }
    context.output.line(format!(
        "{} trust of {} begins at {}",
        Style::Good.of("reset:"),
        settings.host,
        settings.introduction.commit
    ))?;
    Ok(Exit::Success)
}
