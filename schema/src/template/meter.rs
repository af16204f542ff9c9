//! The meter: every byte that an operation looks at, copies or writes is paid from one budget a rendering.
//!
//! Together with minijinja's fuel (the number of instructions) it bounds both time and memory.

use minijinja::{Error, ErrorKind, State, Value, value::ValueKind};

use crate::limits;

/// What is left of a rendering's budget.
struct Meter(usize);

/// An error in our own words, which are shown as they are and quote no value.
pub(super) fn error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::EvalBlock, message.into())
}

/// Pays for touching `bytes`.
pub(super) fn pay(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let meter = state.get_or_insert_extension_with(|| Meter(limits::TEMPLATE_WORK));
    meter.0 = meter.0.checked_sub(bytes.saturating_add(1)).ok_or_else(|| {
        error(format!("it writes, joins and compares more than {} MiB", limits::TEMPLATE_WORK >> 20))
    })?;
    Ok(())
}

/// Pays for touching all of some values.
pub(super) fn pay_for<'v>(
    state: &mut State<'_, '_>,
    values: impl IntoIterator<Item = &'v Value>,
) -> Result<(), Error> {
    values.into_iter().try_for_each(|value| pay(state, weigh(value)))
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
