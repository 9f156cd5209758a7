//! Unit tests of `src/bindings.rs`.

use super::{Bindings, Owned};
use mcp_layers_core::{Authentication, Principal};

#[test]
fn an_evicted_id_cannot_be_claimed_and_a_new_one_always_can() {
    let (ada, bob) = (
        Principal::new("ada", Authentication::Bearer),
        Principal::new("bob", Authentication::Bearer),
    );
    let bindings = Bindings::new();
    bindings.set_max(2).unwrap();
    for id in ["one", "two", "three"] {
        assert_eq!(bindings.claim(id, &ada), Owned::Own);
    }
    assert_eq!(bindings.claim("one", &bob), Owned::Unbound);
    assert_eq!(bindings.claim("one", &ada), Owned::Unbound);
    assert_eq!(bindings.claim("two", &bob), Owned::Foreign);
    assert_eq!(bindings.claim("four", &bob), Owned::Own);
    // An id that ended properly is free again.
    bindings.release("four");
    assert_eq!(bindings.claim("four", &ada), Owned::Own);
    let digests = bindings.lock().evicted_order.len();
    for id in 0..1000 {
        bindings.claim(&format!("new {id}"), &ada);
    }
    assert!(digests < 8 && bindings.lock().evicted_order.len() == 8);
    assert_eq!(bindings.lock().evicted.len(), 8);
}
