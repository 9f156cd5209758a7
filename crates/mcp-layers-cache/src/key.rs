//! Cache keys: equal bytes exactly when one result fits both requests.

use std::collections::BTreeSet;

use mcp_layers_core::{KeyWriter, McpRequest, adapter::write_canonical, request::meta_key};

/// `_meta` keys that never change a result: trace context (2026-07-28, basic/index, "_meta"), the
/// progress token, what the client reports about itself, the level of log messages, and what is a
/// part of the key already.
const IGNORED_META: [&str; 8] = [
    meta_key::PROTOCOL_VERSION,
    meta_key::CLIENT_CAPABILITIES,
    meta_key::CLIENT_INFO,
    meta_key::PROGRESS_TOKEN,
    "io.modelcontextprotocol/logLevel",
    "traceparent",
    "tracestate",
    "baggage",
];

/// The parts of `params._meta` that belong in the key.
#[derive(Debug, Clone, Default)]
pub(crate) enum VaryBy {
    /// Everything that is not known to be harmless.
    #[default]
    AllMeta,
    /// These keys alone.
    Only(BTreeSet<Box<str>>),
}

/// The key that all callers share: method, protocol version, client capabilities, `_meta`, params.
///
/// Each part has its length before it, so no part can run into the next.
pub(crate) fn public<Req: McpRequest>(
    request: &Req,
    with_capabilities: bool,
    vary_by: &VaryBy,
) -> Vec<u8> {
    let mut key = Vec::with_capacity(512);
    let mut writer = KeyWriter::new(&mut key);
    writer
        .tag(b'a')
        .text(request.method().as_str())
        .optional(request.protocol_version().as_deref());
    if with_capabilities {
        writer.with(|out| request.write_client_capabilities(out));
    }
    writer.with(|out| request.write_params(out));
    let Some(meta) = request.meta() else {
        return key;
    };
    // `serde_json::Map` keeps the order of insertion when some crate turns that on.
    let mut varying: Vec<_> = meta
        .iter()
        .filter(|(name, _)| match vary_by {
            VaryBy::AllMeta => !IGNORED_META.contains(&name.as_str()),
            VaryBy::Only(names) => names.contains(name.as_str()),
        })
        .collect();
    varying.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in varying {
        writer.text(name).with(|out| write_canonical(value, out));
    }
    key
}

/// The keys of a request, in one buffer: the private key is the public one, a mark that no public key
/// has in its place, and the authorization context.
pub(crate) struct Keys {
    bytes: Vec<u8>,
    public: usize,
    /// The beginning of the context. `None` where there is none, or where the result is public for
    /// certain.
    context: Option<usize>,
}

impl Keys {
    /// The keys of a request with this public one. `write_context` appends the authorization context,
    /// or returns `None` if there is none.
    pub(crate) fn new(
        mut bytes: Vec<u8>,
        write_context: impl FnOnce(&mut Vec<u8>) -> Option<()>,
    ) -> Self {
        let public = bytes.len();
        KeyWriter::new(&mut bytes).absent();
        let start = bytes.len();
        let context = write_context(&mut bytes).map(|()| start);
        Self {
            bytes,
            public,
            context,
        }
    }

    pub(crate) fn public(&self) -> &[u8] {
        &self.bytes[..self.public]
    }

    pub(crate) fn private(&self) -> Option<&[u8]> {
        self.context.map(|_| &*self.bytes)
    }

    pub(crate) fn context(&self) -> Option<&[u8]> {
        self.context.map(|start| &self.bytes[start..])
    }
}

#[cfg(test)]
#[path = "../tests/unit/key.rs"]
mod tests;
