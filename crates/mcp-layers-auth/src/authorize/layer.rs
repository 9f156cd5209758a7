use std::{fmt, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{Authorize, Settings, Shared};
use crate::{Bindings, Policy};

/// Refuses what a policy does not allow, and takes it out of lists.
///
/// Clones, and the services that they make, share the policy and all state. For a server behind
/// HTTP, [`AuthorizeHttpLayer`](crate::AuthorizeHttpLayer) is made from this layer.
///
/// # Rules
///
/// 1. Without a verified principal everything is refused with 401, but for the lifecycle
///    (`initialize`, `server/discover`, `ping`), which always passes. Notifications do not come here.
/// 2. The policy decides about the method and its target; for `subscriptions/listen` about each uri
///    in it too. What it denies gets 403 (reason `forbidden`, `requiredScopes` and `missingScopes` in
///    `data`); what it hides gets the answer of an unknown name. If it panics, fails or takes longer
///    than [`AuthorizeLayer::policy_timeout`], it has denied.
/// 3. The entries of every list are decided as the calls that would use them, and those that are
///    not allowed are taken out. A filtered list has `cacheScope: "private"`.
/// 4. Hidden equals unknown, byte for byte: both get one constant error. The layer takes -32601,
///    -32602 and -32002 for the answer to an unknown name, unless the name was listed (to anybody)
///    or has a rule of its own, which vouches that it exists; then they speak of arguments, and are kept. **A server that answers
///    unknown names in another way, such as with an `isError` result, gives hidden ones away**,
///    unless whatever has no rule is hidden, so that the server is never asked. So does one that
///    accepts subscriptions to resources that do not exist: a hidden uri is refused.
/// 5. A task belongs to the principal whose request created it. It does not exist for others, nor
///    for anybody once its owner is forgotten ([`Bindings`]).
/// 6. A legacy session belongs to a principal: [`AuthorizeLayer::sessions`]. With the session of
///    somebody else, or a forgotten one, every request gets 403.
/// 7. Every refusal is in the response's trail: `Event::Denied` with the rule, after whatever went wrong
///    with the policy; every filtered list, `Event::Filtered`.
pub struct AuthorizeLayer<P> {
    shared: Arc<Shared<P>>,
    settings: Settings,
}

impl<P: Policy> AuthorizeLayer<P> {
    /// How long a policy may take unless [`AuthorizeLayer::policy_timeout`] says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

    /// A layer for this policy.
    pub fn new(policy: P) -> Self {
        Self {
            shared: Arc::new(Shared::new(policy)),
            settings: Settings {
                tool_errors: false,
                list_denied: false,
                unbound_tasks: false,
                timeout: Self::DEFAULT_TIMEOUT,
            },
        }
    }
}

impl<P> AuthorizeLayer<P> {
    /// Answers a denied `tools/call` with a result that has `isError: true`, which the model reads.
    /// Default: error 403. Hidden tools and requests without a principal get an error either way.
    #[must_use]
    pub fn tool_errors(mut self) -> Self {
        self.settings.tool_errors = true;
        self
    }

    /// Leaves in lists what is denied without being hidden, so that a caller can learn which scopes
    /// it needs. Default: a list has what may be used, and nothing else.
    #[must_use]
    pub fn list_denied(mut self) -> Self {
        self.settings.list_denied = true;
        self
    }

    /// How long the policy may take for one request or one list, when it does not decide at once.
    /// Default: 5 seconds. Afterwards it has denied. The time is that of tokio.
    #[must_use]
    pub fn policy_timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Lets any principal use a task whose owner is not known, such as one that another process
    /// created. Whoever knows the id of such a task then owns it. Default: it is refused.
    #[must_use]
    pub fn allow_unbound_tasks(mut self) -> Self {
        self.settings.unbound_tasks = true;
        self
    }

    /// Whose the tasks are. Those that pass this layer are bound by themselves.
    #[must_use]
    pub fn tasks(&self) -> &Bindings {
        &self.shared.tasks
    }

    /// Whose the legacy sessions are. Those of `initialize` requests that pass
    /// [`AuthorizeHttpLayer`](crate::AuthorizeHttpLayer) are bound by themselves; without it, a
    /// session is bound to whoever uses it first.
    #[must_use]
    pub fn sessions(&self) -> &Bindings {
        &self.shared.sessions
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<P>> {
        &self.shared
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }
}

impl<S, P> Layer<S> for AuthorizeLayer<P> {
    type Service = Authorize<S, P>;

    fn layer(&self, inner: S) -> Authorize<S, P> {
        self.shared.set_stands();
        Authorize::new(inner, Arc::clone(&self.shared), self.settings)
    }
}

impl<P> Clone for AuthorizeLayer<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            settings: self.settings,
        }
    }
}

impl<P> fmt::Debug for AuthorizeLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeLayer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
