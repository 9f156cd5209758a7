//! Who is calling an MCP server, and may they: at the HTTP edge and at every MCP request.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authorize;
mod authorize_http;
mod bindings;
mod challenge;
mod policy;
mod verify;

pub use authorize::{Authorize, AuthorizeFuture, AuthorizeLayer};
pub use authorize_http::{AuthorizeHttp, AuthorizeHttpFuture, AuthorizeHttpLayer};
pub use bindings::Bindings;
pub use challenge::{BearerError, Challenge};
pub use policy::{
    Access, AsyncPolicyFn, Decision, Denial, Immediate, Operation, Policy, PolicyFn, RuleName,
    Rules, RulesBuilder, Verdict, async_policy_fn, policy_fn,
};
pub use verify::*;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
