//! Any text is refused as a signed id, and any payload comes back to its owner alone.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mcp_layers_authorize::{IdKind, SignedIdError, SignedIds};
use mcp_layers_core::{Authentication, Principal};

static IDS: LazyLock<SignedIds> = LazyLock::new(|| SignedIds::new([[7; 32]]).expect("a key"));

fuzz_target!(|text: &str| {
    let [ada, bob] = ["ada", "bob"].map(|name| Principal::new(name, Authentication::Bearer));
    let kind = IdKind::Session;
    assert!(IDS.open(kind, &ada, text).is_err());
    assert_eq!(IDS.open(kind, &ada, &format!("sig1.{text}")), Err(SignedIdError::Forged));

    let id = IDS.issue(kind, &ada, text);
    assert_eq!(IDS.open(kind, &ada, &id).as_deref(), Ok(text));
    assert_eq!(IDS.open(kind, &bob, &id), Err(SignedIdError::Foreign));
    assert_eq!(IDS.open(IdKind::Task, &ada, &id), Err(SignedIdError::Forged));
});
