//! Settings of the layer, as plain values.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use mcp_layers_core::Clock;
use mcp_layers_redact::Redactor;
use mcp_layers_util::conventions::Side;

use crate::{
    capture::Capture,
    digest::DigestKey,
    summary::{Attributes, CallEnd, RequestSummary},
};

/// The span that is the parent of a server's span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Parent {
    /// The span in `_meta` of the request, with a link to the ambient one. Without a span in `_meta`, the
    /// ambient one. The caller thus chooses the trace, and whether it is sampled.
    #[default]
    Meta,
    /// The ambient span, with a link to the one in `_meta`. For public servers: no caller chooses the
    /// trace.
    Ambient,
}

/// The form in which the id of a legacy HTTP session is exported, as `mcp.session.id`.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum SessionId {
    /// Not at all.
    #[default]
    Off,
    /// As a digest under this key. The id itself lets its holder use the session.
    Digest(DigestKey),
}

pub(crate) type ParentOf = dyn Fn(&RequestSummary) -> Parent + Send + Sync;
pub(crate) type OnStart = dyn Fn(&RequestSummary, &mut Attributes) + Send + Sync;
pub(crate) type OnEnd = dyn Fn(&CallEnd<'_>, &mut Attributes) + Send + Sync;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) side: Side,
    pub(crate) clock: Clock,
    /// Takes credentials out of descriptions.
    pub(crate) redactor: Redactor,
    pub(crate) parent: Parent,
    pub(crate) parent_of: Option<Arc<ParentOf>>,
    pub(crate) on_start: Option<Arc<OnStart>>,
    pub(crate) on_end: Option<Arc<OnEnd>>,
    pub(crate) capture: Option<Arc<Capture>>,
    pub(crate) session_id: SessionId,
    pub(crate) principal: Option<DigestKey>,
    pub(crate) server: Option<(Arc<str>, u16)>,
    pub(crate) client_address: bool,
    pub(crate) uri_in_name: bool,
    pub(crate) baggage: bool,
    pub(crate) long_spans: bool,
    pub(crate) skip_unsampled: bool,
}

impl Settings {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            clock: Clock::system(),
            redactor: Redactor::credentials(),
            parent: Parent::default(),
            parent_of: None,
            on_start: None,
            on_end: None,
            capture: None,
            session_id: SessionId::default(),
            principal: None,
            server: None,
            client_address: false,
            uri_in_name: false,
            baggage: false,
            long_spans: false,
            skip_unsampled: false,
        }
    }

    pub(crate) fn parent_of(&self, request: &RequestSummary) -> Parent {
        let Some(parent_of) = &self.parent_of else {
            return self.parent;
        };
        // A choice that panics trusts nobody.
        contain(|| parent_of(request)).unwrap_or(Parent::Ambient)
    }
}

/// Catches a panic of a callback, of which the panic hook has been told. This layer is outside
/// `CatchPanicLayer`, and its callbacks run while panics unwind, too.
pub(crate) fn contain<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("side", &self.side)
            .field("parent", &self.parent)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}
