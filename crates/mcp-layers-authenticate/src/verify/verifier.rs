//! The trait that all verifiers implement.

use std::pin::Pin;

use super::{Credential, Refusal, Verified};

/// The future of [`Verify::verify`].
pub type VerifyFuture = Pin<Box<dyn Future<Output = Result<Verified, Refusal>> + Send>>;

/// Verifies credentials.
///
/// An async closure is a verifier too:
///
/// ```
/// use mcp_layers_authenticate::{Credential, Refusal, Verify};
/// use mcp_layers_core::{Authentication, Principal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let verifier = |credential: Credential| async move {
///     if credential.as_str() == "open sesame" {
///         Ok(Principal::new("ali", Authentication::Other("password")))
///     } else {
///         Err(Refusal::invalid())
///     }
/// };
/// let credential = Credential::bearer("open sesame").unwrap();
/// assert_eq!(verifier.verify(&credential).await.unwrap().principal().subject(), "ali");
/// # }
/// ```
///
/// # Rules
///
/// 1. A verifier that cannot decide returns [`Refusal::unavailable`]: the credential is neither
///    accepted nor called invalid.
/// 2. The text of a credential is never logged and never part of an error.
/// 3. A future that is dropped cancels the verification.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not verify credentials",
    note = "a verifier is a `Verify`, or a closure from `Credential` to a future of `Result<Principal, Refusal>`"
)]
pub trait Verify: Send + Sync + 'static {
    /// Verifies a credential: returns its principal, or the reason for refusing it.
    fn verify(&self, credential: &Credential) -> VerifyFuture;

    /// A number that changes whenever earlier results may no longer hold, because keys were
    /// replaced for example. [`CachedVerifier`](super::CachedVerifier) drops results of earlier
    /// generations. A verifier that wraps others returns the sum of theirs. 0 by default.
    fn generation(&self) -> u64 {
        0
    }
}

impl<F, Fut, T> Verify for F
where
    F: Fn(Credential) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Refusal>> + Send + 'static,
    T: Into<Verified>,
{
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let future = self(credential.clone());
        Box::pin(async move { future.await.map(Into::into) })
    }
}
