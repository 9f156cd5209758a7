//! The parts of a request that its log line names.

use std::sync::Arc;

use mcp_layers_core::{McpRequest, Method, Principal};

/// The largest number of bytes of a target.
const MAX: usize = 64;

/// The caller and the method of a request and the beginning of its target, without an allocation.
#[derive(Debug)]
pub(crate) struct Request {
    /// The verified principal.
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) method: Method<'static>,
    target: [u8; MAX],
    length: usize,
}

impl Request {
    pub(crate) fn of<Req: McpRequest>(request: &Req) -> Self {
        let method = request.method().known().unwrap_or(Method::Other("_OTHER"));
        // Of other methods the target may be long or secret, such as the uri of a resource.
        let is_named = matches!(method, Method::CallTool | Method::GetPrompt);
        let target = request.target().filter(|_| is_named).unwrap_or_default();
        let mut length = target.len().min(MAX);
        while !target.is_char_boundary(length) {
            length -= 1;
        }
        let mut bytes = [0; MAX];
        bytes[..length].copy_from_slice(&target.as_bytes()[..length]);
        let principal = request.context().principal();
        Self {
            principal: principal.filter(|who| who.is_verified()).cloned(),
            method,
            target: bytes,
            length,
        }
    }

    /// The name of the tool or prompt.
    pub(crate) fn target(&self) -> Option<&str> {
        let target = self
            .target
            .get(..self.length)
            .filter(|target| !target.is_empty())?;
        str::from_utf8(target).ok()
    }
}
