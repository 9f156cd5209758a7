//! The servers that are compared.

use std::{
    future::ready,
    io::{self, Read},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use axum::{Router, serve::ListenerExt};
use mcp_layers_audit::{AuditHttpLayer, AuditLayer, FileSink, Key, LogOptions};
use mcp_layers_authenticate::{AuthenticateLayer, CachedVerifier, Credential, Refusal};
use mcp_layers_authorize::AuthorizeHttpLayer;
use mcp_layers_core::McpRequest;
use mcp_layers_rmcp::{RmcpRequest, Stack};
use mcp_layers_timing::TimingHttpLayer;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolRequestParams, CallToolResponse, Tool},
    service::RequestContext,
    transport::{
        StreamableHttpService, streamable_http_server::session::local::LocalSessionManager,
    },
};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{interval, sleep},
};
use tower::util::MapRequestLayer;
use tower_layer::Identity;

use crate::support::{ByHand, Echo, ada, audit, authorize, exporter, whole};

/// Serves until standard input ends. The audit file is in the folder.
pub(crate) fn run(name: &str, handler: &str, folder: &Path) {
    match handler {
        "instant" => serve(name, folder, Echo),
        "waiting" => serve(name, folder, Waiting),
        _ => panic!("no handler {handler:?}"),
    }
}

/// Answers as [`Echo`] does, after a millisecond: what a query of a database takes.
#[derive(Debug, Clone, Copy)]
struct Waiting;

impl ServerHandler for Waiting {
    fn get_tool(&self, name: &str) -> Option<Tool> {
        Echo.get_tool(name)
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        sleep(Duration::from_millis(1)).await;
        Echo.call_tool(params, context).await
    }
}

fn serve<H: ServerHandler + Clone>(name: &str, folder: &Path, handler: H) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (router, file) = match name {
            "bare" => (bare(handler), None),
            "by_hand" => (by_hand(ByHand::around(handler)), None),
            "layers" => (layers(handler), None),
            "secured_by_hand" => {
                let file = folder.join("by_hand.jsonl");
                (by_hand(ByHand::around(handler).durable(&file)), None)
            }
            "secured" => secured(&folder.join("secured.jsonl"), false, handler),
            "edge" => secured(&folder.join("edge.jsonl"), true, handler),
            _ => panic!("no server {name:?}"),
        };
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        tokio::select! {
            served = axum::serve(listener, router) => served.unwrap(),
            () = end_of_input() => {}
        }
        if let Some(file) = file {
            file.close(Duration::from_secs(5));
        }
    });
}

/// rmcp alone.
fn bare<H: ServerHandler + Clone>(handler: H) -> Router {
    let make_handler = move || Ok(handler.clone());
    let service = StreamableHttpService::new(make_handler, sessions(), Default::default());
    Router::new().route_service("/mcp", service)
}

/// The work of the layers, written by hand into the handler.
fn by_hand<H: ServerHandler>(handler: ByHand<H>) -> Router {
    tokio::spawn(upkeep());
    bare(Arc::new(handler))
}

/// All layers, with an audit that records to nowhere; who calls is known by configuration.
fn layers<H: ServerHandler + Clone>(handler: H) -> Router {
    tokio::spawn(upkeep());
    // A principal of the process is not for callers over the network.
    let principal = Arc::new(ada());
    let who = MapRequestLayer::new(move |mut request: RmcpRequest| {
        request.context_mut().set_principal(Arc::clone(&principal));
        request
    });
    let stack = Stack::new(whole!(who, audit(), &[]));
    Router::new().route_service(
        "/mcp",
        stack.http(move || handler.clone(), sessions(), Default::default()),
    )
}

/// All layers; who calls is known by a bearer token, and an answer comes after its record was synced.
/// With `refuse` the edge decides too, and refuses as HTTP does.
fn secured<H: ServerHandler + Clone>(
    path: &Path,
    refuse: bool,
    handler: H,
) -> (Router, Option<FileSink>) {
    tokio::spawn(upkeep());
    let key = Key::new([7; 32]).unwrap();
    let file = FileSink::open(path, LogOptions::new(&key)).unwrap();
    let audit = AuditLayer::new(file.clone()).unwrap();
    let stack = Stack::new(whole!(Identity::new(), audit.clone(), &[]));
    let service = stack.http(move || handler.clone(), sessions(), Default::default());
    let mut router = Router::new().route_service("/mcp", service);
    if refuse {
        router = router.layer(AuthorizeHttpLayer::new(&authorize()));
    }
    let verifier = CachedVerifier::new(|_: Credential| ready(Ok::<_, Refusal>(ada())));
    let router = router
        .layer(AuthenticateLayer::new(verifier))
        .layer(AuditHttpLayer::new(&audit))
        .layer(TimingHttpLayer::new());
    (router, Some(file))
}

fn sessions() -> Arc<LocalSessionManager> {
    Arc::default()
}

/// The exporter puts what was recorded into its buckets, as servers have it do.
async fn upkeep() {
    let exporter = exporter();
    let mut interval = interval(Duration::from_secs(5));
    loop {
        interval.tick().await;
        exporter.run_upkeep();
    }
}

async fn end_of_input() {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    let _ = receiver.await;
}
