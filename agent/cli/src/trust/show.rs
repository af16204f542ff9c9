//! `holdfast trust show`

use holdfast_trust::{
    Halt, Introduction, Limits, ObjectId, ObjectKind, Objects as _, Request, UnixTime, Verification,
    commit::Commit,
    introduction::InvalidIntroduction,
    policy::Quorum,
    rules::Rules,
    sshsig::{Signature, SignatureError},
    verify,
};
use serde::Serialize;

use crate::{
    Context,
    arguments::trust::Show,
    clone,
    exit::Exit,
    failure::Failure,
    output::{Style, table},
    trust::{rules, standing::Standing},
    workstation::work_tree,
};

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    commit: ObjectId,
    fleet: String,
    branch: String,
    /// Who signed the commit; `None` if nobody that it lists itself did.
    signer: Option<String>,
    signers: Vec<Signer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    /// Whether signed messages must say for which branch they are.
    intent: bool,
    quorums: Vec<Needed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<History>,
}

/// How many of whom must agree to what.
#[derive(Serialize)]
pub(crate) struct Needed {
    what: String,
    need: usize,
    people: Vec<String>,
}

/// One key.
#[derive(Serialize)]
struct Signer {
    person: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_before: Option<String>,
}

/// What a host with the introduction would make of it.
#[derive(Serialize)]
struct History {
    verified: Option<ObjectId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
    /// The stops that nobody has lifted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stops: Vec<Stop>,
}

/// A stop that nobody has lifted.
#[derive(Serialize)]
struct Stop {
    name: String,
    person: String,
    time: String,
    said: String,
    tag: ObjectId,
}

/// Why the commit is refused.
#[derive(Serialize)]
struct Refused {
    code: &'static str,
    commit: ObjectId,
    message: String,
    remedy: &'static str,
}

/// Shows who may do what, and checks the history.
pub(crate) fn run(arguments: &Show, context: &Context) -> Result<Exit, Failure> {
    let root = work_tree::find(&arguments.work_tree, &context.directory)?;
    let repository = clone::open(&root)?;
    let commit = clone::commit(&repository, &arguments.commit, &root)?;
    let rules = rules::of(&repository, commit, &root)?;
    let object = repository.get(&commit).map_err(|why| clone::unreadable(&root, why.code()).because(why))?;
    let signer = object
        .filter(|object| object.kind == ObjectKind::Commit)
        .map_or_else(|| Err("it is no commit".to_owned()), |object| signer(&object.data, &rules));

    let history = match (&arguments.introduction, &arguments.from) {
        (None, None) => None,
        (None, Some(from)) => {
            let from = clone::commit(&repository, from, &root)?;
            Some(history(&Standing::at(&repository, from, &root)?.sees(&repository, commit, context)))
        }
        (Some(line), _) => {
            let introduction: Introduction = line.trim().parse().map_err(|why: InvalidIntroduction| {
                let remedy = holdfast_trust::remedy(why.code());
                Failure::coded(why.code(), "cannot take the introduction", Some(remedy)).because(why)
            })?;
            let introduced = rules::of(&repository, introduction.commit, &root)?;
            let request = Request {
                tip: commit,
                reference: &introduced.policy.reference,
                introduction: &introduction,
                ratchet: None,
                floor: None,
                halts: &[],
                clock: Some(UnixTime::from_seconds(context.now.as_second())),
                limits: &Limits::default(),
            };
            Some(history(&verify(&repository, &request)))
        }
    };
    let exit = match &history {
        // Others can still say yes to it, or let it go on.
        Some(History { refused: Some(Refused { code: "E_THRESHOLD" | "E_HALTED", .. }), .. })
            if arguments.waiting =>
        {
            Exit::Success
        }
        Some(History { refused: Some(_), .. }) => Exit::Problem,
        _ => Exit::Success,
    };
    if arguments.json {
        context.output.json(&document(commit, &rules, signer.ok(), history))?;
    } else {
        for line in lines(commit, &rules, signer, history.as_ref()) {
            context.output.line(line)?;
        }
    }
    Ok(exit)
}

/// Who signed a commit, as far as its own list tells, or why nobody did.
fn signer(commit: &[u8], rules: &Rules) -> Result<String, String> {
    let commit = Commit::parse(commit).map_err(|why| why.to_string())?;
    let text = commit.signature.as_deref().ok_or_else(|| "it is not signed".to_owned())?;
    let checked = Signature::parse(text).and_then(|signature| {
        signature.verify(&commit.payload)?;
        Ok::<_, SignatureError>(signature)
    });
    let signature = checked.map_err(|why| why.to_string())?;
    let listed = rules.signers.find(&signature.key);
    let key = signature.key.fingerprint();
    listed
        .map(|signer| signer.principal.clone())
        .ok_or_else(|| format!("it is signed with {key}, which is not listed"))
}

fn history(verification: &Verification) -> History {
    History {
        verified: verification.verified.as_ref().map(holdfast_trust::Verified::commit),
        refused: verification.refused.as_ref().map(|refusal| Refused {
            code: refusal.code(),
            commit: refusal.commit,
            message: refusal.to_string(),
            remedy: refusal.remedy(),
        }),
        stops: verification.halts.iter().flatten().map(stop).collect(),
    }
}

fn stop(halt: &Halt) -> Stop {
    let Halt { name, person, time, said, tag, .. } = halt.clone();
    Stop { name, person, time: time.to_string(), said, tag }
}

fn document(commit: ObjectId, rules: &Rules, signer: Option<String>, history: Option<History>) -> Document {
    let time = |time: &UnixTime| time.to_string();
    Document {
        commit,
        fleet: rules.policy.fleet.to_string(),
        branch: rules.policy.reference.clone(),
        signer,
        signers: rules
            .signers
            .iter()
            .map(|signer| Signer {
                person: signer.principal.clone(),
                key: signer.key.fingerprint().to_string(),
                valid_after: signer.valid_after.as_ref().map(time),
                valid_before: signer.valid_before.as_ref().map(time),
            })
            .collect(),
        epoch: rules.policy.epoch,
        intent: rules.policy.intent,
        quorums: quorums(rules),
        history,
    }
}

/// Who must agree to what, by the policy.
fn quorums(rules: &Rules) -> Vec<Needed> {
    let needed = |what: String, quorum: &Quorum| Needed {
        what,
        need: quorum.need,
        people: quorum.people.iter().cloned().collect(),
    };
    let mut all = Vec::new();
    if let Some(roles) = &rules.policy.roles {
        all.push(needed(".trust".to_owned(), &roles.root));
        all.push(needed("all that no line below is about".to_owned(), &roles.deploy));
        all.extend(
            roles.beat.as_ref().map(|beat| needed("what beat/ tags say is the newest".to_owned(), beat)),
        );
    }
    all.extend(rules.policy.rules.iter().map(|rule| {
        let paths: Vec<String> = rule.paths.iter().map(ToString::to_string).collect();
        needed(paths.join(", "), &rule.quorum)
    }));
    all
}

/// Who may change what, for people.
pub(crate) fn who_may(rules: &Rules) -> Vec<String> {
    let keys: Vec<Vec<String>> = rules
        .signers
        .iter()
        .map(|signer| {
            let from = signer.valid_after.map(|time| format!("from {time}"));
            let until = signer.valid_before.map(|time| format!("until {time}"));
            let window = [from, until].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let person = format!("  {}", Style::Strong.of(&signer.principal));
            vec![person, signer.key.fingerprint().to_string(), window]
        })
        .collect();
    let quorums = quorums(rules);
    if quorums.is_empty() {
        let mut lines =
            vec!["Each of these may change everything alone, by a signature with the key:".to_owned()];
        lines.extend(table(&keys));
        return lines;
    }
    let rows: Vec<Vec<String>> = quorums
        .iter()
        .map(|needed| {
            let people = needed.people.join(", ");
            vec![format!("  {}", needed.what), format!("{} of", needed.need), Style::Strong.of(people)]
        })
        .collect();
    let mut lines = vec!["To change this, so many of these people must agree:".to_owned()];
    lines.extend(table(&rows));
    lines.push("by signatures with these keys:".to_owned());
    lines.extend(table(&keys));
    lines
}

fn lines(
    commit: ObjectId,
    rules: &Rules,
    author: Result<String, String>,
    history: Option<&History>,
) -> Vec<String> {
    let signed = match author {
        Ok(person) => format!("signed by {person}"),
        Err(why) => Style::Warning.of(why),
    };
    let name = |name: &str| Style::Faint.of(name);
    let mut lines = table(&[
        vec![name("fleet"), rules.policy.fleet.to_string()],
        vec![name("branch"), rules.policy.reference.clone()],
        vec![name("commit"), format!("{}, {signed}", commit.short())],
        vec![name("epoch"), rules.policy.epoch.map_or("not counted".to_owned(), |epoch| epoch.to_string())],
        vec![
            name("intent"),
            if rules.policy.intent {
                format!("messages must say \"Deploy: {}\"", rules.policy.branch())
            } else {
                "off".to_owned()
            },
        ],
    ]);
    lines.push(String::new());
    lines.extend(who_may(rules));
    if let Some(history) = history {
        lines.push(String::new());
        if let Some(verified) = history.verified {
            lines.push(format!("{} {verified}", Style::Good.of("verified:")));
        }
        for Stop { name, person, time, said, tag } in &history.stops {
            let stopped = Style::Warning.of("stopped:");
            lines.push(format!("{stopped} by {person} on {time} with {name}: {said}"));
            lines.push(format!("  {} go/ tags that say \"Lifts: {tag}\"", Style::Good.of("lifted by")));
        }
        if let Some(Refused { code, message, remedy, .. }) = &history.refused {
            lines.push(format!("{} {message} [{code}]", Style::Bad.of("refused:")));
            lines.push(format!("  {} {remedy}", Style::Good.of("remedy:")));
        }
    }
    lines
}
