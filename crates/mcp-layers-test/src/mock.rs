//! A mock of an MCP server.

use std::{
    collections::VecDeque,
    fmt,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse};
use tower_service::Service;

use crate::{Answer, MockError, answer::What, results};

/// A service that gives scripted answers and records its requests. Clones share the mock.
///
/// It is always ready. Wrap it in a [`ReadinessProbe`](crate::ReadinessProbe) to control readiness.
///
/// ```
/// use mcp_layers_core::{McpError, McpResponse};
/// use mcp_layers_test::{Answer, MockService, requests};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mock = MockService::new();
/// mock.push(Answer::error(McpError::unavailable()));
///
/// let first = mock.clone().oneshot(requests::list_tools(1)).await.unwrap();
/// let second = mock.clone().oneshot(requests::list_tools(2)).await.unwrap();
/// assert_eq!(first.outcome().code(), Some(503));
/// assert_eq!(second.outcome().code(), None);
/// assert_eq!(mock.calls(), 2);
/// # }
/// ```
#[derive(Clone)]
pub struct MockService {
    shared: Arc<Shared>,
}

struct Shared {
    otherwise: Box<dyn Fn(&JsonRpcRequest) -> Answer + Send + Sync>,
    script: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<JsonRpcRequest>>,
    in_flight: AtomicUsize,
    dropped: AtomicUsize,
}

impl MockService {
    /// Creates a mock that answers every request with a plausible result: [`results::of`].
    #[must_use]
    pub fn new() -> Self {
        Self::answering(|_| Answer::plausible())
    }

    /// Creates a mock that answers with the closure's value: an [`Answer`], a result's JSON, an
    /// [`McpError`](mcp_layers_core::McpError), a response or a [`MockError`].
    pub fn answering<A: Into<Answer>>(
        answer: impl Fn(&JsonRpcRequest) -> A + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            otherwise: Box::new(move |request| answer(request).into()),
            script: Mutex::default(),
            requests: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Creates a mock that gives these answers, one for each request.
    ///
    /// # Panics
    /// The mock panics in `call` if no answer is left.
    pub fn scripted<A: Into<Answer>>(answers: impl IntoIterator<Item = A>) -> Self {
        let mock = Self::answering(|request| -> Answer {
            panic!(
                "mock service: no answer is left in the script for `{}`",
                McpRequest::method(request)
            )
        });
        for answer in answers {
            mock.push(answer);
        }
        mock
    }

    /// Adds the answer to one more request. Pushed answers are given first, in their order.
    pub fn push(&self, answer: impl Into<Answer>) {
        lock(&self.shared.script).push_back(answer.into());
    }

    /// Discards the pushed answers that were not given yet.
    pub fn clear(&self) {
        lock(&self.shared.script).clear();
    }

    /// The number of requests.
    #[must_use]
    pub fn calls(&self) -> usize {
        lock(&self.shared.requests).len()
    }

    /// The requests, the earliest first.
    #[must_use]
    pub fn requests(&self) -> Vec<JsonRpcRequest> {
        lock(&self.shared.requests).clone()
    }

    /// The latest request.
    #[must_use]
    pub fn last_request(&self) -> Option<JsonRpcRequest> {
        lock(&self.shared.requests).last().cloned()
    }

    /// The number of futures of this mock that exist.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Acquire)
    }

    /// The number of futures of this mock that were dropped before they had answered.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.shared.dropped.load(Ordering::Acquire)
    }

    fn next(&self, request: &JsonRpcRequest) -> Answer {
        let scripted = lock(&self.shared.script).pop_front();
        scripted.unwrap_or_else(|| (self.shared.otherwise)(request))
    }
}

impl Default for MockService {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<JsonRpcRequest> for MockService {
    type Response = JsonRpcResponse;
    type Error = MockError;
    type Future = MockFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), MockError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JsonRpcRequest) -> MockFuture {
        lock(&self.shared.requests).push(request.clone());
        let answer = self.next(&request);
        if let What::PanicInCall(message) = answer.what {
            quietly_panic(message);
        }
        MockFuture {
            pending: Some((answer, request)),
            alive: Alive::new(&self.shared),
        }
    }
}

/// The future of [`MockService`]. It panics when it is polled after completion.
pub struct MockFuture {
    pending: Option<(Answer, JsonRpcRequest)>,
    alive: Alive,
}

impl Future for MockFuture {
    type Output = Result<JsonRpcResponse, MockError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((answer, _)) = &mut self.pending else {
            panic!("mock service: its future was polled after it had answered");
        };
        if answer.polls > 0 {
            answer.polls -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(gate) = &answer.gate {
            ready!(gate.poll_passed(cx));
        }
        let answered = self.pending.take();
        self.alive.answered = true;
        Poll::Ready(answered.map_or_else(
            || unreachable!("there was an answer above"),
            |(answer, request)| give(answer.what, &request),
        ))
    }
}

fn give(what: What, request: &JsonRpcRequest) -> Result<JsonRpcResponse, MockError> {
    match what {
        What::Default => Ok(JsonRpcResponse::success(request, results::of(request))),
        What::Result(result) => Ok(JsonRpcResponse::success(request, result)),
        What::Error(error) => Ok(JsonRpcResponse::error(request, error)),
        What::ToolError(text) => Ok(JsonRpcResponse::from_tool_error(request.reply_to(), text)),
        What::Response(response) => Ok(response.readdress(request.reply_to())),
        What::Fail(error) => Err(error),
        What::PanicInCall(message) | What::Panic(message) => quietly_panic(message),
    }
}

/// Unwinds with the message, without the panic hook: a panic that is wanted prints no trace.
fn quietly_panic(message: String) -> ! {
    resume_unwind(Box::new(message))
}

/// Counts the futures that exist.
struct Alive {
    shared: Arc<Shared>,
    answered: bool,
}

impl Alive {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::AcqRel);
        Self {
            shared: shared.clone(),
            answered: false,
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.shared.in_flight.fetch_sub(1, Ordering::AcqRel);
        if !self.answered {
            self.shared.dropped.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// A panic that is part of a test poisons no other test.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for MockService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockService")
            .field("calls", &self.calls())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MockFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockFuture")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
