//! What can be said of a request before its credential is verified.

use http::{
    HeaderMap, HeaderName, Request,
    header::{AUTHORIZATION, CONTENT_LENGTH, ORIGIN},
};

use super::{answer::Fault, layer::Edge, layer::Origins};
use crate::{Credential, Presented, ResourceMetadata};

const SCHEME: &[u8] = b"bearer";

impl<V> Edge<V> {
    /// The one credential of a request that may be looked at.
    pub(super) fn admit<B>(&self, request: &mut Request<B>) -> Result<Credential, Fault> {
        if !self.may_send(request.headers()) {
            return Err(Fault::ForeignOrigin);
        }
        if request.uri().query().is_some_and(has_access_token) {
            return Err(Fault::CredentialInQuery);
        }
        let credential = self.credential(request.headers_mut())?;
        if is_declared_longer(request.headers(), self.max_body) {
            return Err(Fault::BodyTooLarge);
        }
        Ok(credential)
    }

    fn may_send(&self, headers: &HeaderMap) -> bool {
        let Origins::These(allowed) = &self.origins else {
            return true;
        };
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        let own = self.metadata.as_ref().map(ResourceMetadata::origin);
        let is = |allowed: &str| origin.as_bytes() == allowed.as_bytes();
        origins.next().is_none()
            && (own.is_some_and(is) || allowed.iter().any(|allowed| is(allowed)))
    }

    fn credential(&self, headers: &mut HeaderMap) -> Result<Credential, Fault> {
        let mut found = self.take(headers, &AUTHORIZATION, Presented::Bearer);
        if let Some(name) = &self.api_key_header {
            let key = self.take(headers, name, Presented::ApiKey);
            found = match (found, key) {
                (Err(Fault::NoCredential), key) => key,
                (found, Err(Fault::NoCredential)) => found,
                (_, _) => Err(Fault::SeveralCredentials),
            };
        }
        found
    }

    /// The credential in a header, which is taken out.
    fn take(
        &self,
        headers: &mut HeaderMap,
        name: &HeaderName,
        presented: Presented,
    ) -> Result<Credential, Fault> {
        let mut values = headers.get_all(name).iter();
        let (Some(value), another) = (values.next(), values.next()) else {
            return Err(Fault::NoCredential);
        };
        if another.is_some() {
            return Err(Fault::SeveralCredentials);
        }
        let value = if self.keep_credential {
            value.clone()
        } else {
            headers.remove(name).ok_or(Fault::NoCredential)?
        };
        let start = match presented {
            Presented::Bearer => bearer_start(value.as_bytes()).ok_or(Fault::NoCredential)?,
            Presented::ApiKey => 0,
        };
        let text = value.as_bytes().get(start..).unwrap_or_default();
        match text.len() {
            0 => Err(Fault::NoCredential),
            length if length > self.max_credential => Err(Fault::InvalidCredential),
            _ if text.contains(&b' ') => Err(Fault::InvalidCredential),
            _ => Credential::from_header(presented, value, start).ok_or(Fault::InvalidCredential),
        }
    }
}

/// Where the token begins after `Bearer` and spaces (RFC 6750, section 2.1; the scheme is
/// case-insensitive, RFC 9110, section 11.1); `None` for another scheme.
fn bearer_start(value: &[u8]) -> Option<usize> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && (spaces > 0 || rest.is_empty());
    is_bearer.then_some(SCHEME.len() + spaces)
}

/// Whether a query has `access_token`, however its letters are written.
fn has_access_token(query: &str) -> bool {
    let mut names = query.split('&').map(|pair| pair.split('=').next());
    names.any(|name| decoded(name.unwrap_or_default()).eq_ignore_ascii_case(b"access_token"))
}

fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                out.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn is_declared_longer(headers: &HeaderMap, max: u64) -> bool {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    length.is_some_and(|length| length > max)
}

#[cfg(test)]
mod tests {
    use super::{bearer_start, has_access_token};

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer_start(b"Bearer abc"), Some(7));
        assert_eq!(bearer_start(b"bEARER   abc"), Some(9));
        assert_eq!(bearer_start(b"Bearer"), Some(6));
        assert_eq!(bearer_start(b"Bearerabc"), None);
        assert_eq!(bearer_start(b"Basic abc"), None);
        assert_eq!(bearer_start(b""), None);
    }

    #[test]
    fn a_token_in_the_query_is_found_however_it_is_written() {
        for query in [
            "access_token=x",
            "a=b&access_token=x",
            "access_token",
            "%61ccess%5Ftoken=x",
            "ACCESS_TOKEN=x",
        ] {
            assert!(has_access_token(query), "{query}");
        }
        for query in [
            "",
            "token=x",
            "a=access_token",
            "access_tokens=x",
            "%",
            "%6",
            "%zz=1",
        ] {
            assert!(!has_access_token(query), "{query}");
        }
    }
}
