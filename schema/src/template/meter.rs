//! The meter: every byte that an operation looks at, copies or writes is paid from one budget a rendering.
//!
//! Together with minijinja's fuel (the number of instructions) it bounds both time and memory. What follows are
//! minijinja's own operators, filters and tests, each behind the meter; what is not listed does not exist in templates.

use std::{borrow::Cow, cmp::Ordering};

use minijinja::{
    Environment, Error, ErrorKind, Output, State, Value, filters, tests,
    value::{Rest, ValueKind, ValueOrKwargs},
};

use crate::limits;

pub(super) const ADD: &str = "+";
pub(super) const MULTIPLY: &str = "*";
pub(super) const JOIN: &str = "~";
pub(super) const EQUAL: &str = "==";
pub(super) const UNEQUAL: &str = "!=";
pub(super) const GREATER: &str = ">";
pub(super) const GREATER_OR_EQUAL: &str = ">=";
pub(super) const LESS: &str = "<";
pub(super) const LESS_OR_EQUAL: &str = "<=";
pub(super) const CONTAINED: &str = "in";
pub(super) const LIST: &str = "[]";
pub(super) const TABLE: &str = "{}";
pub(super) const SLICE: &str = "[:]";

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

/// What is left of a rendering's budget.
struct Meter(usize);

/// An error of our own, in words that are shown as they are.
fn error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::EvalBlock, message.into())
}

fn pay(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let meter = state.get_or_insert_extension_with(|| Meter(limits::TEMPLATE_WORK));
    meter.0 = meter.0.checked_sub(bytes.saturating_add(1)).ok_or_else(|| {
        error(format!("it writes, joins and compares more than {} MiB", limits::TEMPLATE_WORK >> 20))
    })?;
    Ok(())
}

/// About how many bytes an operation over all of `value` touches.
pub(super) fn weigh(value: &Value) -> usize {
    fn add(value: &Value, sum: &mut usize) {
        *sum = sum.saturating_add(16);
        if let Some(text) = value.as_str() {
            *sum = sum.saturating_add(text.len());
            return;
        }
        if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
            return;
        }
        for item in value.try_iter().into_iter().flatten() {
            // Whoever weighs more than there can be left need not be weighed to the end.
            if *sum > limits::TEMPLATE_WORK {
                return;
            }
            add(&item, sum);
            if value.kind() == ValueKind::Map {
                value.get_item(&item).iter().for_each(|item| add(item, sum));
            }
        }
    }
    let mut sum = 0;
    add(value, &mut sum);
    sum
}

fn pay_for(state: &mut State<'_, '_>, values: &[Value]) -> Result<(), Error> {
    for value in values {
        pay(state, weigh(value))?;
    }
    Ok(())
}

fn defined(values: &[&Value]) -> Result<(), Error> {
    match values.iter().any(|value| value.is_undefined()) {
        true => Err(Error::from(ErrorKind::UndefinedError)),
        false => Ok(()),
    }
}

/// Writes a value into the output.
pub(super) fn emit(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    defined(&[value])?;
    pay(state, weigh(value))?;
    if value.is_none() {
        return Err(error("this is none and cannot be written"));
    }
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
        return Err(error(
            "this is a list or a table, not a text; loop over it, or use the filters join or tojson",
        ));
    }
    output.write_str(&show(value)).map_err(Error::from)
}

/// A value as text. Truth values are written as TOML and most configuration files have them, not as Python does.
fn show(value: &Value) -> Cow<'_, str> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Cow::Borrowed(text),
        (None, ValueKind::Bool) => Cow::Borrowed(if value.is_true() { "true" } else { "false" }),
        (None, _) => Cow::Owned(value.to_string()),
    }
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

fn add(state: &mut State<'_, '_>, left: Value, right: Value) -> Result<Value, Error> {
    defined(&[&left, &right])?;
    pay_for(state, &[left.clone(), right.clone()])?;
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(Value::from(format!("{left}{right}")));
    }
    if is_list(&left) && is_list(&right) {
        return Ok(Value::from(left.try_iter()?.chain(right.try_iter()?).collect::<Vec<_>>()));
    }
    arithmetic(&left, &right, i128::checked_add, |left, right| left + right)
        .ok_or_else(|| error("`+` takes two numbers, two texts or two lists; `~` joins a text and a number"))
}

fn multiply(state: &mut State<'_, '_>, left: Value, right: Value) -> Result<Value, Error> {
    defined(&[&left, &right])?;
    let text = left.as_str().map(|text| (text, &right)).or_else(|| right.as_str().map(|text| (text, &left)));
    if let Some((text, times)) = text {
        let times =
            times.as_usize().ok_or_else(|| error("a text can only be repeated a whole number of times"))?;
        pay(state, text.len().saturating_mul(times))?;
        return Ok(Value::from(text.repeat(times)));
    }
    arithmetic(&left, &right, i128::checked_mul, |left, right| left * right)
        .ok_or_else(|| error("`*` takes two numbers, or a text and a number"))
}

fn arithmetic(
    left: &Value,
    right: &Value,
    whole: fn(i128, i128) -> Option<i128>,
    other: fn(f64, f64) -> f64,
) -> Option<Value> {
    if !left.is_number() || !right.is_number() {
        return None;
    }
    if left.is_integer() && right.is_integer() {
        let (left, right) = (i128::try_from(left.clone()).ok()?, i128::try_from(right.clone()).ok()?);
        let result = whole(left, right)?;
        return Some(i64::try_from(result).map_or_else(|_| Value::from(result), Value::from));
    }
    Some(Value::from(other(f64::try_from(left.clone()).ok()?, f64::try_from(right.clone()).ok()?)))
}

fn join(state: &mut State<'_, '_>, left: Value, right: Value) -> Result<Value, Error> {
    defined(&[&left, &right])?;
    pay_for(state, &[left.clone(), right.clone()])?;
    Ok(Value::from(format!("{}{}", show(&left), show(&right))))
}

fn compare(
    state: &mut State<'_, '_>,
    left: &Value,
    right: &Value,
    holds: fn(Ordering) -> bool,
) -> Result<bool, Error> {
    defined(&[left, right])?;
    pay_for(state, &[left.clone(), right.clone()])?;
    let alike = left.kind() == right.kind() || (is_list(left) && is_list(right));
    if !alike || matches!(left.kind(), ValueKind::Map | ValueKind::Bool | ValueKind::None) {
        return Err(error("`<`, `<=`, `>` and `>=` take two numbers, two texts or two lists"));
    }
    Ok(holds(left.cmp(right)))
}

/// Versions such as `os_version` are texts; to compare one with a number is always a mistake, and never true.
fn equal(state: &mut State<'_, '_>, left: &Value, right: &Value) -> Result<bool, Error> {
    defined(&[left, right])?;
    pay_for(state, &[left.clone(), right.clone()])?;
    let mixed = |one: &Value, other: &Value| one.as_str().is_some() && other.is_number();
    if mixed(left, right) || mixed(right, left) {
        return Err(error(
            "a text never equals a number; put the number in quotes, or make the text one with |int",
        ));
    }
    Ok(left == right)
}

fn contained(state: &mut State<'_, '_>, needle: &Value, hay: &Value) -> Result<bool, Error> {
    defined(&[needle, hay])?;
    pay_for(state, &[needle.clone(), hay.clone()])?;
    if hay.as_str().is_some() && needle.as_str().is_none() {
        return Err(error("only a text can be in a text"));
    }
    if hay.as_str().is_none() && !is_list(hay) && hay.kind() != ValueKind::Map {
        return Err(error("`in` needs a text, a list or a table at its right"));
    }
    tests::is_in(state, needle, hay)
}

fn table(state: &mut State<'_, '_>, items: Rest<Value>) -> Result<Value, Error> {
    pay_for(state, &items)?;
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.0.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    Ok(Value::from_pairs(pairs))
}

/// `value[start:stop:step]`, steps of one only.
fn slice(
    state: &mut State<'_, '_>,
    value: Value,
    start: Value,
    stop: Value,
    step: Value,
) -> Result<Value, Error> {
    defined(&[&value])?;
    pay(state, weigh(&value))?;
    if !step.is_none() {
        return Err(error("slices with a step are not supported"));
    }
    let length = match value.as_str() {
        Some(text) => text.chars().count(),
        None if is_list(&value) => value.len().unwrap_or(0),
        None => return Err(error("only a text or a list can be sliced")),
    };
    let bound = |bound: &Value, default: usize| -> Result<usize, Error> {
        if bound.is_none() {
            return Ok(default);
        }
        let bound = bound.as_i64().ok_or_else(|| error("a slice's bounds are whole numbers"))?;
        let from_end = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if bound < 0 { length.saturating_sub(from_end) } else { from_end.min(length) })
    };
    let (start, stop) = (bound(&start, 0)?, bound(&stop, length)?);
    let count = stop.saturating_sub(start);
    Ok(match value.as_str() {
        Some(text) => Value::from(text.chars().skip(start).take(count).collect::<String>()),
        None => Value::from(value.try_iter()?.skip(start).take(count).collect::<Vec<_>>()),
    })
}

fn range(state: &mut State<'_, '_>, first: i64, second: Option<i64>) -> Result<Value, Error> {
    let (from, to) = second.map_or((0, first), |second| (first, second));
    if to.saturating_sub(from) > RANGE {
        return Err(error(format!("range() gives {RANGE} numbers at most")));
    }
    pay(state, usize::try_from(to.saturating_sub(from)).unwrap_or(0) * 16)?;
    Ok(Value::from((from..to).collect::<Vec<_>>()))
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

/// JSON on one line; its own indentation could be made as wide as one likes.
fn tojson(value: &Value) -> Result<Value, Error> {
    serde_json::to_string(value).map(Value::from).map_err(|_not_json| error("this cannot be written as JSON"))
}

/// Puts everything that templates have into the environment.
pub(super) fn install(environment: &mut Environment<'static>) {
    let f = |name: &str| -> Option<Value> {
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
    };
    let t = |name: &str| -> Option<Value> {
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
    };
    for name in FILTERS.iter().copied() {
        if let Some(plain) = f(name) {
            environment.add_filter(name, metered(name, plain));
        }
    }
    for name in TESTS.iter().copied() {
        if let Some(plain) = t(name) {
            environment.add_test(name, metered(name, plain));
        }
    }
    environment.add_function("range", range);
    environment.add_function(ADD, add);
    environment.add_function(MULTIPLY, multiply);
    environment.add_function(JOIN, join);
    environment.add_function(EQUAL, |state: &mut State<'_, '_>, left: Value, right: Value| {
        equal(state, &left, &right)
    });
    environment.add_function(UNEQUAL, |state: &mut State<'_, '_>, left: Value, right: Value| {
        equal(state, &left, &right).map(|equal| !equal)
    });
    environment.add_function(GREATER, |state: &mut State<'_, '_>, left: Value, right: Value| {
        compare(state, &left, &right, Ordering::is_gt)
    });
    environment.add_function(GREATER_OR_EQUAL, |state: &mut State<'_, '_>, left: Value, right: Value| {
        compare(state, &left, &right, Ordering::is_ge)
    });
    environment.add_function(LESS, |state: &mut State<'_, '_>, left: Value, right: Value| {
        compare(state, &left, &right, Ordering::is_lt)
    });
    environment.add_function(LESS_OR_EQUAL, |state: &mut State<'_, '_>, left: Value, right: Value| {
        compare(state, &left, &right, Ordering::is_le)
    });
    environment.add_function(CONTAINED, |state: &mut State<'_, '_>, needle: Value, hay: Value| {
        contained(state, &needle, &hay)
    });
    environment.add_function(LIST, |state: &mut State<'_, '_>, items: Rest<Value>| {
        pay_for(state, &items).map(|()| Value::from(items.0))
    });
    environment.add_function(TABLE, table);
    environment.add_function(SLICE, slice);
}
