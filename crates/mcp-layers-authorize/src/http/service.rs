use std::{
    error::Error,
    future::poll_fn,
    iter::successors,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use mcp_layers_core::{BoxError, Principal, Trail, hidden_tool};
use tower_service::Service;

use super::{
    answer::{self, Answer},
    decision::decide,
    edge::{Edge, Session},
    message::Messages,
};

/// The service of [`AuthorizeHttpLayer`](crate::AuthorizeHttpLayer).
#[derive(Debug, Clone)]
pub struct AuthorizeHttp<S> {
    inner: S,
    edge: Arc<Edge>,
}

impl<S> AuthorizeHttp<S> {
    pub(super) fn with_edge(inner: S, edge: Arc<Edge>) -> Self {
        Self { inner, edge }
    }

    mcp_layers_core::accessors!();
}

impl<S, B, R> Service<Request<B>> for AuthorizeHttp<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Either<R, Full<Bytes>>>;
    type Error = S::Error;
    // A box, because reading a body is I/O.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The instance that is ready goes with the request.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(answer(Arc::clone(&self.edge), inner, request))
    }
}

async fn answer<S, B, R>(
    edge: Arc<Edge>,
    mut inner: S,
    request: Request<B>,
) -> Result<Answer<R>, S::Error>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
    B: Body,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = request.into_parts();
    let principal = principal(&parts.extensions);
    // The body is read before a refusal too, so that no client breaks off sending it.
    let body = read(body, edge.max_body).await;
    let Some(principal) = principal else {
        edge.state.count(|stats| stats.unauthenticated += 1);
        return Ok(answer::unauthenticated(&edge.challenge));
    };
    let bytes = match body {
        Ok(bytes) => bytes,
        Err(status) => return Ok(by(principal, answer::unreadable(status))),
    };
    let session = edge.read_session(&mut parts.headers, &principal);
    // Only `POST` has messages in its body (MCP, basic/transports).
    let is_post = parts.method == Method::POST;
    let decided = match is_post {
        true => decide(&edge, &bytes, &principal).await,
        false => Ok(None),
    };
    let hidden_tool = match decided {
        Ok(hidden_tool) => hidden_tool,
        Err(answer) => return Ok(by(principal, answer)),
    };
    let foreign = matches!(session, Session::Foreign(_)).then(|| bytes.clone());
    let is_delete = parts.method == Method::DELETE;
    let request = Request::from_parts(parts, Full::new(bytes));
    let response = match &hidden_tool {
        Some(tool) => {
            let mut future = pin!(hidden_tool::scope(tool, || inner.call(request)));
            poll_fn(|cx| hidden_tool::scope(tool, || future.as_mut().poll(cx))).await?
        }
        None => inner.call(request).await?,
    };
    let mut answer = response.map(Either::Left);
    edge.keep_session(&session, is_delete, &principal, &mut answer);
    let Some(body) = foreign.filter(|_| answer.extensions().get::<Trail>().is_some()) else {
        return Ok(answer);
    };
    let requests = match is_post {
        true => Messages::read(&body, &principal).requests,
        false => Vec::new(),
    };
    if let Some(first) = requests.into_iter().next() {
        answer.extensions_mut().insert(first);
    }
    Ok(by(principal, answer))
}

/// Leaves the principal in the extensions of a refusal, where an outer layer finds it.
fn by<R>(principal: Arc<Principal>, mut answer: Answer<R>) -> Answer<R> {
    answer.extensions_mut().insert(principal);
    answer
}

/// The verified principal of a request.
fn principal(extensions: &Extensions) -> Option<Arc<Principal>> {
    let shared = extensions.get::<Arc<Principal>>().cloned();
    let found = shared.or_else(|| extensions.get::<Principal>().cloned().map(Arc::new));
    found.filter(|principal| principal.is_verified())
}

/// Reads a body up to the limit.
async fn read<B>(body: B, max: usize) -> Result<Bytes, StatusCode>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    if body.size_hint().lower() > max as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if is_length_limit(&*error) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}

/// The limit here, or one of a layer outside, which may be wrapped in the error of a framework.
fn is_length_limit(error: &(dyn Error + 'static)) -> bool {
    let mut chain = successors(Some(error), |&error| error.source());
    chain.any(<dyn Error>::is::<LengthLimitError>)
}
