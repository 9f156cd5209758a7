//! Unit tests of `src/context.rs`.
#![allow(clippy::unwrap_used)]

use super::AuthorizationContext::{self, Credential, Subject, Tenant};
use mcp_layers_core::{Authentication, Principal};

fn ada() -> Principal {
    Principal::new("ada", Authentication::Bearer)
}

fn same(context: AuthorizationContext, a: &Principal, b: &Principal) -> Option<bool> {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    context.write(a, &mut of_a)?;
    context.write(b, &mut of_b)?;
    Some(of_a == of_b)
}

#[test]
fn a_refreshed_token_is_another_credential_of_the_same_subject() {
    let (a, b) = (
        ada().with_credential_digest(*b"1"),
        ada().with_credential_digest(*b"2"),
    );
    assert_eq!(same(Credential, &a, &b), Some(false));
    assert_eq!(same(Subject, &a, &b), Some(true));
    assert_eq!(same(Credential, &ada(), &b), None);
}

#[test]
fn a_local_principal_needs_no_credential() {
    let local = |subject: &str| Principal::new(subject, Authentication::Local);
    assert_eq!(same(Credential, &local("a"), &local("a")), Some(true));
    assert_eq!(same(Credential, &local("a"), &local("b")), Some(false));
}

#[test]
fn other_rights_are_another_context() {
    let a = ada().with_tenant("t").with_credential_digest(*b"1");
    let roles = a.clone().with_roles(["admin"]);
    let scopes = a.clone().with_scopes(["admin"]);
    for context in [Credential, Subject, Tenant] {
        for other in [&roles, &scopes] {
            assert_eq!(same(context, &a, other), Some(false));
        }
        assert_eq!(same(context, &roles, &scopes), Some(false));
    }
}

#[test]
fn a_tenant_is_one_of_its_issuer_and_nobody_is_nobody() {
    let of = |subject: &str, issuer: &str| {
        Principal::new(subject, Authentication::Bearer)
            .with_issuer(issuer)
            .with_tenant("t")
    };
    assert_eq!(same(Tenant, &of("a", "i"), &of("b", "i")), Some(true));
    assert_eq!(same(Tenant, &of("a", "i"), &of("b", "j")), Some(false));
    assert_eq!(same(Tenant, &ada(), &ada()), None);
    let claimed = Principal::new("ada", Authentication::Unverified);
    assert_eq!(same(Subject, &claimed, &claimed), None);
}
