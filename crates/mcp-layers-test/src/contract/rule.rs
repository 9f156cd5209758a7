use std::fmt;

/// A rule that every layer follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// While the inner service is not ready, the layer is not, and wakes its task once it is; with
    /// [`Contract::waits_in_call`](crate::Contract::waits_in_call), the layer's future waits.
    ReadinessIsForwarded,
    /// An error of the inner service, in `poll_ready` or in the future, is an error of the layer;
    /// with [`Contract::answers_errors`](crate::Contract::answers_errors), an error response.
    ErrorsSurface,
    /// `call` goes to the instance that `poll_ready` made ready, never to a clone of it.
    ReadiedInstanceIsUsed,
    /// Readiness that was not used is given back when the call or the service is dropped.
    ReadinessIsGivenBack,
    /// A request reaches the inner service as it was sent: method, params, id, version, transport,
    /// cancellation, extensions, principal. Its deadline may come forward.
    RequestsPass,
    /// A result reaches the caller as the inner service gave it, with its trail; an outcome of one
    /// kind does not become one of another kind.
    ResponsesPass,
    /// A request that succeeds reaches the inner service once.
    CalledOnce,
    /// A future that is pending wakes its task when it can go on, and finishes.
    PendingIsWoken,
    /// A future that is dropped, polled or not, drops the inner future, and later calls work.
    DropIsCancellation,
    /// After the inner service panicked, later calls work.
    PanicsPoisonNothing,
}

impl Rule {
    /// The rule in a few words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadinessIsForwarded => "readiness is forwarded",
            Self::ErrorsSurface => "errors surface",
            Self::ReadiedInstanceIsUsed => "the readied instance is used",
            Self::ReadinessIsGivenBack => "unused readiness is given back",
            Self::RequestsPass => "requests pass unchanged",
            Self::ResponsesPass => "responses pass unchanged",
            Self::CalledOnce => "the inner service is called once",
            Self::PendingIsWoken => "a pending future is woken",
            Self::DropIsCancellation => "dropping the future is cancellation",
            Self::PanicsPoisonNothing => "a panic poisons nothing",
        }
    }

    pub(super) fn broken(self, detail: impl Into<String>) -> Violation {
        Violation {
            rule: self,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A violation: a rule, and the event that broke it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    rule: Rule,
    detail: String,
}

impl Violation {
    /// The rule.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    pub(super) fn after(self, step: &str) -> Self {
        Self {
            rule: self.rule,
            detail: format!("{}; before it: {step}", self.detail),
        }
    }

    /// The event that broke the rule.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

pub(super) fn report(violations: &[Violation]) -> String {
    let mut report = "the layer breaks the contract:".to_owned();
    for violation in violations {
        report.push_str("\n  ");
        report.push_str(&violation.to_string());
    }
    report
}
