//! Records of requests.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use common::{answer, call, channel, json_of, key, only};
use futures::FutureExt;
use mcp_layers_audit::{
    AllowList, AuditLayer, CallOutcome, ChannelSink, OverflowPolicy, Record, Records, TraceId,
};
use mcp_layers_core::{
    Authentication, Catalog, Clock, Event, Hints, JsonRpcRequest, JsonRpcResponse, McpError,
    McpRequest, McpResponse, Method, Principal,
    request::{Transport, meta_key},
    trail::CacheEvent,
};
use mcp_layers_test::{Answer, MockService, Task, requests, results};
use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, short_lived};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn, timeout::TimeoutLayer};

/// Sends a request through the layer to a service that leaves these events in its trail.
async fn with_trail(layer: &AuditLayer, events: Vec<Event>, error: Option<McpError>) {
    let service = layer.layer(service_fn(move |request: JsonRpcRequest| {
        let mut response = match &error {
            Some(error) => JsonRpcResponse::error(&request, error.clone()),
            None => JsonRpcResponse::success(&request, json!({})),
        };
        events
            .iter()
            .for_each(|event| response.trail_mut().push(event.clone()));
        async move { Ok::<_, Infallible>(response) }
    }));
    service.oneshot(call("echo")).await.unwrap();
}

fn verdict(record: &Record) -> (&'static str, &'static str, Option<&str>) {
    let decision = &record.decision;
    (decision.layer, decision.verdict, decision.rule.as_deref())
}

#[tokio::test]
async fn a_record_says_who_what_when_and_how_it_ended() {
    let clock = Clock::manual();
    clock.set_wall(UNIX_EPOCH + Duration::from_secs(1_785_196_800) - Duration::from_millis(5));
    let (sink, mut records) = ChannelSink::bounded(1).unwrap();
    let layer = AuditLayer::new(sink)
        .unwrap()
        .key(&key())
        .sizes()
        .digest_results()
        .with_clock(clock.clone());
    let inner = clock.clone();
    let service = layer.layer(service_fn(move |request: JsonRpcRequest| {
        inner.advance(Duration::from_millis(30));
        async move { Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({ "a": 1 }))) }
    }));
    clock.advance(Duration::from_millis(5));
    let mut request = requests::modern(JsonRpcRequest::call_tool("r-7", "echo", json!({ "n": 1 })))
        .with_transport(Transport::Tcp);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request
        .meta_mut()
        .unwrap()
        .insert("traceparent".into(), trace.into());
    let principal = Principal::new("ada", Authentication::Bearer)
        .with_issuer("https://issuer")
        .with_client_id("app")
        .with_tenant("acme");
    request.context_mut().set_principal(Arc::new(principal));
    service.oneshot(request).await.unwrap();

    let record = json_of(&only(&mut records));
    assert_eq!(record["time"], "2026-07-28T00:00:00.000000000Z");
    assert_eq!(record["monotonic_ns"], 5_000_000);
    assert_eq!(record["duration_ns"], 30_000_000);
    for (field, value) in [
        ("sequence", json!(0)),
        ("method", json!("tools/call")),
        ("target", json!("echo")),
        ("id", json!("r-7")),
        ("transport", json!("tcp")),
        ("protocol_version", json!("2026-07-28")),
        ("trace_id", json!("0af7651916cd43dd8448eb211c80319c")),
        ("outcome", json!("success")),
        ("attempts", json!(1)),
        (
            "decision",
            json!({ "layer": "handler", "verdict": "answered" }),
        ),
        (
            "principal",
            json!({
                "subject": "ada", "issuer": "https://issuer", "client_id": "app",
                "tenant": "acme", "authentication": "bearer",
            }),
        ),
    ] {
        assert_eq!(record[field], value, "{field}");
    }
    for field in ["arguments_digest", "result_digest"] {
        assert_eq!(record[field].as_str().unwrap().len(), 32, "{field}");
    }
    assert!(record["request_size"].as_u64().unwrap() > 0);
    assert!(record["response_size"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn every_ending_has_one_terminal_record() {
    let (layer, mut records) = channel();
    let endings = [
        (Answer::result(json!({})), CallOutcome::Success),
        (Answer::tool_error("no"), CallOutcome::ToolError),
        (
            Answer::error(McpError::forbidden()),
            CallOutcome::Error(403),
        ),
        (
            Answer::result(results::input_required()),
            CallOutcome::InputRequired,
        ),
        (
            Answer::result(results::task_created()),
            CallOutcome::TaskCreated,
        ),
        (Answer::fail("broken"), CallOutcome::Failed),
    ];
    for (answer, ending) in endings {
        let mock = MockService::new();
        mock.push(answer);
        let _ = layer
            .layer(mock)
            .oneshot(requests::modern(call("echo")))
            .await;
        assert_eq!(only(&mut records).outcome, ending);
    }

    let mock = MockService::new();
    mock.push(Answer::never());
    let mut cancelled = Task::new(layer.layer(mock.clone()).call(call("echo")));
    assert!(cancelled.poll().is_pending());
    assert!(records.try_next().is_none());
    drop(cancelled);
    let record = only(&mut records);
    assert_eq!(
        (record.outcome, record.decision.verdict),
        (CallOutcome::Cancelled, "dropped")
    );

    drop(layer.layer(mock.clone()).call(call("echo")));
    assert_eq!(
        only(&mut records).outcome,
        CallOutcome::Cancelled,
        "never polled"
    );

    for answer in [Answer::panic("boom"), Answer::panic_in_call("boom")] {
        mock.push(answer);
        let future = layer.layer(mock.clone()).oneshot(call("echo"));
        assert!(AssertUnwindSafe(future).catch_unwind().await.is_err());
        assert_eq!(only(&mut records).outcome, CallOutcome::Panicked);
    }
}

#[tokio::test(start_paused = true)]
async fn what_inner_layers_did_is_read_from_their_answers() {
    let (layer, mut records) = channel();
    let mock = MockService::new();
    let stack = ServiceBuilder::new()
        .layer(layer.originals())
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new())
        .layer(short_lived(TimeoutLayer::new(Duration::from_secs(1))))
        .service(mock.clone());

    mock.push(Answer::panic("the secret of the handler"));
    stack.clone().oneshot(call("echo")).await.unwrap();
    let record = only(&mut records);
    assert_eq!(
        (record.outcome, verdict(&record).1),
        (CallOutcome::Error(-32603), "panicked")
    );
    assert_eq!(
        &*record.original.as_ref().unwrap().message,
        "the secret of the handler"
    );

    mock.push(Answer::never());
    stack.clone().oneshot(call("echo")).await.unwrap();
    assert_eq!(only(&mut records).outcome, CallOutcome::Error(504));

    mock.push(Answer::never());
    let request = call("echo");
    let mut task = Task::new(stack.clone().oneshot(request.clone()));
    assert!(task.poll().is_pending());
    request.cancellation().cancel();
    assert!(task.poll().is_ready());
    let record = only(&mut records);
    assert_eq!(
        (record.outcome, verdict(&record).0),
        (CallOutcome::Error(499), "cancel")
    );
}

#[tokio::test]
async fn denials_limits_and_hits_name_the_layer_that_decided() {
    let (layer, mut records) = channel();
    let second = Duration::from_secs(1);
    let denied = Event::Denied {
        rule: "no-admin".into(),
    };
    let limited = Event::Limited {
        rule: "per-tool".into(),
        retry_after: second,
    };
    let open = Event::CircuitOpen {
        circuit: "db".into(),
        retry_after: second,
    };
    let hit = Event::Cache(CacheEvent::Hit { age: second });
    for (event, expected, error) in [
        (
            denied,
            ("authorization", "denied", Some("no-admin")),
            Some(McpError::forbidden()),
        ),
        (
            limited,
            ("rate_limit", "limited", Some("per-tool")),
            Some(McpError::rate_limited(second)),
        ),
        (
            open,
            ("circuit_breaker", "open", Some("db")),
            Some(McpError::unavailable()),
        ),
        (hit, ("cache", "hit", None), None),
    ] {
        let code = error.as_ref().map(|error| error.code);
        with_trail(&layer, vec![event], error).await;
        let record = only(&mut records);
        assert_eq!(verdict(&record), expected);
        assert_eq!(record.outcome.code(), code);
    }
    let attempts = (1..=3).map(|number| Event::Attempt {
        number,
        of: 3,
        code: None,
    });
    let masked = Event::Masked {
        error_id: "e-1".into(),
        original: Box::new(McpError::new(-32603, "db password=hunter2")),
    };
    let events = attempts
        .chain([Event::Cache(CacheEvent::Miss), masked])
        .collect();
    with_trail(&layer, events, Some(McpError::internal())).await;
    let record = only(&mut records);
    assert_eq!(record.attempts, 3);
    assert_eq!(record.error_id.as_deref(), Some("e-1"));
    let json = json_of(&record);
    assert_eq!(json["cache"], json!({ "state": "miss" }));
    assert!(
        !json.to_string().contains("hunter2"),
        "the original only by setting"
    );
}

#[tokio::test]
async fn the_original_of_a_masked_error_is_there_by_setting() {
    let (layer, mut records) = channel();
    let original = McpError::new(-32001, "db password=hunter2").with("table", "users");
    let masked = Event::Masked {
        error_id: "e-1".into(),
        original: Box::new(original),
    };
    with_trail(&layer.originals(), vec![masked], Some(McpError::internal())).await;
    let json = json_of(&only(&mut records));
    assert_eq!(
        (&json["error_id"], &json["code"]),
        (&json!("e-1"), &json!(-32603))
    );
    assert_eq!(
        json["original"],
        json!({ "code": -32001, "message": "db password=hunter2", "data": "{\"table\":\"users\"}" })
    );
}

#[tokio::test]
async fn a_long_lived_request_has_an_open_and_a_close_record() {
    let (layer, mut records) = channel();
    let mock = MockService::new();
    mock.push(Answer::never());
    let mut listen = Task::new(layer.layer(mock).call(requests::listen(1, &[])));
    assert!(listen.poll().is_pending());
    let open = only(&mut records);
    assert!(open.long_lived && open.duration.is_none());
    assert_eq!(open.outcome, CallOutcome::Open);
    drop(listen);
    let close = only(&mut records);
    assert_eq!(
        (close.sequence, close.outcome),
        (open.sequence, CallOutcome::Cancelled)
    );
    assert!(close.long_lived && close.duration.is_some());
}

#[tokio::test]
async fn secrets_are_absent_and_equal_inputs_have_equal_digests() {
    let (layer, mut records) = channel();
    let layer = layer.key(&key()).digest_results().sizes();
    let secret = "hunter2-c4n4ry";
    let planted = json!({ "password": secret, secret: secret });
    let meta = json!({ "authorization": secret, "progressToken": secret });
    let requests = |id: i64| {
        let with = |request: JsonRpcRequest| {
            let mut params = request.params().clone();
            params["_meta"] = meta.clone();
            request.with_params(params)
        };
        [
            with(JsonRpcRequest::call_tool(id, "echo", planted.clone())),
            with(requests::read_resource(
                id,
                &format!("https://ada:{secret}@h/p?token={secret}#{secret}"),
            )),
            with(requests::page(id, Method::ListTools, secret)),
            with(requests::of(id, Method::GetTask).with_params(json!({ "taskId": secret }))),
            requests::continuation(with(JsonRpcRequest::call_tool(id, "echo", json!({}))))
                .with_params(json!({ "name": "echo", "requestState": secret })),
            JsonRpcRequest::new(id, "vendor/thing").with_params(planted.clone()),
        ]
    };
    let digests = |record: &Record| {
        let digests = [
            record.arguments_digest,
            record.target_digest,
            record.cursor,
            record.continuation_digest,
            record.task,
            record.result_digest,
        ];
        digests.map(|digest| digest.map(|digest| digest.to_string()))
    };
    let mut seen = Vec::new();
    for id in [1, 2] {
        for mut request in requests(id) {
            let principal = Principal::new("ada", Authentication::Bearer)
                .with_credential_digest(*b"hunter2-c4n4ry-digest");
            request.context_mut().set_principal(Arc::new(principal));
            answer(&layer, request).await;
            let record = only(&mut records);
            for text in [json_of(&record).to_string(), format!("{record:?}")] {
                assert!(!text.contains(secret), "{text}");
            }
            seen.push(digests(&record));
        }
    }
    let (first, second) = seen.split_at(seen.len() / 2);
    assert_eq!(first, second);
    assert!(
        first
            .iter()
            .all(|digests| digests[..5].iter().any(Option::is_some)),
        "{first:?}"
    );
    answer(&layer, call("echo")).await;
    let other = digests(&only(&mut records));
    assert!(other[0].is_some() && other[0] != first[0][0]);
}

#[tokio::test]
async fn a_cursor_and_a_task_are_followed_from_answer_to_request() {
    let (layer, mut records) = channel();
    let mock = MockService::new();
    mock.push(results::followed_by(results::tools(["a"]), "page-2"));
    mock.push(results::task_created());
    let service = layer.layer(mock);
    service
        .clone()
        .oneshot(requests::list_tools(1))
        .await
        .unwrap();
    let first = only(&mut records);
    service
        .clone()
        .oneshot(requests::modern(call("echo")))
        .await
        .unwrap();
    let created = only(&mut records);
    service
        .clone()
        .oneshot(requests::page(2, Method::ListTools, "page-2"))
        .await
        .unwrap();
    assert!(first.next_cursor.is_some());
    assert_eq!(only(&mut records).cursor, first.next_cursor);
    service
        .oneshot(requests::of(3, Method::GetTask))
        .await
        .unwrap();
    assert!(created.task.is_some());
    assert_eq!(only(&mut records).target_digest, created.task);
}

#[tokio::test]
async fn a_hundred_megabytes_of_arguments_make_a_small_record() {
    let (layer, mut records) = channel();
    let layer = layer
        .key(&key())
        .sizes()
        .arguments(AllowList::new().allow("echo", "text").allow("echo", "list"));
    let text = "x".repeat(100 * 1024 * 1024);
    let request = JsonRpcRequest::call_tool(
        &*"i".repeat(100_000),
        "echo",
        json!({ "text": text, "list": vec![1; 100_000] }),
    );
    answer(&layer, request).await;
    let record = only(&mut records);
    let json = json_of(&record).to_string();
    assert!(json.len() < 2_000, "{}", json.len());
    assert!(record.request_size.unwrap() > 100 * 1024 * 1024);
    assert_eq!(record.arguments_digest, None);
    answer(&layer, JsonRpcRequest::new(1, "m".repeat(1_000_000))).await;
    assert!(json_of(&only(&mut records)).to_string().len() < 1_000);
    answer(
        &layer,
        JsonRpcRequest::call_tool(1, &"t".repeat(1_000_000), json!({})),
    )
    .await;
    assert!(json_of(&only(&mut records)).to_string().len() < 2_000);
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_never_the_principal() {
    let (layer, mut records) = channel();
    let mut request = call("echo");
    let admin = json!({ "name": "admin", "version": "1" });
    request
        .meta_mut()
        .unwrap()
        .insert(meta_key::CLIENT_INFO.into(), admin);
    let mut claimed = request.clone();
    answer(&layer, request).await;
    let json = json_of(&only(&mut records));
    assert_eq!(json.get("principal"), None);
    assert_eq!(
        json["unverified"],
        json!({ "client_name": "admin", "client_version": "1" })
    );

    let principal = Principal::new("root", Authentication::Unverified);
    claimed.context_mut().set_principal(Arc::new(principal));
    answer(&layer, claimed).await;
    let json = json_of(&only(&mut records));
    assert_eq!(json.get("principal"), None);
    assert_eq!(json["unverified"]["subject"], "root");
}

#[tokio::test]
async fn argument_values_are_recorded_by_the_list_alone() {
    let (layer, mut records) = channel();
    let list = AllowList::new()
        .allow("search", "query")
        .redact(|text| text.replace("Ada", "[name]").into());
    let layer = layer.arguments(list);
    let arguments = json!({ "query": "token=abc for Ada", "other": "private" });
    answer(
        &layer,
        JsonRpcRequest::call_tool(1, "search", arguments.clone()),
    )
    .await;
    let json = json_of(&only(&mut records));
    assert_eq!(
        json["arguments"],
        json!({ "query": "token=[redacted] for [name]" })
    );
    answer(&layer, JsonRpcRequest::call_tool(1, "delete", arguments)).await;
    assert_eq!(json_of(&only(&mut records)).get("arguments"), None);
}

#[tokio::test]
async fn the_ambient_trace_goes_before_the_one_in_meta() {
    let (layer, mut records) = channel();
    let own = TraceId::new([7; 16]);
    let layer = layer.trace_id(move || own);
    answer(&layer, call("echo")).await;
    assert_eq!(only(&mut records).trace_id, own);
}

#[tokio::test]
async fn a_hostile_trace_context_is_ignored() {
    let (layer, mut records) = channel();
    for hostile in [
        json!(7),
        json!("x".repeat(1_000_000)),
        json!("00-\u{0}-\u{0}-00"),
    ] {
        let mut request = requests::modern(call("echo"));
        request
            .meta_mut()
            .unwrap()
            .insert("traceparent".into(), hostile);
        answer(&layer, request).await;
        assert_eq!(only(&mut records).trace_id, None);
    }
}

#[tokio::test]
async fn a_target_that_is_not_recorded_unchanged_has_a_digest() {
    let (layer, mut records) = channel();
    let layer = layer.key(&key());
    let long = |end: &str| format!("file:///{}{end}", "a".repeat(1_100));
    let mut seen = Vec::new();
    for uri in [
        long("1"),
        long("2"),
        "mailto:ada@host?body=hunter2".to_owned(),
        "db:ada:hunter2@host/table".to_owned(),
        "/notes?token=hunter2".to_owned(),
    ] {
        answer(&layer, requests::read_resource(1, &uri)).await;
        let record = only(&mut records);
        assert!(!json_of(&record).to_string().contains("hunter2"), "{uri}");
        seen.push(record.target_digest.expect("a digest"));
    }
    assert_ne!(seen[0], seen[1]);
    answer(&layer, requests::read_resource(1, "file:///notes")).await;
    assert_eq!(only(&mut records).target_digest, None);
}

#[tokio::test]
async fn a_long_principal_is_cut_and_has_a_digest() {
    let (layer, mut records) = channel();
    let mut digests = Vec::new();
    for end in ["1", "2"] {
        let subject = "s".repeat(1_000_000) + end;
        let mut request = call("echo");
        let principal = Principal::new(subject, Authentication::Bearer).with_tenant("acme");
        request.context_mut().set_principal(Arc::new(principal));
        answer(&layer, request).await;
        let record = only(&mut records);
        let json = json_of(&record);
        assert!(json.to_string().len() < 2_000);
        assert_eq!(json["principal"]["tenant"], "acme");
        digests.push(record.principal_digest.expect("a digest"));
    }
    assert_ne!(digests[0], digests[1]);
}

#[tokio::test]
async fn an_opening_and_a_closing_record_share_their_number() {
    let (layer, mut records) = channel();
    let layer = layer.record_openings();
    let catalog = Catalog::new().with_tool_hints("look", Hints::default().with_read_only(true));
    let mut look = call("look");
    look.context_mut().set_catalog(catalog);
    answer(&layer, look).await;
    assert_eq!(
        only(&mut records).outcome,
        CallOutcome::Success,
        "a tool that only reads"
    );
    answer(&layer, call("write")).await;
    let (open, close) = (records.try_next().unwrap(), only(&mut records));
    assert_eq!(json_of(&open)["opens"], json!(open.sequence));
    assert_eq!(json_of(&close)["closes"], json!(open.sequence));
    assert_eq!(json_of(&close).get("opens"), None);
}

#[tokio::test]
async fn every_sink_gets_every_record() {
    let (one, mut first) = ChannelSink::bounded(4).unwrap();
    let (two, mut second) = ChannelSink::bounded(4).unwrap();
    let layer = AuditLayer::new(one)
        .unwrap()
        .also(two)
        .on_overflow(OverflowPolicy::Drop);
    for _ in 0..3 {
        answer(&layer, call("echo")).await;
    }
    let sequences = |records: &mut Records| -> Vec<u64> {
        std::iter::from_fn(|| records.try_next())
            .map(|record| record.sequence)
            .collect()
    };
    assert_eq!(sequences(&mut first), [0, 1, 2]);
    assert_eq!(sequences(&mut second), [0, 1, 2]);
    assert_eq!(layer.handle().stats().recorded, 3);
}

#[tokio::test]
async fn ten_thousand_clones_share_the_numbering_and_leave_nothing() {
    let (layer, mut records) = channel();
    let service = layer.layer(MockService::new());
    let clones: Vec<_> = (0..10_000).map(|_| service.clone()).collect();
    for clone in clones.into_iter().take(100) {
        clone.oneshot(call("echo")).await.unwrap();
    }
    let sequences: Vec<_> = std::iter::from_fn(|| records.try_next())
        .map(|r| r.sequence)
        .collect();
    assert_eq!(sequences, (0..100).collect::<Vec<_>>());
    drop(service);
    assert_eq!(layer.handle().stats().recorded, 100);
    let _: Value = json!(null);
}
