//! The messages in a body.

use std::{fmt, sync::Arc};

use mcp_layers_core::{
    JsonRpcRequest, McpRequest, Principal,
    json_rpc::{JsonRpcMessage, ParseError},
};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The content of a body, as far as it concerns the policy.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The requests. Notifications and answers to the server's own requests need no access.
    pub(super) requests: Vec<JsonRpcRequest>,
    /// True if an object has a member twice, so that readers may differ about its value: in the
    /// envelope, in `params` or in `_meta`. Duplicates inside of arguments are the tool's business.
    pub(super) has_duplicate: bool,
    /// The first message that is none.
    pub(super) unreadable: Option<ParseError>,
}

impl Messages {
    /// Reads one message, or those of a batch (2025-03-26).
    pub(super) fn read(bytes: &[u8], principal: &Arc<Principal>) -> Self {
        let mut messages = Self::default();
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let reader = Reader {
            part: Part::Body,
            has_duplicate: &mut messages.has_duplicate,
        };
        let read = reader
            .deserialize(&mut json)
            .and_then(|value| json.end().map(|()| value));
        let values = match read {
            Ok(Value::Array(batch)) => batch,
            Ok(message) => vec![message],
            Err(_) => {
                // The error of JSON-RPC for what is not JSON.
                messages.unreadable = JsonRpcMessage::parse(b"").err();
                return messages;
            }
        };
        for value in values {
            match JsonRpcMessage::from_value(value) {
                Ok(JsonRpcMessage::Request(mut request)) => {
                    let context = request.context_mut();
                    context.set_principal(Arc::clone(principal));
                    messages.requests.push(request);
                }
                Ok(_) => {}
                Err(error) => messages.unreadable = messages.unreadable.or(Some(error)),
            }
        }
        messages
    }
}

/// A part of a body in which duplicate members matter.
#[derive(Debug, Clone, Copy)]
enum Part {
    Body,
    Envelope,
    Params,
    Meta,
}

impl Part {
    /// The part that a member is; `None` where duplicates no longer matter.
    fn member(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Body | Self::Envelope, "params") => Some(Self::Params),
            (Self::Params, "_meta") => Some(Self::Meta),
            _ => None,
        }
    }
}

/// Reads JSON as [`Value`] does, the last of two equal members counting, and notes duplicates.
struct Reader<'a> {
    part: Part,
    has_duplicate: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = match self.part.member(&key) {
                Some(part) => access.next_value_seed(Reader {
                    part,
                    has_duplicate: &mut *self.has_duplicate,
                })?,
                None => access.next_value()?,
            };
            *self.has_duplicate |= map.insert(key, value).is_some();
        }
        Ok(Value::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        if matches!(self.part, Part::Body) {
            while let Some(value) = access.next_element_seed(Reader {
                part: Part::Envelope,
                has_duplicate: &mut *self.has_duplicate,
            })? {
                values.push(value);
            }
        } else {
            while let Some(value) = access.next_element()? {
                values.push(value);
            }
        }
        Ok(Value::Array(values))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
}
