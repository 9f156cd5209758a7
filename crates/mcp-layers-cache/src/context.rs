//! Who may share a private answer.

use mcp_layers_core::Principal;

use crate::key::write_part;

/// What an authorization context is: callers of the same context may share a private answer.
///
/// Roles and scopes are part of every context, so that nobody is served what was allowed to
/// somebody with other rights, or before a role was revoked. A principal that nobody verified, or
/// that lacks what is asked for here, has no context: its private answers are not stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizationContext {
    /// The credential: another access token is another context, even of the same subject
    /// (2026-07-28, server/utilities/caching).
    #[default]
    Credential,
    /// The subject of an issuer, with the OAuth client it acts through: a refreshed token is the
    /// same context.
    Subject,
    /// The tenant: all its callers with the same rights share what is private to it.
    Tenant,
}

impl AuthorizationContext {
    /// Appends bytes that are equal exactly for the same context; false where there is none.
    pub(crate) fn write(self, principal: &Principal, out: &mut Vec<u8>) -> bool {
        if !principal.is_verified() {
            return false;
        }
        let issuer = principal.issuer().map(str::as_bytes);
        match self {
            Self::Credential => {
                let Some(digest) = principal.credential_digest() else {
                    return false;
                };
                out.push(b'C');
                write_part(Some(digest), out);
                write_subject(principal, out);
            }
            Self::Subject => {
                out.push(b'S');
                write_subject(principal, out);
            }
            Self::Tenant => {
                let Some(tenant) = principal.tenant() else {
                    return false;
                };
                out.push(b'T');
                write_part(issuer, out);
                write_part(Some(tenant.as_bytes()), out);
            }
        }
        for scope in principal.scopes() {
            write_part(Some(scope.as_bytes()), out);
        }
        write_part(None, out);
        for role in principal.roles() {
            write_part(Some(role.as_bytes()), out);
        }
        true
    }
}

/// Appends bytes that tell a subject from others, by whatever credential it comes.
fn write_subject(principal: &Principal, out: &mut Vec<u8>) {
    for part in [
        principal.issuer(),
        Some(principal.subject()),
        principal.client_id(),
        principal.tenant(),
    ] {
        write_part(part.map(str::as_bytes), out);
    }
}

#[cfg(test)]
mod tests {
    use super::AuthorizationContext::{self, Credential, Subject, Tenant};
    use mcp_layers_core::{Authentication, Principal};

    fn ada() -> Principal {
        Principal::new("ada", Authentication::Bearer)
    }

    fn same(context: AuthorizationContext, a: &Principal, b: &Principal) -> Option<bool> {
        let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
        let known = context.write(a, &mut of_a) && context.write(b, &mut of_b);
        known.then(|| of_a == of_b)
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
}
