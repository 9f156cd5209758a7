//! Authorization contexts: which callers share private results.

use mcp_layers_core::{KeyWriter, Principal};

/// The authorization context of a private result: callers of the same context share it.
///
/// Roles and scopes are part of every context: a result that was allowed to a caller with other
/// rights, or before a role was revoked, is never served. A principal that is not verified, or that
/// lacks the credential or tenant asked for here, has no context, and its private results are not
/// stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizationContext {
    /// The credential: another access token is another context, even of the same subject
    /// (2026-07-28, server/utilities/caching).
    #[default]
    Credential,
    /// The subject of an issuer and its OAuth client: a refreshed token is the same context.
    Subject,
    /// The tenant: its callers with the same rights share private results.
    Tenant,
}

impl AuthorizationContext {
    /// Returns bytes that are equal exactly for the same context; `None` without a context.
    pub(crate) fn bytes(self, principal: &Principal) -> Option<Vec<u8>> {
        if !principal.is_verified() {
            return None;
        }
        let mut bytes = Vec::with_capacity(128);
        let mut writer = KeyWriter::new(&mut bytes);
        match self {
            Self::Credential => {
                let digest = principal.credential_digest()?;
                write_subject(writer.tag(b'C').bytes(digest), principal);
            }
            Self::Subject => write_subject(writer.tag(b'S'), principal),
            Self::Tenant => {
                let tenant = principal.tenant()?;
                writer.tag(b'T').optional(principal.issuer()).text(tenant);
            }
        }
        for scope in principal.scopes() {
            writer.text(scope);
        }
        writer.absent();
        for role in principal.roles() {
            writer.text(role);
        }
        Some(bytes)
    }
}

fn write_subject(writer: &mut KeyWriter<'_>, principal: &Principal) {
    writer
        .optional(principal.issuer())
        .text(principal.subject())
        .optional(principal.client_id())
        .optional(principal.tenant());
}

#[cfg(test)]
mod tests {
    use super::AuthorizationContext::{self, Credential, Subject, Tenant};
    use mcp_layers_core::{Authentication, Principal};

    fn ada() -> Principal {
        Principal::new("ada", Authentication::Bearer)
    }

    fn same(context: AuthorizationContext, a: &Principal, b: &Principal) -> Option<bool> {
        Some(context.bytes(a)? == context.bytes(b)?)
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
