//! The rules that every layer keeps.

use std::{fmt, sync::Arc};

use mcp_layers_core::{BoxError, JsonRpcRequest, JsonRpcResponse};
use tower_layer::Layer;
use tower_service::Service;

use crate::{MockService, ReadinessProbe};

mod bench;
mod dropped;
mod panics;
mod passes;
mod readiness;
mod rule;

pub use rule::{Rule, Violation};

/// The rules that every layer keeps, as one test.
///
/// A contract is made from a function that makes the layer, because each check begins with a fresh
/// one. Give the layer limits that some hundred calls, two at a time, do not reach, and no policy
/// that refuses them. The calls have a verified principal with the subject `contract`.
///
/// ```
/// use mcp_layers_test::Contract;
/// use tower::layer::util::Identity;
///
/// futures::executor::block_on(Contract::new(Identity::new).check());
/// ```
///
/// # Rules
///
/// [`Rule`] has them one by one. That the service of the layer is `Clone + Send + Sync` and its
/// future `Send`, when those of the inner service are, is checked by the compiler
/// ([`LayeredService`]).
///
/// # Runtime
///
/// None is needed. A layer that uses timers or tasks of a runtime is checked inside it
/// (`#[tokio::test]`); the checks hand control back to it between polls. No check waits for a
/// timer.
#[derive(Clone)]
pub struct Contract<F> {
    make: F,
    options: Options,
}

type Prepare = Arc<dyn Fn(JsonRpcRequest) -> JsonRpcRequest + Send + Sync>;
type When = Arc<dyn Fn(&JsonRpcRequest) -> bool + Send + Sync>;

/// How a layer differs from most.
#[derive(Clone, Default)]
struct Options {
    answers_errors: bool,
    waits_in_call: bool,
    sets_principal: bool,
    adds_meta: bool,
    prepare: Option<Prepare>,
    changes_responses: Option<When>,
}

/// What the service of a layer must be for [`Contract`] to check it. Every service that fits is
/// one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` breaks the contract of layers at compile time",
    note = "the service of a layer is `Service<JsonRpcRequest, Response = JsonRpcResponse> + Clone \
            + Send + Sync + 'static`, its error `Into<BoxError>`, its future `Send`, when those of \
            the inner service are"
)]
pub trait LayeredService:
    Service<JsonRpcRequest, Response = JsonRpcResponse, Error: Into<BoxError>, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> LayeredService for S where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

impl<F> Contract<F> {
    /// The contract for the layers that `make` makes.
    pub fn new<L>(make: F) -> Self
    where
        F: Fn() -> L,
        L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
    {
        Self {
            make,
            options: Options::default(),
        }
    }

    /// The layer answers with an error response where others pass the error of the inner service
    /// on.
    #[must_use]
    pub fn answers_errors(mut self) -> Self {
        self.options.answers_errors = true;
        self
    }

    /// The layer is ready before the inner service is, and waits for it inside the future: it may
    /// answer without it, or chooses among several.
    #[must_use]
    pub fn waits_in_call(mut self) -> Self {
        self.options.waits_in_call = true;
        self
    }

    /// The layer says who is calling; by default the principal must pass unchanged.
    #[must_use]
    pub fn sets_principal(mut self) -> Self {
        self.options.sets_principal = true;
        self
    }

    /// The layer adds keys to `_meta` of requests or results; by default it must pass unchanged.
    #[must_use]
    pub fn adds_meta(mut self) -> Self {
        self.options.adds_meta = true;
        self
    }

    /// Prepares every request before it is sent, such as with credentials that the layer asks for.
    #[must_use]
    pub fn prepare(
        mut self,
        prepare: impl Fn(JsonRpcRequest) -> JsonRpcRequest + Send + Sync + 'static,
    ) -> Self {
        self.options.prepare = Some(Arc::new(prepare));
        self
    }

    /// The layer may change the results of requests for which `when` holds, such as lists. They
    /// must still be results.
    #[must_use]
    pub fn changes_responses(
        mut self,
        when: impl Fn(&JsonRpcRequest) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.options.changes_responses = Some(Arc::new(when));
        self
    }

    /// Runs all checks.
    ///
    /// # Panics
    /// When the layer breaks a rule. The message has the name of each rule that is broken.
    pub async fn check<L>(&self)
    where
        F: Fn() -> L,
        L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
    {
        let violations = self.violations().await;
        assert!(violations.is_empty(), "{}", rule::report(&violations));
    }

    /// Runs all checks and returns what the layer breaks; a check ends with the first rule broken.
    pub async fn violations<L>(&self) -> Vec<Violation>
    where
        F: Fn() -> L,
        L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
    {
        let checks = [
            readiness::is_forwarded(self).await,
            readiness::errors_surface(self).await,
            readiness::clones_are_independent(self).await,
            passes::everything(self).await,
            passes::outcomes(self).await,
            dropped::at_every_await_point(self).await,
            dropped::while_waiting_for_readiness(self).await,
            panics::poison_nothing(self).await,
        ];
        let mut violations = Vec::new();
        for violation in checks.into_iter().filter_map(Result::err) {
            if !violations.contains(&violation) {
                violations.push(violation);
            }
        }
        violations
    }
}

impl<F> fmt::Debug for Contract<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract")
            .field("answers_errors", &self.options.answers_errors)
            .field("waits_in_call", &self.options.waits_in_call)
            .field("sets_principal", &self.options.sets_principal)
            .field("adds_meta", &self.options.adds_meta)
            .finish_non_exhaustive()
    }
}
