//! Authorization of MCP requests: one policy for calls, lists and the HTTP challenge.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authorize;
mod authorize_http;
mod bindings;
mod policy;

pub use authorize::{Authorize, AuthorizeFuture, AuthorizeLayer};
pub use authorize_http::{AuthorizeHttp, AuthorizeHttpFuture, AuthorizeHttpLayer};
pub use bindings::Bindings;
pub use mcp_layers_core::http::{BearerError, Challenge};
pub use mcp_layers_core::{LocalPrincipal, LocalPrincipalLayer};
pub use policy::{
    Access, AsyncPolicyFn, Decision, Denial, Immediate, Operation, Policy, PolicyFn, RuleName,
    Rules, RulesBuilder, Verdict, async_policy_fn, policy_fn,
};
