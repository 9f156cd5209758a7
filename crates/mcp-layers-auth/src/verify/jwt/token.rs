//! The parts of a token, read strictly, before any cryptography.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::algorithm;
use crate::verify::{
    claims::{Claims, Expected, Fault},
    strict_json,
};

/// The longest name of a key, in bytes.
const MAX_KEY_ID: usize = 256;

/// A token in its compact form (RFC 7515, section 7.1), not verified.
pub(crate) struct Token<'a> {
    pub(crate) key_id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    payload: Map<String, Value>,
    /// Header and payload, as they were signed.
    pub(super) message: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str, only_access_tokens: bool) -> Result<Self, Fault> {
        let (message, signature) = text.rsplit_once('.').ok_or("no token")?;
        let (header, payload) = message.split_once('.').ok_or("no token")?;
        if payload.contains('.') || signature.is_empty() {
            return Err("no token of three parts");
        }
        let header = part(header).ok_or("the header is no strict JSON")?;

        let algorithm = match header.get("alg") {
            Some(Value::String(name)) => algorithm::by_name(name),
            _ => None,
        };
        let algorithm = algorithm.ok_or("an algorithm that is not accepted")?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) if id.len() <= MAX_KEY_ID => Some(id.as_str().into()),
            Some(_) => return Err("the name of the key is no short string"),
        };
        if header.contains_key("crit") {
            return Err("a critical header");
        }
        let is_access_token = match header.get("typ") {
            None => false,
            Some(Value::String(kind)) => match kind.to_ascii_lowercase().as_str() {
                "jwt" | "application/jwt" => false,
                "at+jwt" | "application/at+jwt" => true,
                _ => return Err("another type of token"),
            },
            Some(_) => return Err("the type is no string"),
        };
        if only_access_tokens && !is_access_token {
            return Err("no access token by its type");
        }

        Ok(Self {
            key_id,
            algorithm,
            payload: part(payload).ok_or("the payload is no strict JSON")?,
            message,
            signature,
        })
    }

    pub(super) fn claims(&self, expected: &Expected, now: SystemTime) -> Result<Claims<'_>, Fault> {
        expected.check(&self.payload, now)
    }
}

fn part(text: &str) -> Option<Map<String, Value>> {
    strict_json::object(&URL_SAFE_NO_PAD.decode(text).ok()?)
}
