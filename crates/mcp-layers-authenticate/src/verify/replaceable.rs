//! A verifier that can be replaced while the server runs.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::{Credential, Verify, VerifyFuture};

/// A verifier that can be replaced while the server runs: API keys or a static key set from a file,
/// for example.
///
/// A replacement applies to the next request, also behind a
/// [`CachedVerifier`](super::CachedVerifier). Clones and handles share the verifier.
///
/// ```
/// use mcp_layers_authenticate::{ApiKeys, Credential, Replaceable, Verify};
/// use mcp_layers_core::{Authentication, Principal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let ada = Principal::new("ada", Authentication::ApiKey);
/// let keys = Replaceable::new(ApiKeys::new().with_key("key-1", ada.clone())?);
/// let handle = keys.handle();
///
/// handle.replace(ApiKeys::new().with_key("key-2", ada)?);
/// assert!(keys.verify(&Credential::bearer("key-1").unwrap()).await.is_err());
/// assert!(keys.verify(&Credential::bearer("key-2").unwrap()).await.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Replaceable(ReplaceableHandle);

/// Replaces the verifier in a [`Replaceable`].
#[derive(Clone)]
pub struct ReplaceableHandle(Arc<RwLock<Current>>);

struct Current {
    verifier: Arc<dyn Verify>,
    /// The sum over the verifiers before, so that the generation never goes back.
    replaced: u64,
}

impl Replaceable {
    /// Starts with this verifier.
    pub fn new(verifier: impl Verify) -> Self {
        Self(ReplaceableHandle(Arc::new(RwLock::new(Current {
            verifier: Arc::new(verifier),
            replaced: 0,
        }))))
    }

    /// Returns a handle that replaces the verifier.
    pub fn handle(&self) -> ReplaceableHandle {
        self.0.clone()
    }
}

impl ReplaceableHandle {
    /// Replaces the verifier. Verifications that are running finish with the old one, and their
    /// results are not reused.
    pub fn replace(&self, verifier: impl Verify) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let step = current.verifier.generation().wrapping_add(1);
        current.replaced = current.replaced.wrapping_add(step);
        current.verifier = Arc::new(verifier);
    }

    fn read(&self) -> RwLockReadGuard<'_, Current> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verify for Replaceable {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let verifier = Arc::clone(&self.0.read().verifier);
        verifier.verify(credential)
    }

    fn generation(&self) -> u64 {
        let current = self.0.read();
        current.replaced.wrapping_add(current.verifier.generation())
    }
}

mcp_layers_core::opaque_debug!(ReplaceableHandle);
