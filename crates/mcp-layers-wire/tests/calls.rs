//! Calls and their answers, on their way through the layers.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_layers_core::{JsonRpcResponse, McpError, McpRequest, McpResponse, request::Transport};
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::Pipe;
use serde_json::json;
use support::{Wire, answer, call, layer, send};

#[tokio::test(start_paused = true)]
async fn messages_keep_their_bytes_both_ways() {
    let mut wire = Wire::plain();
    let call = r#"{ "params" : {"arguments":{"n":12345678901234567890123,"f":1.10,"a":1,"a":2},"name":"echo"}, "method":"tools/call","id":7 ,"jsonrpc":"2.0"}"#;
    wire.passes_to_server(call).await;
    let answer = r#"{"result":{"structuredContent":{"n":12345678901234567890123,"e":1e2}} ,"id": 7,"jsonrpc":"2.0"}"#;
    wire.passes_to_client(answer).await;
    wire.passes_to_server(r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"n":1e400}}"#)
        .await;
}

#[tokio::test(start_paused = true)]
async fn ids_of_every_form_come_back() {
    let mut wire = Wire::plain();
    for id in [
        "0",
        "-5",
        "9223372036854775807",
        "12345678901234567890",
        "-12345678901234567890123456789",
        "\"\"",
        "\"a\\u0062\\\"c\"",
    ] {
        wire.passes_to_server(&call(id, "echo")).await;
        wire.passes_to_client(&answer(id, "x")).await;
    }
    // The server writes the same id in another way.
    wire.passes_to_server(&call("\"\\u0061\"", "echo")).await;
    wire.server.send(answer("\"a\"", "x")).await;
    assert_eq!(
        wire.client.line().await.unwrap(),
        answer("\"\\u0061\"", "x")
    );
    // A refusal has the id in the form in which it came.
    for id in ["12345678901234567890", "\"\\u0061\""] {
        wire.client
            .send(format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"x","params":[]}}"#
            ))
            .await;
        assert!(wire.client.line().await.unwrap().contains("-32600"));
    }
}

#[tokio::test(start_paused = true)]
async fn layers_see_what_initialize_declared() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = seen.clone();
    let mut wire = Wire::new(Pipe::new(layer(move |leaf, request| {
        let mut capabilities = Vec::new();
        request.write_client_capabilities(&mut capabilities);
        note.lock().unwrap().push((
            request.method().as_str().to_owned(),
            request.client_info().map(|info| info.name.into_owned()),
            request.protocol_version().map(Cow::into_owned),
            String::from_utf8(capabilities).unwrap(),
            request.connection().transport,
        ));
        async move { Ok(send(leaf, request).await?) }
    })));
    wire.passes_to_server(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{}},"clientInfo":{"name":"ada","version":"1"}}}"#,
    )
    .await;
    wire.passes_to_client(r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#)
        .await;
    wire.passes_to_server(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        .await;
    wire.passes_to_server(&call("1", "echo")).await;
    wire.passes_to_client(&answer("1", "x")).await;

    let entry = |method: &str, version: Option<&str>| {
        (
            method.to_owned(),
            Some("ada".to_owned()),
            version.map(str::to_owned),
            r#"{"roots":{}}"#.to_owned(),
            Some(Transport::Pipe),
        )
    };
    let expected = [
        entry("initialize", None),
        entry("tools/call", Some("2025-06-18")),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_a_layer_never_reaches_the_server() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        Ok(match request.target() {
            Some("slow") => JsonRpcResponse::error(&request, McpError::forbidden()),
            Some("cached") => JsonRpcResponse::success(&request, json!({ "content": [] })),
            _ => send(leaf, request).await?,
        })
    })));
    wire.client.send(call("12345678901234567890", "slow")).await;
    let refused = wire.client.line().await.unwrap();
    let start = r#"{"jsonrpc":"2.0","id":12345678901234567890,"error":{"code":403,"#;
    assert!(refused.starts_with(start), "{refused}");
    wire.server_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_a_layer_changed_is_written_anew() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, mut request| async move {
        request
            .meta_mut()
            .unwrap()
            .insert("com.example/mark".to_owned(), 1.into());
        let mut response = send(leaf, request).await?;
        response.insert_meta("com.example/seen", 2.into());
        Ok(response)
    })));
    wire.client
        .send(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":12345678901234567890123}},"x":1.0}"#)
        .await;
    assert_eq!(
        wire.server.line().await.unwrap(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":12345678901234567890123},"_meta":{"com.example/mark":1}},"x":1.0}"#
    );
    wire.server
        .send(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"n":1.10}}}"#)
        .await;
    assert_eq!(
        wire.client.line().await.unwrap(),
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"n":1.10},"_meta":{"com.example/seen":2}}}"#
    );
    // There is no place for params in these bytes.
    wire.client
        .send(r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#)
        .await;
    assert_eq!(
        wire.server.line().await.unwrap(),
        r#"{"jsonrpc":"2.0","id":2,"method":"ping","params":{"_meta":{"com.example/mark":1}}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_has_an_id_of_its_own() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        let first = send(leaf, request.clone()).await?;
        match first.outcome().code() {
            Some(_) => Ok(send(leaf, request).await?),
            None => Ok(first),
        }
    })));
    let raw = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":1.10}}}"#;
    wire.passes_to_server(raw).await;
    let failure = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"once"}}"#;
    wire.server.send(failure).await;
    let again = wire.server.line().await.unwrap();
    let expected = raw.replace(r#""id":1"#, r#""id":"mcp-layers-1""#);
    assert_eq!(again, expected);
    // The late answer to the first attempt is dropped.
    wire.server.send(answer("1", "late")).await;
    wire.server.send(answer("\"mcp-layers-1\"", "1.10")).await;
    assert_eq!(wire.client.line().await.unwrap(), answer("1", "1.10"));
}

#[tokio::test(start_paused = true)]
async fn an_id_of_ours_is_never_that_of_a_client() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        let _ = send(leaf, request.clone()).await?;
        Ok(send(leaf, request).await?)
    })));
    wire.passes_to_server(&call("\"mcp-layers-1\"", "slow"))
        .await;
    wire.passes_to_server(&call("5", "echo")).await;
    wire.server.send(answer("5", "one")).await;
    assert_eq!(wire.server.json().await["id"], "mcp-layers-2");
    wire.client.send(call("\"mcp-layers-2\"", "echo")).await;
    assert_eq!(
        wire.client.json().await["error"]["message"],
        "`id` is in use"
    );
    wire.server.send(answer("\"mcp-layers-2\"", "two")).await;
    assert_eq!(wire.client.line().await.unwrap(), answer("5", "two"));
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_server_pass_unchanged() {
    let mut wire = Wire::plain();
    for error in [
        r#"{"code":-32602,"message":"x","data":{"n":12345678901234567890123},"more":[1.0]}"#,
        r#"{"code":99999999999,"message":"x"}"#,
        r#"{"code":1}"#,
    ] {
        wire.passes_to_server(&call("1", "echo")).await;
        let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"error":{error}}}"#);
        wire.passes_to_client(&answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn answers_to_no_call_are_dropped() {
    let mut wire = Wire::plain();
    wire.server.send(answer("1", "before")).await;
    wire.client_gets_nothing().await;
    wire.passes_to_server(&call("1", "echo")).await;
    wire.passes_to_client(&answer("1", "x")).await;
    wire.server.send(answer("1", "again")).await;
    wire.server
        .send(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"secret"}}"#)
        .await;
    wire.client_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_are_refused_while_answers_of_the_client_pass() {
    let mut wire = Wire::new(Pipe::new(CancelLayer::new()).in_flight(1).unwrap());
    wire.passes_to_server(&call("1", "slow")).await;
    wire.client.send(call("2", "echo")).await;
    assert_eq!(wire.client.json().await["error"]["code"], 503);
    wire.client.send(call("1", "echo")).await;
    assert_eq!(
        wire.client.json().await["error"]["message"],
        "`id` is in use"
    );
    wire.passes_to_client(r#"{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}}"#)
        .await;
    wire.passes_to_server(r#"{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}"#)
        .await;
    wire.passes_to_client(&answer("1", "x")).await;
    wire.passes_to_server(&call("1", "echo")).await;
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_bounded_in_bytes() {
    let mut wire = Wire::new(Pipe::new(CancelLayer::new()).max_line(100).unwrap());
    let padded = |id: u32| {
        let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        format!("{call:100}")
    };
    for id in 0..4 {
        wire.passes_to_server(&padded(id)).await;
    }
    wire.client.send(padded(4)).await;
    assert_eq!(wire.client.json().await["error"]["code"], 503);
    wire.passes_to_client(r#"{"jsonrpc":"2.0","id":0,"result":{}}"#)
        .await;
    wire.passes_to_server(&padded(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_the_catalog_lacks_is_looked_up_under_an_id_of_its_own() {
    let mut wire = Wire::plain();
    wire.client.send(call("1", "unknown")).await;
    let list = wire.server.json().await;
    assert_eq!(
        (&list["id"], &list["method"]),
        (&json!("mcp-layers-1"), &json!("tools/list"))
    );
    wire.server
        .send(r#"{"jsonrpc":"2.0","id":"mcp-layers-1","result":{"tools":[{"name":"unknown"}]}}"#)
        .await;
    assert_eq!(wire.server.line().await.unwrap(), call("1", "unknown"));
    wire.passes_to_client(&answer("1", "x")).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_client_is_no_time_of_the_call() {
    let layers = mcp_layers_timeout::TimeoutLayer::new(Duration::from_secs(5));
    let mut wire = Wire::new(Pipe::new(layers));
    wire.passes_to_server(&call("1", "slow")).await;
    let ask = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}"#;
    wire.passes_to_client(ask).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    wire.passes_to_server(r#"{"jsonrpc":"2.0","id":"q","result":{"action":"accept"}}"#)
        .await;
    wire.passes_to_client(&answer("1", "x")).await;
    // The same without a question.
    wire.passes_to_server(&call("2", "slow")).await;
    assert_eq!(wire.client.json().await["error"]["code"], 504);
}

#[test]
fn limits_of_zero_are_refused() {
    let pipe = || Pipe::new(CancelLayer::new());
    assert!(pipe().max_line(0).is_err() && pipe().in_flight(0).is_err());
    assert!(pipe().max_line(1).is_ok() && pipe().in_flight(1).is_ok());
}
