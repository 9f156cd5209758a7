//! The wait that an answer asks for.

use std::time::Duration;

use serde_json::Value;

/// Keys of `data`, with the milliseconds in their unit.
const KEYS: [(&str, f64); 4] = [
    ("retryAfterMs", 1.0),
    ("retry_after_ms", 1.0),
    ("retryAfter", 1_000.0),
    ("retry_after", 1_000.0),
];

/// The wait that the data of an error asks for. No revision of the protocol has a field for it:
/// `retryAfterMs` is that of these layers, the others are what servers send. The value is a number, or a
/// text that is one. Other values, and negative or infinite ones, are ignored.
pub(crate) fn retry_after(data: Option<&Value>) -> Option<Duration> {
    let data = data?.as_object()?;
    KEYS.iter().find_map(|(key, unit)| {
        let number = match data.get(*key)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        let hint = Duration::try_from_secs_f64(number * unit / 1_000.0);
        // Finite, but more than a `Duration` holds.
        let huge = number.is_finite() && number > 0.0;
        hint.ok().or(huge.then_some(Duration::MAX))
    })
}

#[cfg(test)]
#[path = "../tests/unit/retry_after.rs"]
mod tests;
