//! A server, or a client, that breaks the rules: no answer passes by the layers, nothing hangs, and memory is bounded.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use mcp_layers_util::CancelLayer;
use mcp_layers_wire::Pipe;
use serde_json::json;
use support::{PATIENCE, Wire, answer, call, layer, send};
use tokio::{
    io::{self, AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, duplex, sink, split},
    time::timeout,
};

#[tokio::test(start_paused = true)]
async fn answers_under_the_ids_of_others_are_dropped() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        let first = send(leaf, request.clone()).await?;
        if first.result().is_ok() {
            return Ok(first);
        }
        // A second attempt, under an id of its own.
        Ok(send(leaf, request).await?)
    })));
    // Of another type, of the next attempt, of no call.
    for id in ["\"1\"", "\"mcp-layers-1\"", "2", "-1", "null", "\"\""] {
        wire.passes_to_server(&call("1", "echo")).await;
        wire.server.send(answer(id, "secret")).await;
        wire.client_gets_nothing().await;
        wire.passes_to_client(&answer("1", "x")).await;
    }

    // The late answer to the first attempt, during the second.
    wire.passes_to_server(&call("1", "echo")).await;
    wire.server
        .send(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"busy"}}"#)
        .await;
    let second = wire.server.json().await;
    wire.server.send(answer("1", "secret")).await;
    wire.client_gets_nothing().await;
    wire.server
        .send(answer(&second["id"].to_string(), "x"))
        .await;
    assert_eq!(wire.client.line().await.unwrap(), answer("1", "x"));
    wire.server
        .send(answer(&second["id"].to_string(), "again"))
        .await;
    wire.client_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_nested_too_deep_fails_its_call() {
    let mut wire = Wire::plain();
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"structuredContent":{{"x":{open}{close}}}}}}}"#
        )
    };
    for depth in [126, 1000, 100_000] {
        wire.passes_to_server(&call("1", "echo")).await;
        wire.server.send(nested(depth)).await;
        assert_eq!(wire.client.json().await["error"]["code"], -32603, "{depth}");
    }
    wire.passes_to_server(&call("1", "echo")).await;
    wire.passes_to_client(&nested(100)).await;
}

/// Python reads about 1,000 levels and Go 10,000; what layers cannot read goes to none of them.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_nested_too_deep_is_refused_with_the_reason() {
    let mut wire = Wire::plain();
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"x":{open}{close}}}}}}}"#
        )
    };
    for depth in [126, 1000, 100_000] {
        wire.client.send(nested(depth)).await;
        let error = wire.client.json().await["error"].clone();
        assert_eq!(
            error,
            json!({ "code": -32700, "message": "Parse error: nested too deep" })
        );
        wire.server_gets_nothing().await;
    }
    wire.passes_to_server(&nested(120)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_in_an_answer_fails_its_call() {
    let whole = answer("1", "secret");
    for length in [1, 20, whole.len() / 2, whole.len() - 1] {
        let mut wire = Wire::plain();
        wire.passes_to_server(&call("1", "echo")).await;
        wire.server.write(&whole[..length]).await;
        wire.server.close().await;
        let failed = wire.client.json().await;
        assert_eq!(
            (&failed["id"], &failed["error"]["code"]),
            (&json!(1), &json!(-32603))
        );
        assert_eq!(wire.client.line().await, None);
        wire.run.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_nothing_does_not_hold_the_connection() {
    let (client, side) = duplex(1 << 16);
    let (server, other_side) = duplex(64);
    let pipe = Pipe::new(CancelLayer::new()).max_line(1000).unwrap();
    let run = tokio::spawn(async move { pipe.run(split(side), split(other_side)).await });
    let (mut lines, mut out) = split(client);
    // More calls than there is room for on the way to the server.
    for id in 0..30 {
        let line = call(&id.to_string(), "echo") + "\n";
        out.write_all(line.as_bytes()).await.unwrap();
    }
    out.shutdown().await.unwrap();
    let mut output = String::new();
    timeout(PATIENCE, lines.read_to_string(&mut output))
        .await
        .unwrap()
        .unwrap();
    timeout(PATIENCE, run).await.unwrap().unwrap().unwrap();
    drop(server);
}

/// So many bytes of lines, and then nothing more.
struct Flood {
    line: &'static [u8],
    left: usize,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.left > 0 && out.remaining() >= self.line.len() {
            out.put_slice(self.line);
            self.left = self.left.saturating_sub(self.line.len());
        }
        if out.filled().is_empty() {
            return Poll::Pending;
        }
        // Other parts of the connection run too.
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }
}

const FLOOD: usize = 1 << 19;

/// More than is needed for lines of this length, and much less than the flood.
const MAX_LINE: usize = 10_000;
const MAX_MEMORY: u64 = 300_000;

/// The most memory that a run takes, in bytes.
fn memory(run: impl Future) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let measured = allocation_counter::measure(|| {
        _ = runtime.block_on(async { timeout(PATIENCE, run).await });
    });
    measured.bytes_max
}

#[test]
fn a_flood_takes_no_more_memory_than_is_allowed() {
    let pipe = Pipe::new(CancelLayer::new())
        .max_line(MAX_LINE)
        .unwrap()
        .grace(Duration::from_millis(1));
    let floods: [(&str, &'static [u8]); 6] = [
        ("one line without an end", b"xxxxxxxxxxxxxxxx"),
        ("noise", b"Listening on port 80\n"),
        (
            "answers to no call",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n",
        ),
        (
            "notifications",
            b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n",
        ),
        (
            "requests",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\n",
        ),
        (
            "broken requests",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[NaN]}\n",
        ),
    ];
    for (name, line) in floods {
        let flood = || Flood { line, left: FLOOD };
        let quiet = || Flood { line, left: 0 };
        // The other side reads everything, or nothing.
        let ((full, _unread), (full_too, _unread_too)) = (duplex(1), duplex(1));
        let from_server = memory(pipe.run((quiet(), sink()), (flood(), sink())));
        let to_nobody = memory(pipe.run((quiet(), full), (flood(), full_too)));
        let ((full, _unread), (full_too, _unread_too)) = (duplex(1), duplex(1));
        let from_client = memory(pipe.run((flood(), sink()), (quiet(), sink())));
        let to_no_server = memory(pipe.run((flood(), full), (quiet(), full_too)));
        let most = [from_server, to_nobody, from_client, to_no_server];
        assert!(
            most.iter().all(|bytes| *bytes < MAX_MEMORY),
            "{name}: {most:?}"
        );
    }
}
