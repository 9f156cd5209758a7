//! Groups: entries that are invalidated together.

use mcp_layers_core::{KeyWriter, Method, Principal};

use crate::Group;

/// Results of a method.
pub(crate) fn of_method(method: Method<'_>) -> Group {
    let mut name = Vec::new();
    KeyWriter::new(&mut name).tag(b'm').text(method.as_str());
    Group::new(name)
}

/// Results of a method about one target.
pub(crate) fn of_target(method: Method<'_>, target: Option<&str>) -> Group {
    let mut name = Vec::new();
    KeyWriter::new(&mut name)
        .tag(b't')
        .text(method.as_str())
        .optional(target);
    Group::new(name)
}

/// Private results of a subject, with any credential.
pub(crate) fn of_subject(principal: &Principal) -> Group {
    let mut name = Vec::new();
    KeyWriter::new(&mut name)
        .tag(b's')
        .optional(principal.issuer())
        .text(principal.subject());
    Group::new(name)
}

/// Private results of an authorization context.
pub(crate) fn of_context(context: &[u8]) -> Group {
    let mut name = Vec::new();
    KeyWriter::new(&mut name).tag(b'c').bytes(context);
    Group::new(name)
}

/// Private results of an authorization context to one method.
pub(crate) fn of_context_method(context: &[u8], method: Method<'_>) -> Group {
    let mut name = Vec::new();
    KeyWriter::new(&mut name)
        .tag(b'l')
        .bytes(context)
        .text(method.as_str());
    Group::new(name)
}
