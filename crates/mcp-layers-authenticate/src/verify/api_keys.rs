//! API keys, stored as digests.

use std::{fmt, future::ready, sync::Arc};

use mcp_layers_core::{ConfigError, Principal};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Credential, Refusal, Verified, Verify, VerifyFuture};

/// API keys, each with its principal.
///
/// Only SHA-256 digests of the keys are stored. Each credential is compared with every digest in
/// constant time, so response times reveal nothing about the keys. A fast digest is right for keys
/// that are drawn at random (128 bits or more), and wrong for passwords.
///
/// A key is accepted as a bearer token and in the header for API keys, whichever the layer reads.
/// To replace keys while the server runs, wrap them in a [`Replaceable`](super::Replaceable).
///
/// ```
/// use mcp_layers_authenticate::{ApiKeys, Credential, Verify};
/// use mcp_layers_core::{Authentication, Principal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let robot = Principal::new("robot", Authentication::ApiKey).with_scopes(["tools"]);
/// let keys = ApiKeys::new().with_key("1f0cc9c4a52a4ddc", robot)?;
///
/// let good = keys.verify(&Credential::api_key("1f0cc9c4a52a4ddc").unwrap()).await;
/// assert_eq!(good.unwrap().principal().subject(), "robot");
/// assert!(keys.verify(&Credential::api_key("guess").unwrap()).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ApiKeys {
    entries: Arc<Vec<([u8; 32], Verified)>>,
}

impl ApiKeys {
    /// Starts without keys: everything is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key by its text. Only its digest is stored.
    ///
    /// # Errors
    ///
    /// The key is empty, not printable ASCII, or already present.
    pub fn with_key(self, key: &str, principal: Principal) -> Result<Self, ConfigError> {
        if Credential::api_key(key).is_none() {
            return Err(ConfigError::new(
                "an API key is printable ASCII and not empty",
            ));
        }
        self.with_digest(Sha256::digest(key.as_bytes()).into(), principal)
    }

    /// Adds a key by its SHA-256 digest, so that the configuration does not contain it.
    ///
    /// # Errors
    ///
    /// The key is already present.
    pub fn with_digest(
        mut self,
        digest: [u8; 32],
        principal: Principal,
    ) -> Result<Self, ConfigError> {
        if self.entries.iter().any(|(have, _)| *have == digest) {
            return Err(ConfigError::new("the API key is already present"));
        }
        let principal = principal.with_credential_digest(digest);
        Arc::make_mut(&mut self.entries).push((digest, Verified::new(principal)));
        Ok(self)
    }

    /// Compares with every digest, whichever equals.
    fn find(&self, digest: &[u8; 32]) -> Option<&Verified> {
        let mut found = None;
        for (have, verified) in self.entries.iter() {
            if bool::from(have.ct_eq(digest)) {
                found = Some(verified);
            }
        }
        found
    }
}

impl Verify for ApiKeys {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let found = self.find(&credential.digest()).cloned();
        Box::pin(ready(found.ok_or_else(Refusal::invalid)))
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let principals = self
            .entries
            .iter()
            .map(|(_, verified)| verified.principal());
        f.debug_list().entries(principals).finish()
    }
}
