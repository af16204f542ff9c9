//! Reads values out of a compose file, and collects what is wrong with it and what has no equivalent.

use std::rc::Rc;

use super::{
    Note,
    interpolate::{Refusal, Variables, interpolate},
    tree::{Item, Place, Value},
};
use crate::{
    Location, Problem,
    document::{duration, source::Source},
    language::values::docker::Size,
    text,
    yaml::{Key, Node, Yaml},
};

/// A text and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) at: Place,
}

impl From<Text> for Item {
    fn from(text: Text) -> Self {
        Self { value: Value::Text(text.text), at: text.at }
    }
}

/// One compose file under translation.
pub(crate) struct Reader<'c> {
    pub(crate) source: &'c Source,
    pub(crate) variables: &'c Variables,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<Note>,
}

impl Reader<'_> {
    pub(crate) fn locate(&self, at: &Place) -> Location {
        self.source.location(self.source.span(at.clone()))
    }

    /// Tells of something that is wrong.
    pub(crate) fn report(&mut self, at: &Place, problem: Problem) {
        let at = self.locate(at);
        self.problems.push(problem.at(at));
    }

    /// Tells of a value that is not as it must be.
    pub(crate) fn wrong(&mut self, at: &Place, message: impl AsRef<str>) {
        self.report(at, Problem::new("E_VALUE", message));
    }

    /// Tells of something that has no equivalent.
    pub(crate) fn lacks(&mut self, what: &str, at: &Place, why: impl Into<String>) {
        self.notes.push(Note { what: what.to_owned(), why: why.into(), at: self.locate(at), matters: true });
    }

    /// Tells of something that is left out without that anything would be different.
    pub(crate) fn idle(&mut self, what: &str, at: &Place, why: impl Into<String>) {
        self.notes.push(Note { what: what.to_owned(), why: why.into(), at: self.locate(at), matters: false });
    }

    /// Tells of a key that Compose does not have.
    pub(crate) fn unknown(&mut self, key: &Key, known: &[&'static str]) {
        let problem = Problem::new("E_UNKNOWN_KEY", format!("there is no key `{}` here", key.text));
        let problem = match text::near(&key.text, known.iter().copied()) {
            Some(near) => problem.remedy(format!("did you mean `{near}`?")),
            None => problem.remedy("take it out, or let it begin with `x-`"),
        };
        self.report(&key.at, problem);
    }

    fn mismatch(&mut self, node: &Node, expected: &str) {
        let found = match &node.value {
            Yaml::Scalar { .. } if node.is_null() => "nothing",
            Yaml::Scalar { .. } => "a single value",
            Yaml::Sequence(_) => "a list",
            Yaml::Mapping(_) => "a mapping",
        };
        self.report(&node.at, Problem::new("E_TYPE", format!("expected {expected}, found {found}")));
    }

    /// A single value with its variables filled in.
    pub(crate) fn text(&mut self, node: &Node) -> Option<Text> {
        let Yaml::Scalar { text, .. } = &node.value else {
            self.mismatch(node, "a single value");
            return None;
        };
        let problem = match interpolate(text, self.variables) {
            Ok(text) => return Some(Text { text, at: node.at.clone() }),
            Err(Refusal::Grammar) => Problem::new("E_VALUE", "what follows `$` names no variable")
                .remedy("write `$$` for a `$`, or `${NAME}` for a variable"),
            Err(Refusal::Unset(name)) => {
                Problem::new("E_MISSING_VARIABLE", format!("nothing gives `{name}` a value")).remedy(format!(
                    "give it one in `variables` or `env_file`, or write ${{{name}:-}} in the compose file for an empty one"
                ))
            }
            Err(Refusal::Required(name, why)) => {
                let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                Problem::new("E_MISSING_VARIABLE", format!("nothing gives `{name}` a value{why}"))
                    .remedy("give it one in `variables` or `env_file`")
            }
        };
        self.report(&node.at, problem);
        None
    }

    pub(crate) fn flag(&mut self, node: &Node) -> Option<bool> {
        let text = self.text(node)?;
        match text.text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.wrong(&text.at, "expected true or false");
                None
            }
        }
    }

    pub(crate) fn whole(&mut self, node: &Node) -> Option<i64> {
        let text = self.text(node)?;
        let number = text.text.parse().ok();
        if number.is_none() {
            self.wrong(&text.at, "expected a whole number");
        }
        number
    }

    /// A decimal number as TOML writes it.
    pub(crate) fn decimal(&mut self, node: &Node, expected: &str) -> Option<Text> {
        let Text { text, at } = self.text(node)?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
        if !(whole.is_empty() || is_number(whole)) || !is_number(part) {
            self.wrong(&at, format!("expected {expected}"));
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        Some(Text { text: format!("{whole}.{part}"), at })
    }

    /// The entries of a mapping; none where nothing is written.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node) -> &'n [(Key, Rc<Node>)] {
        match &node.value {
            Yaml::Mapping(entries) => entries,
            _ if node.is_null() => &[],
            _ => {
                self.mismatch(node, "a mapping");
                &[]
            }
        }
    }

    /// The items of a list; none where nothing is written.
    pub(crate) fn items<'n>(&mut self, node: &'n Node) -> &'n [Rc<Node>] {
        match &node.value {
            Yaml::Sequence(items) => items,
            _ if node.is_null() => &[],
            _ => {
                self.mismatch(node, "a list");
                &[]
            }
        }
    }

    /// A text, or a list of them.
    pub(crate) fn texts(&mut self, node: &Node) -> Vec<Text> {
        match &node.value {
            Yaml::Scalar { .. } if node.is_null() => Vec::new(),
            Yaml::Scalar { .. } => self.text(node).into_iter().collect(),
            _ => self.items(node).iter().filter_map(|item| self.text(item)).collect(),
        }
    }

    /// Values by their names: a mapping, or a list of `NAME=VALUE`.
    pub(crate) fn pairs(&mut self, node: &Node) -> Vec<(Text, Option<Text>)> {
        if let Yaml::Mapping(entries) = &node.value {
            let pair = |(key, value): &(Key, Rc<Node>)| {
                let name = Text { text: key.text.clone(), at: key.at.clone() };
                if value.is_null() { Some((name, None)) } else { Some((name, Some(self.text(value)?))) }
            };
            return entries.iter().filter_map(pair).collect();
        }
        let split = |item: Text| match item.text.split_once('=') {
            Some((name, value)) => {
                let value = Text { text: value.to_owned(), at: item.at.clone() };
                (Text { text: name.to_owned(), at: item.at }, Some(value))
            }
            None => (item, None),
        };
        self.items(node).iter().filter_map(|item| self.text(item)).map(split).collect()
    }

    /// The words of a command: a list, or a line that a shell would split.
    pub(crate) fn words(&mut self, node: &Node) -> Option<Value> {
        if let Yaml::Scalar { .. } = &node.value {
            let line = self.text(node)?;
            let Some(words) = shlex::split(&line.text) else {
                self.wrong(&line.at, "a quote is opened and not closed");
                return None;
            };
            let item = |word| Item { value: Value::Text(word), at: line.at.clone() };
            return Some(Value::List(words.into_iter().map(item).collect()));
        }
        Some(Value::List(self.texts(node).into_iter().map(Item::from).collect()))
    }

    /// A number of bytes, as in `512m` or `1gb`, in the language's form.
    pub(crate) fn size(&mut self, node: &Node) -> Option<Text> {
        const UNITS: [(&[&str], u64); 4] = [
            (&["gib", "gb", "g"], 1 << 30),
            (&["mib", "mb", "m"], 1 << 20),
            (&["kib", "kb", "k"], 1 << 10),
            (&["b"], 1),
        ];
        let Text { text, at } = self.text(node)?;
        let lower = text.trim().to_ascii_lowercase();
        let unit = UNITS.iter().find_map(|(names, factor)| {
            Some((names.iter().find_map(|name| lower.strip_suffix(name))?, *factor))
        });
        let (digits, factor) = unit.unwrap_or((&lower, 1));
        let (whole, part) = digits.trim().split_once('.').unwrap_or((digits.trim(), ""));
        let bytes = whole.parse::<u64>().ok().and_then(|whole| {
            let scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
            let part = if part.is_empty() { 0 } else { part.parse::<u64>().ok()? };
            whole.checked_mul(factor)?.checked_add(part.checked_mul(factor)? / scale)
        });
        let Some(size) = bytes.and_then(|bytes| bytes.to_string().parse::<Size>().ok()) else {
            self.wrong(&at, format!("{text:?} is no size such as 512m or 1g"));
            return None;
        };
        Some(Text { text: size.to_string(), at })
    }

    /// A duration, as in `1m30s` or `500ms`, in the language's form; nothing for none.
    pub(crate) fn wait(&mut self, what: &str, node: &Node) -> Option<Text> {
        self.pause(what, node).filter(|wait| wait.text != duration::show(std::time::Duration::ZERO))
    }

    /// The same where none is something to say, too.
    pub(crate) fn pause(&mut self, what: &str, node: &Node) -> Option<Text> {
        let Text { text, at } = self.text(node)?;
        let Some(nanoseconds) = nanoseconds(&text) else {
            self.wrong(&at, format!("{text:?} is no duration such as 30s or 1m30s"));
            return None;
        };
        let seconds = nanoseconds.div_ceil(1_000_000_000);
        if nanoseconds % 1_000_000_000 != 0 {
            self.lacks(what, &at, format!("a duration has whole seconds: {text} becomes {seconds}s"));
        }
        Some(Text { text: duration::show(std::time::Duration::from_secs(seconds)), at })
    }
}

/// Reads a duration as Go writes it.
fn nanoseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = rest.split_at_checked(end)?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
        let part = if part.is_empty() { 0 } else { part.parse::<u64>().ok()?.checked_mul(*factor)? / scale };
        total = whole.parse::<u64>().ok()?.checked_mul(*factor)?.checked_add(part)?.checked_add(total)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}
