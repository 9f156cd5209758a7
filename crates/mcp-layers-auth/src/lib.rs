//! Who is calling an MCP server, and may they: at the HTTP edge and at every MCP request.
//!
//! [`AuthenticateLayer`] stands before the transport, around any service of `http::Request`: rmcp's
//! `StreamableHttpService`, an axum router, hyper. It makes a [`Principal`] of a bearer token or an
//! API key, or refuses the request as HTTP does. [`LocalPrincipalLayer`] says who is calling over
//! standard input. It issues no tokens and logs nobody in: the server is an OAuth resource server,
//! never an authorization server.
//!
//! | what is presented | who verifies |
//! |---|---|
//! | JSON web tokens | `JwtVerifier` (feature `jwt`), with a `KeySet` or a `RemoteKeySet` (`remote`) |
//! | opaque tokens | `Introspection` (feature `remote`) |
//! | API keys | [`ApiKeys`] |
//! | anything | a closure, or a [`Verify`] of your own |
//! | one of several of these | [`FirstOf`] |
//! | what was seen before | [`CachedVerifier`] around one of these |
//! | what was taken back | [`Revocable`] around all |
//!
//! [`AuthorizeLayer`] stands in the stack of the MCP server and asks a [`Policy`] about every request:
//! [`Rules`], or a closure. What a principal may not do is refused, and is in none of its lists.
//! [`AuthorizeHttpLayer`] asks the same policy at the HTTP edge, where a denial is a 403 with a
//! challenge.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{Empty, Full};
//! use mcp_layers_auth::{ApiKeys, AuthenticateLayer, CappedBody, ResourceMetadata};
//! use mcp_layers_core::{Authentication, ConfigError, Principal};
//! use std::{convert::Infallible, sync::Arc};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ConfigError> {
//! let ada = Principal::new("ada", Authentication::ApiKey).with_scopes(["tools"]);
//! let metadata = ResourceMetadata::new("https://mcp.example/mcp")?
//!     .authorization_server("https://as.example")?;
//! let service = ServiceBuilder::new()
//!     .layer(AuthenticateLayer::new(ApiKeys::new().with_key("key-a", ada)?).metadata(metadata))
//!     .service_fn(|request: Request<CappedBody<Empty<Bytes>>>| async move {
//!         let principal = request.extensions().get::<Arc<Principal>>().unwrap();
//!         assert!(!request.headers().contains_key("authorization"));
//!         let name = Bytes::copy_from_slice(principal.subject().as_bytes());
//!         Ok::<_, Infallible>(Response::new(Full::new(name)))
//!     });
//!
//! let request = Request::post("https://mcp.example/mcp");
//! let request = request.header("authorization", "Bearer key-a").body(Empty::new()).unwrap();
//! assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
//!
//! let request = Request::post("https://mcp.example/mcp").body(Empty::new()).unwrap();
//! let refused = service.oneshot(request).await.unwrap();
//! assert_eq!(refused.status(), 401);
//! assert_eq!(
//!     refused.headers()["www-authenticate"],
//!     "Bearer resource_metadata=\
//!      \"https://mcp.example/.well-known/oauth-protected-resource/mcp\"",
//! );
//! # Ok(())
//! # }
//! ```
//!
//! Behind it, the policy; the order is that of the way of a request:
//!
//! ```
//! use mcp_layers_auth::{Access, AuthorizeHttpLayer, AuthorizeLayer, Rules};
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
//!     .tool("*", Access::scopes(["tools"]))
//!     .tool("pay", Access::scopes(["tools", "money"]))
//!     .tool("admin_*", Access::scopes(["admin"]).hidden())
//!     .build()?;
//! let authorize = AuthorizeLayer::new(rules);
//! // Behind `AuthenticateLayer`, around the transport.
//! let edge = AuthorizeHttpLayer::new(&authorize);
//! # let _ = edge;
//! // In the stack of the server.
//! let server = ServiceBuilder::new().layer(authorize).service_fn(|request: JsonRpcRequest| async move {
//!     let tools = json!({ "tools": [{ "name": "echo" }, { "name": "pay" }, { "name": "admin_reset" }] });
//!     Ok::<_, Infallible>(JsonRpcResponse::success(&request, tools))
//! });
//!
//! let ada = Arc::new(Principal::new("ada", Authentication::ApiKey).with_scopes(["tools"]));
//! let ask = |mut request: JsonRpcRequest| {
//!     request.context_mut().set_principal(ada.clone());
//!     server.clone().oneshot(request)
//! };
//! let list = ask(JsonRpcRequest::new(1, "tools/list")).await.unwrap();
//! let mut names = Vec::new();
//! list.visit_listed(&mut |tool| names.push(tool.name.to_owned()));
//! assert_eq!(names, ["echo"]);
//!
//! let denied = ask(JsonRpcRequest::call_tool(2, "pay", json!({}))).await.unwrap();
//! assert_eq!(denied.result().unwrap_err().data.as_ref().unwrap()["missingScopes"], json!(["money"]));
//! let hidden = ask(JsonRpcRequest::call_tool(3, "admin_reset", json!({}))).await.unwrap();
//! assert_eq!(hidden.outcome().code(), Some(-32602));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! Each type has its own, numbered in its documentation. Together:
//!
//! 1. Nothing is accepted by default. Without a credential there is no principal, and a verifier
//!    that cannot decide is unavailable (503): neither an accept, nor an invalid credential.
//! 2. A refusal has a constant text. Its cause is for logs ([`AuthenticateLayer::on_refusal`]).
//!    Credentials are in no error, no log and no `Debug`.
//! 3. A token is for this server: its audience is a parameter of the constructor.
//! 4. The credential goes no further than this layer, the principal does.
//!
//! Refusals of a credential are responses of HTTP, since no message was read yet. A refusal by the policy
//! is error 401 or 403 of the MCP layer, or a result with `isError` if
//! [`AuthorizeLayer::tool_errors`] says so; at the HTTP edge the same error is the body of a response with
//! that status. Neither counts anything as a failure.
//!
//! # Ordering
//!
//! Before everything: around the transport, outside whatever reads the body. Layers that answer
//! preflights of browsers (CORS), health checks and access logs go outside it. In axum,
//! `Router::layer` puts it around all routes that were added before, the fallback too, so that the
//! metadata's well-known path is served although no route has it.
//!
//! Where it is missing there is no principal, and layers further in that need one deny.
//!
//! [`AuthorizeHttpLayer`] comes next, around the transport. [`AuthorizeLayer`] belongs inside of what
//! records (trace, timing, audit) and of the error mask, so that denials are seen; outside of limits and
//! caches, so that no answer crosses from one principal to another; [`LocalPrincipalLayer`] and
//! anything else that sets the principal outside of it. Where no principal is set, it denies.
//!
//! # Cost
//!
//! A token that was seen before costs its SHA-256 digest, a lookup and the readings of two clocks. A
//! new one costs its signature: with `jwt-aws-lc` a fraction of what pure Rust takes.
//!
//! A decision of [`Rules`] costs a lookup by hash, and for a pattern a binary search among the prefixes; how
//! many rules there are hardly matters. A call that is allowed at once allocates nothing. A list costs
//! one decision for each entry. A policy that waits costs boxes, besides what it waits for. The HTTP edge
//! reads each body whole and parses it once more than the transport does.
//!
//! [`Principal`]: mcp_layers_core::Principal
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authenticate;
mod authorize;
mod authorize_http;
mod bindings;
mod metadata;
mod policy;
mod verify;

pub use authenticate::{
    Authenticate, AuthenticateFuture, AuthenticateLayer, CappedBody, ResponseBody,
};
pub use authorize::{Authorize, AuthorizeFuture, AuthorizeLayer};
pub use authorize_http::{AuthorizeHttp, AuthorizeHttpFuture, AuthorizeHttpLayer};
pub use bindings::Bindings;
pub use mcp_layers_core::http::{BearerError, Challenge};
pub use mcp_layers_core::{LocalPrincipal, LocalPrincipalLayer};
pub use metadata::ResourceMetadata;
pub use policy::{
    Access, AsyncPolicyFn, Decision, Denial, Immediate, Operation, Policy, PolicyFn, RuleName,
    Rules, RulesBuilder, Verdict, async_policy_fn, policy_fn,
};
#[cfg(feature = "remote")]
#[cfg_attr(docsrs, doc(cfg(feature = "remote")))]
pub use verify::Introspection;
#[cfg(all(feature = "remote", feature = "__jwt"))]
#[cfg_attr(docsrs, doc(cfg(all(feature = "jwt", feature = "remote"))))]
pub use verify::RemoteKeySet;
pub use verify::{
    ApiKeys, BoxVerdict, CachedFuture, CachedVerifier, Credential, FirstOf, IntoVerified,
    Presented, Refusal, RefusalKind, Revocable, RevocableFuture, Verified, Verify, WallClock,
};
#[cfg(feature = "__jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub use verify::{JwtVerifier, KeySet, Keys};

#[cfg(all(doctest, feature = "__jwt", feature = "remote"))]
#[doc = include_str!("../README.md")]
struct Readme;
