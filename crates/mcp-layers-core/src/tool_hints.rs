//! What a server says of its tools, remembered.

use std::{
    collections::HashMap,
    fmt,
    num::NonZeroUsize,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Hints, ListedKind, McpRequest, McpResponse, Method};

/// The annotations of a server's tools, learned from the answers to `tools/list`.
///
/// Clones share one table. [`ToolHints::layer`] makes the layer that fills it; layers that ask
/// whether a call may be repeated or cached are given a clone. Giving it to them is a statement of
/// trust: hints are claims of the server (2026-07-28, server/tools, "Annotations").
///
/// 1. A tool that was never listed has no hints.
/// 2. Hints that contradict earlier ones only ever get more careful, until [`ToolHints::clear`]:
///    different callers may be shown different lists.
/// 3. [`ToolHints::clear`] forgets all; answers to requests that began before it are not learned.
///    Call it when the server announces `notifications/tools/list_changed`.
/// 4. The table is bounded; a tool for which there is no room has no hints.
#[derive(Clone)]
pub struct ToolHints {
    shared: Arc<RwLock<Table>>,
}

struct Table {
    tools: HashMap<Box<str>, Hints>,
    epoch: u64,
    max_tools: usize,
}

impl ToolHints {
    /// How many tools a table holds unless [`ToolHints::with_max_tools`] says otherwise.
    pub const DEFAULT_MAX_TOOLS: usize = 4096;

    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(Self::DEFAULT_MAX_TOOLS)
    }

    /// An empty table with room for `max_tools`.
    #[must_use]
    pub fn with_max_tools(max_tools: NonZeroUsize) -> Self {
        Self::bounded(max_tools.get())
    }

    fn bounded(max_tools: usize) -> Self {
        let table = Table {
            tools: HashMap::new(),
            epoch: 0,
            max_tools,
        };
        Self {
            shared: Arc::new(RwLock::new(table)),
        }
    }

    /// The layer that fills this table.
    #[must_use]
    pub fn layer(&self) -> LearnToolHintsLayer {
        LearnToolHintsLayer {
            hints: self.clone(),
        }
    }

    /// The hints of a tool, by its exact name.
    #[must_use]
    pub fn get(&self, tool: &str) -> Option<Hints> {
        self.read().tools.get(tool).copied()
    }

    /// Tells the table what the operator or the server says of a tool.
    pub fn learn(&self, tool: &str, hints: Hints) {
        self.write().learn(tool, hints);
    }

    /// Forgets all.
    pub fn clear(&self) {
        let mut table = self.write();
        table.tools.clear();
        table.epoch += 1;
    }

    /// How many tools the table knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().tools.len()
    }

    /// Whether the table knows no tool.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn epoch(&self) -> u64 {
        self.read().epoch
    }

    fn learn_from<R: McpResponse>(&self, response: &R, epoch: u64) {
        let mut table = self.write();
        if table.epoch == epoch {
            response.visit_listed(&mut |listed| {
                if listed.kind == ListedKind::Tool {
                    table.learn(listed.name, listed.hints);
                }
            });
        }
    }

    // Nothing can panic between two changes of the table, so a poisoned lock guards a whole one.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ToolHints {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    fn learn(&mut self, tool: &str, hints: Hints) {
        if let Some(known) = self.tools.get_mut(tool) {
            *known = more_careful(*known, hints);
        } else if self.tools.len() < self.max_tools {
            self.tools.insert(tool.into(), hints);
        }
    }
}

/// Of two claims the one that permits less.
fn more_careful(a: Hints, b: Hints) -> Hints {
    let both = |a, b| if a == b { a } else { Some(false) };
    let either = |a, b| if a == b { a } else { Some(true) };
    Hints {
        read_only: both(a.read_only, b.read_only),
        idempotent: both(a.idempotent, b.idempotent),
        destructive: either(a.destructive, b.destructive),
        open_world: either(a.open_world, b.open_world),
    }
}

/// Fills a [`ToolHints`] table from the answers to `tools/list` that pass.
#[derive(Debug, Clone)]
pub struct LearnToolHintsLayer {
    hints: ToolHints,
}

impl<S> Layer<S> for LearnToolHintsLayer {
    type Service = LearnToolHints<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LearnToolHints {
            inner,
            hints: self.hints.clone(),
        }
    }
}

/// The service of [`LearnToolHintsLayer`].
#[derive(Debug, Clone)]
pub struct LearnToolHints<S> {
    inner: S,
    hints: ToolHints,
}

impl<S, Req> Service<Req> for LearnToolHints<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = LearnToolHintsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let learn = (request.method() == Method::ListTools)
            .then(|| (self.hints.clone(), self.hints.epoch()));
        LearnToolHintsFuture {
            future: self.inner.call(request),
            learn,
        }
    }
}

pin_project! {
    /// The future of [`LearnToolHints`].
    #[derive(Debug)]
    pub struct LearnToolHintsFuture<F> {
        #[pin]
        future: F,
        learn: Option<(ToolHints, u64)>,
    }
}

impl<F, R, E> Future for LearnToolHintsFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        if let (Ok(response), Some((hints, epoch))) = (&output, this.learn.take()) {
            hints.learn_from(response, epoch);
        }
        Poll::Ready(output)
    }
}

impl fmt::Debug for ToolHints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolHints")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::ToolHints;
    use crate::Hints;
    use std::num::NonZeroUsize;

    fn read_only(value: bool) -> Hints {
        Hints::new(Some(value), None, None, None)
    }

    #[test]
    fn contradicting_hints_only_get_more_careful() {
        let hints = ToolHints::new();
        hints.learn("echo", read_only(true));
        assert!(hints.get("echo").unwrap().is_repeatable());
        hints.learn("echo", Hints::default());
        assert!(!hints.get("echo").unwrap().is_repeatable());
        hints.learn("echo", read_only(true));
        assert!(!hints.get("echo").unwrap().is_repeatable());
        hints.clear();
        hints.learn("echo", read_only(true));
        assert!(hints.get("echo").unwrap().is_repeatable());
    }

    #[test]
    fn a_full_table_learns_nothing_new_and_goes_on_with_what_it_knows() {
        let hints = ToolHints::with_max_tools(NonZeroUsize::new(2).unwrap());
        for tool in ["a", "b", "c"] {
            hints.learn(tool, read_only(true));
        }
        assert_eq!(hints.len(), 2);
        assert_eq!(hints.get("c"), None);
        hints.learn("a", read_only(false));
        assert_eq!(hints.get("a"), Some(read_only(false)));
    }
}
