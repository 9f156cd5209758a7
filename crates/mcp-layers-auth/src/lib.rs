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
//! Refusals are responses of HTTP, since no message was read yet.
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
//! # Cost
//!
//! A token that was seen before costs its SHA-256 digest, a lookup and the readings of two clocks. A
//! new one costs its signature: with `jwt-aws-lc` a fraction of what pure Rust takes.
//!
//! [`Principal`]: mcp_layers_core::Principal
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authenticate;
mod metadata;
mod verify;

pub use authenticate::{
    Authenticate, AuthenticateFuture, AuthenticateLayer, CappedBody, ResponseBody,
};
pub use mcp_layers_core::http::{BearerError, Challenge};
pub use mcp_layers_core::{LocalPrincipal, LocalPrincipalLayer};
pub use metadata::ResourceMetadata;
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
