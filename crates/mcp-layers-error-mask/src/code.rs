//! Which codes a caller may see.

use mcp_layers_core::code;

/// What JSON-RPC 2.0 and MCP reserve (2026-07-28, basic/index, "Error codes").
const RESERVED: std::ops::RangeInclusive<i32> = -32768..=-32000;

/// The codes in which the protocol itself speaks: they drive the client's recovery, and the HTTP
/// status.
pub(crate) fn is_of_protocol(code: i32) -> bool {
    matches!(
        code,
        code::PARSE_ERROR
            | code::INVALID_REQUEST
            | code::METHOD_NOT_FOUND
            | code::INVALID_PARAMS
            | code::RESOURCE_NOT_FOUND
            | code::HEADER_MISMATCH
            | code::MISSING_CLIENT_CAPABILITY
            | code::UNSUPPORTED_PROTOCOL_VERSION
            | code::URL_ELICITATION_REQUIRED
    )
}

/// Whether the protocol keeps the code for itself without having given it a meaning.
pub(crate) fn is_reserved(code: i32) -> bool {
    RESERVED.contains(&code) && code != code::INTERNAL_ERROR && !is_of_protocol(code)
}

/// The code itself where a server may choose it, else -32603.
pub(crate) fn allowed(code: i32) -> i32 {
    if is_reserved(code) {
        code::INTERNAL_ERROR
    } else {
        code
    }
}
