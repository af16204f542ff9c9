//! `README.md` beside `status.toml`: the same for people, as a forge shows it.

use std::fmt::Write as _;

use super::{PassResult, Status, StatusProblem, short};
use crate::text;

/// The most groups of resources that are listed; `status.toml` has them all.
const LISTED: usize = 200;

impl Status {
    /// The text of `README.md`.
    pub fn readme(&self) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail.
        self.page(&mut page).unwrap_or_default();
        page
    }

    fn page(&self, page: &mut String) -> std::fmt::Result {
        let (sign, words) = self.headline();
        writeln!(page, "# {sign} {}: {words}\n", prose(self.host.as_str()))?;
        writeln!(page, "| | |\n|---|---|")?;
        writeln!(page, "| **Result** | {} |", self.result.as_str())?;
        let revision = &self.revision;
        let none = "none yet".to_owned();
        writeln!(page, "| **In force** | {} |", revision.applied.as_deref().map_or(none, code))?;
        if revision.attempted != revision.applied {
            writeln!(
                page,
                "| **Tried** | {} |",
                revision.attempted.as_deref().map_or("none".to_owned(), code)
            )?;
        }
        if let Some(signer) = &revision.signer {
            writeln!(page, "| **Signed by** | {} |", prose(signer))?;
        }
        writeln!(page, "| **Branch** | {} |", code(&revision.branch))?;
        writeln!(page, "| **Written** | {} |", prose(&self.time))?;
        let trust = match self.agent.trust_origin.as_str() {
            "introduction" => String::new(),
            other => format!(", trust from {}", prose(other)),
        };
        writeln!(page, "| **Agent** | holdfast {}{trust} |", prose(&self.agent.version))?;
        writeln!(page, "\n{}", self.counts())?;
        for problem in &self.problem {
            problem_section(page, problem)?;
        }
        self.resources(page)?;
        self.images(page)?;
        self.facts(page)?;
        writeln!(page, "\nWritten by the host itself. Programs read [status.toml](status.toml).")
    }

    /// A sign and a sentence for the whole.
    fn headline(&self) -> (&'static str, String) {
        let revision = |revision: &Option<String>| {
            revision.as_deref().map_or("no revision".to_owned(), |id| code(&short(id)))
        };
        let applied = revision(&self.revision.applied);
        match self.result {
            PassResult::Converged if self.summary.differs > 0 => {
                ("🟡", format!("as {applied} says, except for what is only audited"))
            }
            PassResult::Converged => ("🟢", format!("as {applied} says")),
            PassResult::Failed => ("🔴", format!("not all of {applied} could be done")),
            PassResult::Waiting => ("🟡", format!("waits to finish {applied}")),
            PassResult::Held if self.revision.attempted == self.revision.applied => {
                ("🔴", format!("stays at {applied}"))
            }
            PassResult::Held => {
                ("🔴", format!("stays at {applied}; {} was not taken", revision(&self.revision.attempted)))
            }
            PassResult::Paused => ("⏸️", format!("paused at {applied}")),
        }
    }

    /// How many resources ended how, in one line.
    fn counts(&self) -> String {
        let words = |word: &str| {
            match word {
                "same" => "in order",
                "differs" => "different, only audited",
                _ => "",
            }
            .to_owned()
        };
        let counts = self.summary.counts().into_iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(word, count)| {
                let plain = words(word);
                format!("**{count}** {}", if plain.is_empty() { word } else { &plain })
            })
            .collect();
        if counts.is_empty() {
            "No resources.".to_owned()
        } else {
            format!("Resources: {}.", counts.join(", "))
        }
    }

    fn images(&self, page: &mut String) -> std::fmt::Result {
        if self.image.is_empty() {
            return Ok(());
        }
        writeln!(page, "\n## Images that tags stand for\n\n| Resource | Image |\n|---|---|")?;
        for pinned in self.image.iter().take(LISTED) {
            writeln!(page, "| {} | {} |", code(&pinned.id.to_string()), code(&pinned.image))?;
        }
        Ok(())
    }

    fn resources(&self, page: &mut String) -> std::fmt::Result {
        if self.resource.is_empty() {
            return Ok(());
        }
        writeln!(page, "\n## Resources\n\n| Resource | Outcome | |\n|---|---|---|")?;
        let groups = self.alike();
        for group in groups.iter().take(LISTED) {
            let resource = group.told;
            let mut told: Vec<String> = resource.code.iter().map(|id| code(id)).collect();
            told.extend(resource.message.iter().map(|message| prose(message)));
            told.extend(resource.by.iter().map(|by| format!("changed by {}", prose(by))));
            told.extend(resource.remedy.iter().map(|remedy| format!("*{}*", prose(remedy))));
            let (named, more) = group.named();
            let mut ids: Vec<String> = named.iter().map(|id| code(&id.to_string())).collect();
            ids.extend((more > 0).then(|| format!("and {more} more")));
            let outcome = resource.outcome.as_str();
            writeln!(page, "| {} | {outcome} | {} |", ids.join("<br>"), told.join("<br>"))?;
        }
        let left: usize = groups.iter().skip(LISTED).map(|group| group.ids.len()).sum();
        if left > 0 {
            writeln!(page, "\n… and {left} more in [status.toml](status.toml).")?;
        }
        Ok(())
    }

    fn facts(&self, page: &mut String) -> std::fmt::Result {
        let facts = &self.facts;
        let system = [facts.os.as_str(), &facts.os_version, &facts.os_codename];
        let system: Vec<&str> = system.into_iter().filter(|part| !part.is_empty()).collect();
        writeln!(page, "\n## Host\n\n| | |\n|---|---|")?;
        writeln!(page, "| **System** | {} |", prose(&system.join(" ")))?;
        writeln!(page, "| **Kernel** | {} on {} |", prose(&facts.kernel), prose(&facts.arch))?;
        writeln!(page, "| **Host name** | {} |", prose(&facts.hostname))?;
        writeln!(page, "| **Virtualization** | {} |", prose(&facts.virtualization))?;
        writeln!(page, "| **Size** | {} CPUs, {} MiB |", facts.cpus, facts.memory_mib)
    }
}

fn problem_section(page: &mut String, problem: &StatusProblem) -> std::fmt::Result {
    writeln!(page, "\n## {}\n\n{}", prose(&problem.code), prose(&problem.message))?;
    if let Some(remedy) = &problem.remedy {
        writeln!(page, "\n**Remedy:** {}", prose(remedy))?;
    }
    let at = problem.at.iter().map(|at| format!("at {}", code(at)));
    let commit = problem.commit.iter().map(|commit| format!("in commit {}", code(commit)));
    let place: Vec<String> = at.chain(commit).collect();
    if place.is_empty() { Ok(()) } else { writeln!(page, "\n({})", place.join(", ")) }
}

/// Text that Markdown and HTML leave as it is. Nor does it call anybody by name, link anywhere or close an issue.
fn prose(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text::escape(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '@' => safe.push_str("&#64;"),
            '#' => safe.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => {
                safe.push('\\');
                safe.push(character);
            }
            _ => safe.push(character),
        }
    }
    // A forge would make links of these.
    safe.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// Text as code, in which Markdown leaves all but backticks alone.
fn code(text: &str) -> String {
    let text = text::escape(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}
