//! Messages that are broken, ambiguous or too long.
#![allow(clippy::unwrap_used)]

mod support;

use mcp_layers_util::CancelLayer;
use mcp_layers_wire::Pipe;
use serde_json::{Value, json};
use support::{Wire, answer, call};

/// The client's line goes no further, and is answered with this code under this id.
async fn refused(line: &[u8], code: i32, id: Value) {
    let mut wire = Wire::plain();
    let shown = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
    wire.client.send(line).await;
    let answer = wire.client.json().await;
    assert_eq!(
        (&answer["error"]["code"], &answer["id"]),
        (&json!(code), &id),
        "{shown}"
    );
    wire.server_gets_nothing().await;
}

fn of_params(params: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#).into_bytes()
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_goes_no_further() {
    for params in [
        r#"{"name":"echo","arguments":{"x":NaN}}"#,
        r#"{"name":"echo","arguments":{"x":-Infinity}}"#,
        r#"{"name":"echo","arguments":{"x":1e400}}"#,
        r#"{"name":"echo","arguments":{"x":01}}"#,
        r#"{"name":"\ud800","arguments":{}}"#,
        r#"{"name":"echo","arguments":{"\udc00":1}}"#,
        r#"{"name":"echo",}"#,
        "{\"name\":\"echo\",\"arguments\":{\"x\":\"\u{1}\"}}",
    ] {
        refused(&of_params(params), -32700, json!(1)).await;
    }
    let deep = format!(
        r#"{{"name":"echo","arguments":{}{}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    refused(&of_params(&deep), -32700, json!(1)).await;
    refused(
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}",
        -32700,
        json!(1),
    )
    .await;
    refused(
        b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        -32700,
        json!(1),
    )
    .await;
    refused(b"hello", -32700, json!(null)).await;
    refused(
        &[of_params("{}"), of_params("{}")].concat(),
        -32700,
        json!(1),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_two_parsers_may_read_differently_goes_no_further() {
    for params in [
        r#"{"name":"echo","name":"admin"}"#,
        r#"{"name":"echo","n\u0061me":"admin"}"#,
        r#"{"name":"echo","Name":"admin"}"#,
        r#"{"Name":"admin"}"#,
        r#"{"name":"echo","Arguments":{}}"#,
        r#"{"name":"echo","_meta":{"a":1,"a":2}}"#,
        r#"{"name":"echo","_meta":{"ProgressToken":1}}"#,
        r#"{"name":"echo","_Meta":{}}"#,
        "[1]",
        "\"x\"",
    ] {
        refused(&of_params(params), -32600, json!(1)).await;
    }
    for (message, id) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
            json!(1),
        ),
        (r#"{"jsonrpc":"2.0","method":"ping","ID":1}"#, json!(null)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}"#,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            json!(1),
        ),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, json!(1)),
        (r#"{"id":1,"method":"ping"}"#, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, json!(null)),
        (
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            json!(null),
        ),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, json!(null)),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, json!(null)),
        ("5", json!(null)),
        ("null", json!(null)),
    ] {
        refused(message.as_bytes(), -32600, id).await;
    }
}

/// Python's text files end a line at `\r` too.
#[tokio::test(start_paused = true)]
async fn no_message_hides_inside_another() {
    let mut wire = Wire::plain();
    let inner = call("7", "admin");
    let outer = |space: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"a":{space}{inner}{space}}}}}"#
        )
    };
    wire.client.send(outer("\r")).await;
    assert_eq!(wire.server.line().await.unwrap(), outer(" "));
    wire.server.send(outer("\r") + "\r").await;
    assert_eq!(wire.client.line().await.unwrap(), outer(" "));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_read_fails_its_call() {
    let mut wire = Wire::plain();
    for broken in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"secret":NaN}}}"#,
        r#"{"result":{"secret":1e400},"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"secret":"\ud800"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{"secret":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"secret"}}"#,
        r#"{"id":1,"result":{"secret":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":"secret"}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"message":"secret"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"secret":"#,
    ] {
        wire.passes_to_server(&call("1", "echo")).await;
        wire.server.send(broken).await;
        let failed = wire.client.line().await.unwrap();
        let expected =
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Internal error"}}"#;
        assert_eq!(failed, expected, "{broken}");
    }
    // What is no answer goes no further.
    for noise in [
        "Listening on port 80",
        "[]",
        "{}",
        r#"{"jsonrpc":"2.0","id":5,"result":NaN}"#,
    ] {
        wire.server.send(noise).await;
    }
    wire.client_gets_nothing().await;
    wire.server_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_layers_did_not_see_goes_no_further() {
    let mut wire = Wire::plain();
    for (sent, got) in [
        (
            r#"{"structuredContent":{"a":[{"x":"secret","x":1}]}}"#,
            r#"{"structuredContent":{"a":[{"x":1}]}}"#,
        ),
        (
            r#"{"structuredContent":{"a":[{"x":1.0,"X":1.0}]} }"#,
            r#"{"structuredContent":{"a":[{"x":1.0,"X":1.0}]} }"#,
        ),
    ] {
        wire.passes_to_server(&call("1", "echo")).await;
        wire.server
            .send(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{sent}}}"#))
            .await;
        let expected = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{got}}}"#);
        assert_eq!(wire.client.line().await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_client_that_cannot_be_read_fails_the_servers_request() {
    let mut wire = Wire::plain();
    wire.passes_to_client(r#"{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage"}"#)
        .await;
    wire.client
        .send(r#"{"jsonrpc":"2.0","id":"q","result":{"x":NaN}}"#)
        .await;
    let failed = wire.server.json().await;
    assert_eq!(
        (&failed["id"], &failed["error"]["code"]),
        (&json!("q"), &json!(-32603))
    );
    wire.client_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_too_long_ends_with_an_error() {
    let mut wire = Wire::new(Pipe::new(CancelLayer::new()).max_line(10_000).unwrap());
    let long = "x".repeat(1 << 20);

    // A call, and its answer.
    wire.client.send(call("5", &long)).await;
    let refused = wire.client.json().await;
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!(5), &json!(-32600))
    );
    wire.passes_to_server(&call("6", "echo")).await;
    wire.server.send(answer("6", &long)).await;
    let failed = wire.client.json().await;
    assert_eq!(
        (&failed["id"], &failed["error"]["code"]),
        (&json!(6), &json!(-32603))
    );

    // A request of the server, and its answer.
    let ask =
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"roots/list","params":{{"x":"{long}"}}}}"#);
    wire.server.send(ask).await;
    let refused = wire.server.json().await;
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!(7), &json!(-32600))
    );
    wire.passes_to_client(r#"{"jsonrpc":"2.0","id":8,"method":"roots/list"}"#)
        .await;
    wire.client.send(answer("8", &long)).await;
    let failed = wire.server.json().await;
    assert_eq!(
        (&failed["id"], &failed["error"]["code"]),
        (&json!(8), &json!(-32603))
    );

    // Afterwards all is as before, up to the longest line.
    let line = format!("{:10000}", call("9", "echo"));
    wire.passes_to_server(&line).await;
    wire.passes_to_client(&answer("9", "x")).await;
    wire.client.send(line + " ").await;
    assert_eq!(wire.client.json().await["error"]["code"], -32600);
}

#[tokio::test(start_paused = true)]
async fn empty_lines_and_ends_of_windows_are_skipped() {
    let mut wire = Wire::plain();
    wire.client
        .write(format!("\n\r\n{}\r\n", call("1", "echo")))
        .await;
    assert_eq!(wire.server.line().await.unwrap(), call("1", "echo"));
    wire.server
        .write(format!("\n{}\r\n\r\n", answer("1", "x")))
        .await;
    assert_eq!(wire.client.line().await.unwrap(), answer("1", "x"));
}
