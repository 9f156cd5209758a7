//! The rules that every layer follows.

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

/// The rules that every layer follows, as one test.
///
/// A contract takes a function that creates the layer, because each check starts with a new one. The
/// layer must allow some hundred calls, two at a time. The calls have a verified principal with the
/// subject `contract`.
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
/// [`Rule`] lists them. The compiler checks that the service of the layer is `Clone + Send + Sync`, and
/// its future `Send`, if those of the inner service are ([`LayeredService`]).
///
/// # Runtime
///
/// None is required. Check a layer that uses timers or tasks of a runtime inside that runtime
/// (`#[tokio::test]`); the checks yield to it between polls. No check waits for a timer.
#[derive(Clone)]
pub struct Contract<F> {
    make: F,
    options: Options,
}

type Prepare = Arc<dyn Fn(JsonRpcRequest) -> JsonRpcRequest + Send + Sync>;
type When = Arc<dyn Fn(&JsonRpcRequest) -> bool + Send + Sync>;

/// The ways in which a layer differs from most.
#[derive(Clone, Default)]
struct Options {
    answers_errors: bool,
    waits_in_call: bool,
    sets_principal: bool,
    adds_meta: bool,
    prepare: Option<Prepare>,
    changes_responses: Option<When>,
}

/// The bounds that [`Contract`] needs of a layer's service. Implemented for every service that meets
/// them.
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
    /// Creates the contract for the layers that `make` creates.
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

    /// Expects a layer that turns a service error into an error response.
    #[must_use]
    pub fn answers_errors(mut self) -> Self {
        self.options.answers_errors = true;
        self
    }

    /// Expects a layer that is ready before the inner service is, and waits for it inside the future.
    #[must_use]
    pub fn waits_in_call(mut self) -> Self {
        self.options.waits_in_call = true;
        self
    }

    /// Expects a layer that sets the principal. By default it must pass unchanged.
    #[must_use]
    pub fn sets_principal(mut self) -> Self {
        self.options.sets_principal = true;
        self
    }

    /// Expects a layer that adds keys to `_meta` of requests or results. By default it must pass
    /// unchanged.
    #[must_use]
    pub fn adds_meta(mut self) -> Self {
        self.options.adds_meta = true;
        self
    }

    /// Prepares every request before it is sent, for example with credentials that the layer needs.
    #[must_use]
    pub fn prepare(
        mut self,
        prepare: impl Fn(JsonRpcRequest) -> JsonRpcRequest + Send + Sync + 'static,
    ) -> Self {
        self.options.prepare = Some(Arc::new(prepare));
        self
    }

    /// Allows the layer to change the results of requests for which `when` returns true, such as lists.
    /// They must remain results.
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
    /// If the layer breaks a rule. The message names each broken rule.
    pub async fn check<L>(&self)
    where
        F: Fn() -> L,
        L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
    {
        let violations = self.violations().await;
        assert!(violations.is_empty(), "{}", rule::report(&violations));
    }

    /// Runs all checks and returns the violations. Each check ends at its first violation.
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
