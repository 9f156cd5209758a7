//! The web pages that may send requests.

use http::{HeaderMap, Uri, header::ORIGIN};
use mcp_layers_core::ConfigError;

use crate::metadata::origin_of;

/// The origins whose web pages may send requests, in addition to the resource's own.
#[derive(Debug, Clone)]
pub(super) enum Origins {
    Any,
    These(Vec<Box<str>>),
}

impl Origins {
    pub(super) fn these<T: AsRef<str>>(
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let mut allowed = Vec::new();
        for origin in origins {
            let origin = origin.as_ref();
            let uri = origin.parse::<Uri>().unwrap_or_default();
            if origin_of(&uri) != origin || origin.contains('*') {
                return Err(ConfigError::new(format!(
                    "{origin:?} is not an origin: a scheme, a host in lower case and an optional \
                     port, without patterns"
                )));
            }
            allowed.push(origin.into());
        }
        Ok(Self::These(allowed))
    }

    /// Returns whether a request may be sent. One without `Origin` comes from no web page.
    pub(super) fn allow(&self, headers: &HeaderMap, own: Option<&str>) -> bool {
        let Self::These(allowed) = self else {
            return true;
        };
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        let mut allowed = allowed.iter().map(AsRef::as_ref).chain(own);
        origins.next().is_none()
            && allowed.any(|allowed: &str| origin.as_bytes() == allowed.as_bytes())
    }
}
