//! A load balancer: it sends requests to the ready replicas in turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, Response, StatusCode},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, task::JoinSet};

/// The period of the readiness probe.
const PROBE: Duration = Duration::from_millis(10);

pub(crate) struct Balancer {
    pub(crate) url: String,
    shared: Arc<Shared>,
    /// Serves and probes until this value is dropped.
    _tasks: JoinSet<()>,
}

struct Shared {
    backends: Vec<Backend>,
    next: AtomicUsize,
    client: Client<HttpConnector, Full<Bytes>>,
}

struct Backend {
    address: String,
    is_ready: AtomicBool,
}

impl Balancer {
    pub(crate) async fn start(addresses: &[String]) -> Self {
        let backends = addresses.iter().map(|address| Backend {
            address: address.clone(),
            is_ready: AtomicBool::new(false),
        });
        // A connection for each request: one that is kept could be closed under the next request.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build_http();
        let shared = Arc::new(Shared {
            backends: backends.collect(),
            next: AtomicUsize::new(0),
            client,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        for at in 0..addresses.len() {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move { shared.probe(at).await });
        }
        let router = Router::new()
            .fallback(forward)
            .with_state(Arc::clone(&shared));
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            shared,
            _tasks: tasks,
        }
    }

    pub(crate) fn are_all_ready(&self) -> bool {
        let mut backends = self.shared.backends.iter();
        backends.all(|backend| backend.is_ready.load(SeqCst))
    }
}

impl Shared {
    async fn probe(&self, at: usize) {
        let backend = &self.backends[at];
        loop {
            let uri = format!("http://{}/readyz", backend.address);
            let request = Request::get(uri).body(Full::default()).unwrap();
            let answer = self.client.request(request).await;
            let is_ready = answer.is_ok_and(|answer| answer.status() == StatusCode::OK);
            backend.is_ready.store(is_ready, SeqCst);
            tokio::time::sleep(PROBE).await;
        }
    }

    /// The next backend that is ready.
    fn next(&self) -> Option<&Backend> {
        let turn = self.next.fetch_add(1, SeqCst);
        let mut backends = self
            .backends
            .iter()
            .cycle()
            .skip(turn % self.backends.len());
        let (first, second) = (backends.next()?, backends.next()?);
        [first, second]
            .into_iter()
            .find(|backend| backend.is_ready.load(SeqCst))
    }
}

/// Passes a request on. One whose connection was refused has not been seen, and goes to another backend.
async fn forward(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let mut problem = "no backend is ready".to_owned();
    while let Some(backend) = shared.next() {
        let mut request = Request::from_parts(parts.clone(), Full::new(body.clone()));
        let uri = format!("http://{}{}", backend.address, parts.uri.path());
        *request.uri_mut() = uri.parse().unwrap();
        match shared.client.request(request).await {
            Ok(response) => return response.map(Body::new),
            Err(error) if error.is_connect() => backend.is_ready.store(false, SeqCst),
            Err(error) => {
                problem = format!("{error:?}");
                break;
            }
        }
    }
    let mut response = Response::new(Body::from(problem));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
