//! Messages that are broken, ambiguous or too long, from either side.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{Http, answer, call, event, in_session, notification, post, resumable};
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::WireLayer;
use serde_json::{Value, json};

/// The client's message goes no further, and is answered with this code under this id.
async fn refused(message: &[u8], code: i32, id: Value) {
    let mut http = Http::plain();
    let shown = String::from_utf8_lossy(&message[..message.len().min(200)]).into_owned();
    let mut reply = http.post(message.to_vec()).await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.kind()),
        (400, "application/json")
    );
    let answer = reply.json().await;
    let found = (&answer["error"]["code"], &answer["id"]);
    assert_eq!(found, (&json!(code), &id), "{shown}");
    http.server_got_nothing();
}

fn of_params(params: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#).into_bytes()
}

fn deep() -> String {
    format!("{}{}", "[".repeat(50_000), "]".repeat(50_000))
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_or_is_ambiguous_goes_no_further() {
    let deep = format!(r#"{{"name":"echo","arguments":{}}}"#, deep());
    for params in [
        r#"{"name":"echo","arguments":{"x":NaN}}"#,
        r#"{"name":"echo","arguments":{"x":1e400}}"#,
        r#"{"name":"\ud800"}"#,
        r#"{"name":"echo","arguments":{"\udc00":1}}"#,
        r#"{"name":"echo",}"#,
        &deep,
    ] {
        refused(&of_params(params), -32700, json!(1)).await;
    }
    for params in [
        r#"{"name":"echo","name":"admin"}"#,
        r#"{"name":"echo","Name":"admin"}"#,
        r#"{"name":"echo","_meta":{"a":1,"a":2}}"#,
        "[1]",
    ] {
        refused(&of_params(params), -32600, json!(1)).await;
    }
    for (message, code, id) in [
        ("", -32700, json!(null)),
        ("hello", -32700, json!(null)),
        ("\u{feff}{}", -32700, json!(null)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a"}{"jsonrpc":"2.0","id":1,"method":"b"}"#,
            -32700,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            -32600,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"ping","ID":1}"#,
            -32600,
            json!(null),
        ),
        (r#"{"id":1,"method":"ping"}"#, -32600, json!(1)),
        (
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            -32600,
            json!(null),
        ),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            -32600,
            json!(null),
        ),
        // A broken answer is not answered under its own id.
        (
            r#"{"jsonrpc":"2.0","id":1,"result":NaN}"#,
            -32700,
            json!(null),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"a":1,"a":2}}"#,
            -32600,
            json!(null),
        ),
    ] {
        refused(message.as_bytes(), code, id).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_in_another_encoding_goes_no_further() {
    let mut http = Http::plain();
    for (name, value) in [
        ("content-type", "application/json; charset=utf-7"),
        ("content-encoding", "gzip"),
    ] {
        let mut request = post(call("1", "echo"));
        request.headers_mut().insert(name, value.parse().unwrap());
        let mut reply = http.send(request).await.unwrap();
        assert_eq!(reply.status, 415);
        assert_eq!(reply.json().await["error"]["code"], -32600);
    }
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn a_header_that_occurs_twice_goes_no_further() {
    let mut http = Http::plain();
    for name in ["mcp-session-id", "mcp-protocol-version", "last-event-id"] {
        for method in [http::Method::POST, http::Method::GET] {
            let mut request = post(call("1", "echo"));
            *request.method_mut() = method;
            for value in ["a", "b"] {
                request.headers_mut().append(name, value.parse().unwrap());
            }
            let mut reply = http.send(request).await.unwrap();
            assert_eq!(reply.status, 400);
            assert_eq!(reply.json().await["error"]["code"], -32600);
        }
    }
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_goes_no_further() {
    let layer = WireLayer::new(CancelLayer::new());
    let mut http = Http::new(layer.max_body(200).unwrap());
    let mut reply = http.post(call("1", &"x".repeat(200))).await.unwrap();
    assert_eq!(reply.status, 413);
    assert_eq!(reply.json().await["error"]["code"], 413);
    http.server_got_nothing();
    let reply = http.post(call("1", "echo"));
    http.incoming().await.json(answer("1", &"x".repeat(200)));
    assert_eq!(reply.await.unwrap().json().await["error"]["code"], -32603);
}

/// Answers that layers cannot read, or that clients may read in another way.
fn unreadable() -> Vec<String> {
    let of_result = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
    vec![
        of_result(r#"{"x":NaN}"#),
        of_result(r#"{"x":1e400}"#),
        of_result(r#""\ud800""#),
        of_result(&deep()),
        r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{"secret":1}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{},"Result":{"secret":1}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1}"#.to_owned(),
        r#"{"id":1,"result":{}}"#.to_owned(),
        format!("[{}]", answer("1", "x")),
        "secret".to_owned(),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_read_fails_its_call() {
    let mut http = Http::plain();
    let foreign = answer("2", "secret");
    let no_answer = notification("secret");
    for text in unreadable()
        .iter()
        .chain([&foreign, &no_answer, &String::new()])
    {
        let reply = http.post(call("1", "echo"));
        http.incoming().await.json(text.clone());
        let mut reply = reply.await.unwrap();
        let shown = &text[..text.len().min(200)];
        assert_eq!(reply.status, 200, "{shown}");
        let message = reply.json().await;
        let found = (&message["error"]["code"], &message["id"]);
        assert_eq!(found, (&json!(-32603), &json!(1)), "{shown}");
    }
    // With a status of failure too, as far as a client may take it for a message.
    for text in &unreadable()[..10] {
        let reply = http.post(call("1", "echo"));
        http.incoming()
            .await
            .status(500, "application/json", text.clone());
        assert_eq!(reply.await.unwrap().json().await["error"]["code"], -32603);
    }
    // Nothing is an answer that a client could wait for elsewhere.
    let reply = http.post(call("1", "echo"));
    http.incoming().await.accepted();
    assert_eq!(reply.await.unwrap().json().await["error"]["code"], -32603);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_fails_its_call() {
    let mut http = Http::plain();
    for text in unreadable() {
        let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
        events.message(&text).await;
        let message = reply.event().await;
        let shown = &text[..text.len().min(200)];
        assert_eq!(message["error"]["code"], -32603, "{shown}");
        events.is_dropped().await;
        assert_eq!(reply.next().await, None);
        http.server_got_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_and_is_no_answer_is_dropped() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    for data in [
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"x":NaN}}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","id":1}"#,
    ] {
        events.message(data).await;
    }
    events.send("event: ping\ndata: 12:00\n\n").await;
    events.message(answer("1", "x")).await;
    assert_eq!(reply.next().await, Some(event(&answer("1", "x"))));
}

#[tokio::test(start_paused = true)]
async fn the_type_of_an_event_hides_no_answer() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    events
        .send(format!("event: ping\ndata: {}\n\n", answer("2", "secret")))
        .await;
    events
        .send(format!("event: ping\ndata: {}\n\n", answer("1", "x")))
        .await;
    drop(events);
    let text = reply.text().await;
    assert_eq!(text, format!("event: ping\ndata: {}\n\n", answer("1", "x")));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_long_fails_its_call_and_is_dropped_elsewhere() {
    let layer = || WireLayer::new(CancelLayer::new()).max_event(200).unwrap();
    let mut http = Http::new(layer());
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    events.message(notification(&"x".repeat(200))).await;
    assert_eq!(reply.event().await["error"]["code"], -32603);
    events.is_dropped().await;
    let _cancelled = http.incoming().await;

    let reply = http.get_in("s");
    let events = http.incoming().await.stream();
    let mut reply = reply.await.unwrap();
    for _ in 0..10 {
        events.send("data: x".repeat(20)).await;
    }
    events.send("\n\n").await;
    events.message(notification("next")).await;
    assert_eq!(reply.next().await, Some(event(&notification("next"))));
}

#[tokio::test(start_paused = true)]
async fn a_result_with_a_member_twice_is_what_the_layers_saw() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    events
        .message(r#"{"jsonrpc":"2.0","id":1,"result":{"a":"hidden","a":2}}"#)
        .await;
    let text = reply.next().await.unwrap();
    assert_eq!(text, event(r#"{"jsonrpc":"2.0","id":1,"result":{"a":2}}"#));
}

#[tokio::test(start_paused = true)]
async fn answers_do_not_pass_in_streams_of_other_messages() {
    let mut http = Http::plain();
    let mut request = post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    for session in [false, true] {
        if session {
            request = in_session("s", request);
        }
        let reply = http.send(request.clone());
        let events = http.incoming().await.stream();
        events.send(resumable(1, &answer("1", "secret"))).await;
        events.message(notification("passes")).await;
        let mut reply = reply.await.unwrap();
        assert_eq!(reply.next().await, Some(event(&notification("passes"))));
    }
}
