//! What is in a value: how many values, how much text, and how deep. Inside the engine parts are shared, so that little
//! memory holds what is without end when it is walked: counting ends at a bound.

use countersign_core::limits;
use regorus::Value;

/// What one element of a collection costs beside what is in it: memory is counted as bytes are.
pub(super) const ELEMENT: u64 = 16;

/// What was found in a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// Values, with the outermost.
    pub nodes: u64,
    /// Bytes of text, and digits of long numbers.
    pub bytes: u64,
    /// How deep they nest: 0 where nothing is in it.
    pub depth: usize,
}

impl Measure {
    /// What it costs to look at all of it.
    pub(super) const fn size(self) -> u64 {
        self.nodes.saturating_mul(4).saturating_add(self.bytes)
    }

    /// How long it is when it is written out: at least a sign for each value.
    pub(super) const fn written(self) -> u64 {
        self.nodes.saturating_add(self.bytes)
    }

    /// What it costs to find the place of this value among others, and to keep it there.
    pub(super) const fn compared(self) -> u64 {
        self.nodes.saturating_mul(ELEMENT).saturating_add(self.bytes)
    }
}

/// Counts what is in a value, as far as `most` and [`limits::REGO_DEPTH`].
pub(super) fn measure(value: &Value, most: u64) -> Measure {
    let mut found = Measure::default();
    add(value, most, 0, &mut found);
    found
}

fn add(value: &Value, most: u64, depth: usize, found: &mut Measure) {
    found.nodes = found.nodes.saturating_add(1);
    found.depth = found.depth.max(depth);
    let mut inner = |value: &Value| {
        if found.size() <= most && depth < limits::REGO_DEPTH {
            add(value, most, depth.saturating_add(1), found);
        }
    };
    match value {
        Value::Array(items) => items.iter().for_each(inner),
        Value::Set(items) => items.iter().for_each(inner),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            inner(key);
            inner(value);
        }),
        Value::String(text) => found.bytes = found.bytes.saturating_add(count(text.len())),
        Value::Number(_) => found.bytes = found.bytes.saturating_add(length(value).saturating_sub(1)),
        Value::Null | Value::Bool(_) | Value::Undefined => {}
    }
}

/// The size of the smaller one of two values, which bounds what it takes to compare them.
pub(super) fn shorter(a: &Value, b: &Value) -> u64 {
    let mut most = 64_u64;
    loop {
        let least = measure(a, most).size().min(measure(b, most).size());
        if least <= most || most > limits::REGO_WORK {
            return least;
        }
        most = most.saturating_mul(8);
    }
}

/// Whether everything inside a value, written out, is no more than this.
pub(super) fn fits(value: &Value, most: u64) -> bool {
    measure(value, most.saturating_mul(4)).written() <= most
}

/// What a function made anew.
pub(super) fn made(value: &Value) -> u64 {
    match value {
        Value::Array(_) | Value::Set(_) | Value::Object(_) => length(value).saturating_mul(ELEMENT),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Undefined => length(value),
    }
}

/// Bytes of a text, elements of a collection, digits of a long number.
pub(super) fn length(value: &Value) -> u64 {
    match value {
        Value::String(text) => count(text.len()),
        Value::Array(items) => count(items.len()),
        Value::Set(items) => count(items.len()),
        Value::Object(fields) => count(fields.len()),
        Value::Number(_) => match bits(value) {
            0..=64 => 1,
            more => more.div_euclid(3),
        },
        Value::Null | Value::Bool(_) | Value::Undefined => 1,
    }
}

/// See [`length`].
pub(super) fn length_of(values: &[Value]) -> u64 {
    values.iter().map(length).fold(0, u64::saturating_add)
}

/// The bits of a whole number; 0 for what is none, or has a point.
pub(super) fn bits(value: &Value) -> u64 {
    let Value::Number(number) = value else { return 0 };
    if let Some(small) = number.as_u64() {
        return u64::from(u64::BITS.saturating_sub(small.leading_zeros()));
    }
    match number.as_i64() {
        Some(small) => u64::from(u64::BITS.saturating_sub(small.unsigned_abs().leading_zeros())),
        None => number.as_big().filter(|_| number.is_integer()).map_or(0, |long| long.bits()),
    }
}

/// A count as a number of units.
pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
