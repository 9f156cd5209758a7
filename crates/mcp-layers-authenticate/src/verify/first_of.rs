//! Several verifiers, tried in order.

use std::{fmt, sync::Arc};

use mcp_layers_core::ConfigError;

use super::{Credential, Refusal, Verified, Verify, VerifyFuture};

/// Verifiers that are tried in order until one recognises the credential.
///
/// 1. The first that accepts decides, and so does the first that reports a missing scope.
/// 2. A credential that one calls invalid goes to the next.
/// 3. A credential for which one is unavailable goes to the next too. If no other accepts, the
///    result is unavailable (503), not invalid.
/// 4. A principal without an issuer gets the name of its verifier as issuer, so that equal
///    subjects of two verifiers are different principals.
///
/// ```
/// use mcp_layers_authenticate::{ApiKeys, Credential, FirstOf, Verify};
/// use mcp_layers_core::{Authentication, Principal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let ada = || Principal::new("ada", Authentication::ApiKey);
/// let verifier = FirstOf::new()
///     .with("staff", ApiKeys::new().with_key("key-1", ada())?)?
///     .with("guests", ApiKeys::new().with_key("key-2", ada())?)?;
///
/// let guest = verifier.verify(&Credential::bearer("key-2").unwrap()).await.unwrap();
/// assert_eq!(guest.principal().issuer(), Some("guests"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct FirstOf {
    verifiers: Arc<Vec<Named>>,
}

#[derive(Clone)]
struct Named {
    name: Box<str>,
    verifier: Arc<dyn Verify>,
}

impl FirstOf {
    /// Starts without verifiers: everything is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a verifier after the others. Its name becomes the issuer of principals without one.
    ///
    /// # Errors
    ///
    /// The name is empty, or another verifier has it.
    pub fn with(
        mut self,
        name: impl Into<Box<str>>,
        verifier: impl Verify,
    ) -> Result<Self, ConfigError> {
        let name = name.into();
        if name.is_empty() || self.verifiers.iter().any(|have| have.name == name) {
            return Err(ConfigError::new(
                "each of several verifiers needs a unique name",
            ));
        }
        let verifier = Arc::new(verifier);
        Arc::make_mut(&mut self.verifiers).push(Named { name, verifier });
        Ok(self)
    }
}

impl Verify for FirstOf {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let verifiers = Arc::clone(&self.verifiers);
        let credential = credential.clone();
        Box::pin(async move {
            let mut answer = Refusal::invalid();
            for Named { name, verifier } in verifiers.iter() {
                match verifier.verify(&credential).await {
                    Ok(verified) => return Ok(qualified(verified, name)),
                    Err(refusal) if refusal.is_unavailable() => answer = refusal,
                    Err(refusal) if !refusal.is_invalid() => return Err(refusal),
                    Err(refusal) if answer.is_invalid() => answer = refusal,
                    Err(_) => {}
                }
            }
            Err(answer)
        })
    }

    fn generation(&self) -> u64 {
        let generations = self.verifiers.iter().map(|have| have.verifier.generation());
        generations.fold(0, u64::wrapping_add)
    }
}

fn qualified(verified: Verified, name: &str) -> Verified {
    if verified.principal().issuer().is_some() {
        return verified;
    }
    verified.map_principal(|principal| principal.with_issuer(name))
}

impl fmt::Debug for FirstOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.verifiers.iter().map(|have| &have.name);
        f.debug_list().entries(names).finish()
    }
}
