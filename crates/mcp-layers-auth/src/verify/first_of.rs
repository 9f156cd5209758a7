//! Several verifiers, asked in order.

use std::{collections::HashSet, fmt, sync::Arc};

use mcp_layers_core::ConfigError;

use super::{BoxVerdict, Credential, Refusal, Verified, Verify};

/// Verifiers that are asked in order, until one knows the credential.
///
/// 1. The first that accepts decides, and so does the first that knows the credential and finds
///    that it lacks a scope.
/// 2. One that says invalid passes the credential on to the next.
/// 3. One that is unavailable passes it on too. If no other accepts, the answer is that it cannot
///    be decided now (503), and not that the credential is invalid.
/// 4. A principal without an issuer gets the name of its verifier as issuer, so that equal
///    subjects of two verifiers are not the same principal.
///
/// ```
/// use mcp_layers_auth::{ApiKeys, Credential, FirstOf, Verify};
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
    verifier: Arc<dyn DynVerify>,
}

trait DynVerify: Send + Sync {
    fn verify(&self, credential: &Credential) -> BoxVerdict;
}

impl<V: Verify> DynVerify for V {
    fn verify(&self, credential: &Credential) -> BoxVerdict {
        Box::pin(Verify::verify(self, credential))
    }
}

impl FirstOf {
    /// No verifiers: everything is refused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a verifier behind the others. Its name stands for the issuer of principals that have
    /// none.
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
        let names: HashSet<_> = self.verifiers.iter().map(|have| &have.name).collect();
        if name.is_empty() || names.contains(&name) {
            return Err(ConfigError::new(
                "each of several verifiers has a name of its own",
            ));
        }
        let verifier = Arc::new(verifier);
        Arc::make_mut(&mut self.verifiers).push(Named { name, verifier });
        Ok(self)
    }
}

impl Verify for FirstOf {
    // The verifiers are of different types, so that there is a box anyway.
    type Future = BoxVerdict;

    fn verify(&self, credential: &Credential) -> BoxVerdict {
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
