//! `.trust/policy.toml`: who may change what, and how many of them must agree.
//!
//! ```toml
//! format = 1
//! fleet = "6f1c0d2a9b3e4f5061728394a5b6c7d8"   # for ever
//! ref = "refs/heads/main"                      # the only branch that may be deployed
//! epoch = 3                                    # one more whenever anything under .trust/ changes
//! intent = "required"                          # messages must say `Deploy: main`
//! time_tolerance = "10m"                       # how far the clocks of those who sign may be apart
//!
//! [role.root]                                  # may change .trust/
//! people = ["alice", "bob", "carol"]
//! need = 2
//!
//! [role.deploy]                                # may change what no rule is about
//! people = ["alice", "bob", "carol"]
//! need = 1
//!
//! [role.beat]                                  # whose signed tag says again and again which commit is the newest
//! people = ["robot"]
//!
//! [[rule]]                                     # every rule that is about a path must be met
//! paths = ["hosts/db-*", "roles/postgres/"]
//! people = ["dora", "alice"]
//! need = 2
//! ```
//! Without roles, everybody in the list of keys may change everything alone. Unknown keys refuse the file: a rule that is
//! skipped in silence would look as if it held.

use std::{collections::BTreeSet, fmt};

use serde::Deserialize;
use toml::Spanned;

pub use crate::fleet::{FleetId, InvalidFleetId};
pub use crate::pattern::Pattern;
use crate::place;

#[cfg(test)]
mod tests;

/// The only format there is.
const FORMAT: i64 = 1;
/// How far clocks may be apart when the policy does not say.
const TOLERANCE: u32 = 600;
const LONGEST_TOLERANCE: u32 = 86_400;

/// What every revision of a fleet's repository says about who may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which fleet this is, for ever.
    pub fleet: FleetId,
    /// The full name of the only branch that may be deployed, such as `refs/heads/main`.
    pub reference: String,
    /// How often `.trust/` has changed, if that is counted.
    pub epoch: Option<u64>,
    /// Whether a signature counts only under a message that says which branch it is for.
    pub intent: bool,
    /// How far the clocks of those who sign may be apart, in seconds.
    pub time_tolerance: u32,
    /// Who may change `.trust/` and what no rule is about; `None`: everybody who is listed, alone.
    pub roles: Option<Roles>,
    /// Who must agree to changes of certain paths.
    pub rules: Vec<Rule>,
}

/// The roles that a policy has if it has any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Who may change `.trust/`.
    pub root: Quorum,
    /// Who may change what no rule is about.
    pub deploy: Quorum,
    /// Of whom one says again and again which commit is the newest, if somebody has to.
    pub beat: Option<Quorum>,
}

/// Who must agree to changes of certain paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The paths; one that fits is enough.
    pub paths: Vec<Pattern>,
    /// Who.
    pub quorum: Quorum,
}

/// So many of these people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// Their names in `allowed_signers`.
    pub people: BTreeSet<String>,
    /// How many of them must agree; from one to all.
    pub need: usize,
}

impl Quorum {
    /// Whether these people are enough.
    pub fn is_met(&self, agreed: &BTreeSet<String>) -> bool {
        self.people.intersection(agreed).count() >= self.need
    }
}

impl fmt::Display for Quorum {
    /// Such as `2 of alice, bob, carol`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let people: Vec<&str> = self.people.iter().map(String::as_str).collect();
        write!(f, "{} of {}", self.need, people.join(", "))
    }
}

/// Why a `policy.toml` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {problem}")]
pub struct PolicyError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in bytes counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: PolicyProblem,
}

/// What is wrong with a `policy.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// It is not text.
    #[error("this is not UTF-8")]
    NotText,
    /// It is not TOML, or its keys or types are wrong.
    #[error("{0}")]
    Toml(String),
    /// It is of a format that is not known.
    #[error("format {0} is not known to this version, which knows only format 1")]
    Format(i64),
    /// Not a fleet id.
    #[error("{0}")]
    Fleet(InvalidFleetId),
    /// Not a branch.
    #[error("ref must be the full name of a branch, such as \"refs/heads/main\"")]
    Reference,
    /// Not a duration that makes sense.
    #[error("time_tolerance must be a whole number of s, m or h, at most 24h, such as \"10m\"")]
    Tolerance,
    /// Not one of the two words.
    #[error("intent must be \"required\" or \"off\"")]
    Intent,
    /// Nobody, or somebody twice.
    #[error("people must name somebody, and nobody twice")]
    People,
    /// A number that nobody could reach, or that everybody has reached.
    #[error("need must be from 1 to the number of people, which is {0}")]
    Need(usize),
    /// A rule about nothing.
    #[error("paths must name something")]
    Paths,
    /// A path that is no pattern.
    #[error(
        "{0:?} is no pattern for paths: write one like \"hosts/db-*\" or \"roles/postgres/\", from the repository's root"
    )]
    Pattern(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: Spanned<i64>,
    fleet: Spanned<String>,
    #[serde(rename = "ref")]
    reference: Spanned<String>,
    epoch: Option<u64>,
    intent: Option<Spanned<String>>,
    time_tolerance: Option<Spanned<String>>,
    role: Option<DocumentRoles>,
    #[serde(default)]
    rule: Vec<DocumentRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentRoles {
    root: DocumentQuorum,
    deploy: DocumentQuorum,
    beat: Option<DocumentBeat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentBeat {
    people: Spanned<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentQuorum {
    people: Spanned<Vec<String>>,
    need: Spanned<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentRule {
    paths: Spanned<Vec<Spanned<String>>>,
    people: Spanned<Vec<String>>,
    need: Spanned<usize>,
}

/// A problem and the byte where it is.
type Fault = (usize, PolicyProblem);

impl Policy {
    /// Reads a file, from first byte to last.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        Self::read(text).map_err(|(offset, problem)| {
            let (line, column) = place::of(text, offset);
            PolicyError { line, column, problem }
        })
    }

    fn read(text: &[u8]) -> Result<Self, Fault> {
        let text = str::from_utf8(text).map_err(|why| (why.valid_up_to(), PolicyProblem::NotText))?;
        let document: Document = toml::from_str(text).map_err(|why| {
            let problem = PolicyProblem::Toml(why.message().to_owned());
            (why.span().map_or(0, |span| span.start), problem)
        })?;
        check(&document.format, |format| (*format != FORMAT).then_some(PolicyProblem::Format(*format)))?;
        let fleet = document.fleet.get_ref().parse();
        let fleet = fleet.map_err(|why| (document.fleet.span().start, PolicyProblem::Fleet(why)))?;
        check(&document.reference, |name| (!is_branch(name)).then_some(PolicyProblem::Reference))?;
        let intent = match &document.intent {
            None => false,
            Some(text) => match text.get_ref().as_str() {
                "required" => true,
                "off" => false,
                _ => return Err((text.span().start, PolicyProblem::Intent)),
            },
        };
        let time_tolerance = match &document.time_tolerance {
            None => TOLERANCE,
            Some(text) => seconds(text.get_ref())
                .filter(|&seconds| seconds <= LONGEST_TOLERANCE)
                .ok_or((text.span().start, PolicyProblem::Tolerance))?,
        };
        let all = |DocumentRoles { root, deploy, beat }: &DocumentRoles| {
            let quorum = |role: &DocumentQuorum| quorum(&role.people, &role.need);
            let one = |role: &DocumentBeat| Ok(Quorum { people: named(&role.people)?, need: 1 });
            Ok(Roles {
                root: quorum(root)?,
                deploy: quorum(deploy)?,
                beat: beat.as_ref().map(one).transpose()?,
            })
        };
        Ok(Self {
            fleet,
            roles: document.role.as_ref().map(all).transpose()?,
            rules: document.rule.iter().map(rule).collect::<Result<_, _>>()?,
            reference: document.reference.into_inner(),
            epoch: document.epoch,
            intent,
            time_tolerance,
        })
    }

    /// The branch's name without `refs/heads/`, as trailers and tags have it.
    pub fn branch(&self) -> &str {
        branch(&self.reference)
    }

    /// Every quorum, with what it is for.
    pub(crate) fn quorums(&self) -> impl Iterator<Item = &Quorum> {
        let roles =
            self.roles.iter().flat_map(|roles| [&roles.root, &roles.deploy].into_iter().chain(&roles.beat));
        roles.chain(self.rules.iter().map(|rule| &rule.quorum))
    }
}

/// A full branch name without `refs/heads/`.
pub(crate) fn branch(reference: &str) -> &str {
    reference.strip_prefix("refs/heads/").unwrap_or(reference)
}

fn check<T>(value: &Spanned<T>, wrong: impl FnOnce(&T) -> Option<PolicyProblem>) -> Result<(), Fault> {
    wrong(value.get_ref()).map_or(Ok(()), |problem| Err((value.span().start, problem)))
}

fn named(people: &Spanned<Vec<String>>) -> Result<BTreeSet<String>, Fault> {
    let set: BTreeSet<String> = people.get_ref().iter().cloned().collect();
    check(people, |list| (list.is_empty() || list.len() != set.len()).then_some(PolicyProblem::People))?;
    Ok(set)
}

fn quorum(people: &Spanned<Vec<String>>, need: &Spanned<usize>) -> Result<Quorum, Fault> {
    let set = named(people)?;
    check(need, |need| (*need < 1 || *need > set.len()).then_some(PolicyProblem::Need(set.len())))?;
    Ok(Quorum { people: set, need: *need.get_ref() })
}

fn rule(rule: &DocumentRule) -> Result<Rule, Fault> {
    check(&rule.paths, |paths| paths.is_empty().then_some(PolicyProblem::Paths))?;
    let pattern = |text: &Spanned<String>| {
        let problem = || (text.span().start, PolicyProblem::Pattern(text.get_ref().clone()));
        Pattern::parse(text.get_ref()).ok_or_else(problem)
    };
    let paths = rule.paths.get_ref().iter().map(pattern).collect::<Result<_, _>>()?;
    Ok(Rule { paths, quorum: quorum(&rule.people, &rule.need)? })
}
/// Whether this is the full name of a branch, by the rules of git-check-ref-format(1) that matter and a few more.
fn is_branch(name: &str) -> bool {
    let Some(short) = name.strip_prefix("refs/heads/") else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@/".contains(&byte);
    let good = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(['.', '-']);
    short.bytes().all(plain)
        && short.len() <= 200
        && short.split('/').all(|part| good(part) && part.strip_suffix(".lock").is_none())
        && !short.contains("..")
}

fn seconds(text: &str) -> Option<u32> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u32>().ok()?.checked_mul(factor)
}
