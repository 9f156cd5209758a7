//! The way to the server.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header, request::Parts};
use http_body::Body;
use mcp_layers_core::BoxError;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use super::body::WireBody;

/// The HTTP service of the server.
pub(super) type Upstream = BoxCloneSyncService<Request<WireBody>, Response<WireBody>, BoxError>;

/// The headers that depend on the bytes or the method of a message (2026-07-28, basic/transports,
/// "Request headers").
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const PARAM: &str = "mcp-param-";

pub(super) fn upstream<S, B>(inner: S) -> Upstream
where
    S: Service<Request<WireBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let inner = inner.map_response(|response: Response<B>| response.map(WireBody::new));
    BoxCloneSyncService::new(inner.map_err(Into::into))
}

/// Removes what would change the bytes of the answer, or belongs to bytes of another request.
pub(super) fn prepare(head: &mut Parts) {
    let of_body = [
        header::ACCEPT_ENCODING,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::TRAILER,
        header::TRANSFER_ENCODING,
    ];
    for name in of_body {
        head.headers.remove(name);
    }
}

/// A POST with the head of another.
pub(super) fn post(head: &Parts, message: Bytes) -> Request<WireBody> {
    Request::from_parts(head.clone(), WireBody::full(message))
}

/// A POST with the head of another, of a message with another method.
pub(super) fn post_other(head: &Parts, method: &str, message: Bytes) -> Request<WireBody> {
    let mut request = post(head, message);
    let headers = request.headers_mut();
    let of_message: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str() == NAME || name.as_str().starts_with(PARAM))
        .cloned()
        .collect();
    for name in of_message {
        headers.remove(name);
    }
    if let (Some(have), Ok(method)) = (headers.get_mut(METHOD), HeaderValue::from_str(method)) {
        *have = method;
    }
    request
}
