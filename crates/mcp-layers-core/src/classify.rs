//! What counts as a failure.

use crate::{Method, Outcome, code};

/// Decides what the outcome of a request says about the service that gave it.
///
/// Closures `Fn(Method<'_>, &Outcome<'_>) -> Class` are classifiers too.
pub trait Classify {
    /// Classifies one outcome.
    fn classify(&self, method: Method<'_>, outcome: &Outcome<'_>) -> Class;
}

impl<F> Classify for F
where
    F: Fn(Method<'_>, &Outcome<'_>) -> Class,
{
    fn classify(&self, method: Method<'_>, outcome: &Outcome<'_>) -> Class {
        self(method, outcome)
    }
}

/// What an outcome says about the service that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The service works.
    Success,
    /// The service failed.
    Failure,
    /// The caller is at fault: says nothing about the service.
    CallerError,
    /// The request was cancelled, or refused before it ran: says nothing about the service.
    Neutral,
}

/// The default classifier.
///
/// 1. Every result is a success, `isError: true` too: the tool ran and reported.
/// 2. The caller's errors ([`code::is_caller_error`]) are [`Class::CallerError`].
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
