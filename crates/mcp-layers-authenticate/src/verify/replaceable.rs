//! A verifier that can be replaced while the server runs.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use super::{
    credential::Credential,
    verifier::{Verify, VerifyFuture},
};

/// A verifier that can be replaced while the server runs: API keys or a static key set that come
/// from a file, for example.
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
pub struct Replaceable<V> {
    shared: Arc<Shared<V>>,
}

/// Replaces the verifier in a [`Replaceable`].
pub struct ReplaceableHandle<V> {
    shared: Arc<Shared<V>>,
}

struct Shared<V> {
    current: RwLock<Current<V>>,
}

struct Current<V> {
    verifier: Arc<V>,
    /// The sum over the verifiers before, so that the generation never goes back.
    replaced: u64,
}

impl<V: Verify> Replaceable<V> {
    /// Starts with this verifier.
    pub fn new(verifier: V) -> Self {
        let current = RwLock::new(Current {
            verifier: Arc::new(verifier),
            replaced: 0,
        });
        Self {
            shared: Arc::new(Shared { current }),
        }
    }

    /// Returns a handle that replaces the verifier.
    #[must_use]
    pub fn handle(&self) -> ReplaceableHandle<V> {
        ReplaceableHandle {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<V: Verify> ReplaceableHandle<V> {
    /// Replaces the verifier. Verifications that are running finish with the old one, and their
    /// results are not reused.
    pub fn replace(&self, verifier: V) {
        let shared = &self.shared.current;
        let mut current = shared.write().unwrap_or_else(PoisonError::into_inner);
        let step = current.verifier.generation().wrapping_add(1);
        current.replaced = current.replaced.wrapping_add(step);
        current.verifier = Arc::new(verifier);
    }
}

impl<V> Shared<V> {
    fn read(&self) -> RwLockReadGuard<'_, Current<V>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Verify> Verify for Replaceable<V> {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let verifier = Arc::clone(&self.shared.read().verifier);
        verifier.verify(credential)
    }

    fn generation(&self) -> u64 {
        let current = self.shared.read();
        current.replaced.wrapping_add(current.verifier.generation())
    }
}

impl<V> Clone for Replaceable<V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<V> Clone for ReplaceableHandle<V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<V: fmt::Debug> fmt::Debug for Replaceable<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replaceable")
            .field(&self.shared.read().verifier)
            .finish()
    }
}

impl<V: fmt::Debug> fmt::Debug for ReplaceableHandle<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReplaceableHandle")
            .field(&self.shared.read().verifier)
            .finish()
    }
}
