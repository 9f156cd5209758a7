//! The credential in the headers of a request.

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;

use super::{RefusalReason, settings::Settings};
use crate::{Credential, Presented};

const SCHEME: &[u8] = b"bearer";

impl Settings {
    /// Takes the one credential out of the headers.
    pub(super) fn take_credential(
        &self,
        headers: &mut HeaderMap,
    ) -> Result<Credential, RefusalReason> {
        let mut found = self.take(headers, &AUTHORIZATION, Presented::Bearer);
        if let Some(name) = &self.api_key_header {
            let key = self.take(headers, name, Presented::ApiKey);
            found = match (found, key) {
                (Err(RefusalReason::Unauthenticated), key) => key,
                (found, Err(RefusalReason::Unauthenticated)) => found,
                (_, _) => Err(RefusalReason::SeveralCredentials),
            };
        }
        found
    }

    fn take(
        &self,
        headers: &mut HeaderMap,
        name: &HeaderName,
        presented: Presented,
    ) -> Result<Credential, RefusalReason> {
        let mut values = headers.get_all(name).iter();
        let value = values.next().ok_or(RefusalReason::Unauthenticated)?.clone();
        if values.next().is_some() {
            return Err(RefusalReason::SeveralCredentials);
        }
        if !self.keep_credential {
            headers.remove(name);
        }
        let start = match presented {
            Presented::Bearer => bearer_start(value.as_bytes()),
            Presented::ApiKey => Some(0),
        };
        let start = start.ok_or(RefusalReason::Unauthenticated)?;
        let text = value.as_bytes().get(start..).unwrap_or_default();
        match text.len() {
            0 => Err(RefusalReason::Unauthenticated),
            length if length > self.max_credential => Err(RefusalReason::InvalidToken),
            _ if text.contains(&b' ') => Err(RefusalReason::InvalidToken),
            _ => {
                Credential::from_header(presented, value, start).ok_or(RefusalReason::InvalidToken)
            }
        }
    }
}

/// Returns the offset of the token after `Bearer` and spaces (RFC 6750, section 2.1; the scheme is
/// case-insensitive, RFC 9110, section 11.1), and `None` for another scheme.
fn bearer_start(value: &[u8]) -> Option<usize> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && (spaces > 0 || rest.is_empty());
    is_bearer.then_some(SCHEME.len() + spaces)
}

/// Returns whether a query contains `access_token`, in any case and encoding.
pub(super) fn has_access_token(query: &str) -> bool {
    let mut names = query.split('&').map(|pair| pair.split('=').next());
    names.any(|name| {
        let name = name.unwrap_or_default();
        let name: Vec<u8> = percent_decode_str(name).collect();
        name.eq_ignore_ascii_case(b"access_token")
    })
}
