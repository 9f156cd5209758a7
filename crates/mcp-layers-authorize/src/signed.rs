//! Ids that are signed for their owner, so that replicas share a key and no table.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use mcp_layers_core::{Clock, ConfigError, KeyWriter, Principal};
use sha2::Sha256;

/// The beginning of every signed id.
const PREFIX: &str = "sig1.";

/// The lengths of an expiry, and of a digest or a tag, in bytes. A tag is half a code at least (RFC
/// 2104, section 5).
const EXPIRY: usize = 8;
const DIGEST: usize = 16;

/// Session ids, task ids and request states that are signed for a principal: every process with the
/// key can tell to whom one belongs.
///
/// Give it to [`AuthorizeLayer::signed_ids`](crate::AuthorizeLayer::signed_ids). Clones are cheap.
///
/// # Rules
///
/// 1. A signed id is `sig1.` and unpadded base64url: 107 characters for a payload of 36 bytes. It fits
///    a header. **The caller can read the payload**: it is signed, not encrypted.
/// 2. The tag is HMAC-SHA-256 (RFC 2104), cut to 128 bits, over the kind, the expiry, a keyed digest of
///    the owner (issuer, subject and tenant), and the payload. A refreshed token is the same owner.
/// 3. An id expires by the wall clock of the process that reads it, and cannot be revoked: a server
///    no longer has the session or the task that has ended.
#[derive(Clone)]
pub struct SignedIds {
    /// The first one signs.
    keys: Arc<[Hmac<Sha256>]>,
    time_to_live: Duration,
    clock: Clock,
}

/// The kinds of signed ids. An id of one kind is no id of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// The id of a legacy session, in the header `Mcp-Session-Id`.
    Session,
    /// The id of a task.
    Task,
    /// A `requestState`.
    RequestState,
}

/// The reasons for refusing an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignedIdError {
    /// An id without a signature.
    Unsigned,
    /// An id that is cut, changed, of another kind, or signed with a key that is not accepted.
    Forged,
    /// A genuine id whose time to live has passed.
    Expired,
    /// A genuine id of another principal, or a principal that is not verified.
    Foreign,
}

impl SignedIds {
    /// The default of [`SignedIds::time_to_live`]: 24 hours.
    pub const DEFAULT_TIME_TO_LIVE: Duration = Duration::from_secs(24 * 60 * 60);

    /// Signs with the first key and accepts ids of all. Each is random bytes, the same in all replicas.
    ///
    /// A key is replaced in three steps, each in all replicas: accept the new one, `[old, new]`; sign
    /// with it, `[new, old]`; after the longest time to live, leave the old one out.
    ///
    /// # Errors
    ///
    /// There is no key, or one with fewer than 32 bytes (RFC 2104, section 3).
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Result<Self, ConfigError> {
        let read = |key: K| match key.as_ref() {
            short if short.len() < 32 => None,
            key => Hmac::new_from_slice(key).ok(),
        };
        let keys = keys.into_iter().map(read).collect::<Option<Arc<[_]>>>();
        let keys = keys.filter(|keys| !keys.is_empty());
        Ok(Self {
            keys: keys.ok_or_else(|| ConfigError::new("a signing key has at least 32 bytes"))?,
            time_to_live: Self::DEFAULT_TIME_TO_LIVE,
            clock: Clock::default(),
        })
    }

    /// Sets the time for which new ids are valid, in whole seconds. Default: 24 hours. A clone may have
    /// another one, such as a minute for request states. An expired session is answered as an unknown
    /// one, and its client initializes again.
    #[must_use]
    pub fn time_to_live(mut self, time_to_live: Duration) -> Self {
        self.time_to_live = time_to_live;
        self
    }

    /// Sets the clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Signs a payload for a principal.
    #[must_use]
    pub fn issue(&self, kind: IdKind, principal: &Principal, payload: &str) -> String {
        let key = &self.keys[0];
        let lifetime = self.time_to_live.as_secs();
        let expiry = self.now().saturating_add(lifetime).to_be_bytes();
        let head = [&expiry[..], &owner(key, principal)].concat();
        let tag = tag(key, kind, &head, payload.as_bytes()).finalize();
        let tag = &tag.into_bytes()[..DIGEST];
        let id = [&head, tag, payload.as_bytes()].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(id))
    }

    /// Returns the payload of an id that belongs to the principal.
    ///
    /// # Errors
    ///
    /// The reason for refusing it.
    pub fn open(
        &self,
        kind: IdKind,
        principal: &Principal,
        id: &str,
    ) -> Result<String, SignedIdError> {
        use SignedIdError::{Expired, Foreign, Forged, Unsigned};
        let id = id.strip_prefix(PREFIX).ok_or(Unsigned)?;
        let id = URL_SAFE_NO_PAD.decode(id).map_err(|_| Forged)?;
        let (head, rest) = id.split_at_checked(EXPIRY + DIGEST).ok_or(Forged)?;
        let (seal, payload) = rest.split_at_checked(DIGEST).ok_or(Forged)?;
        let tag = |key: &&_| tag(key, kind, head, payload);
        let signs = |key: &&_| tag(key).verify_truncated_left(seal).is_ok();
        let key = self.keys.iter().find(signs).ok_or(Forged)?;
        // Big-endian numbers compare as their bytes do.
        if head[..EXPIRY] <= self.now().to_be_bytes()[..] {
            return Err(Expired);
        }
        if !principal.is_verified() || head[EXPIRY..] != owner(key, principal) {
            return Err(Foreign);
        }
        String::from_utf8(payload.to_vec()).map_err(|_| Forged)
    }

    /// The time, in seconds since 1970.
    fn now(&self) -> u64 {
        let time = self.clock.wall().duration_since(UNIX_EPOCH);
        time.unwrap_or_default().as_secs()
    }
}

/// The keyed digest of an owner.
fn owner(key: &Hmac<Sha256>, principal: &Principal) -> Vec<u8> {
    let mut bytes = Vec::new();
    KeyWriter::new(&mut bytes)
        .text("mcp-layers owner")
        .optional(principal.issuer())
        .text(principal.subject())
        .optional(principal.tenant());
    let digest = key.clone().chain_update(bytes).finalize();
    digest.into_bytes()[..DIGEST].to_vec()
}

/// The tag of an id. Its domain tells it from those of other kinds, and from other uses of the key.
fn tag(key: &Hmac<Sha256>, kind: IdKind, head: &[u8], payload: &[u8]) -> Hmac<Sha256> {
    let domain = match kind {
        IdKind::Session => "mcp-layers session",
        IdKind::Task => "mcp-layers task",
        IdKind::RequestState => "mcp-layers requestState",
    };
    let mut bytes = Vec::new();
    let mut writer = KeyWriter::new(&mut bytes);
    writer.text(domain).bytes(head).bytes(payload);
    key.clone().chain_update(bytes)
}

impl fmt::Display for SignedIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signed id refused: {self:?}")
    }
}

impl Error for SignedIdError {}

mcp_layers_core::opaque_debug!(SignedIds);
