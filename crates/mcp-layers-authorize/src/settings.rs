use std::time::Duration;

/// The settings of [`AuthorizeLayer`](crate::AuthorizeLayer).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) as_tool_error: bool,
    pub(crate) list_denied: bool,
    pub(crate) allow_unbound_tasks: bool,
    pub(crate) allow_unbound_states: bool,
    pub(crate) policy_timeout: Duration,
}

impl Settings {
    pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            as_tool_error: false,
            list_denied: false,
            allow_unbound_tasks: false,
            allow_unbound_states: false,
            policy_timeout: Self::DEFAULT_TIMEOUT,
        }
    }
}
