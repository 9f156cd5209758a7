//! The HTTP edge of the authorization against the bare transport of rmcp, over generated methods, bodies,
//! session ids and other headers: a principal that may do everything gets the same bytes from both, and
//! any other gets the same bytes for a hidden name as for an unknown one.

#![allow(clippy::unwrap_used)]

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use mcp_layers::{
    Authentication, BoxError, Principal,
    authorize::{Access, AuthorizeHttpLayer, AuthorizeLayer, Rules},
    rate_limit::{Quota, RateLimitLayer, Rule},
    rmcp::{RmcpRequest, RmcpResponse, Stack},
};
use proptest::prelude::*;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::*,
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::timeout};
use tower::{Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

/// A tool whose argument is repeated in a header, so that the transport looks at its schema.
#[derive(Clone)]
struct Handler;

impl Handler {
    fn tools() -> Vec<Tool> {
        let schema = json!({
            "type": "object",
            "properties": { "region": { "type": "string", "x-mcp-header": "Region" } },
        });
        let schema = Arc::new(schema.as_object().cloned().unwrap());
        ["echo", "admin_reset"]
            .map(|name| Tool::new(name, name, Arc::clone(&schema)))
            .into()
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder();
        ServerConfig::new(capabilities.enable_tools().enable_resources().build())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        Self::tools().into_iter().find(|tool| tool.name == name)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(Self::tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.get_tool(&request.name) else {
            let text = format!("there is no {}", request.name);
            return Err(ErrorData::invalid_params(text, None));
        };
        let arguments = Value::from(request.arguments.unwrap_or_default());
        if arguments.get("wrong").is_some() {
            return Err(ErrorData::invalid_params("wrong arguments", None));
        }
        let text = format!("{} {arguments}", tool.name);
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let data = json!({ "uri": request.uri });
        Err(ErrorData::resource_not_found(
            "no such resource",
            Some(data),
        ))
    }
}

type Server = BoxCloneSyncService<Request<Full<Bytes>>, Answer, Infallible>;
type Answer = Response<http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>>;

fn config(with_sessions: bool) -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(with_sessions)
        .with_json_response(true)
}

fn boxed<B>(response: Response<B>) -> Answer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    response.map(|body| body.map_err(Into::into).boxed_unsync())
}

fn bare(with_sessions: bool) -> Server {
    let sessions = Arc::<LocalSessionManager>::default();
    let service = StreamableHttpService::new(|| Ok(Handler), sessions, config(with_sessions));
    let service = ServiceExt::<Request<Full<Bytes>>>::map_response(service, boxed);
    BoxCloneSyncService::new(service)
}

fn layered(rules: Rules, with_sessions: bool) -> Server {
    let authorize = AuthorizeLayer::new(rules);
    let edge = AuthorizeHttpLayer::new(&authorize);
    at_edge(edge, Stack::new(authorize), with_sessions)
}

/// The same with a limit of two calls for each tool, and for all unknown ones together.
fn limited(rules: Rules) -> Server {
    let authorize = AuthorizeLayer::new(rules);
    let edge = AuthorizeHttpLayer::new(&authorize);
    let two = Quota::per_hour(2.try_into().unwrap());
    let limit = RateLimitLayer::new([Rule::new("two", two)]).unwrap();
    let stack = ServiceBuilder::new().layer(authorize).layer(limit);
    at_edge(edge, Stack::new(stack), false)
}

fn at_edge<S>(edge: AuthorizeHttpLayer, stack: Stack<S>, with_sessions: bool) -> Server
where
    S: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    let sessions = Arc::<LocalSessionManager>::default();
    let transport = stack.http(|| Handler, sessions, config(with_sessions));
    let service = ServiceBuilder::new().layer(edge).service(transport);
    let service = ServiceExt::<Request<Full<Bytes>>>::map_response(service, boxed);
    BoxCloneSyncService::new(service)
}

/// Everything is allowed.
fn open() -> Rules {
    let any = Access::any_principal;
    Rules::builder()
        .tool("*", any())
        .resource("*", any())
        .prompt("*", any())
        .unknown_methods(any())
        .build()
        .unwrap()
}

/// One tool and one resource are hidden.
fn closed() -> Rules {
    let any = Access::any_principal;
    Rules::builder()
        .tool("*", any())
        .tool("admin_reset", Access::nobody().hidden())
        .resource("*", any())
        .resource("file:///admin_reset", Access::nobody().hidden())
        .build()
        .unwrap()
}

/// One tool is allowed; all that has no rule is hidden.
fn closed_by_default() -> Rules {
    let rules = Rules::builder().tool("echo", Access::any_principal());
    rules.build().unwrap()
}

/// A request as it is generated: its headers and its body.
#[derive(Debug, Clone)]
struct Sent {
    method: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Sent {
    fn about(&self, name: &str) -> Self {
        let about = |text: &String| text.replace("NAME", name);
        let headers = self.headers.iter();
        Self {
            method: self.method,
            headers: headers.map(|(key, value)| (*key, about(value))).collect(),
            body: about(&self.body),
        }
    }
}

/// The status, the headers and the body of the answer.
async fn send(server: &Server, sent: &Sent) -> (u16, Vec<String>, String) {
    let request = Request::builder().method(sent.method).uri("/mcp");
    let mut request = request.header("host", "localhost");
    for (name, value) in &sent.headers {
        request = request.header(*name, value.as_bytes());
    }
    let mut request = request
        .body(Full::from(sent.body.clone().into_bytes()))
        .unwrap();
    let ada = Principal::new("ada", Authentication::Bearer);
    request.extensions_mut().insert(Arc::new(ada));
    let response = server.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = timeout(Duration::from_secs(60), body.collect()).await;
    let body = body.expect("an answer").unwrap().to_bytes();
    let headers = parts.headers.iter();
    let headers = headers.filter(|(name, _)| *name != "mcp-session-id");
    // A list that was filtered is the caller's own, whether or not an entry was removed.
    let body = String::from_utf8_lossy(&body).replace("\"public\"", "\"private\"");
    (
        parts.status.as_u16(),
        headers
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect(),
        body,
    )
}

/// Members of a JSON object, some of them missing and some twice.
fn object(members: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    let last = members.clone();
    (
        members,
        prop::option::weighted(0.1, prop::strategy::Union::new(last)),
        any::<bool>(),
    )
        .prop_map(|(mut members, twice, reversed)| {
            members.retain(|member| !member.is_empty());
            members.extend(twice.filter(|member| !member.is_empty()));
            if reversed {
                members.reverse();
            }
            format!("{{{}}}", members.join(","))
        })
        .boxed()
}

/// Mostly the first, which is the usual one.
fn mostly(usual: &'static str, others: &'static [&'static str]) -> BoxedStrategy<String> {
    let others = prop::sample::select(others).prop_map(ToOwned::to_owned);
    prop_oneof![4 => Just(usual.to_owned()), 1 => others].boxed()
}

fn member(name: &'static str, value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    value
        .prop_map(move |value| format!("{name}:{value}"))
        .boxed()
}

fn meta(version: &'static str) -> BoxedStrategy<String> {
    if version < "2026" {
        return mostly(
            "",
            &[
                "\"_meta\":{}",
                "\"_meta\":{\"progressToken\":1}",
                "\"_meta\":null",
            ],
        );
    }
    let full = object(vec![
        Just(format!(
            "\"io.modelcontextprotocol/protocolVersion\":\"{version}\""
        ))
        .boxed(),
        mostly("\"io.modelcontextprotocol/clientCapabilities\":{}", &[""]),
        mostly(
            "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"c\",\"version\":\"1\"}",
            &["", "\"x\":{\"a\":1,\"a\":2}"],
        ),
    ]);
    member("\"_meta\"", full)
}

fn params(version: &'static str) -> BoxedStrategy<String> {
    let full = object(vec![
        mostly(
            "\"name\":\"NAME\"",
            &["", "\"name\":7", "\"n\\u0061me\":\"NAME\"", "\"name\":\"\""],
        ),
        mostly(
            "\"arguments\":{\"region\":\"eu\"}",
            &[
                "",
                "\"arguments\":{}",
                "\"arguments\":{\"a\":1,\"a\":{\"b\":1.0,\"b\":2}}",
                "\"arguments\":{\"wrong\":true}",
                "\"arguments\":null",
                "\"arguments\":[1]",
                "\"arguments\":{\"region\":7}",
            ],
        ),
        mostly(
            "\"uri\":\"file:///NAME\"",
            &["", "\"uri\":null", "\"uri\":\"file:///NAME#a\""],
        ),
        meta(version),
    ]);
    prop_oneof![
        8 => member("\"params\"", full),
        1 => mostly("", &["\"params\":null", "\"params\":[1]", "\"params\":7", "\"params\":{}"]),
    ]
    .boxed()
}

fn message(version: &'static str) -> BoxedStrategy<String> {
    object(vec![
        mostly(
            "\"jsonrpc\":\"2.0\"",
            &["", "\"jsonrpc\":\"1.0\"", "\"jsonrpc\":2"],
        ),
        mostly(
            "\"id\":1",
            &[
                "",
                "\"id\":\"é\\u0000\"",
                "\"id\":1.0",
                "\"id\":1e2",
                "\"id\":1.5",
                "\"id\":null",
                "\"id\":-0",
                "\"id\":18446744073709551615",
                "\"id\":[]",
            ],
        ),
        mostly(
            "\"method\":\"tools/call\"",
            &[
                "",
                "\"method\":\"resources/read\"",
                "\"method\":\"tools/list\"",
                "\"method\":\"vendor/x\"",
                "\"method\":\"tools\\/call\"",
                "\"method\":\"ping\"",
                "\"method\":\"notifications/cancelled\"",
                "\"method\":7",
            ],
        ),
        params(version),
        mostly(
            "",
            &[
                "\"x\":1",
                "\"result\":{}",
                "\"error\":{\"code\":1,\"message\":\"m\"}",
            ],
        ),
    ])
}

fn body(version: &'static str) -> BoxedStrategy<String> {
    let message = message(version);
    prop_oneof![
        12 => message.clone(),
        1 => prop::collection::vec(message.clone(), 0..3).prop_map(|batch| format!("[{}]", batch.join(","))),
        1 => message.clone().prop_map(|text| format!(" \n{text}\t ")),
        1 => message.prop_map(|text| text.chars().take(text.chars().count() / 2).collect()),
        1 => prop::sample::select(&["", "null", "7", "\u{feff}{}", "{}", "\"a\""][..]).prop_map(ToOwned::to_owned),
    ]
    .boxed()
}

fn session_id() -> BoxedStrategy<String> {
    let id = "[!-~]{1,40}";
    prop_oneof![6 => Just(String::new()), 3 => id, 1 => Just("é".to_owned())].boxed()
}

fn sent() -> impl Strategy<Value = Sent> {
    let versions = [
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
        "2026-07-28",
    ];
    prop::sample::select(versions.to_vec()).prop_flat_map(|version| {
        let header = |name: &'static str, value: BoxedStrategy<String>| {
            value.prop_map(move |value| (name, value)).boxed()
        };
        let own = Just(version.to_owned());
        let headers = vec![
            header(
                "accept",
                mostly(
                    "application/json, text/event-stream",
                    &["", "*/*", "application/json"],
                ),
            ),
            header(
                "content-type",
                mostly(
                    "application/json",
                    &["", "text/plain", "application/json; charset=utf-8"],
                ),
            ),
            header(
                "mcp-protocol-version",
                prop_oneof![6 => own, 1 => mostly("", &["1999-01-01", "x"])].boxed(),
            ),
            header(
                "mcp-method",
                mostly("tools/call", &["", "ping", "resources/read"]),
            ),
            header(
                "mcp-name",
                mostly(
                    "NAME",
                    &["", "echo", "file:///NAME", "=?base64?YWRtaW5fcmVzZXQ=?="],
                ),
            ),
            header(
                "mcp-param-region",
                mostly("eu", &["", "us", "=?base64?ZXU=?="]),
            ),
            // Sessions that the transport does not have; one is not text, and there may be two.
            header("mcp-session-id", session_id()),
            header("mcp-session-id", mostly("", &["second"])),
        ];
        let method = prop_oneof![
            6 => Just("POST"),
            2 => prop::sample::select(&["GET", "DELETE", "PUT"][..]),
        ];
        (method, headers, body(version)).prop_map(|(method, mut headers, body)| {
            headers.retain(|(_, value)| !value.is_empty());
            Sent {
                method,
                headers,
                body,
            }
        })
    })
}

fn is_refused_duplicate((status, _, body): &(u16, Vec<String>, String)) -> bool {
    *status == 400 && body.contains("-32600") && body.contains("duplicate member")
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn whoever_may_do_everything_gets_the_bytes_of_the_bare_server() {
    let runtime = runtime();
    let servers = [true, false].map(|sessions| (bare(sessions), layered(open(), sessions)));
    let config = ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let names = prop::sample::select(&["echo", "admin_reset", "nope"][..]);
    proptest!(config, |(sent in sent(), name in names, sessions in any::<bool>())| {
        let (bare, layered) = &servers[usize::from(sessions)];
        let sent = sent.about(name);
        let (expected, got) = runtime.block_on(async {
            (send(bare, &sent).await, send(layered, &sent).await)
        });
        if !is_refused_duplicate(&got) {
            prop_assert_eq!(got, expected);
        }
    });
}

#[test]
fn a_hidden_name_gets_the_bytes_of_an_unknown_one() {
    let runtime = runtime();
    let servers = [true, false].map(|sessions| layered(closed(), sessions));
    let config = ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(sent in sent(), sessions in any::<bool>())| {
        let server = &servers[usize::from(sessions)];
        // A header in base64 names the one of the two alone.
        let mut unknown = sent.about("admin_r3set");
        for (_, value) in &mut unknown.headers {
            *value = value.replace("YWRtaW5fcmVzZXQ=", "YWRtaW5fcjNzZXQ=");
        }
        let (hidden, unknown) = runtime.block_on(async {
            (send(server, &sent.about("admin_reset")).await, send(server, &unknown).await)
        });
        let (status, headers, body) = unknown;
        let renamed = |text: &str| text.replace("admin_r3set", "admin_reset");
        let headers: Vec<_> = headers.iter().map(|header| renamed(header)).collect();
        prop_assert_eq!(hidden, (status, headers, renamed(&body)));
    });
}

/// A call as a client of 2026-07-28 sends it.
fn call(name: &str) -> Sent {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"NAME","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "NAME"),
    ];
    let sent = Sent {
        method: "POST",
        headers: headers.map(|(name, value)| (name, value.to_owned())).into(),
        body: body.to_owned(),
    };
    sent.about(name)
}

#[test]
fn a_hidden_name_gets_the_bytes_of_an_unknown_one_from_the_first_request_of_a_process_on() {
    let runtime = runtime();
    // A limit inside the authorization counts neither.
    for (rules, is_limited) in [
        (closed as fn() -> Rules, false),
        (closed, true),
        (closed_by_default, true),
    ] {
        let make = || match is_limited {
            false => layered(rules(), false),
            true => limited(rules()),
        };
        // Each name has a server of its own, with no request before.
        let answers = |name: &str| {
            let server = make();
            let send = || runtime.block_on(send(&server, &call(name)));
            [(); 4].map(|()| send())
        };
        let (hidden, unknown) = (answers("admin_reset"), answers("admin_r3set"));
        assert!(hidden[0].2.contains("-32602"), "{hidden:?}");
        assert_eq!(hidden, unknown);
        let [first, .., last] = answers("echo");
        assert!(first.0 == 200 && first.2.contains("echo"), "{first:?}");
        assert_eq!(last.2.contains("429"), is_limited, "{last:?}");
    }
}

#[test]
fn a_duplicate_member_is_refused_and_one_inside_of_arguments_is_not() {
    let runtime = runtime();
    let server = layered(open(), false);
    let headers = vec![
        ("accept", "application/json, text/event-stream".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    let answer = |body: &str| {
        let sent = Sent {
            method: "POST",
            headers: headers.clone(),
            body: body.to_owned(),
        };
        runtime.block_on(send(&server, &sent))
    };
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"nope"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","x":1,"x":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"a":1,"a":1}}}"#,
    ] {
        assert!(is_refused_duplicate(&answer(body)), "{body}");
    }
    let inside = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"a":2}}}"#;
    let (status, _, body) = answer(inside);
    assert_eq!(status, 200);
    assert!(body.contains(r#"echo {\"a\":2}"#), "{body}");
}
