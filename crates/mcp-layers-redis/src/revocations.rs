//! Revoked credentials that several processes share.

use std::{fmt, time::Duration};

use mcp_layers_authenticate::{Credential, Refusal, Verify, VerifyFuture};
use mcp_layers_core::{KeyWriter, Principal};
use sha2::{Digest, Sha256};

use crate::{RedisConnection, RedisError};

/// The time after which a request that could not be checked may be tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The revoked tokens, credentials and principals, in Redis or Valkey.
///
/// 1. A revocation holds for a time: until the token expires, or until the principal may come back.
/// 2. Every process with the same [`RedisConnection::key_prefix`] sees it from its next request on: a
///    [`RedisRevocable`] asks Redis each time, in one round trip.
/// 3. Keys hold SHA-256 digests: no token and no name gets to Redis. Those of one prefix have one hash
///    tag, so that a cluster has them in one slot.
/// 4. **Redis forgets what it does not keep on disk.** Give it persistence (`appendonly yes`) and the
///    policy `noeviction`. A replica that takes over has what was replicated to it.
///
/// Clones are the same store.
#[derive(Clone)]
pub struct RedisRevocations {
    connection: RedisConnection,
    tag: String,
}

/// The credentials that a revocation is about.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Revoked<'a> {
    /// The token with this id (`jti`, RFC 7519, section 4.1.7).
    TokenId(&'a str),
    /// This credential: an API key, or a token without an id.
    Credential(&'a Credential),
    /// All credentials of this principal: of its issuer, subject and tenant.
    Principal(&'a Principal),
}

impl RedisRevocations {
    /// A store on this connection. Its keys begin with the connection's prefix and `:revocations` in
    /// braces.
    #[must_use]
    pub fn new(connection: RedisConnection) -> Self {
        Self {
            tag: connection.tag("revocations"),
            connection,
        }
    }

    /// Revokes credentials for this time, in milliseconds, at least one. It takes the place of an
    /// earlier time for the same ones.
    ///
    /// # Errors
    ///
    /// Redis did not store it in time. It may hold all the same: revoke again.
    pub async fn revoke(&self, revoked: Revoked<'_>, time: Duration) -> Result<(), RedisError> {
        // Redis keeps times in a signed number.
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("SET");
        command.arg(self.key(revoked)).arg(1);
        command.arg("PX").arg(millis.clamp(1, u64::MAX >> 2));
        self.connection.run(&self.tag, &command).await
    }

    /// Ends a revocation before its time.
    ///
    /// # Errors
    ///
    /// Redis did not answer in time.
    pub async fn lift(&self, revoked: Revoked<'_>) -> Result<(), RedisError> {
        let mut command = redis::cmd("DEL");
        command.arg(self.key(revoked));
        self.connection.run(&self.tag, &command).await
    }

    /// Returns true if one of these is revoked.
    async fn is_any_revoked(&self, keys: &[String]) -> Result<bool, RedisError> {
        let mut command = redis::cmd("EXISTS");
        command.arg(keys);
        let found: u64 = self.connection.run(&self.tag, &command).await?;
        Ok(found > 0)
    }

    fn key(&self, revoked: Revoked<'_>) -> String {
        let (kind, digest) = match revoked {
            Revoked::TokenId(id) => ('t', Sha256::digest(id).into()),
            Revoked::Credential(credential) => ('c', credential.digest()),
            Revoked::Principal(principal) => {
                let mut bytes = Vec::new();
                KeyWriter::new(&mut bytes)
                    .optional(principal.issuer())
                    .text(principal.subject())
                    .optional(principal.tenant());
                ('p', Sha256::digest(bytes).into())
            }
        };
        format!(
            "{}:{kind}:{}",
            self.tag,
            base16ct::lower::encode_string(&digest)
        )
    }
}

/// Checks on every request whether a verified credential was revoked, for all processes together.
///
/// Wrap this around a `CachedVerifier`, never the reverse: then cached results are checked too, and a
/// revocation holds from the next request on. Inside a `CachedVerifier`, a cached result would outlive
/// it by `CachedVerifier::time_to_live`, 5 minutes by default.
///
/// ```
/// use mcp_layers_authenticate::{ApiKeys, CachedVerifier};
/// use mcp_layers_core::{Authentication, Principal};
/// use mcp_layers_redis::{RedisConnection, RedisRevocable, RedisRevocations};
///
/// # fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let revocations = RedisRevocations::new(RedisConnection::new("redis://127.0.0.1/")?);
/// let keys = ApiKeys::new().with_key("key-1", Principal::new("ada", Authentication::ApiKey))?;
/// let verifier = RedisRevocable::new(CachedVerifier::new(keys), revocations);
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
///
/// A check takes no longer than [`RedisConnection::max_wait`]. While Redis is unavailable, requests are
/// refused with 503 and `Retry-After`, unless [`RedisRevocable::fail_open`] is set.
#[derive(Clone, Debug)]
pub struct RedisRevocable<V> {
    inner: V,
    revocations: RedisRevocations,
    fail_open: bool,
}

impl<V: Verify> RedisRevocable<V> {
    /// Refuses what `inner` accepts and Redis has among the revoked.
    #[must_use]
    pub fn new(inner: V, revocations: RedisRevocations) -> Self {
        Self {
            inner,
            revocations,
            fail_open: false,
        }
    }

    /// Accepts credentials unchecked while Redis is unavailable, revoked ones included. Default: refuses
    /// them with 503, as every verifier does that cannot decide.
    #[must_use]
    pub fn fail_open(mut self) -> Self {
        self.fail_open = true;
        self
    }
}

impl<V: Verify> Verify for RedisRevocable<V> {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let future = self.inner.verify(credential);
        let of_credential = self.revocations.key(Revoked::Credential(credential));
        let (revocations, fail_open) = (self.revocations.clone(), self.fail_open);
        Box::pin(async move {
            let verified = future.await?;
            let mut keys = vec![of_credential];
            keys.push(revocations.key(Revoked::Principal(verified.principal())));
            keys.extend(
                verified
                    .token_id()
                    .map(|id| revocations.key(Revoked::TokenId(id))),
            );
            match revocations.is_any_revoked(&keys).await {
                Ok(false) => Ok(verified),
                Ok(true) => Err(Refusal::invalid().because("the credential is revoked")),
                Err(_) if fail_open => Ok(verified),
                Err(error) => Err(Refusal::unavailable(Some(RETRY_AFTER)).because(error)),
            }
        })
    }

    fn generation(&self) -> u64 {
        self.inner.generation()
    }
}

impl fmt::Debug for RedisRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocations")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
