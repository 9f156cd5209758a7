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
mod tests {
    use super::retry_after;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn hint(data: &Value) -> Option<Duration> {
        retry_after(Some(data))
    }

    #[test]
    fn hints_of_every_kind_are_read_and_garbage_is_ignored() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (data, expected) in [
            (json!({ "retryAfterMs": 250 }), ms(250)),
            (json!({ "retryAfterMs": 0 }), ms(0)),
            (
                json!({ "retry_after_ms": 1.5 }),
                Some(Duration::from_micros(1_500)),
            ),
            (json!({ "retryAfter": 2 }), ms(2_000)),
            (json!({ "retry_after": "3" }), ms(3_000)),
            (json!({ "retryAfterMs": " 40 " }), ms(40)),
            (json!({ "retryAfterMs": 250, "retryAfter": 9 }), ms(250)),
            (
                json!({ "retryAfterMs": "soon", "retryAfter": 9 }),
                ms(9_000),
            ),
            (json!({ "retryAfterMs": u64::MAX }), None),
            (json!({ "retryAfterMs": 1e300 }), Some(Duration::MAX)),
            (json!({ "retryAfterMs": -1 }), None),
            (json!({ "retryAfterMs": "soon" }), None),
            (json!({ "retryAfterMs": "NaN" }), None),
            (json!({ "retryAfterMs": "inf" }), None),
            (json!({ "retryAfterMs": null }), None),
            (json!({ "retryAfterMs": [1] }), None),
            (
                json!({ "retryAfter": "Wed, 21 Oct 2026 07:28:00 GMT" }),
                None,
            ),
            (json!([250]), None),
            (json!("250"), None),
        ] {
            if data == json!({ "retryAfterMs": u64::MAX }) {
                assert!(hint(&data).is_some_and(|hint| hint > Duration::from_secs(1 << 40)));
            } else {
                assert_eq!(hint(&data), expected, "{data}");
            }
        }
        assert_eq!(retry_after(None), None);
    }

    proptest! {
        #[test]
        fn no_text_and_no_number_panics(text in ".*", number in any::<f64>()) {
            let _ = hint(&json!({ "retryAfter": text }));
            let _ = hint(&json!({ "retryAfterMs": number }));
        }
    }
}
