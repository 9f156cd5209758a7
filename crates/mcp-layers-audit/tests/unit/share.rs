//! Unit tests of `src/share.rs`.
#![allow(clippy::unwrap_used)]

use super::Shares;
use mcp_layers_core::{Authentication, Principal};
use std::sync::Arc;

#[test]
fn one_caller_does_not_use_up_the_share_of_another() {
    let shares = Arc::new(Shares::default());
    let caller = |name: &str| {
        let principal = Arc::new(Principal::new(name, Authentication::Bearer));
        shares.caller(Some(&principal), None).unwrap()
    };
    let held: Vec<_> = (0..2)
        .map(|_| shares.take(caller("ada"), 2).unwrap())
        .collect();
    assert!(shares.take(caller("ada"), 2).is_none());
    assert!(shares.take(caller("bob"), 2).is_some());
    drop(held);
    assert!(shares.requests.lock().unwrap().is_empty());
    let claimed = Arc::new(Principal::new("ada", Authentication::Unverified));
    assert_eq!(shares.caller(Some(&claimed), None), None);
}
