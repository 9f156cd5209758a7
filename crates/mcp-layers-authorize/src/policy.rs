//! The policy: one decision about one operation of one principal.

mod access;
mod builder;
mod decision;
mod evaluation;
mod function;
mod operation;
mod patterns;
mod rules;
mod scopes;
mod uri;

pub use access::Access;
pub use builder::RulesBuilder;
pub use decision::{Decision, Denial, RuleName};
pub use evaluation::{Evaluation, Immediate, Policy};
pub use function::{AsyncPolicyFn, PolicyFn, async_policy_fn, policy_fn};
pub use operation::Operation;
pub use rules::Rules;
