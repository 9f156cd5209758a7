//! What turns a credential into a principal.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

mod api_keys;
mod cached;
#[cfg(any(feature = "__jwt", feature = "remote"))]
mod claims;
mod credential;
mod first_of;
#[cfg(feature = "__jwt")]
mod jwt;
mod refusal;
#[cfg(feature = "remote")]
mod remote;
mod revocable;
#[cfg(any(feature = "__jwt", feature = "remote"))]
mod strict_json;
mod verified;
mod wall_clock;

pub use api_keys::ApiKeys;
pub use cached::{CachedFuture, CachedVerifier};
pub use credential::{Credential, Presented};
pub use first_of::FirstOf;
#[cfg(feature = "__jwt")]
pub use jwt::{JwtVerifier, KeySet, Keys};
pub use refusal::{Refusal, RefusalKind};
#[cfg(feature = "remote")]
pub use remote::Introspection;
#[cfg(all(feature = "remote", feature = "__jwt"))]
pub use remote::RemoteKeySet;
pub use revocable::{Revocable, RevocableFuture};
pub use verified::Verified;
pub use wall_clock::WallClock;

/// Verifies credentials.
///
/// An async closure is a verifier too:
///
/// ```
/// use mcp_layers_auth::{Credential, Refusal, Verify};
/// use mcp_layers_core::{Authentication, Principal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let verifier = |credential: Credential| async move {
///     if credential.as_str() == "open sesame" {
///         Ok(Principal::new("ali", Authentication::Other("saying")))
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
/// 1. What a verifier cannot decide is [`Refusal::unavailable`]: neither an accept nor an invalid
///    credential.
/// 2. The text of a credential is never logged, and never part of an error.
/// 3. A future that is dropped leaves nothing behind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not verify credentials",
    note = "a verifier is a `Verify`, or a closure from `Credential` to a future of `Result<Principal, Refusal>`"
)]
pub trait Verify: Send + Sync + 'static {
    /// Gives the principal, or why there is none.
    type Future: Future<Output = Result<Verified, Refusal>> + Send + 'static;

    /// Verifies a credential.
    fn verify(&self, credential: &Credential) -> Self::Future;
}

impl<F, Fut, T> Verify for F
where
    F: Fn(Credential) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Refusal>> + Send + 'static,
    T: Into<Verified>,
{
    type Future = IntoVerified<Fut>;

    fn verify(&self, credential: &Credential) -> Self::Future {
        IntoVerified {
            future: self(credential.clone()),
        }
    }
}

pin_project! {
    /// The future of a closure that verifies.
    #[derive(Debug)]
    pub struct IntoVerified<F> {
        #[pin]
        future: F,
    }
}

impl<F, T> Future for IntoVerified<F>
where
    F: Future<Output = Result<T, Refusal>>,
    T: Into<Verified>,
{
    type Output = Result<Verified, Refusal>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let output = ready!(self.project().future.poll(cx));
        Poll::Ready(output.map(Into::into))
    }
}

/// What verification comes to, where the way there is not told by its type: a box.
pub type BoxVerdict = Pin<Box<dyn Future<Output = Result<Verified, Refusal>> + Send>>;
