//! The log of masked errors, under the ids that callers got.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use mcp_layers_core::{Event, McpError, Trail};
use mcp_layers_redact::{Lines, sanitize};

use crate::request::Request;

/// The target of what is logged.
pub(crate) const TARGET: &str = "mcp_layers_error_mask";

/// The largest number of bytes of one text in the log.
const MAX_TEXT: usize = 64 * 1024;

/// The interval in which one line of a caller and a tool is logged at the level `ERROR`; the others
/// are logged at `DEBUG`.
const INTERVAL: Duration = Duration::from_secs(1);

/// The number of a caller's tools with lines of their own; further ones share one.
const MAX_TOOLS: usize = 64;

/// The number of callers that are remembered. One that is forgotten has its next line at once.
const MAX_CALLERS: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Log {
    hasher: RandomState,
    callers: Mutex<Callers>,
}

/// By the name of a tool, or else the method: when the last line was logged at `ERROR`, and how
/// many errors came since.
type LastLines = HashMap<Box<str>, (Instant, u64)>;

#[derive(Debug, Default)]
struct Callers {
    lines: HashMap<u64, LastLines>,
    /// Oldest first.
    order: VecDeque<u64>,
}

impl Callers {
    fn lines(&mut self, caller: u64) -> &mut LastLines {
        let Self { lines, order } = self;
        lines.entry(caller).or_insert_with(|| {
            order.push_back(caller);
            LastLines::new()
        })
    }

    fn forget_oldest(&mut self) {
        if self.order.len() > MAX_CALLERS
            && let Some(oldest) = self.order.pop_front()
        {
            self.lines.remove(&oldest);
        }
    }
}

impl Log {
    /// Logs a masked error. Texts are escaped as Rust escapes them, so that one record is one line.
    pub(crate) fn masked(
        &self,
        now: Instant,
        error_id: &str,
        request: &Request,
        original: &McpError,
        trail: &Trail,
    ) {
        let target = request.target().map(tracing::field::debug);
        macro_rules! write {
            ($level:expr, $since:expr) => {{
                let data = original.data.as_ref().map(|data| bounded(&data.to_string()));
                tracing::event!(
                    target: TARGET,
                    $level,
                    error_id,
                    method = request.method.as_str(),
                    target = target,
                    code = original.code,
                    error = ?bounded(&original.message),
                    data,
                    causes = ?causes(trail).map(bounded).collect::<Vec<_>>(),
                    more_since_last_line = $since,
                    "an error was masked"
                );
            }};
        }
        match self.due(now, request) {
            Some(0) => write!(tracing::Level::ERROR, None::<u64>),
            Some(more) => write!(tracing::Level::ERROR, Some(more)),
            None => write!(tracing::Level::DEBUG, None::<u64>),
        }
    }

    /// Returns the number of errors that were left out, where a line is due.
    fn due(&self, now: Instant, request: &Request) -> Option<u64> {
        let who = request.principal.as_deref();
        let who = who.map(|who| (who.issuer(), who.tenant(), who.subject()));
        let caller = self.hasher.hash_one(who);
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.forget_oldest();
        let lines = callers.lines(caller);
        let mut name = request.target().unwrap_or(request.method.as_str());
        if lines.len() >= MAX_TOOLS && !lines.contains_key(name) {
            name = "";
        }
        match lines.get_mut(name) {
            Some((last, more)) if now.saturating_duration_since(*last) < INTERVAL => {
                *more += 1;
                None
            }
            Some((last, more)) => {
                *last = now;
                Some(std::mem::take(more))
            }
            None => {
                lines.insert(name.into(), (now, 0));
                Some(0)
            }
        }
    }
}

/// Logs a panic that did not change the answer.
pub(crate) fn survived(error_id: &str, request: &Request, trail: &Trail) {
    let target = request.target().map(tracing::field::debug);
    tracing::error!(
        target: TARGET,
        error_id,
        method = request.method.as_str(),
        target = target,
        causes = ?causes(trail).map(bounded).collect::<Vec<_>>(),
        "a panic did not change the answer"
    );
}

/// The messages of panics and of errors of layers since the last mask.
pub(crate) fn causes(trail: &Trail) -> impl Iterator<Item = &str> {
    let masked = |event: &&Event| matches!(event, Event::Masked { .. });
    let since = trail.events().rev().take_while(move |event| !masked(event));
    since.filter_map(|event| match event {
        Event::Panicked { message } => Some(&**message),
        Event::Failed { cause } => Some(&**cause),
        _ => None,
    })
}

fn bounded(text: &str) -> String {
    sanitize(text, MAX_TEXT, Lines::Joined).into_owned()
}
