//! The settings.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use mcp_layers_core::{ByCode, Clock, ToolHints};
use tower_layer::Layer;

use crate::{Backoff, Budget, Retry, RetryHandle, TokioClock, handle::Counts, policy::Policy};

/// Tries again, only what is safe.
///
/// All services that a layer makes, their clones and the layer's clones share one state: the budget
/// and the counts. A setter begins a new one of the counts; the budget stays.
pub struct RetryLayer<K = ByCode, C = TokioClock> {
    pub(crate) shared: Arc<Shared<K, C>>,
}

/// What services share.
pub(crate) struct Shared<K, C> {
    pub(crate) attempts: Arc<AtomicU32>,
    pub(crate) backoff: Backoff,
    pub(crate) deadline: Option<Duration>,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) max_retry_after: Duration,
    pub(crate) budget: Budget,
    pub(crate) policy: Policy,
    pub(crate) random: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) classify: K,
    pub(crate) clock: C,
    pub(crate) counts: Arc<Counts>,
}

impl RetryLayer {
    /// At most this many attempts, the first included.
    #[must_use]
    pub fn new(attempts: NonZeroU32) -> Self {
        let shared = Shared {
            attempts: Arc::new(AtomicU32::new(attempts.get())),
            backoff: Backoff::default(),
            deadline: None,
            attempt_timeout: None,
            max_retry_after: Duration::from_secs(10),
            budget: Budget::default(),
            policy: Policy::default(),
            random: Arc::new(|| fastrand::u64(..)),
            classify: ByCode::default(),
            clock: TokioClock,
            counts: Arc::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl<K: Clone, C: Clone> RetryLayer<K, C> {
    /// How long to wait between attempts; by default from 0 to 100 ms, doubled up to 10 s.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.change(|shared| shared.backoff = backoff)
    }

    /// How long all attempts and waits may take together, whatever progress is reported; no limit
    /// by default. It is the deadline of what is further in, and ends the attempt that runs then.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        self.change(|shared| shared.deadline = Some(deadline))
    }

    /// How long one attempt may take; no limit by default.
    #[must_use]
    pub fn attempt_timeout(self, timeout: Duration) -> Self {
        self.change(|shared| shared.attempt_timeout = Some(timeout))
    }

    /// How many retries there may be in all; by default a fifth of the requests and 10 a second
    /// besides. A clone of another layer's budget is shared with it.
    #[must_use]
    pub fn budget(self, budget: Budget) -> Self {
        self.change(|shared| shared.budget = budget)
    }

    /// Names tools that may be called again, whatever they say of themselves.
    #[must_use]
    pub fn repeatable_tools<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let names: Vec<Box<str>> = names.into_iter().map(|name| name.as_ref().into()).collect();
        self.change(|shared| shared.policy.add_tools(names))
    }

    /// Believes what tools say of themselves: calls of those with `readOnlyHint` or
    /// `idempotentHint` are repeated. By default no hint is believed (2026-07-28, server/tools,
    /// "Annotations"). The table is filled by [`ToolHints::layer`], in the same stack.
    #[must_use]
    pub fn trust_hints(self, hints: ToolHints) -> Self {
        self.change(|shared| shared.policy.hints = Some(hints))
    }

    /// The longest wait that the hint of an answer can ask for; 10 s by default.
    #[must_use]
    pub fn max_retry_after(self, longest: Duration) -> Self {
        self.change(|shared| shared.max_retry_after = longest)
    }

    /// Where the jitter comes from: a random number of which all 64 bits count.
    #[must_use]
    pub fn rng(self, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.change(|shared| shared.random = Arc::new(random))
    }

    /// What counts as a failure, of those outcomes that may be repeated at all; [`ByCode`] by
    /// default.
    #[must_use]
    pub fn classify<K2: Clone>(self, classify: K2) -> RetryLayer<K2, C> {
        self.with(|shared| shared.replace(classify, shared.clock.clone()))
    }

    /// Reads the time elsewhere; the default is the clock of tokio's timers, which also wait.
    #[must_use]
    pub fn clock<C2: Clock>(self, clock: C2) -> RetryLayer<K, C2> {
        self.with(|shared| shared.replace(shared.classify.clone(), clock))
    }

    fn change(self, change: impl FnOnce(&mut Shared<K, C>)) -> Self {
        self.with(|shared| {
            let mut shared = shared.replace(shared.classify.clone(), shared.clock.clone());
            change(&mut shared);
            shared
        })
    }

    fn with<K2, C2>(
        self,
        make: impl FnOnce(&Shared<K, C>) -> Shared<K2, C2>,
    ) -> RetryLayer<K2, C2> {
        RetryLayer {
            shared: Arc::new(make(&self.shared)),
        }
    }
}

impl<K, C> RetryLayer<K, C> {
    /// What the layer did, and its number of attempts, to be changed while it runs.
    #[must_use]
    pub fn handle(&self) -> RetryHandle {
        RetryHandle {
            attempts: Arc::clone(&self.shared.attempts),
            budget: self.shared.budget.clone(),
            counts: Arc::clone(&self.shared.counts),
        }
    }
}

impl<K, C> Shared<K, C> {
    fn replace<K2, C2>(&self, classify: K2, clock: C2) -> Shared<K2, C2> {
        Shared {
            attempts: Arc::new(AtomicU32::new(self.attempts.load(Relaxed))),
            backoff: self.backoff,
            deadline: self.deadline,
            attempt_timeout: self.attempt_timeout,
            max_retry_after: self.max_retry_after,
            budget: self.budget.clone(),
            policy: self.policy.clone(),
            random: Arc::clone(&self.random),
            classify,
            clock,
            counts: Arc::default(),
        }
    }
}

impl<S: Clone, K, C> Layer<S> for RetryLayer<K, C> {
    type Service = Retry<S, K, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, Arc::clone(&self.shared))
    }
}

impl<K, C> Clone for RetryLayer<K, C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K, C> fmt::Debug for RetryLayer<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer")
            .field("attempts", &self.shared.attempts)
            .field("backoff", &self.shared.backoff)
            .field("deadline", &self.shared.deadline)
            .field("attempt_timeout", &self.shared.attempt_timeout)
            .field("budget", &self.shared.budget)
            .finish_non_exhaustive()
    }
}
