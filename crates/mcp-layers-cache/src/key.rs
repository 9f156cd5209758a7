//! Keys: bytes that are equal exactly when one answer fits both requests.

use std::{cell::Cell, sync::Arc};

use mcp_layers_core::{McpRequest, Principal};

use crate::AuthorizationContext;

/// The largest buffer that a thread keeps for its next key, in bytes.
const KEPT: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The key of a request, in a buffer that the thread uses again and again.
///
/// Every part has its length before it, so that no part can run into the next, and the public key,
/// which is the beginning of the private one, is never itself the private key of another request.
#[derive(Debug)]
pub(crate) struct Key {
    bytes: Vec<u8>,
    public: usize,
}

/// The same, kept beyond the call.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) public: Arc<[u8]>,
    /// There is none where the authorization context is not known.
    pub(crate) private: Option<Arc<[u8]>>,
}

impl Key {
    /// Method, protocol version, the client's capabilities if they matter, and all params.
    pub(crate) fn of<Req: McpRequest>(request: &Req, capabilities_matter: bool) -> Self {
        let mut bytes = BUFFER.take();
        bytes.clear();
        write_part(Some(request.method().as_str().as_bytes()), &mut bytes);
        let version = request.protocol_version();
        write_part(version.as_deref().map(str::as_bytes), &mut bytes);
        if capabilities_matter {
            write_with(&mut bytes, |out| request.write_client_capabilities(out));
        }
        write_with(&mut bytes, |out| request.write_params(out));
        Self {
            public: bytes.len(),
            bytes,
        }
    }

    /// Adds the authorization context; false where there is none.
    pub(crate) fn add_context(
        &mut self,
        principal: Option<&Arc<Principal>>,
        context: AuthorizationContext,
    ) -> bool {
        if self.bytes.len() > self.public {
            return true;
        }
        let mut known = false;
        write_with(&mut self.bytes, |out| {
            known = principal.is_some_and(|principal| context.write(principal, out));
        });
        if !known {
            self.bytes.truncate(self.public);
        }
        known
    }

    pub(crate) fn public(&self) -> &[u8] {
        &self.bytes[..self.public]
    }

    /// The private key, once [`Key::add_context`] has found a context.
    pub(crate) fn private(&self) -> Option<&[u8]> {
        (self.bytes.len() > self.public).then_some(&self.bytes)
    }

    pub(crate) fn to_keys(&self) -> Keys {
        Keys {
            public: self.public().into(),
            private: self.private().map(Into::into),
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        if self.bytes.capacity() <= KEPT {
            BUFFER.set(std::mem::take(&mut self.bytes));
        }
    }
}

/// Appends a part with its length before it. None is not the same as an empty one.
pub(crate) fn write_part(part: Option<&[u8]>, out: &mut Vec<u8>) {
    match part {
        None => out.extend_from_slice(&u64::MAX.to_le_bytes()),
        Some(part) => {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
            out.extend_from_slice(part);
        }
    }
}

/// The same for a part of which the length is known only when it is there.
fn write_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    const LENGTH: usize = size_of::<u64>();
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    write(out);
    let length = (out.len() - start - LENGTH) as u64;
    out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::Key;
    use crate::AuthorizationContext::Subject;
    use mcp_layers_core::{Authentication, JsonRpcRequest, Principal};
    use serde_json::json;
    use std::sync::Arc;

    fn public(request: &JsonRpcRequest) -> Vec<u8> {
        Key::of(request, true).public().to_vec()
    }

    #[test]
    fn version_cursor_and_capabilities_are_part_of_the_key() {
        let list = || JsonRpcRequest::new(1, "tools/list");
        let capable = |value| {
            let key = "io.modelcontextprotocol/clientCapabilities";
            list().with_params(json!({ "_meta": { key: value } }))
        };
        let keys = [
            public(&list()),
            public(&list().with_protocol_version("2025-06-18")),
            public(&list().with_protocol_version("2025-11-25")),
            public(&list().with_protocol_version("")),
            public(&list().with_params(json!({ "cursor": "" }))),
            public(&list().with_params(json!({ "cursor": "a" }))),
            public(&capable(json!({ "elicitation": {} }))),
            public(&JsonRpcRequest::new(1, "prompts/list")),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
        // Without them, the capabilities tell nothing apart.
        let key = |request| Key::of(&request, false).public().to_vec();
        assert_eq!(key(list()), key(capable(json!({ "elicitation": {} }))));
        // The id and other `_meta` are none of it.
        let traced = list().with_params(json!({ "_meta": { "traceparent": "00-1" } }));
        assert_eq!(public(&list()), public(&traced));
    }

    #[test]
    fn the_private_key_begins_with_the_public_one_and_names_the_context() {
        let request = JsonRpcRequest::new(1, "tools/list");
        let mut key = Key::of(&request, true);
        assert_eq!(key.private(), None);
        assert!(!key.add_context(None, Subject));
        assert_eq!(key.private(), None);
        let ada = Arc::new(Principal::new("ada", Authentication::Bearer));
        assert!(key.add_context(Some(&ada), Subject));
        let ada = key.private().unwrap().to_vec();
        assert!(ada.starts_with(key.public()));
        let bob = Arc::new(Principal::new("bob", Authentication::Bearer));
        let mut other = Key::of(&request, true);
        assert!(other.add_context(Some(&bob), Subject));
        assert_ne!(other.private().unwrap(), ada);
    }
}
