use mcp_layers_core::{Authentication, Principal};

#[test]
fn scopes_match_by_exact_name() {
    let principal =
        Principal::new("ada", Authentication::Bearer).with_scopes(["tools", "admin", "tools"]);
    assert!(principal.has_scope("tools"));
    assert!(!principal.has_scope("tool"));
    assert!(!principal.has_scope("TOOLS"));
    assert_eq!(principal.scopes().collect::<Vec<_>>(), ["admin", "tools"]);
}

#[test]
fn a_claimed_name_is_not_the_verified_subject() {
    let claimed = Principal::new("ada", Authentication::Unverified);
    let verified = Principal::new("ada", Authentication::ApiKey);
    assert!(!claimed.is_verified());
    assert!(!claimed.is_same_subject(&verified));
}

#[test]
fn debug_shows_no_credential() {
    let principal =
        Principal::new("ada", Authentication::Bearer).with_credential_digest(*b"\xAB\xCD");
    let shown = format!("{principal:?}");
    assert!(shown.contains("ada") && !shown.contains("171") && !shown.contains("credential"));
}
