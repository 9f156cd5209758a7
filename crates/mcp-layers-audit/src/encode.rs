//! Records as bytes.

use crate::Record;

mod cef;
mod json;
mod ocsf;
mod time;
mod write;

pub use cef::Cef;
pub use json::Json;
pub use ocsf::Ocsf;
pub(crate) use time::write_rfc3339;
pub(crate) use write::write_json_text;

/// Makes bytes of a record: one line, without a line break at its end.
pub trait Encode: Send + Sync + 'static {
    /// Appends the record.
    fn encode(&self, record: &Record, out: &mut Vec<u8>);

    /// Whether what is appended is one JSON value. Elsewhere a file keeps it as a JSON string.
    fn is_json(&self) -> bool {
        true
    }
}
