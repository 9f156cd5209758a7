//! Answers about hidden names: over generated rules and callers, every answer is, byte for byte, that of a server
//! which does not have the hidden names and their rules.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use mcp_layers_authorize::{Access, AuthorizeHttpLayer, AuthorizeLayer, Rules};
use mcp_layers_core::{
    Authentication, BoxError, Catalog, CatalogLayer, Clock, Hints, JsonRpcRequest, JsonRpcResponse,
    ListedKind, McpError, McpRequest, Method, Principal, code, hidden_tool,
    json_rpc::JsonRpcMessage,
};
use mcp_layers_test::{Answer, MockError, MockService, requests};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::bytes;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

const NAMES: [&str; 5] = ["a", "ab", "abc", "b", "A"];

/// The requirements of a rule.
#[derive(Debug, Clone)]
struct Spec {
    scopes: Vec<&'static str>,
    needs_role: bool,
    hidden: bool,
}

impl Spec {
    fn access(&self) -> Access {
        let mut access = Access::scopes(self.scopes.clone());
        if self.needs_role {
            access = access.with_any_role(["r"]);
        }
        if self.hidden { access.hidden() } else { access }
    }

    fn hides_from(&self, principal: &Principal) -> bool {
        let has_scopes = self.scopes.iter().all(|scope| principal.has_scope(scope));
        let has_role = !self.needs_role || principal.has_role("r");
        self.hidden && !(has_scopes && has_role)
    }
}

/// The rules and settings of a server.
#[derive(Debug, Clone)]
struct World {
    /// Names and patterns of tools, prompts, resources and methods outside the protocol.
    rules: BTreeMap<String, Spec>,
    otherwise: Spec,
    method: Option<Spec>,
    read_only: bool,
    as_tool_error: bool,
    list_denied: bool,
    scopes_in_stack: bool,
    /// A limit and a circuit stand inside, and the server's lists are looked up.
    is_limited: bool,
    names: Vec<&'static str>,
    methods: Vec<&'static str>,
}

impl World {
    /// The same without what is hidden from a principal.
    fn without_hidden(&self, principal: &Principal) -> Self {
        let rule = |name: &str| {
            let pattern = |(text, _): &(&String, &Spec)| match text.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => text.as_str() == name,
            };
            let matching = self.rules.iter().filter(pattern);
            let best = matching.max_by_key(|(text, _)| (!text.ends_with('*'), text.len()));
            best.map_or(&self.otherwise, |(_, spec)| spec)
        };
        let mut world = self.clone();
        world.names.retain(|name| !rule(name).hides_from(principal));
        let of_method = |name: &str| self.rules.get(name).unwrap_or(&self.otherwise);
        world
            .methods
            .retain(|name| !of_method(name).hides_from(principal));
        let keeps = |text: &str, spec: &Spec| text == "*" || !spec.hides_from(principal);
        world.rules.retain(|text, spec| keeps(text, spec));
        world
    }

    fn layer(&self) -> AuthorizeLayer {
        let mut rules = Rules::builder()
            .otherwise(self.otherwise.access())
            .unknown_methods(self.otherwise.access());
        // Something is hidden in every world, so that the words of the server are replaced in both.
        let sentinel = Spec {
            scopes: vec!["none"],
            needs_role: false,
            hidden: true,
        };
        let sentinel = ("sentinel".to_owned(), &sentinel);
        let all = self.rules.iter().map(|(text, spec)| (text.clone(), spec));
        for (text, spec) in all.chain([sentinel]) {
            let of_uri = if text == "*" {
                text.clone()
            } else {
                uri(&text)
            };
            rules = rules
                .tool(text.clone(), spec.access())
                .prompt(text.clone(), spec.access())
                .resource(of_uri, spec.access());
            if !text.ends_with('*') {
                rules = rules.other_method(format!("vendor/{text}"), spec.access());
            }
        }
        for method in ["tools/call", "prompts/get", "resources/read"] {
            if let Some(spec) = &self.method {
                rules = rules.method(method, spec.access());
            }
        }
        if self.read_only {
            let hints = Hints::default().with_read_only(true);
            let trusted = self.names.iter().fold(Catalog::new(), |trusted, name| {
                trusted.with_tool_hints(*name, hints)
            });
            rules = rules.read_only(trusted);
        }
        let mut layer = AuthorizeLayer::new(rules.build().unwrap());
        if self.as_tool_error {
            layer = layer.as_tool_error();
        }
        if self.list_denied {
            layer.list_denied()
        } else {
            layer
        }
    }

    /// The stack around the server.
    fn stack(&self, layer: &AuthorizeLayer) -> Stack {
        let server = self.server();
        if !self.is_limited {
            return BoxCloneSyncService::new(layer.layer(server));
        }
        let catalog = CatalogLayer::new(Catalog::new()).with_clock(Clock::manual());
        let catalog = catalog.look_up_at(server.clone());
        BoxCloneSyncService::new(catalog.layer(layer.layer(limited(server))))
    }

    /// Everything that exists answers with success; all else is unknown, in the server's own words.
    fn server(&self) -> MockService {
        let (names, methods) = (self.names.clone(), self.methods.clone());
        MockService::answering(move |request| {
            let list = |key: &str, member: &str, of: fn(&str) -> String| {
                let entries = names.iter().map(|name| json!({ member: of(name) }));
                Answer::result(json!({ key: entries.collect::<Vec<_>>() }))
            };
            let method = McpRequest::method(request);
            let unknown = match method.known() {
                Some(Method::ListTools) => return list("tools", "name", str::to_owned),
                Some(Method::ListPrompts) => return list("prompts", "name", str::to_owned),
                Some(Method::ListResources) => return list("resources", "uri", uri),
                Some(Method::ListResourceTemplates) => {
                    return list("resourceTemplates", "uriTemplate", uri);
                }
                Some(_) => code::INVALID_PARAMS,
                None => code::METHOD_NOT_FOUND,
            };
            let target = McpRequest::target(request).unwrap_or(method.as_str());
            let exists = names
                .iter()
                .any(|name| target == *name || target == uri(name))
                || methods
                    .iter()
                    .any(|name| target == format!("vendor/{name}"));
            match exists {
                true => Answer::result(json!({ "content": [] })),
                false => Answer::error(McpError::new(unknown, format!("no {target} here"))),
            }
        })
    }
}

type Stack = BoxCloneSyncService<JsonRpcRequest, JsonRpcResponse, MockError>;

/// A limit and a circuit for tools and prompts: ten calls pass, or two errors.
fn limited(server: MockService) -> Stack {
    let (calls, errors) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    BoxCloneSyncService::new(service_fn(move |request: JsonRpcRequest| {
        let (server, calls, errors) = (server.clone(), calls.clone(), errors.clone());
        async move {
            let kind = McpRequest::target_kind(&request);
            if !matches!(kind, Some(ListedKind::Tool | ListedKind::Prompt)) {
                return server.oneshot(request).await;
            }
            if errors.load(Relaxed) >= 2 {
                return Ok(JsonRpcResponse::error(&request, McpError::unavailable()));
            }
            if calls.fetch_add(1, Relaxed) >= 10 {
                let error = McpError::new(code::RATE_LIMITED, "Too many requests");
                return Ok(JsonRpcResponse::error(&request, error));
            }
            let response = server.oneshot(request).await?;
            errors.fetch_add(usize::from(response.result().is_err()), Relaxed);
            Ok(response)
        }
    }))
}

fn uri(name: &str) -> String {
    format!("test://host/{name}")
}

/// Lists, and requests about every name, including one that does not exist.
fn exchanges() -> Vec<JsonRpcRequest> {
    let mut requests = Vec::new();
    for name in NAMES.iter().chain(&["abd", "none"]) {
        let complete = |reference: Value| {
            let argument = json!({ "name": "x", "value": "" });
            JsonRpcRequest::new(1, "completion/complete")
                .with_params(json!({ "ref": reference, "argument": argument }))
        };
        requests.extend([
            requests::call_tool(1, name, json!({})),
            requests::get_prompt(1, name, json!({})),
            requests::read_resource(1, &uri(name)),
            complete(json!({ "type": "ref/prompt", "name": name })),
            complete(json!({ "type": "ref/resource", "uri": uri(name) })),
            JsonRpcRequest::new(1, format!("vendor/{name}")),
        ]);
    }
    let lists = [
        Method::ListTools,
        Method::ListPrompts,
        Method::ListResources,
        Method::ListResourceTemplates,
    ];
    requests.extend(lists.map(|method| requests::of(1, method)));
    // Once more, now that the names were seen.
    requests.extend(requests.clone());
    requests
}

/// The answers of a server with the layer in its stack, and of an HTTP transport with it in the stack
/// and at its edge: status, headers and body.
async fn answers(world: &World, principal: &Principal) -> Vec<String> {
    let layer = world.layer();
    let stack = world.stack(&layer);
    let principal = Arc::new(principal.clone());
    let by = |mut request: JsonRpcRequest| {
        request.context_mut().set_principal(Arc::clone(&principal));
        request
    };
    let shared = (stack.clone(), world.names.clone(), Arc::clone(&principal));
    let transport = service_fn(move |request: Request<Full<Bytes>>| {
        let (stack, names, principal) = shared.clone();
        async move {
            let body = request.into_body().collect().await?.to_bytes();
            let JsonRpcMessage::Request(mut request) = JsonRpcMessage::parse(&body)? else {
                return Err(BoxError::from("not a request"));
            };
            // As rmcp does: the schema of the tool is looked up before any layer sees the request.
            let tool = McpRequest::target(&request).unwrap_or_default();
            let is_found = McpRequest::method(&request) == Method::CallTool
                && names.contains(&tool)
                && !hidden_tool::is_hidden(tool);
            request.context_mut().set_principal(principal);
            let response = stack.oneshot(request).await?;
            let response = Response::builder()
                .header("found", is_found.to_string())
                .body(Full::new(Bytes::from(bytes(&response))));
            Ok(response?)
        }
    });
    let mut edge = AuthorizeHttpLayer::new(&layer);
    if world.scopes_in_stack {
        edge = edge.missing_scopes_in_stack();
    }
    let edge = edge.layer(transport);
    let mut answers = Vec::new();
    for request in exchanges() {
        let response: JsonRpcResponse = stack.clone().oneshot(by(request.clone())).await.unwrap();
        answers.push(bytes(&response));
        let method = McpRequest::method(&request).as_str().to_owned();
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": request.params() });
        let mut request = Request::post("/mcp")
            .body(Full::<Bytes>::from(message.to_string()))
            .unwrap();
        request.extensions_mut().insert(Arc::clone(&principal));
        let response = edge.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        answers.push(format!("{} {:?} {body:?}", parts.status, parts.headers));
    }
    answers
}

fn spec() -> impl Strategy<Value = Spec> {
    let scopes = prop::sample::subsequence(vec!["x", "y"], 0..=2);
    (scopes, prop::bool::weighted(0.2), any::<bool>()).prop_map(|(scopes, needs_role, hidden)| {
        Spec {
            scopes,
            needs_role,
            hidden,
        }
    })
}

fn world() -> impl Strategy<Value = World> {
    let name = prop::sample::select(NAMES.to_vec()).prop_map(ToOwned::to_owned);
    let pattern = prop_oneof![1 => "[abAc]{0,2}\\*", 2 => name];
    let rules = prop::collection::btree_map(pattern, spec(), 0..6);
    let method = prop::option::weighted(0.3, spec());
    let settings = prop::array::uniform5(prop::bool::weighted(0.3));
    (rules, spec(), method, settings).prop_map(|(rules, otherwise, method, settings)| {
        let [
            read_only,
            as_tool_error,
            list_denied,
            scopes_in_stack,
            is_limited,
        ] = settings;
        World {
            rules,
            otherwise,
            method,
            read_only,
            as_tool_error,
            list_denied,
            scopes_in_stack,
            is_limited,
            names: NAMES.to_vec(),
            methods: NAMES.to_vec(),
        }
    })
}

fn principal() -> impl Strategy<Value = Principal> {
    let scopes = prop::sample::subsequence(vec!["x", "y"], 0..=2);
    (scopes, any::<bool>()).prop_map(|(scopes, has_role)| {
        let principal = Principal::new("p", Authentication::Bearer).with_scopes(scopes);
        match has_role {
            true => principal.with_roles(["r"]),
            false => principal,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_hidden_name_and_an_unknown_one_get_the_same_bytes(
        world in world(),
        principal in principal(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let without = world.without_hidden(&principal);
        let hidden = runtime.block_on(answers(&world, &principal));
        let unknown = runtime.block_on(answers(&without, &principal));
        let requests = exchanges().into_iter().flat_map(|request| [request.clone(), request]);
        for ((hidden, unknown), request) in hidden.iter().zip(&unknown).zip(requests) {
            prop_assert_eq!(hidden, unknown, "{:?}", request);
        }
    }
}
