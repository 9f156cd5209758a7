//! Tokens that were taken back before they expired.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::{Credential, Refusal, Verified, Verify};

/// Asks whether a verified credential was revoked, each time, a cached one too.
///
/// The question is asked on the way of every request: look it up in memory, by
/// [`Verified::token_id`] (`jti`) or the digest of the credential. Around a
/// [`CachedVerifier`](super::CachedVerifier), never inside it.
///
/// ```
/// use mcp_layers_auth::{ApiKeys, Credential, Revocable, Verify};
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
    is_revoked: Ask,
}

type Ask = Arc<dyn Fn(&Verified) -> bool + Send + Sync>;

impl<V: Verify> Revocable<V> {
    /// Refuses what `is_revoked` says is revoked.
    pub fn new(inner: V, is_revoked: impl Fn(&Verified) -> bool + Send + Sync + 'static) -> Self {
        Self {
            inner,
            is_revoked: Arc::new(is_revoked),
        }
    }
}

impl<V: Verify> Verify for Revocable<V> {
    type Future = RevocableFuture<V::Future>;

    fn verify(&self, credential: &Credential) -> Self::Future {
        RevocableFuture {
            future: self.inner.verify(credential),
            is_revoked: Arc::clone(&self.is_revoked),
        }
    }
}

pin_project! {
    /// The future of [`Revocable`].
    pub struct RevocableFuture<F> {
        #[pin]
        future: F,
        is_revoked: Ask,
    }
}

impl<F: Future<Output = Result<Verified, Refusal>>> Future for RevocableFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let verified = ready!(this.future.poll(cx))?;
        if (this.is_revoked)(&verified) {
            return Poll::Ready(Err(Refusal::invalid().because("the credential is revoked")));
        }
        Poll::Ready(Ok(verified))
    }
}

impl<V: fmt::Debug> fmt::Debug for Revocable<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocable")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for RevocableFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocableFuture").finish_non_exhaustive()
    }
}
