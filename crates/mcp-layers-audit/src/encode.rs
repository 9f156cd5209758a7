//! Formats of records.

use jiff::Timestamp;
use serde_json::Value;

use crate::Record;

mod cef;
mod json;
mod ocsf;

pub use cef::Cef;
pub use json::Json;
pub use ocsf::Ocsf;

/// Encodes a record as one line, without a line break at its end.
pub trait Encode: Send + Sync + 'static {
    /// Appends the record.
    fn encode(&self, record: &Record, out: &mut Vec<u8>);

    /// True if the line is a JSON value. A file keeps any other line as a JSON string.
    fn is_json(&self) -> bool {
        true
    }
}

fn timestamp(record: &Record) -> Timestamp {
    Timestamp::try_from(record.time).unwrap_or(Timestamp::MAX)
}

/// Takes members without a value out of an object, and out of the objects in it.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
        for member in members.values_mut() {
            *member = without_nulls(member.take());
        }
        members.retain(|_, member| member.as_object().is_none_or(|object| !object.is_empty()));
    }
    value
}
