//! From YAML text to a spanned tree, with aliases and merge keys resolved.
//!
//! What a scalar means is its reader's business: here it is the text that the author wrote. See <https://yaml.org/spec/1.2.2/>.

use std::{collections::BTreeMap, ops::Range, rc::Rc};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::{Problem, document::source::Source, limits};

/// A node with its place in the text.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) value: Yaml,
    pub(crate) at: Range<usize>,
    /// How many nodes it has when every alias is written out.
    weight: usize,
}

/// What a node is. An alias shares the node that it stands for.
#[derive(Debug)]
pub(crate) enum Yaml {
    /// A text; `plain` if nothing quotes it.
    Scalar { text: String, plain: bool },
    /// A list.
    Sequence(Vec<Rc<Node>>),
    /// Values by their keys, each key once, in the order in which they are written.
    Mapping(Vec<(Key, Rc<Node>)>),
}

/// The key of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) at: Range<usize>,
}

impl Node {
    /// Whether it is YAML's null.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Yaml::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// A text that is a part of another.
    pub(crate) fn scalar(text: &str, at: &Range<usize>) -> Self {
        Self { value: Yaml::Scalar { text: text.to_owned(), plain: true }, at: at.clone(), weight: 1 }
    }

    /// The value of a key of a mapping.
    pub(crate) fn get(&self, name: &str) -> Option<&Rc<Node>> {
        let Yaml::Mapping(entries) = &self.value else { return None };
        entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
    }
}

/// Reads the one document of `source`; nothing if it is empty.
pub(crate) fn parse(source: &Source) -> Result<Option<Rc<Node>>, Problem> {
    let mut reader =
        Reader { source, open: Vec::new(), anchors: BTreeMap::new(), root: None, cursor: (0, 0) };
    for event in Parser::new_from_str(source.text()) {
        let (event, span) = match event {
            Ok(found) => found,
            Err(error) => {
                let at = reader.offset(error.marker());
                let message = format!("this is not YAML: {}", error.info());
                return Err(reader.problem("E_YAML", message, at..at));
            }
        };
        let at = reader.offset(&span.start)..reader.offset(&span.end);
        reader.take(event, at)?;
    }
    Ok(reader.root)
}

/// A collection that is not closed yet.
struct Open {
    at: Range<usize>,
    anchor: usize,
    weight: usize,
    items: Items,
}

enum Items {
    Sequence(Vec<Rc<Node>>),
    Mapping {
        entries: Vec<(Key, Rc<Node>)>,
        /// What `<<` brings.
        merged: Vec<Rc<Node>>,
        key: Option<Key>,
    },
}

struct Reader<'s> {
    source: &'s Source,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    /// The last place that was looked up, in characters and in bytes: the next is near it.
    cursor: (usize, usize),
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, at: Range<usize>) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let problem = self.problem("E_YAML", "there is a second document", at);
                Err(problem.remedy("keep one document a file, without `---` between"))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let node = Rc::clone(node);
                    self.add(node, at)
                }
                None => Err(self.problem("E_YAML", "an alias stands inside what it names", at)),
            },
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &at)?;
                let value = Yaml::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                self.finish(Node { value, at, weight: 1 }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), &at)?;
                self.begin(Items::Sequence(Vec::new()), anchor, at)
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), &at)?;
                self.begin(Items::Mapping { entries: Vec::new(), merged: Vec::new(), key: None }, anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn begin(&mut self, items: Items, anchor: usize, at: Range<usize>) -> Result<(), Problem> {
        if self.open.len() >= limits::YAML_DEPTH {
            let message = format!("YAML cannot be nested deeper than {} levels", limits::YAML_DEPTH);
            return Err(self.problem("E_LIMIT", message, at));
        }
        self.open.push(Open { at, anchor, weight: 1, items });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(Open { at, anchor, weight, items }) = self.open.pop() else { return Ok(()) };
        let value = match items {
            Items::Sequence(items) => Yaml::Sequence(items),
            Items::Mapping { entries, merged, .. } => Yaml::Mapping(self.merge(entries, merged)?),
        };
        self.finish(Node { value, at, weight }, anchor)
    }

    /// Lays a mapping's own entries over those that `<<` brings; of those, the first wins. See <https://yaml.org/type/merge.html>.
    fn merge(
        &self,
        mut entries: Vec<(Key, Rc<Node>)>,
        merged: Vec<Rc<Node>>,
    ) -> Result<Vec<(Key, Rc<Node>)>, Problem> {
        for source in merged {
            let sources = match &source.value {
                Yaml::Sequence(sources) => sources.clone(),
                Yaml::Mapping(_) | Yaml::Scalar { .. } => vec![source],
            };
            for source in sources {
                let Yaml::Mapping(brought) = &source.value else {
                    return Err(self.problem(
                        "E_YAML",
                        "`<<` takes a mapping or a list of them",
                        source.at.clone(),
                    ));
                };
                let known: std::collections::BTreeSet<String> =
                    entries.iter().map(|(key, _)| key.text.clone()).collect();
                let more = brought.iter().filter(|(key, _)| !known.contains(&key.text));
                entries.extend(more.cloned());
            }
        }
        Ok(entries)
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        let (at, node) = (node.at.clone(), Rc::new(node));
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.add(node, at)
    }

    /// Puts a node where it belongs. `at` is where it is written, which for an alias is elsewhere than the node.
    fn add(&mut self, node: Rc<Node>, at: Range<usize>) -> Result<(), Problem> {
        let heavier = self.open.last().map_or(0, |open| open.weight).saturating_add(node.weight);
        if heavier > limits::YAML_NODES {
            let message =
                format!("with its aliases written out it has more than {} nodes", limits::YAML_NODES);
            return Err(self.problem("E_LIMIT", message, at));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight = heavier;
        let refused = match &mut open.items {
            Items::Sequence(items) => {
                items.push(node);
                None
            }
            Items::Mapping { entries, merged, key } => match key.take() {
                Some(key) if key.text == "<<" => {
                    merged.push(node);
                    None
                }
                Some(key) => {
                    entries.push((key, node));
                    None
                }
                None => match &node.value {
                    Yaml::Scalar { text, .. }
                        if text == "<<" || !entries.iter().any(|(key, _)| key.text == *text) =>
                    {
                        *key = Some(Key { text: text.clone(), at });
                        None
                    }
                    Yaml::Scalar { text, .. } => Some((format!("`{text}` is there twice"), at)),
                    _ => Some(("a key must be a text".to_owned(), at)),
                },
            },
        };
        match refused {
            Some((message, at)) => Err(self.problem("E_YAML", message, at)),
            None => Ok(()),
        }
    }

    /// Only YAML's own tags say nothing that changes what is read.
    fn check_tag(&self, tag: Option<&Tag>, at: &Range<usize>) -> Result<(), Problem> {
        match tag.filter(|tag| !tag.is_yaml_core_schema()) {
            Some(tag) => {
                let message = format!("the tag {}{} has no meaning here", tag.handle, tag.suffix);
                Err(self.problem("E_YAML", message, at.clone()).remedy("take it out"))
            }
            None => Ok(()),
        }
    }

    /// The byte at which a mark stands: the parser counts characters.
    fn offset(&mut self, mark: &Marker) -> usize {
        let (characters, bytes) = self.cursor;
        let (before, after) = self.source.text().split_at_checked(bytes).unwrap_or_default();
        let step = |characters: &mut dyn Iterator<Item = char>, count| {
            characters.take(count).map(char::len_utf8).sum::<usize>()
        };
        let bytes = match mark.index().checked_sub(characters) {
            Some(count) => bytes + step(&mut after.chars(), count),
            None => bytes - step(&mut before.chars().rev(), characters - mark.index()),
        };
        self.cursor = (mark.index(), bytes);
        bytes
    }

    fn problem(&self, code: &'static str, message: impl AsRef<str>, at: Range<usize>) -> Problem {
        Problem::new(code, message).at(self.source.location(self.source.span(at)))
    }
}

#[cfg(test)]
mod tests;
