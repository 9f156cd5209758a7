//! The messages in a body.

use std::{collections::HashSet, fmt, sync::Arc};

use mcp_layers_core::{
    JsonRpcRequest, McpRequest, Principal,
    json_rpc::{JsonRpcMessage, ParseError},
};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The content of a body, as far as it concerns the policy.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The requests. Notifications and answers to the server's own requests need no access.
    pub(super) requests: Vec<JsonRpcRequest>,
    /// True if an object has a member twice, so that readers may differ about its value: in the
    /// envelope, in `params` or in `_meta`. Duplicates inside of arguments are the tool's business.
    pub(super) has_duplicate: bool,
    /// The error of the first text that is not a message.
    pub(super) unreadable: Option<ParseError>,
}

impl Messages {
    /// Reads one message, or those of a batch (2025-03-26).
    pub(super) fn read(bytes: &[u8], principal: &Arc<Principal>) -> Self {
        let mut messages = Self::default();
        let batch: Result<Vec<&RawValue>, _> = serde_json::from_slice(bytes);
        let texts = match batch {
            Ok(batch) => batch
                .into_iter()
                .map(|text| text.get().as_bytes())
                .collect(),
            Err(_) => vec![bytes],
        };
        for text in texts {
            messages.has_duplicate |= has_duplicate(text, &["params", "_meta"]);
            match JsonRpcMessage::parse(text) {
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

/// True if an object has a member twice, or one of those on the path into it has.
fn has_duplicate(object: &[u8], path: &[&str]) -> bool {
    let Ok(Members(members)) = serde_json::from_slice(object) else {
        return false;
    };
    let mut names = HashSet::new();
    members.iter().any(|(name, value)| {
        let is_below = path.first().is_some_and(|below| name == below);
        !names.insert(name) || (is_below && has_duplicate(value.get().as_bytes(), &path[1..]))
    })
}

/// The members of an object, as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
