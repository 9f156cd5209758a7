//! Authorization contexts: which callers share private results.

use mcp_layers_core::{Authentication, KeyWriter, Principal};

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
    /// (2026-07-28, server/utilities/caching). A principal with [`Authentication::Local`] needs no
    /// credential. Other principals that you make yourself have one only with
    /// [`Principal::with_credential_digest`].
    #[default]
    Credential,
    /// The subject of an issuer and its OAuth client: a refreshed token is the same context.
    Subject,
    /// The tenant: its callers with the same rights share private results.
    Tenant,
}

impl AuthorizationContext {
    /// Appends bytes that are equal exactly for the same context; nothing, and returns `None`,
    /// without a context.
    pub(crate) fn write(self, principal: &Principal, out: &mut Vec<u8>) -> Option<()> {
        if !principal.is_verified() {
            return None;
        }
        let mut writer = KeyWriter::new(out);
        match self {
            Self::Credential => {
                let credential = principal.credential_digest();
                // Who starts a process has no other credential than that.
                let is_local = principal.authentication() == Authentication::Local;
                let credential = credential.or(is_local.then_some(b"local"))?;
                write_subject(writer.tag(b'C').bytes(credential), principal);
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
        Some(())
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
#[path = "../tests/unit/context.rs"]
mod tests;
