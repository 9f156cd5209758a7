use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use mcp_layers_core::ConfigError;
use tower_layer::Layer;

#[cfg(feature = "signed")]
use crate::signed::{IdKind, SignedIds};
use crate::{
    handle::AuthorizeHandle, policy::Policy, service::Authorize, settings::Settings, state::State,
};

/// Refuses requests that a policy does not allow, and removes from lists what the caller may not use.
///
/// Clones, and the services that they make, share the policy and all state. For a server behind
/// HTTP, `AuthorizeHttpLayer` (feature `http`) is made from this layer.
///
/// # Rules
///
/// 1. Without a verified principal every request is refused with 401, except for the lifecycle
///    (`initialize`, `server/discover`, `ping`), which always passes. Notifications do not pass
///    this layer.
/// 2. The policy decides about the method and its target; for `subscriptions/listen` also about each
///    uri in it. A denied request gets 403 (reason `forbidden`; the missing scopes in the message,
///    `requiredScopes` and `missingScopes` in `data`); a hidden one gets the answer to an unknown
///    name. A policy that panics, fails or takes longer than [`AuthorizeLayer::policy_timeout`] has
///    denied.
/// 3. The entries of every list are decided as the requests that would use them, and removed unless
///    they are allowed. A filtered list has `cacheScope: "private"`.
/// 4. Hidden equals unknown, byte for byte. Where the policy denies unknown names, the caller gets
///    that denial for both (a closure: [`Denial::hidden`](crate::Denial::hidden)). Otherwise both
///    get one constant error, which for a resource has the caller's uri in `data.uri`.
///
///    Wherever the policy can hide something of the kind from the caller, a tool or prompt that is in
///    none of the server's lists is answered here as a hidden one is, so that neither limits and
///    circuits inside nor the server tell them apart. That needs a
///    [`CatalogLayer`](mcp_layers_core::CatalogLayer) which looks names up. Names with a rule of their
///    own, and those that the operator declared, go on; so does every name while the list cannot be read
///    to its end. A tool that the server adds can be unknown for a second to a caller that does not list
///    it, unless [`Catalog::clear`](mcp_layers_core::Catalog::clear) was called.
///
///    Of all else the unknown names that the policy allows go on: resources, which need not be listed,
///    and methods outside the protocol. For the answer to an unknown name the layer takes -32601, -32602
///    and -32002, unless the name is known to exist
///    ([`Catalog`](mcp_layers_core::Catalog), or a rule of its own); such errors are about
///    arguments, and are kept. **Hidden names are given away by a server that answers unknown ones in
///    another way**, such as with an `isError` result, slowly, or by a subscription to a resource that
///    does not exist, **and by a limit or a circuit inside**, which counts the unknown ones alone. Where
///    that matters, hide everything without a rule: then both end here.
///
///    Both wait alike for the look-ups of `CatalogLayer`: a name that the caller has not seen in its own
///    lists is looked up, whether it exists or not; in the first request of a process only if the catalog
///    does not know it.
/// 5. A task belongs to the principal whose request created it, and a `requestState` to the
///    principal to whom it was issued ([`Bindings`](crate::Bindings); request states are kept as
///    keyed digests). To others they do not exist, nor to anybody once their owner was evicted. The
///    owners are kept in this process: with several replicas, sign the ids with `SignedIds` (feature
///    `signed`), or send each caller to the same replica.
/// 6. A legacy session belongs to a principal ([`AuthorizeHandle::sessions`]). Requests in the
///    session of another one, or in one whose owner was evicted, get 403.
/// 7. The trail of every refusal has [`Event::Denied`](mcp_layers_core::Event::Denied) with the rule,
///    after the policy's failures; that of a filtered list has
///    [`Event::Filtered`](mcp_layers_core::Event::Filtered).
#[derive(Debug, Clone)]
pub struct AuthorizeLayer {
    pub(crate) state: Arc<State>,
    pub(crate) settings: Settings,
}

impl AuthorizeLayer {
    /// The default of [`AuthorizeLayer::policy_timeout`]: 5 seconds.
    pub const DEFAULT_TIMEOUT: Duration = Settings::DEFAULT_TIMEOUT;

    /// A layer with this policy.
    pub fn new(policy: impl Policy) -> Self {
        Self {
            state: Arc::new(State::new(policy)),
            settings: Settings::default(),
        }
    }

    /// Answers a denied `tools/call` with a result that has `isError: true`, which the model reads.
    /// Default: error 403. "Unknown tool" and the answer to requests without a principal are always
    /// errors.
    #[must_use]
    pub fn as_tool_error(mut self) -> Self {
        self.settings.as_tool_error = true;
        self
    }

    /// Keeps in lists what is denied without being hidden, so that callers learn of it. Default: a list
    /// has what its caller may use, and nothing else.
    #[must_use]
    pub fn list_denied(mut self) -> Self {
        self.settings.list_denied = true;
        self
    }

    /// Sets the time that the policy may take for one request or one list. Default: 5 seconds.
    /// Afterwards it has denied. Measured by the clock of tokio.
    #[must_use]
    pub fn policy_timeout(mut self, timeout: Duration) -> Self {
        self.settings.policy_timeout = timeout;
        self
    }

    /// Lets any principal use a task whose owner is not known, such as one that another process
    /// created: every caller with the id of such a task may use it. Default: it is refused.
    #[must_use]
    pub fn allow_unbound_tasks(mut self) -> Self {
        self.settings.allow_unbound_tasks = true;
        self
    }

    /// Lets any principal use a `requestState` whose owner is not known, such as one that another
    /// process issued. Only for servers that bind the state to the principal themselves. Default: it is
    /// refused with -32602.
    #[must_use]
    pub fn allow_unbound_states(mut self) -> Self {
        self.settings.allow_unbound_states = true;
        self
    }

    /// Accepts ids that are signed for their principal, also by another replica. Others are looked up as
    /// before. `AuthorizeHttpLayer` signs the session ids of its transport; the server itself signs
    /// task ids and request states, with [`SignedIds::issue`].
    #[cfg(feature = "signed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
    #[must_use]
    pub fn signed_ids(self, ids: &SignedIds) -> Self {
        self.state.tasks.set_signed(IdKind::Task, ids);
        self.state.sessions.set_signed(IdKind::Session, ids);
        self.state.states.set_signed(IdKind::RequestState, ids);
        self
    }

    /// Sets how many sessions, tasks and request states are remembered with their owners, each.
    /// Default: 65,536 ([`Bindings::DEFAULT_MAX`](crate::Bindings::DEFAULT_MAX)).
    ///
    /// # Errors
    ///
    /// `max` is zero.
    pub fn max_bindings(self, max: usize) -> Result<Self, ConfigError> {
        self.state.tasks.set_max(max)?;
        self.state.sessions.set_max(max)?;
        self.state.states.set_max(max)?;
        Ok(self)
    }

    /// The handle of this layer, of its clones and of all their services.
    #[must_use]
    pub fn handle(&self) -> AuthorizeHandle {
        AuthorizeHandle::new(Arc::clone(&self.state))
    }
}

impl<S> Layer<S> for AuthorizeLayer {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        self.state.is_in_stack.store(true, Relaxed);
        Authorize::with_state(inner, Arc::clone(&self.state), self.settings)
    }
}
