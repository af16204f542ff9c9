//! Looks at this host and does single actions on it: to try the host side by hand, and to measure it.
//!
//! ```text
//! host look PATH                 what is at a path
//! host unit NAME…                what units are
//! host package NAME…             what packages are
//! host facts                     what the host is
//! host run STATE_DIR ACTION…     does actions, each as JSON
//! host write STATE_DIR PATH TEXT [PROGRAM ARGUMENT…]
//!                                writes a file, if the program succeeds on it
//! host quiet DIRECTORY PASSES    looks at every file of a directory, at every package and at every unit named on standard
//!                                input (`package NAME` or `unit NAME`), PASSES times, and says what that took
//! ```
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a tool for the terminal")]

use std::{env, path::Path, process::ExitCode, time::Instant};

use holdfast_converge::{
    host::{Expected, HostError, LocalHost, Look, Node, Read as _, ReadOnlyHost, Wanted, Write as _, probe},
    plan::{Action, step::Owned},
};
use holdfast_schema::{AbsolutePath, Contents, FileMode};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == "probe"
    {
        return probe::main(rest);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(&arguments)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            if let Some(HostError::Packages { failed }) = error.downcast_ref() {
                for (package, error) in failed {
                    println!("  {package}: [{}] {error}", error.code());
                }
            }
            let mut cause = error.source();
            while let Some(error) = cause {
                println!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["look", path] => {
            let host = ReadOnlyHost::new()?;
            println!("{:?}", host.node(&path.parse()?, Look::Content).await?);
        }
        ["unit", names @ ..] => {
            let host = ReadOnlyHost::new()?;
            let units = names.iter().map(|name| name.parse()).collect::<std::result::Result<_, _>>()?;
            let wanted = Wanted { units, ..Wanted::default() };
            host.prepare(&wanted).await?;
            for unit in &wanted.units {
                println!("{unit}: {:?}", host.unit(unit).await?);
            }
        }
        ["package", names @ ..] => {
            let host = ReadOnlyHost::new()?;
            for name in names {
                println!("{name}: {:?}", host.package(name).await?);
            }
        }
        ["facts"] => println!("{:?}", ReadOnlyHost::new()?.facts().await?),
        ["run", state, actions @ ..] => {
            let host = LocalHost::new(Path::new(state))?;
            for action in actions {
                let action: Action = serde_json::from_str(action)?;
                let begun = Instant::now();
                let result = host.run(&action, &Expected::Anything, &Contents::default()).await;
                println!("{:?}", begun.elapsed());
                result?;
            }
        }
        ["write", state, path, text, validate @ ..] => {
            let mut contents = Contents::default();
            let content = contents.add(text.as_bytes());
            let validate = validate.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let validate = Some(validate).filter(|words| !words.is_empty());
            let access = Owned { uid: 0, gid: 0, mode: FileMode::new(0o644) };
            let action =
                Action::WriteFile { path: path.parse()?, content, access, validate, sensitive: false };
            let host = LocalHost::new(Path::new(state))?;
            let begun = Instant::now();
            let result = host.run(&action, &Expected::Anything, &contents).await;
            println!("{:?}", begun.elapsed());
            result?;
        }
        ["quiet", directory, passes] => quiet(directory, passes.parse()?).await?,
        _ => return Err("see the top of examples/host.rs for what to say".into()),
    }
    Ok(())
}

async fn quiet(directory: &str, passes: u32) -> Result {
    let directory: AbsolutePath = directory.parse()?;
    let mut wanted = Wanted::default();
    for line in std::io::stdin().lines() {
        match line?.split_once(' ') {
            Some(("package", name)) => drop(wanted.packages.insert(name.to_owned())),
            Some(("unit", name)) => drop(wanted.units.insert(name.parse()?)),
            _ => {}
        }
    }
    let host = ReadOnlyHost::new()?;
    let names = host.entries(&directory).await?;
    let paths: Vec<AbsolutePath> =
        names.iter().map(|entry| directory.join(&entry.name)).collect::<std::result::Result<_, _>>()?;
    for _ in 0..passes {
        let begun = Instant::now();
        host.prepare(&wanted).await?;
        let mut files = 0;
        for path in &paths {
            files += usize::from(matches!(host.node(path, Look::Content).await?, Node::File { .. }));
        }
        host.user("root").await?;
        for package in &wanted.packages {
            host.package(package).await?;
        }
        for unit in &wanted.units {
            host.unit(unit).await?;
        }
        host.finish();
        let (packages, units) = (wanted.packages.len(), wanted.units.len());
        println!("{files} files, {packages} packages, {units} units: {:?}", begun.elapsed());
    }
    Ok(())
}
