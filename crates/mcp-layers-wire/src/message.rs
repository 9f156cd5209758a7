//! A message as its bytes, taken apart without a tree.

use std::ops::Range;

use bytes::Bytes;
use mcp_layers_core::{McpError, code};
use serde_json::value::RawValue;

use crate::{id::Id, members::Members};

/// A message in its original bytes.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) bytes: Bytes,
    pub(crate) kind: Kind,
    id: Option<Range<usize>>,
    body: Option<Range<usize>>,
}

/// A message by what it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Request { id: Id, method: Box<str> },
    Notification { method: Box<str> },
    Answer { id: Option<Id>, failed: bool },
}

const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// The names of params that layers read.
const PARAMS: [&str; 17] = [
    "_meta",
    "argument",
    "arguments",
    "capabilities",
    "clientInfo",
    "cursor",
    "inputResponses",
    "name",
    "notifications",
    "progressToken",
    "protocolVersion",
    "ref",
    "requestId",
    "requestState",
    "task",
    "taskId",
    "uri",
];

impl Message {
    /// Takes a message apart.
    ///
    /// Refused with -32700: no JSON. With -32600: no object (a batch), another `jsonrpc` than 2.0, an
    /// id that is neither a string nor an integer, params that are no object, and every message that
    /// two parsers may read differently: members that occur twice or differ in case alone, a method
    /// next to a result.
    pub(crate) fn parse(bytes: Bytes) -> Result<Self, McpError> {
        let members: Members<'_> = serde_json::from_slice(&bytes).map_err(|error| fault(&error))?;
        if let Some(name) = members.ambiguous(&ENVELOPE) {
            return Err(ambiguous(name));
        }
        if members.get("jsonrpc").map(RawValue::get) != Some("\"2.0\"") {
            return Err(invalid("`jsonrpc` is not \"2.0\""));
        }
        let raw_id = members.get("id");
        let id = match raw_id {
            None => None,
            // An error that answers a broken message has no id.
            Some(raw) if raw.get() == "null" && members.get("error").is_some() => None,
            Some(raw) => Some(
                Id::parse(raw).ok_or_else(|| invalid("`id` is neither a string nor an integer"))?,
            ),
        };
        let present = |name| members.get(name).filter(|raw| raw.get() != "null");
        let (kind, body) = match (members.get("method"), id) {
            (Some(_), _)
                if ["result", "error"]
                    .iter()
                    .any(|name| members.get(name).is_some()) =>
            {
                return Err(invalid("Message has a method and a result"));
            }
            (Some(method), id) => {
                let method: Box<str> = serde_json::from_str(method.get())
                    .map_err(|_| invalid("`method` is not a string"))?;
                let params = present("params");
                if params.is_some_and(|raw| !raw.get().starts_with('{')) {
                    return Err(invalid("`params` is not an object"));
                }
                let kind = match id {
                    Some(id) => Kind::Request { id, method },
                    None => Kind::Notification { method },
                };
                (kind, params)
            }
            (None, id) => {
                let (result, error) = (members.get("result"), present("error"));
                if error.is_some() && present("result").is_some() {
                    return Err(invalid("Message has a result and an error"));
                }
                let failed = error.is_some();
                let body = error
                    .or(result)
                    .ok_or_else(|| invalid("`method` is missing"))?;
                (Kind::Answer { id, failed }, Some(body))
            }
        };
        let (id, body) = (
            raw_id.map(|raw| place(&bytes, raw)),
            body.map(|raw| place(&bytes, raw)),
        );
        Ok(Self {
            kind,
            id,
            body,
            bytes,
        })
    }

    /// The JSON of the id; `null` without one.
    pub(crate) fn id(&self) -> &str {
        self.id.clone().map_or("null", |place| self.text(place))
    }

    /// The JSON of the params, the result or the error.
    pub(crate) fn body(&self) -> Option<&str> {
        self.body.clone().map(|place| self.text(place))
    }

    /// The members of the params. An error if the params are ambiguous.
    pub(crate) fn params(&self) -> Result<Members<'_>, McpError> {
        let parse = |text| -> Result<Members<'_>, McpError> {
            serde_json::from_str(text).map_err(|error| fault(&error))
        };
        let Some(params) = self.body() else {
            return Ok(Members(Vec::new()));
        };
        let params = parse(params)?;
        if let Some(name) = params.ambiguous(&PARAMS) {
            return Err(ambiguous(name));
        }
        if let Some(meta) = params.get("_meta")
            && meta.get().starts_with('{')
            && let Some(name) = parse(meta.get())?.ambiguous(&["progressToken"])
        {
            return Err(ambiguous(name));
        }
        Ok(params)
    }

    /// The bytes of this message with another id, another body, or both. `None` for a body that has
    /// no place in the bytes.
    pub(crate) fn replace(&self, id: Option<&str>, body: Option<&str>) -> Option<Bytes> {
        let mut parts = Vec::with_capacity(2);
        if let Some(text) = id {
            parts.push((self.id.clone()?, text));
        }
        if let Some(text) = body {
            parts.push((self.body.clone()?, text));
        }
        if parts.is_empty() {
            return Some(self.bytes.clone());
        }
        parts.sort_by_key(|(place, _)| place.start);
        let (mut out, mut at) = (Vec::with_capacity(self.bytes.len() + 64), 0);
        for (place, text) in parts {
            out.extend_from_slice(&self.bytes[at..place.start]);
            out.extend_from_slice(text.as_bytes());
            at = place.end;
        }
        out.extend_from_slice(&self.bytes[at..]);
        Some(out.into())
    }

    fn text(&self, place: Range<usize>) -> &str {
        std::str::from_utf8(&self.bytes[place]).expect("it was read as JSON")
    }
}

/// The place of a part in the bytes that it is borrowed from.
fn place(bytes: &Bytes, part: &RawValue) -> Range<usize> {
    let part = part.get();
    let start = part.as_ptr().addr() - bytes.as_ptr().addr();
    start..start + part.len()
}

/// The answer to a message that `serde_json` refuses.
pub(crate) fn fault(error: &serde_json::Error) -> McpError {
    if error.is_data() {
        return invalid("Message is not an object, or has a member twice");
    }
    // The library tells it by this text alone.
    let is_deep = error.to_string().starts_with("recursion limit");
    let message = if is_deep {
        "Parse error: nested too deep"
    } else {
        "Parse error"
    };
    McpError::public(code::PARSE_ERROR, message)
}

fn invalid(message: &'static str) -> McpError {
    McpError::public(code::INVALID_REQUEST, message)
}

fn ambiguous(name: &str) -> McpError {
    let message = format!("Member {name:?} is ambiguous");
    McpError::public(code::INVALID_REQUEST, message)
}
