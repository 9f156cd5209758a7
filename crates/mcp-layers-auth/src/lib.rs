//! Who is calling an MCP server, and may they: at the HTTP edge and at every MCP request.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authenticate;
mod authorize;
mod authorize_http;
mod bindings;
mod challenge;
mod local;
mod metadata;
mod policy;
mod verify;

pub use authenticate::{Authenticate, AuthenticateLayer, CappedBody, ResponseBody, ResponseFuture};
pub use authorize::{Authorize, AuthorizeFuture, AuthorizeLayer};
pub use authorize_http::{AuthorizeHttp, AuthorizeHttpFuture, AuthorizeHttpLayer};
pub use bindings::Bindings;
pub use challenge::{BearerError, Challenge};
pub use local::{LocalPrincipal, LocalPrincipalLayer};
pub use metadata::ResourceMetadata;
pub use policy::{
    Access, AsyncPolicyFn, Decision, Denial, Immediate, Operation, Policy, PolicyFn, RuleName,
    Rules, RulesBuilder, Verdict, async_policy_fn, policy_fn,
};
pub use verify::*;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
