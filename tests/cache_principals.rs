//! The cache around an rmcp server: who is served with what over HTTP, and what empties it over a
//! pipe.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
};
use mcp_layers::{
    Authentication, Principal,
    cache::{CacheHandle, CacheLayer},
    rmcp::{Stack, observe_notifications},
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::*,
    service::RequestContext,
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use support::client::{Client, connect, lifecycles};

const PUBLIC: &str = "test://public";
const PRIVATE: &str = "test://private";
const UNMARKED: &str = "test://unmarked";

/// Each read says which it is, and for whom it was made.
#[derive(Clone, Default)]
struct Diary {
    reads: Arc<AtomicU64>,
}

impl ServerHandler for Diary {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_resources()
            .enable_tools()
            .build();
        ServerConfig::new(capabilities)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let parts = context.extensions.get::<http::request::Parts>();
        let who = parts.and_then(|parts| parts.extensions.get::<Arc<Principal>>());
        let who = who.map_or("nobody", |who| who.subject());
        let text = format!("{} {who}", self.reads.fetch_add(1, SeqCst) + 1);
        let result = ReadResourceResult::new(vec![ResourceContents::text(text, &*request.uri)]);
        Ok(match &*request.uri {
            PUBLIC => result
                .with_ttl_ms(60_000)
                .with_cache_scope(CacheScope::Public),
            PRIVATE => result
                .with_ttl_ms(60_000)
                .with_cache_scope(CacheScope::Private),
            _ => result.with_ttl_ms(60_000),
        }
        .into())
    }

    /// Announces that the public resource has changed.
    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let updated = ResourceUpdatedNotificationParam::new(PUBLIC);
        context.peer.notify_resource_updated(updated).await.unwrap();
        Ok(CallToolResult::success(Vec::new()).into())
    }
}

/// Stands for authentication: believes a header, for this test alone.
async fn believe(mut request: Request, next: Next) -> axum::response::Response {
    let name = request
        .headers()
        .get("x-name")
        .and_then(|name| name.to_str().ok());
    if let Some(name) = name.map(ToOwned::to_owned) {
        let principal =
            Principal::new(&*name, Authentication::ApiKey).with_credential_digest(name.as_bytes());
        request.extensions_mut().insert(Arc::new(principal));
    }
    next.run(request).await
}

async fn serve() -> (String, CacheHandle) {
    let layer = CacheLayer::new();
    let cache = layer.handle();
    let diary = Diary::default();
    let sessions = Arc::new(LocalSessionManager::default());
    let service = Stack::new(layer).http(move || diary.clone(), sessions, Default::default());
    let router = Router::new()
        .nest_service("/mcp", service)
        .layer(from_fn(believe));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, cache)
}

async fn read_as(url: &str, name: Option<&'static str>, generation: usize, uri: &str) -> String {
    let headers = name.map(|name| (http_name("x-name"), http_value(name)));
    let config = StreamableHttpClientTransportConfig::with_uri(url.to_owned())
        .custom_headers(headers.into_iter().collect());
    let transport = StreamableHttpClientTransport::from_config(config);
    let (client, _) = connect(transport, lifecycles()[generation].clone()).await;
    read(&client, uri).await
}

fn http_name(name: &'static str) -> http::HeaderName {
    http::HeaderName::from_static(name)
}

fn http_value(value: &'static str) -> http::HeaderValue {
    http::HeaderValue::from_static(value)
}

async fn read(client: &Client, uri: &str) -> String {
    let read = client
        .read_resource(ReadResourceRequestParams::new(uri))
        .await;
    let [ResourceContents::TextResourceContents { text, .. }] = &read.unwrap().contents[..] else {
        panic!("no text");
    };
    text.clone()
}

#[tokio::test]
async fn over_http_a_private_or_unmarked_answer_stays_with_its_principal() {
    for generation in 0..2 {
        let (url, cache) = serve().await;
        for (name, uri, expected) in [
            (Some("ada"), PRIVATE, "1 ada"),
            (Some("bob"), PRIVATE, "2 bob"),
            (Some("ada"), PRIVATE, "1 ada"),
            (Some("bob"), PRIVATE, "2 bob"),
            (None, PRIVATE, "3 nobody"),
            (None, PRIVATE, "4 nobody"),
            (Some("ada"), UNMARKED, "5 ada"),
            (Some("bob"), UNMARKED, "6 bob"),
            (Some("ada"), UNMARKED, "5 ada"),
            (Some("ada"), PUBLIC, "7 ada"),
            (Some("bob"), PUBLIC, "7 ada"),
            (None, PUBLIC, "7 ada"),
        ] {
            let text = read_as(&url, name, generation, uri).await;
            assert_eq!(text, expected, "{name:?} {uri} in generation {generation}");
        }
        let ada = Principal::new("ada", Authentication::ApiKey).with_credential_digest(*b"ada");
        cache.invalidate_principal(&ada);
        let text = read_as(&url, Some("ada"), generation, PRIVATE).await;
        assert_eq!(text, "8 ada");
        let text = read_as(&url, Some("bob"), generation, PRIVATE).await;
        assert_eq!(text, "2 bob");
    }
}

#[tokio::test]
async fn over_a_pipe_what_the_server_announces_empties_the_cache() {
    let layer = CacheLayer::new();
    let cache = layer.handle();
    let diary = Diary::default();
    let stack = Stack::new(layer);
    // Two clients of one stack: rmcp's client keeps answers, too.
    let mut texts = Vec::new();
    for touch in [false, true, false] {
        let (client_end, server_end) = tokio::io::duplex(4096);
        let observer = cache.clone();
        let transport = observe_notifications(server_end, move |it| observer.observe(&it));
        let server = stack.handler(diary.clone());
        tokio::spawn(async move { server.serve(transport).await.unwrap().waiting().await });
        let (client, mut heard) = connect(client_end, lifecycles()[0].clone()).await;
        texts.push(read(&client, PUBLIC).await);
        if touch {
            client
                .call_tool(CallToolRequestParams::new("touch"))
                .await
                .unwrap();
            assert_eq!(heard.recv().await.as_deref(), Some(PUBLIC));
        }
    }
    assert_eq!(texts, ["1 nobody", "1 nobody", "2 nobody"]);
}
