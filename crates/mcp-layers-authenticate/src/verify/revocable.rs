//! Tokens that are revoked before they expire.

use std::{fmt, sync::Arc};

use super::{Credential, Refusal, Verified, Verify, VerifyFuture};

/// Checks on every request whether a verified credential was revoked.
///
/// The check runs for each request, so it should be a lookup in memory: by
/// [`Verified::token_id`] (`jti`) or by the digest of the credential. Wrap this around a
/// [`CachedVerifier`](super::CachedVerifier), never the reverse: then cached results are checked too.
///
/// ```
/// use mcp_layers_authenticate::{ApiKeys, Credential, Revocable, Verify};
/// use mcp_layers_core::{Authentication, Principal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let keys = ApiKeys::new().with_key("key-1", Principal::new("ada", Authentication::ApiKey))?;
/// let verifier = Revocable::new(keys, |verified| verified.principal().subject() == "ada");
/// assert!(verifier.verify(&Credential::bearer("key-1").unwrap()).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Revocable<V> {
    inner: V,
    is_revoked: Arc<dyn Fn(&Verified) -> bool + Send + Sync>,
}

impl<V: Verify> Revocable<V> {
    /// Refuses credentials for which `is_revoked` returns true.
    pub fn new(inner: V, is_revoked: impl Fn(&Verified) -> bool + Send + Sync + 'static) -> Self {
        Self {
            inner,
            is_revoked: Arc::new(is_revoked),
        }
    }
}

impl<V: Verify> Verify for Revocable<V> {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let future = self.inner.verify(credential);
        let is_revoked = Arc::clone(&self.is_revoked);
        Box::pin(async move {
            let verified = future.await?;
            if is_revoked(&verified) {
                return Err(Refusal::invalid().because("the credential is revoked"));
            }
            Ok(verified)
        })
    }

    fn generation(&self) -> u64 {
        self.inner.generation()
    }
}

impl<V: fmt::Debug> fmt::Debug for Revocable<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocable")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
