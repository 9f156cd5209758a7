//! Classifiers: which outcomes count as failures of a service.

use crate::{Method, Outcome, code};

/// Decides what the outcome of a request says about the service that gave it.
///
/// Closures `Fn(Method<'_>, &Outcome<'_>) -> Class` are classifiers too. Ready-made ones:
///
/// | classifier | counts as failures |
/// |---|---|
/// | [`ByCode`], the default | -32603, 503, 504 and codes of the application |
/// | [`ClassifyToolErrors`] | tool results with `isError: true` in addition |
/// | [`ClassifyOutages`] | 503, 504 and the like alone: for servers that use -32603 for everything |
pub trait Classify {
    /// Classifies the outcome of a response.
    fn classify(&self, method: Method<'_>, outcome: &Outcome<'_>) -> Class;

    /// Classifies an error of the inner service, of which nothing more is known: a layer or the
    /// transport failed. The default is [`Class::Failure`].
    fn classify_failure(&self, method: Method<'_>) -> Class {
        let _ = method;
        Class::Failure
    }
}

impl<F> Classify for F
where
    F: Fn(Method<'_>, &Outcome<'_>) -> Class,
{
    fn classify(&self, method: Method<'_>, outcome: &Outcome<'_>) -> Class {
        self(method, outcome)
    }
}

/// The class of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The service works.
    Success,
    /// The service failed.
    Failure,
    /// The caller is at fault, which says nothing about the service.
    CallerError,
    /// The request was cancelled, or refused before it ran, which says nothing about the service.
    Neutral,
}

/// The default classifier.
///
/// 1. Every result is a success, also one with `isError: true`: the tool ran and reported.
/// 2. Caller errors ([`code::is_caller_error`]) are [`Class::CallerError`].
/// 3. Cancelled (499), the caller's deadline (408) and a rate limit (429) are [`Class::Neutral`].
/// 4. Every other error, -32603 among them, is a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByCode;

impl Classify for ByCode {
    fn classify(&self, _method: Method<'_>, outcome: &Outcome<'_>) -> Class {
        match outcome.code() {
            None => Class::Success,
            Some(code) if code::is_caller_error(code) => Class::CallerError,
            Some(code::CANCELLED | code::DEADLINE_EXCEEDED | code::RATE_LIMITED) => Class::Neutral,
            Some(_) => Class::Failure,
        }
    }
}

/// A classifier for servers that answer failures as tool results with `isError: true`: those count as
/// failures. Everything else is left to another classifier, [`ByCode`] by default.
///
/// Most servers answer wrong arguments in the same way, and a classifier cannot tell the two apart.
///
/// ```
/// use mcp_layers_core::{Class, Classify, ClassifyOutages, ClassifyToolErrors, Method, Outcome};
///
/// let classify = ClassifyToolErrors::new();
/// assert_eq!(classify.classify(Method::CallTool, &Outcome::ToolError), Class::Failure);
/// // For servers with both habits:
/// let _classify = ClassifyToolErrors::with(ClassifyOutages::new());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassifyToolErrors<K = ByCode> {
    others: K,
}

impl ClassifyToolErrors {
    /// Leaves everything but tool errors to [`ByCode`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<K> ClassifyToolErrors<K> {
    /// Leaves everything but tool errors to `others`.
    pub fn with(others: K) -> Self {
        Self { others }
    }
}

impl<K: Classify> Classify for ClassifyToolErrors<K> {
    fn classify(&self, method: Method<'_>, outcome: &Outcome<'_>) -> Class {
        match outcome {
            Outcome::ToolError => Class::Failure,
            other => self.others.classify(method, other),
        }
    }

    fn classify_failure(&self, method: Method<'_>) -> Class {
        self.others.classify_failure(method)
    }
}

/// A classifier for servers that answer everything with -32603, also a wrong argument or an id that
/// does not exist: -32603 says nothing. Failures are what such a server does not answer itself: 503,
/// 504, other codes, panics, and errors of the inner service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassifyOutages;

impl ClassifyOutages {
    /// The classifier.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Classify for ClassifyOutages {
    fn classify(&self, method: Method<'_>, outcome: &Outcome<'_>) -> Class {
        match outcome.code() {
            Some(code::INTERNAL_ERROR) => Class::Neutral,
            _ => ByCode.classify(method, outcome),
        }
    }
}
