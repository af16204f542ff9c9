//! The operators of expressions, behind the meter, and the formatter that writes a value.
//!
//! Each stands in the place of one of minijinja's instructions; see `compile`.

use std::{borrow::Cow, cmp::Ordering};

use minijinja::{
    Environment, Error, ErrorKind, Output, State, Value, tests,
    value::{Rest, ValueKind},
};

use super::meter::{error, pay, pay_for, weigh};

// The names are none that a template could write, so that nothing can stand in for them.
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

/// An operator of two values that gives another.
type Binary = fn(&mut State<'_, '_>, &Value, &Value) -> Result<Value, Error>;

/// Puts the operators into the environment.
pub(super) fn install(environment: &mut Environment<'static>) {
    let binary: [(&'static str, Binary); 10] = [
        (ADD, add),
        (MULTIPLY, multiply),
        (JOIN, |_, left, right| Ok(Value::from(format!("{}{}", show(left), show(right))))),
        (EQUAL, |state, left, right| equal(state, left, right).map(Value::from)),
        (UNEQUAL, |state, left, right| equal(state, left, right).map(|equal| Value::from(!equal))),
        (GREATER, |state, left, right| compare(state, left, right, Ordering::is_gt)),
        (GREATER_OR_EQUAL, |state, left, right| compare(state, left, right, Ordering::is_ge)),
        (LESS, |state, left, right| compare(state, left, right, Ordering::is_lt)),
        (LESS_OR_EQUAL, |state, left, right| compare(state, left, right, Ordering::is_le)),
        (CONTAINED, contained),
    ];
    for (name, operator) in binary {
        environment.add_function(name, move |state: &mut State<'_, '_>, left: &Value, right: &Value| {
            if left.is_undefined() || right.is_undefined() {
                return Err(Error::from(ErrorKind::UndefinedError));
            }
            pay_for(state, [left, right])?;
            operator(state, left, right)
        });
    }
    environment.add_function(LIST, |state: &mut State<'_, '_>, items: Rest<Value>| {
        pay_for(state, items.iter()).map(|()| Value::from(items.0))
    });
    environment.add_function(TABLE, table);
    environment.add_function(SLICE, slice);
}

/// Writes a value into the output.
pub(super) fn emit(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    pay(state, weigh(value))?;
    if value.is_none() {
        return Err(error("this is none and cannot be written"));
    }
    if is_list(value) || value.kind() == ValueKind::Map {
        let message =
            "this is a list or a table, not a text; loop over it, or use the filters join or tojson";
        return Err(error(message));
    }
    output.write_str(&show(value)).map_err(Error::from)
}

/// A value as text. Truth values are written as TOML and most configuration files have them, not as Python does.
pub(super) fn show(value: &Value) -> Cow<'_, str> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Cow::Borrowed(text),
        (None, ValueKind::Bool) => Cow::Borrowed(if value.is_true() { "true" } else { "false" }),
        (None, _) => Cow::Owned(value.to_string()),
    }
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

fn add(_: &mut State<'_, '_>, left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(Value::from(format!("{left}{right}")));
    }
    if is_list(left) && is_list(right) {
        return Ok(Value::from(left.try_iter()?.chain(right.try_iter()?).collect::<Vec<_>>()));
    }
    arithmetic(left, right, i128::checked_add, |left, right| left + right)
        .ok_or_else(|| error("`+` takes two numbers, two texts or two lists; `~` joins a text and a number"))
}

fn multiply(state: &mut State<'_, '_>, left: &Value, right: &Value) -> Result<Value, Error> {
    let repeated =
        left.as_str().map(|text| (text, right)).or_else(|| right.as_str().map(|text| (text, left)));
    if let Some((text, times)) = repeated {
        let times =
            times.as_usize().ok_or_else(|| error("a text can only be repeated a whole number of times"))?;
        pay(state, text.len().saturating_mul(times))?;
        return Ok(Value::from(text.repeat(times)));
    }
    arithmetic(left, right, i128::checked_mul, |left, right| left * right)
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

fn compare(
    _: &mut State<'_, '_>,
    left: &Value,
    right: &Value,
    holds: fn(Ordering) -> bool,
) -> Result<Value, Error> {
    let alike = left.kind() == right.kind() || (is_list(left) && is_list(right));
    if !alike || matches!(left.kind(), ValueKind::Map | ValueKind::Bool | ValueKind::None) {
        return Err(error("`<`, `<=`, `>` and `>=` take two numbers, two texts or two lists"));
    }
    Ok(Value::from(holds(left.cmp(right))))
}

/// Versions such as `os_version` are texts; to compare one with a number is always a mistake, and never true.
fn equal(_: &mut State<'_, '_>, left: &Value, right: &Value) -> Result<bool, Error> {
    let mixed = |one: &Value, other: &Value| one.as_str().is_some() && other.is_number();
    if mixed(left, right) || mixed(right, left) {
        let message =
            "a text never equals a number; put the number in quotes, or make the text one with |int";
        return Err(error(message));
    }
    Ok(left == right)
}

fn contained(state: &mut State<'_, '_>, needle: &Value, hay: &Value) -> Result<Value, Error> {
    if hay.as_str().is_some() && needle.as_str().is_none() {
        return Err(error("only a text can be in a text"));
    }
    if hay.as_str().is_none() && !is_list(hay) && hay.kind() != ValueKind::Map {
        return Err(error("`in` needs a text, a list or a table at its right"));
    }
    tests::is_in(state, needle, hay).map(Value::from)
}

fn table(state: &mut State<'_, '_>, items: Rest<Value>) -> Result<Value, Error> {
    pay_for(state, items.iter())?;
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.0.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    Ok(Value::from_pairs(pairs))
}

/// `value[start:stop:every]`, without a step.
fn slice(
    state: &mut State<'_, '_>,
    value: &Value,
    start: &Value,
    stop: &Value,
    every: &Value,
) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    pay(state, weigh(value))?;
    if !every.is_none() {
        return Err(error("slices with a step are not supported"));
    }
    let length = match value.as_str() {
        Some(text) => text.chars().count(),
        None if is_list(value) => value.len().unwrap_or(0),
        None => return Err(error("only a text or a list can be sliced")),
    };
    let bound = |bound: &Value, default: usize| -> Result<usize, Error> {
        if bound.is_none() {
            return Ok(default);
        }
        let bound = bound.as_i64().ok_or_else(|| error("a slice's bounds are whole numbers"))?;
        let distance = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if bound < 0 { length.saturating_sub(distance) } else { distance.min(length) })
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, length)?);
    let count = stop.saturating_sub(start);
    Ok(match value.as_str() {
        Some(text) => Value::from(text.chars().skip(start).take(count).collect::<String>()),
        None => Value::from(value.try_iter()?.skip(start).take(count).collect::<Vec<_>>()),
    })
}
