//! Authorization for MCP servers as a tower layer: which tools, resources and prompts a caller may see
//! and use, by OAuth scopes, roles and tenants.
//!
//! [`AuthorizeLayer`] belongs in the stack of the MCP server (rmcp, tower-mcp or a hand-made one) and asks
//! a [`Policy`] about every request: a table of [`Rules`], or a closure. It refuses what the policy denies
//! and removes it from lists. `AuthorizeHttpLayer` (feature `http`) asks the same policy around the HTTP
//! transport, where a missing scope is answered with 403 and an OAuth challenge.
//!
//! It does not authenticate: something outside must put a verified [`Principal`] into the request
//! (`mcp-layers-authenticate` over HTTP, `mcp_layers_util::LocalPrincipalLayer` on standard input).
//!
//! # Example
//!
//! ```
//! use mcp_layers_authorize::{Access, AuthorizeLayer, Rules};
//! use mcp_layers_core::{
//!     Authentication, ConfigError, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Principal,
//! };
//! use serde_json::json;
//! use std::{convert::Infallible, sync::Arc};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ConfigError> {
//! let rules = Rules::builder()
//!     .otherwise(Access::scopes(["tools"]))
//!     .tool("pay", Access::scopes(["tools", "money"]))
//!     .tool("admin_*", Access::scopes(["admin"]).hidden())
//!     .build()?;
//! let server = ServiceBuilder::new()
//!     .layer(AuthorizeLayer::new(rules))
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         let tools = json!({ "tools": [{ "name": "echo" }, { "name": "pay" }, { "name": "admin_reset" }] });
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, tools))
//!     });
//!
//! let ada = Arc::new(Principal::new("ada", Authentication::ApiKey).with_scopes(["tools"]));
//! let send = |mut request: JsonRpcRequest| {
//!     request.context_mut().set_principal(ada.clone());
//!     server.clone().oneshot(request)
//! };
//! let list = send(JsonRpcRequest::new(1, "tools/list")).await.unwrap();
//! let mut names = Vec::new();
//! list.visit_listed(&mut |tool| names.push(tool.name.to_owned()));
//! assert_eq!(names, ["echo"]);
//!
//! let denied = send(JsonRpcRequest::call_tool(2, "pay", json!({}))).await.unwrap();
//! assert_eq!(denied.result().unwrap_err().message, "Forbidden: missing scope money");
//! let hidden = send(JsonRpcRequest::call_tool(3, "admin_reset", json!({}))).await.unwrap();
//! assert_eq!(hidden.outcome().code(), Some(-32602));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! Each type has its own, numbered in its documentation: [`AuthorizeLayer`], [`Rules`],
//! `AuthorizeHttpLayer`. Nothing is allowed by default, and a policy that panics, fails or takes too long
//! has denied.
//!
//! A denial is error 403, or a result with `isError` after [`AuthorizeLayer::as_tool_error`]; a hidden name
//! gets what an unknown one gets: -32602, -32002 or -32601, or their denial if the policy denies unknown
//! names. At the HTTP edge a denial that a scope would change is status 403 with the same error as its
//! body. The layer counts nothing as a failure.
//!
//! # Ordering
//!
//! Inside the layers that record (trace, timing, audit) and the error mask, so that denials are seen;
//! outside limits and caches, so that no answer passes from one principal to another. The layer that sets the
//! principal comes before it; without a principal it denies. `AuthorizeHttpLayer` wraps the transport,
//! inside the layer that authenticates.
//!
//! # Cost
//!
//! A decision of [`Rules`] costs one lookup by hash, and one for each length that a pattern has;
//! the number of rules hardly matters. A list costs one decision for each entry. A policy that
//! waits costs boxes in addition to what it waits for. The HTTP edge reads each body whole and
//! parses it once more than the transport does.
//!
//! [`Principal`]: mcp_layers_core::Principal
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admitted;
mod bindings;
mod check;
mod decisions;
mod future;
mod handle;
#[cfg(feature = "http")]
mod http;
mod layer;
mod list;
mod policy;
mod rejection;
mod service;
mod settings;
#[cfg(feature = "signed")]
mod signed;
mod state;

pub use bindings::Bindings;
pub use future::ResponseFuture;
pub use handle::AuthorizeHandle;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::{AuthorizeHttp, AuthorizeHttpLayer};
pub use layer::AuthorizeLayer;
pub use policy::{
    Access, Decision, Denial, Evaluation, Operation, PendingDecision, Policy, Rules, RulesBuilder,
    async_policy_fn, policy_fn,
};
pub use service::Authorize;
#[cfg(feature = "signed")]
#[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
pub use signed::{IdKind, SignedIdError, SignedIds};
pub use state::AuthorizeStats;

#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
