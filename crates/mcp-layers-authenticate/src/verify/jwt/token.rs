//! A JSON web token, parsed before any cryptography.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::algorithm;
use crate::verify::{claims::Fault, strict_json};

/// The longest id of a key, in bytes.
const MAX_KEY_ID: usize = 256;

/// A token in compact form (RFC 7515, section 7.1) whose signature is not verified.
pub(crate) struct Token<'a> {
    pub(crate) key_id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    pub(crate) payload: Map<String, Value>,
    /// Header and payload as they were signed.
    pub(super) message: &'a str,
    pub(super) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a str, only_access_tokens: bool) -> Result<Self, Fault> {
        let (message, signature) = text.rsplit_once('.').ok_or("not a JSON web token")?;
        let (header, payload) = message.split_once('.').ok_or("not a JSON web token")?;
        if payload.contains('.') || signature.is_empty() {
            return Err("not a signed token of three parts");
        }
        let header = object(header).ok_or("the header is not strict JSON")?;

        let algorithm = match header.get("alg") {
            Some(Value::String(name)) => algorithm::by_name(name),
            _ => None,
        };
        let algorithm = algorithm.ok_or("an algorithm that is not accepted")?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) if id.len() <= MAX_KEY_ID => Some(id.as_str().into()),
            Some(_) => return Err("the key id is not a short string"),
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
            Some(_) => return Err("the type is not a string"),
        };
        if only_access_tokens && !is_access_token {
            return Err("not an access token by its type");
        }

        Ok(Self {
            key_id,
            algorithm,
            payload: object(payload).ok_or("the payload is not strict JSON")?,
            message,
            signature: decoded(signature).ok_or("the signature is not base64url")?,
        })
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    strict_json::object(&decoded(text)?)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
