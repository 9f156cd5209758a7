//! A new layer around a new mock, with helpers that drive its calls.

use std::{
    any::Any,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use mcp_layers_core::{
    Authentication, BoxError, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Principal,
};
use serde_json::json;
use tower_layer::Layer;

use super::{Contract, LayeredService, Rule, Violation};
use crate::{
    MockError, MockService, Readiness, ReadinessProbe, Task,
    requests::{self, TOOL},
};

pub(super) type Checked = Result<(), Violation>;

/// A layer around a mock.
pub(super) struct Bench<S> {
    pub(super) service: S,
    pub(super) mock: MockService,
    pub(super) readiness: Readiness<MockError>,
}

impl<F> Contract<F> {
    pub(super) fn bench<L>(&self, mock: &MockService) -> Bench<L::Service>
    where
        F: Fn() -> L,
        L: Layer<ReadinessProbe<MockService>>,
    {
        let (probe, readiness) = ReadinessProbe::new(mock.clone());
        Bench {
            service: (self.make)().layer(probe),
            mock: mock.clone(),
            readiness,
        }
    }

    /// The request with a verified principal, after [`Contract::prepare`].
    pub(super) fn prepared(&self, mut request: JsonRpcRequest) -> JsonRpcRequest {
        let principal = Principal::new("contract", Authentication::Bearer);
        request.context_mut().set_principal(Arc::new(principal));
        match &self.options.prepare {
            Some(prepare) => prepare(request),
            None => request,
        }
    }

    /// A call of the tool with arguments of its own, so that no layer takes two calls for one.
    pub(super) fn request(&self) -> JsonRpcRequest {
        static NEXT: AtomicI64 = AtomicI64::new(1);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        self.prepared(requests::call_tool(n, TOOL, json!({ "n": n })))
    }
}

/// The end of a step.
pub(super) enum End {
    Answered(JsonRpcResponse),
    Failed(BoxError),
    Panicked(String),
    /// Pending, and never woken.
    Asleep,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(response) => write!(f, "it answered {:?}", response.outcome()),
            Self::Failed(error) => write!(f, "it failed: {error}"),
            Self::Panicked(message) => write!(f, "it panicked: {message}"),
            Self::Asleep => f.write_str("it is pending, and nothing wakes it"),
        }
    }
}

impl<S: LayeredService> Bench<S> {
    /// A violation, preceded by the misuse that the probe saw.
    pub(super) fn blame(&self, otherwise: Rule, detail: impl Into<String>) -> Violation {
        match self.readiness.misuses().first() {
            Some(misuse) => Rule::ReadiedInstanceIsUsed.broken(misuse.clone()),
            None => otherwise.broken(detail),
        }
    }

    pub(super) fn no_misuse(&self) -> Checked {
        match self.readiness.misuses().first() {
            Some(misuse) => Err(Rule::ReadiedInstanceIsUsed.broken(misuse.clone())),
            None => Ok(()),
        }
    }

    /// Checks that no future of the mock exists, and that no instance keeps an unused reservation.
    pub(super) async fn all_let_go(&self, when: &str) -> Checked {
        if !settled(|| self.mock.in_flight() == 0).await {
            let live = self.mock.in_flight();
            return Err(self.blame(
                Rule::DropIsCancellation,
                format!("{when}: {live} inner futures still exist"),
            ));
        }
        if !settled(|| self.readiness.outstanding() == 0).await {
            let kept = self.readiness.outstanding();
            return Err(self.blame(
                Rule::ReadinessIsGivenBack,
                format!("{when}: {kept} instances of the inner service are still reserved"),
            ));
        }
        self.no_misuse()
    }
}

/// Makes the service ready.
pub(super) async fn make_ready<S: LayeredService>(service: &mut S) -> Result<(), End> {
    let mut task = Task::new(poll_fn(|cx| service.poll_ready(cx)));
    match finish(&mut task).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(End::Failed(error.into())),
        Err(end) => Err(end),
    }
}

/// Makes the service ready and calls it.
pub(super) async fn start<S: LayeredService>(
    service: &mut S,
    request: JsonRpcRequest,
) -> Result<Task<S::Future>, End> {
    make_ready(service).await?;
    call(service, request)
}

/// Calls the service, which is ready.
pub(super) fn call<S: LayeredService>(
    service: &mut S,
    request: JsonRpcRequest,
) -> Result<Task<S::Future>, End> {
    catch_unwind(AssertUnwindSafe(|| Task::new(service.call(request))))
        .map_err(|payload| End::Panicked(message(&*payload)))
}

/// Makes the service ready, calls it, and waits for its answer.
pub(super) async fn ask<S: LayeredService>(service: &mut S, request: JsonRpcRequest) -> End {
    match start(service, request).await {
        Ok(mut task) => answer(&mut task).await,
        Err(end) => end,
    }
}

/// Waits for the answer.
pub(super) async fn answer<Fut, E>(task: &mut Task<Fut>) -> End
where
    Fut: Future<Output = Result<JsonRpcResponse, E>>,
    E: Into<BoxError>,
{
    match finish(task).await {
        Ok(Ok(response)) => End::Answered(response),
        Ok(Err(error)) => End::Failed(error.into()),
        Err(end) => end,
    }
}

/// Polls after each wake-up, until the task is ready.
pub(super) async fn finish<Fut: Future>(task: &mut Task<Fut>) -> Result<Fut::Output, End> {
    loop {
        if let Poll::Ready(output) = poll(task)? {
            return Ok(output);
        }
        if !settled(|| task.is_woken()).await {
            return Err(End::Asleep);
        }
    }
}

/// Polls once.
pub(super) fn poll<Fut: Future>(task: &mut Task<Fut>) -> Result<Poll<Fut::Output>, End> {
    catch_unwind(AssertUnwindSafe(|| task.poll()))
        .map_err(|payload| End::Panicked(message(&*payload)))
}

/// Waits until `done`, for as long as other tasks and threads may reasonably take: the first turns
/// only hand control to the executor, later ones also give other threads a millisecond.
pub(super) async fn settled(done: impl Fn() -> bool) -> bool {
    const TURNS: u32 = 500;
    const FREE: u32 = 100;
    for turn in 0..TURNS {
        if done() {
            return true;
        }
        if turn >= FREE {
            std::thread::sleep(Duration::from_millis(1));
        }
        yield_now().await;
    }
    done()
}

async fn yield_now() {
    let mut yielded = false;
    let mut turn = pin!(poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    turn.as_mut().await;
}

fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        })
        .unwrap_or_else(|| "no message".to_owned())
}
