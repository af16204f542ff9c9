//! Templates and `when` expressions: minijinja, strict, and with every rendering's work and memory bounded.
//!
//! minijinja's own fuel counts instructions, but one instruction may double a text, so a template of a hundred bytes
//! could fill any memory. Hence each operation whose cost grows with its operands is metered: see `meter`.

mod compile;
mod functions;
mod lines;
mod meter;
mod operators;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::Range, sync::OnceLock};

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value,
    machinery::{self, Instructions},
};
use self_cell::self_cell;

use crate::{limits, text};

/// Why a template or condition cannot be compiled or evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// What is wrong. Holds no value of a variable.
    pub(crate) message: String,
    /// What mends it, where that is known.
    pub(crate) remedy: Option<String>,
    /// The bytes of the source that are meant.
    pub(crate) range: Range<usize>,
}

impl TemplateError {
    fn tidy(mut self, source: &str) -> Self {
        self.range = tidy(source, self.range);
        self
    }
}

self_cell!(
    struct Compiled {
        owner: String,
        #[covariant]
        dependent: Instructions,
    }
);

/// A compiled template.
pub(crate) struct Template(Compiled);

/// A compiled `when` expression.
pub(crate) struct Condition(Compiled);

impl Template {
    /// Compiles a template.
    pub(crate) fn compile(source: &str) -> Result<Self, TemplateError> {
        if source.len() > limits::TEMPLATE_BYTES {
            return Err(TemplateError {
                message: format!("a template cannot have more than {} KiB", limits::TEMPLATE_BYTES >> 10),
                remedy: Some("use `source` for a file that needs no rendering".to_owned()),
                range: 0..0,
            });
        }
        Compiled::try_new(source.to_owned(), |source| compile::template(source))
            .map(Self)
            .map_err(|error| error.tidy(source))
    }

    /// Renders the template. `context` holds `vars`, `facts` and `host`.
    pub(crate) fn render(&self, context: &Value) -> Result<String, TemplateError> {
        let mut rendered = String::new();
        self.0.with_dependent(|source, instructions| {
            let mut output = machinery::make_string_output(&mut rendered);
            evaluate(source, instructions, context, &mut output)
        })?;
        Ok(rendered)
    }
}

impl Condition {
    /// Compiles an expression.
    pub(crate) fn compile(source: &str) -> Result<Self, TemplateError> {
        if source.len() > limits::CONDITION_BYTES {
            return Err(TemplateError {
                message: format!("it is longer than {} bytes", limits::CONDITION_BYTES),
                remedy: None,
                range: 0..0,
            });
        }
        Compiled::try_new(source.to_owned(), |source| compile::expression(source))
            .map(Self)
            .map_err(|error| error.tidy(source))
    }

    /// Whether the condition holds; nothing but true and false will do.
    pub(crate) fn holds(&self, context: &Value) -> Result<bool, TemplateError> {
        let mut discarded = String::new();
        let value = self.0.with_dependent(|source, instructions| {
            let mut output = machinery::make_string_output(&mut discarded);
            evaluate(source, instructions, context, &mut output)
        })?;
        let value = value.unwrap_or(Value::UNDEFINED);
        bool::try_from(value.clone())
            .ok()
            .filter(|_| value.kind() == minijinja::value::ValueKind::Bool)
            .ok_or_else(|| TemplateError {
                message: format!("it gives {}, not true or false", kind(&value)),
                remedy: Some("compare it with something, as in: facts.cpus > 4".to_owned()),
                range: 0..self.0.borrow_owner().len(),
            })
    }
}

/// The filters that templates have.
pub(crate) const fn filter_names() -> &'static [&'static str] {
    functions::FILTERS
}

/// The tests that templates have.
pub(crate) const fn test_names() -> &'static [&'static str] {
    functions::TESTS
}

/// What a value is, in the words of the language.
fn kind(value: &Value) -> &'static str {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::Undefined => "nothing",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a table",
        _ => "something else",
    }
}

fn evaluate(
    source: &str,
    instructions: &Instructions<'_>,
    context: &Value,
    output: &mut minijinja::Output<'_>,
) -> Result<Option<Value>, TemplateError> {
    let blocks = BTreeMap::new();
    machinery::eval(environment(), instructions, context.clone(), &blocks, output, AutoEscape::None)
        .map(|(value, _)| value)
        .map_err(|error| explain(&error, source, Some(context)))
}

/// The one environment: strict, metered, without loader, macros or any access to the machine.
fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(limits::TEMPLATE_STEPS));
        environment.set_recursion_limit(50);
        environment.set_debug(false);
        environment.set_formatter(operators::emit);
        operators::install(&mut environment);
        functions::install(&mut environment);
        environment
    })
}

/// Says in our words what minijinja found. Its own words may quote values, and those may be secret.
fn explain(error: &Error, source: &str, context: Option<&Value>) -> TemplateError {
    let range = error.range().unwrap_or_else(|| line(source, error.line().unwrap_or(1)));
    let range = tidy(source, range);
    let written = text::escape(source.get(range.clone()).unwrap_or("")).into_owned();
    let detail = error.detail().unwrap_or_default();
    let mut remedy = None;
    let message = match error.kind() {
        ErrorKind::SyntaxError => {
            remedy = detail.starts_with("unknown statement").then(|| compile::STATEMENTS.to_owned());
            detail.to_owned()
        }
        ErrorKind::UndefinedError => match undefined(&written, context) {
            Some((name, help)) => {
                remedy = Some(help);
                format!("`{name}` is not defined")
            }
            None => format!("`{written}` is, or uses, something that is not defined"),
        },
        ErrorKind::UnknownFilter => {
            remedy = Some(format!("known filters: {}", functions::FILTERS.join(", ")));
            detail.to_owned()
        }
        ErrorKind::UnknownTest => {
            remedy = Some(format!("known tests: {}", functions::TESTS.join(", ")));
            detail.to_owned()
        }
        ErrorKind::UnknownFunction => {
            let filters =
                "the only function is range(); texts are changed with filters, as in: {{ host.name|upper }}";
            remedy = Some(filters.to_owned());
            detail.to_owned()
        }
        ErrorKind::OutOfFuel => {
            remedy = Some("shorten its loops".to_owned());
            format!("it takes more than {} steps", limits::TEMPLATE_STEPS)
        }
        // Raised by `meter`, and written without values.
        ErrorKind::EvalBlock => detail.to_owned(),
        _ => format!("`{written}` does not work with these values"),
    };
    TemplateError { message: text::escape(&message).into_owned(), remedy, range }
}

/// The bytes of the line `number`, which counts from 1.
fn line(source: &str, number: usize) -> Range<usize> {
    let start = source.split_inclusive('\n').take(number.saturating_sub(1)).map(str::len).sum();
    let length = source.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
    start..start + length
}

/// minijinja's range without the mark that opens the tag, and with the whole of a dotted name.
fn tidy(source: &str, range: Range<usize>) -> Range<usize> {
    let Some(written) = source.get(range.clone()) else { return range };
    let inner = written.trim_start_matches(['{', '%', '-', ' ', '\n', '\t']);
    let mut start = range.end - inner.len();
    if inner.starts_with('.') {
        let before = source.get(..start).unwrap_or("");
        let name = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        start = name.len();
    }
    start..start + source.get(start..range.end).unwrap_or("").trim_end().len()
}

/// The first name in an expression that the context does not have, and what helps.
fn undefined(written: &str, context: Option<&Value>) -> Option<(String, String)> {
    let context = context?;
    let keys = |value: &Value| -> Vec<String> {
        value.try_iter().map(|keys| keys.map(|key| key.to_string()).collect()).unwrap_or_default()
    };
    let names = written.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.'));
    for name in names.filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic())) {
        let Some((table, field)) = name.split_once('.') else {
            let top = keys(context);
            if !top.iter().any(|known| known == name) {
                return Some((name.to_owned(), "write `vars.NAME`, `facts.NAME` or `host.NAME`".to_owned()));
            }
            continue;
        };
        let field = field.split('.').next().unwrap_or_default();
        let Some(known) =
            context.get_attr(table).ok().filter(|table| !table.is_undefined()).map(|table| keys(&table))
        else {
            continue;
        };
        if known.iter().any(|known| known == field) {
            continue;
        }
        let help = match text::near(field, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{table}.{near}`?"),
            None if table == "vars" => {
                format!("declare it in the role or in fleet.toml, as in: [params.{field}]")
            }
            None => format!("known in `{table}`: {}", known.join(", ")),
        };
        return Some((format!("{table}.{field}"), help));
    }
    None
}
