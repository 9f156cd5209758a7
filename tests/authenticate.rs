//! rmcp's client and server with authentication between them: with an API key, without a credential,
//! and with a complete OAuth flow with an authorization server in this process.
#![allow(clippy::unwrap_used)]

#[path = "../crates/mcp-layers-authenticate/tests/support/signing.rs"]
#[allow(dead_code, reason = "one kind of key is enough here")]
mod signing;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use axum::{
    Form, Json, Router,
    http::request::Parts,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use mcp_layers_authenticate::{
    ApiKeys, AuthenticateLayer, CachedVerifier, JwtVerifier, RemoteKeySet, ResourceMetadata,
};
use mcp_layers_core::{Authentication, Principal};
use rmcp::{
    ErrorData, RoleClient, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities,
        ServerConfig,
    },
    service::{RequestContext, RunningService},
    transport::{
        AuthClient, StreamableHttpClientTransport, StreamableHttpServerConfig,
        StreamableHttpService,
        auth::{ClientCredentialsConfig, OAuthState},
        streamable_http_client::StreamableHttpClientTransportConfig,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use signing::{Kind, SigningKey};
use tokio::net::TcpListener;

/// Returns the caller, and whether the token reached the handler.
#[derive(Clone)]
struct WhoAmI;

impl ServerHandler for WhoAmI {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let parts = context.extensions.get::<Parts>().unwrap();
        let principal = parts.extensions.get::<Arc<Principal>>().unwrap();
        let scopes: Vec<_> = principal.scopes().collect();
        let token = parts.headers.contains_key("authorization");
        let text = format!("{} {} {token}", principal.subject(), scopes.join(","));
        let result = CallToolResult::success(vec![ContentBlock::text(text)]);
        Ok(result.into())
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}

fn mcp(layer: AuthenticateLayer) -> Router {
    let service = StreamableHttpService::new(
        || Ok(WhoAmI),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    Router::new().nest_service("/mcp", service).layer(layer)
}

type Client = RunningService<RoleClient, ()>;

async fn connect(url: &str, token: Option<&str>) -> Result<Client, String> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(format!("{url}/mcp"));
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    let transport = StreamableHttpClientTransport::from_config(config);
    ().serve(transport)
        .await
        .map_err(|error| format!("{error:?}"))
}

async fn who_am_i(client: &Client) -> String {
    let result = client
        .call_tool(CallToolRequestParams::new("whoami"))
        .await
        .unwrap();
    let result = serde_json::to_value(&result).unwrap();
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_rmcp_client_is_accepted_with_a_token_and_refused_without() {
    let ada = Principal::new("ada", Authentication::ApiKey).with_scopes(["tools"]);
    let keys = ApiKeys::new().with_key("key-a", ada).unwrap();
    let (listener, url) = listen().await;
    serve(listener, mcp(AuthenticateLayer::new(keys)));

    let client = connect(&url, Some("key-a")).await.unwrap();
    assert_eq!(who_am_i(&client).await, "ada tools false");
    client.cancel().await.unwrap();

    for token in [None, Some("key-b")] {
        let error = connect(&url, token).await.unwrap_err();
        assert!(error.contains("AuthRequired"), "{error}");
    }
}

/// An authorization server: its metadata, a key set that rotates, tokens for one client.
#[derive(Clone)]
struct Issuer {
    url: String,
    keys: Arc<Mutex<Vec<Arc<SigningKey>>>>,
    fetches: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start() -> Self {
        let (listener, url) = listen().await;
        let issuer = Self {
            url,
            keys: Arc::default(),
            fetches: Arc::default(),
        };
        issuer.rotate();
        let (about, keys, tokens) = (issuer.clone(), issuer.clone(), issuer.clone());
        let router = Router::new()
            .route(
                "/.well-known/oauth-authorization-server",
                get(async move || about.metadata()),
            )
            .route("/keys", get(async move || keys.key_set()))
            .route(
                "/token",
                post(async move |form: Form<Vec<(String, String)>>| tokens.token(&form)),
            );
        serve(listener, router);
        issuer
    }

    /// The newest key signs; the one before is still published.
    fn rotate(&self) {
        let mut keys = self.keys.lock().unwrap();
        let id = format!("key-{}", keys.len());
        keys.push(Arc::new(SigningKey::new(Kind::P256, &id)));
    }

    fn metadata(&self) -> Json<Value> {
        let url = &self.url;
        Json(json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/keys"),
            "response_types_supported": ["code"],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        }))
    }

    fn key_set(&self) -> Json<Value> {
        self.fetches.fetch_add(1, SeqCst);
        let keys = self.keys.lock().unwrap();
        let newest = keys.iter().rev().take(2);
        let jwks: Vec<_> = newest.map(|key| key.jwk()).collect();
        Json(json!({ "keys": jwks }))
    }

    fn token(&self, form: &[(String, String)]) -> Response {
        let field = |name: &str| {
            form.iter()
                .find(|(have, _)| have == name)
                .map(|(_, value)| value)
        };
        assert_eq!(field("grant_type").unwrap(), "client_credentials");
        assert_eq!(field("client_id").unwrap(), "robot");
        assert_eq!(field("client_secret").unwrap(), "hunter2");
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = json!({
            "iss": self.url,
            "aud": field("resource").unwrap(),
            "sub": "robot",
            "client_id": "robot",
            "scope": field("scope").unwrap(),
            "iat": now,
            "exp": now + 60,
        });
        let key = self.keys.lock().unwrap().last().unwrap().clone();
        Json(json!({
            "access_token": key.token(&claims),
            "token_type": "Bearer",
            "expires_in": 60,
        }))
        .into_response()
    }
}

/// The flow of rmcp: from the metadata of the resource to that of the issuer, to a token.
async fn connect_by_oauth(url: &str, resource: &str) -> Result<Client, String> {
    let mut state = OAuthState::new(url, None).await.unwrap();
    let config = ClientCredentialsConfig::ClientSecret {
        client_id: "robot".to_owned(),
        client_secret: "hunter2".to_owned(),
        scopes: vec!["tools".to_owned()],
        resource: Some(resource.to_owned()),
    };
    state.authenticate_client_credentials(config).await.unwrap();
    let manager = state.into_authorization_manager().unwrap();
    let client = AuthClient::new(reqwest::Client::new(), manager);
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::with_client(client, config);
    ().serve(transport)
        .await
        .map_err(|error| format!("{error:?}"))
}

#[tokio::test]
async fn an_rmcp_client_finds_the_issuer_gets_a_token_and_is_accepted_also_after_a_rotation() {
    if !signing::can_sign() {
        return;
    }
    let issuer = Issuer::start().await;
    let (listener, url) = listen().await;
    let resource = format!("{url}/mcp");
    let keys = RemoteKeySet::new(&format!("{}/keys", issuer.url)).unwrap();
    let keys = keys.cooldown(Duration::ZERO);
    let verifier = JwtVerifier::new(issuer.url.as_str(), resource.as_str(), keys).unwrap();
    let metadata = ResourceMetadata::new(resource.as_str()).unwrap();
    let metadata = metadata.authorization_server(issuer.url.as_str()).unwrap();
    let layer = AuthenticateLayer::new(CachedVerifier::new(verifier)).metadata(metadata);
    serve(listener, mcp(layer));

    let client = connect_by_oauth(&resource, &resource).await.unwrap();
    assert_eq!(who_am_i(&client).await, "robot tools false");
    assert_eq!(issuer.fetches.load(SeqCst), 1);

    issuer.rotate();
    let again = connect_by_oauth(&resource, &resource).await.unwrap();
    assert_eq!(who_am_i(&again).await, "robot tools false");
    assert_eq!(who_am_i(&client).await, "robot tools false");
    assert_eq!(issuer.fetches.load(SeqCst), 2);

    // A token for another resource of the same issuer is not accepted.
    let error = connect_by_oauth(&resource, "https://other.example/mcp")
        .await
        .unwrap_err();
    assert!(
        error.contains("AuthRequired") || error.contains("invalid_token"),
        "{error}"
    );
}
