//! Unit tests of `src/retry_after.rs`.

use super::retry_after;
use proptest::prelude::*;
use serde_json::json;
proptest! {
    #[test]
    fn no_text_and_no_number_panics(text in ".*", number in any::<f64>()) {
        let _ = retry_after(Some(&json!({ "retryAfter": text })));
        let _ = retry_after(Some(&json!({ "retryAfterMs": number })));
    }
}
