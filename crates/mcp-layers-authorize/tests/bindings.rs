//! The bounded tables of owners.
#![allow(clippy::unwrap_used)]

use mcp_layers_authorize::Bindings;
use mcp_layers_core::{Authentication, Principal};

fn principal(subject: &str) -> Principal {
    Principal::new(subject, Authentication::Bearer).with_issuer("i")
}

#[test]
fn an_id_stays_with_its_first_owner() {
    let (ada, bob) = (principal("ada"), principal("bob"));
    let bindings = Bindings::new();
    assert!(bindings.bind("one", &ada) && bindings.bind("one", &ada));
    assert!(!bindings.bind("one", &bob));
    assert!(!bindings.is_own("one", &bob) && !bindings.is_own("two", &bob));
    let refreshed = principal("ada").with_credential_digest(*b"new");
    assert!(bindings.is_own("one", &refreshed));
    for other in [
        principal("ada").with_issuer("j"),
        principal("ada").with_tenant("t"),
    ] {
        assert!(!bindings.is_own("one", &other));
    }
    assert!(bindings.set_max(0).is_err());
}

#[test]
fn the_owner_with_the_most_ids_loses_the_one_used_least_recently() {
    let (greedy, modest) = (principal("greedy"), principal("modest"));
    let bindings = Bindings::new();
    bindings.set_max(4).unwrap();
    assert!(bindings.bind("modest", &modest));
    assert!(bindings.bind("in use", &greedy));
    for id in 0..1000 {
        assert!(bindings.bind(&format!("greedy {id}"), &greedy));
        assert!(bindings.is_own("in use", &greedy), "{id}");
        assert!(bindings.bind("in use", &greedy));
    }
    assert_eq!(bindings.len(), 4);
    assert!(bindings.is_own("modest", &modest));
    assert!(bindings.is_own("greedy 999", &greedy));
    assert!(!bindings.is_own("greedy 0", &greedy));
    for id in ["modest", "in use", "greedy 998", "greedy 999"] {
        bindings.release(id);
    }
    assert!(bindings.is_empty());
}

#[test]
fn a_hundred_thousand_ids_of_one_owner_leave_another_one_its_own() {
    let (greedy, modest) = (principal("greedy"), principal("modest"));
    let bindings = Bindings::new();
    assert!(bindings.bind("first", &modest));
    for id in 0..100_000 {
        assert!(bindings.bind(&format!("greedy {id}"), &greedy));
    }
    assert_eq!(bindings.len(), Bindings::DEFAULT_MAX);
    assert!(bindings.is_own("first", &modest) && bindings.bind("second", &modest));
}
