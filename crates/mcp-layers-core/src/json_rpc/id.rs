use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::request::RequestId;

/// An owned JSON-RPC id: an integer or a string. MCP forbids `null` (2026-07-28, basic/index,
/// "Requests").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JsonRpcId {
    /// An integer.
    Number(i64),
    /// A string.
    String(Arc<str>),
}

impl JsonRpcId {
    /// The borrowed id.
    #[must_use]
    pub fn as_ref(&self) -> RequestId<'_> {
        match self {
            Self::Number(number) => RequestId::Number(*number),
            Self::String(text) => RequestId::String(text),
        }
    }
}

impl From<i64> for JsonRpcId {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for JsonRpcId {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl Serialize for JsonRpcId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::String(text) => serializer.serialize_str(text),
        }
    }
}

/// The data of a [`JsonRpcRequest`](crate::JsonRpcRequest) that its response repeats: the id, and
/// whether the request has protocol version 2026-07-28 or later.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonRpcReplyTo {
    pub(super) id: JsonRpcId,
    pub(super) modern: bool,
}
