//! The filters, tests and the one function that templates have: minijinja's own, behind the meter. What is not listed
//! here does not exist in templates.

use minijinja::{
    Environment, Error, State, Value, filters, tests,
    value::{Rest, ValueOrKwargs},
};

use super::{
    meter::{error, pay, pay_for, weigh},
    operators::show,
};

/// The filters that templates have.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "bool",
    "capitalize",
    "count",
    "default",
    "first",
    "float",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "replace",
    "reverse",
    "round",
    "select",
    "sort",
    "split",
    "string",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
];

/// The tests that templates have.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "even",
    "float",
    "in",
    "integer",
    "iterable",
    "mapping",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "undefined",
];

/// The longest list that `range` gives.
const RANGE: i64 = 10_000;

/// Puts everything that templates have into the environment.
pub(super) fn install(environment: &mut Environment<'static>) {
    for name in FILTERS.iter().copied() {
        if let Some(plain) = filter(name) {
            environment.add_filter(name, metered(name, plain));
        }
    }
    for name in TESTS.iter().copied() {
        if let Some(plain) = test(name) {
            environment.add_test(name, metered(name, plain));
        }
    }
    environment.add_function("range", range);
}

fn filter(name: &str) -> Option<Value> {
    Some(match name {
        "abs" => Value::from_function(filters::abs),
        "bool" => Value::from_function(filters::bool),
        "capitalize" => Value::from_function(filters::capitalize),
        "count" | "length" => Value::from_function(filters::length),
        "default" => Value::from_function(filters::default),
        "first" => Value::from_function(filters::first),
        "float" => Value::from_function(filters::float),
        "indent" => Value::from_function(filters::indent),
        "int" => Value::from_function(filters::int),
        "items" => Value::from_function(filters::items),
        "join" => Value::from_function(filters::join),
        "last" => Value::from_function(filters::last),
        "lines" => Value::from_function(filters::lines),
        "list" => Value::from_function(filters::list),
        "lower" => Value::from_function(filters::lower),
        "map" => Value::from_function(filters::map),
        "max" => Value::from_function(filters::max),
        "min" => Value::from_function(filters::min),
        "reject" => Value::from_function(filters::reject),
        "replace" => Value::from_function(filters::replace),
        "reverse" => Value::from_function(filters::reverse),
        "round" => Value::from_function(filters::round),
        "select" => Value::from_function(filters::select),
        "sort" => Value::from_function(filters::sort),
        "split" => Value::from_function(filters::split),
        "string" => Value::from_function(|value: &Value| show(value).into_owned()),
        "title" => Value::from_function(filters::title),
        "tojson" => Value::from_function(tojson),
        "trim" => Value::from_function(filters::trim),
        "unique" => Value::from_function(filters::unique),
        "upper" => Value::from_function(filters::upper),
        _ => return None,
    })
}

fn test(name: &str) -> Option<Value> {
    Some(match name {
        "boolean" => Value::from_function(tests::is_boolean),
        "defined" => Value::from_function(tests::is_defined),
        "divisibleby" => Value::from_function(tests::is_divisibleby),
        "endingwith" => Value::from_function(tests::is_endingwith),
        "even" => Value::from_function(tests::is_even),
        "float" => Value::from_function(tests::is_float),
        "in" => Value::from_function(tests::is_in),
        "integer" => Value::from_function(tests::is_integer),
        "iterable" => Value::from_function(tests::is_iterable),
        "mapping" => Value::from_function(tests::is_mapping),
        "none" => Value::from_function(tests::is_none),
        "number" => Value::from_function(tests::is_number),
        "odd" => Value::from_function(tests::is_odd),
        "sequence" => Value::from_function(tests::is_sequence),
        "startingwith" => Value::from_function(tests::is_startingwith),
        "string" => Value::from_function(tests::is_string),
        "undefined" => Value::from_function(tests::is_undefined),
        _ => return None,
    })
}

/// A filter or test behind the meter.
fn metered(
    name: &'static str,
    plain: Value,
) -> impl Fn(&mut State<'_, '_>, Rest<ValueOrKwargs>) -> Result<Value, Error> + Send + Sync + 'static {
    move |state, arguments| {
        let arguments = arguments.into_values();
        // `makes` counts positions.
        if matches!(name, "replace" | "join" | "indent") && arguments.iter().any(Value::is_kwargs) {
            return Err(error(format!("`{name}` takes its arguments without names here")));
        }
        pay_for(state, &arguments)?;
        pay(state, makes(name, &arguments))?;
        let result = plain.call(state, &arguments)?;
        pay(state, weigh(&result))?;
        Ok(result)
    }
}

/// How much text a filter can make of its arguments, where that is more than there is of them.
fn makes(filter: &str, arguments: &[Value]) -> usize {
    let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or("");
    match filter {
        "replace" => {
            let found = text(0).len().checked_div(text(1).len()).unwrap_or(text(0).len() + 1);
            found.saturating_mul(text(2).len())
        }
        "join" => {
            let items = arguments.first().and_then(Value::len).unwrap_or(0);
            items.saturating_mul(text(1).len())
        }
        "indent" => {
            let width = arguments.get(1).and_then(Value::as_usize).unwrap_or(4);
            text(0).lines().count().saturating_add(1).saturating_mul(width)
        }
        // Each control character becomes six.
        "tojson" => arguments.iter().map(weigh).sum::<usize>().saturating_mul(6),
        // A text becomes a list of texts.
        "list" | "split" | "lines" => text(0).len().saturating_mul(32),
        _ => 0,
    }
}

/// JSON on one line; its own indentation could be made as wide as one likes.
fn tojson(value: &Value) -> Result<Value, Error> {
    serde_json::to_string(value).map(Value::from).map_err(|_not_json| error("this cannot be written as JSON"))
}

fn range(state: &mut State<'_, '_>, first: i64, second: Option<i64>) -> Result<Value, Error> {
    let (from, to) = second.map_or((0, first), |second| (first, second));
    let count = to.saturating_sub(from);
    if count > RANGE {
        return Err(error(format!("range() gives {RANGE} numbers at most")));
    }
    pay(state, usize::try_from(count).unwrap_or(0) * 16)?;
    Ok(Value::from((from..to).collect::<Vec<_>>()))
}
