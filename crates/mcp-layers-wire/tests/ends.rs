//! The end of a connection, from either side.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_layers_core::{End, JsonRpcRequest, JsonRpcResponse, McpRequest, observe};
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::Pipe;
use support::{PATIENCE, Wire, answer, call, layer, send};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tower::ServiceBuilder;

#[tokio::test(start_paused = true)]
async fn the_end_of_the_client_closes_the_server() {
    let mut wire = Wire::plain();
    wire.client.close().await;
    assert_eq!(wire.server.line().await, None);
    // What the server sends until it ends arrives.
    let last = r#"{"jsonrpc":"2.0","method":"notifications/bye"}"#;
    wire.server.send(last).await;
    wire.server.close().await;
    assert_eq!(wire.client.line().await.as_deref(), Some(last));
    assert_eq!(wire.client.line().await, None);
    wire.run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_answered_after_the_end_of_the_client() {
    let mut wire = Wire::plain();
    wire.passes_to_server(&call("1", "slow")).await;
    wire.client.write(call("2", "echo")).await;
    wire.client.close().await;
    // The last line had no end.
    assert_eq!(wire.server.line().await.unwrap(), call("2", "echo"));
    for id in ["1", "2"] {
        wire.passes_to_client(&answer(id, "x")).await;
    }
    assert_eq!(wire.server.line().await, None);
    wire.server.close().await;
    assert_eq!(wire.client.line().await, None);
    wire.run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_that_outlive_the_grace_are_cancelled() {
    let grace = Duration::from_secs(30);
    let mut wire = Wire::new(Pipe::new(CancelLayer::new()).grace(grace));
    let start = Instant::now();
    wire.passes_to_server(&call("1", "slow")).await;
    wire.client.close().await;
    let cancelled = wire.server.json().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], 1);
    assert!(start.elapsed() >= grace);
    assert_eq!(wire.server.line().await, None);
    let failed = wire.client.json().await;
    assert_eq!(
        (&failed["id"], &failed["error"]["code"]),
        (&1.into(), &499.into())
    );
    // A server that stays is left behind.
    assert_eq!(wire.client.line().await, None);
    wire.run.await.unwrap().unwrap();
    assert!(start.elapsed() < grace * 3);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_server_fails_the_calls_in_flight() {
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let mut wire = Wire::new(Pipe::new(layer(move |leaf, request| {
        let gate = waits.clone();
        async move {
            let first = send(leaf, request.clone()).await;
            if first.is_err() {
                // A second attempt fails too.
                gate.acquire().await?.forget();
                return Ok(send(leaf, request).await?);
            }
            Ok(first?)
        }
    })));
    wire.passes_to_server(&call("1", "slow")).await;
    wire.passes_to_server(&call("2", "echo")).await;
    wire.server.send(answer("2", "x")).await;
    wire.server.close().await;
    assert_eq!(wire.client.line().await.unwrap(), answer("2", "x"));
    gate.add_permits(1);
    let failed = wire.client.json().await;
    assert_eq!(
        (&failed["id"], &failed["error"]["code"]),
        (&1.into(), &(-32603).into())
    );
    assert_eq!(wire.client.line().await, None);
    wire.run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_never_ends_does_not_hold_the_connection() {
    let mut wire = Wire::new(Pipe::new(layer(|_, _| std::future::pending())));
    wire.client.send(call("1", "echo")).await;
    wire.client.close().await;
    assert_eq!(wire.server.line().await, None);
    wire.server.close().await;
    assert_eq!(wire.client.json().await["error"]["code"], -32603);
    assert_eq!(wire.client.line().await, None);
    wire.run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_that_outlive_the_server_and_the_grace_end_with_an_error_and_once_for_the_layers() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let seen = ends.clone();
    let observed = observe(move |request: &JsonRpcRequest| {
        let (name, ends) = (
            request.target().unwrap_or_default().to_owned(),
            seen.clone(),
        );
        move |_: End<'_, JsonRpcResponse>| ends.lock().unwrap().push(name.clone())
    });
    // After the server has failed them, `slow` stays in a layer for ever, and `echo` ignores its cancellation.
    let stuck = layer(|leaf, request| async move {
        let tool = request.target().unwrap_or_default().to_owned();
        let cancelled = request.cancelled();
        assert!(send(leaf, request.clone()).await.is_err());
        if tool == "slow" {
            cancelled.await;
            return Err("it is cancelled".into());
        }
        std::future::pending().await
    });
    let layers = ServiceBuilder::new().layer(observed).layer(stuck);
    let mut wire = Wire::new(Pipe::new(layers));
    wire.passes_to_server(&call("1", "slow")).await;
    wire.passes_to_server(&call("2", "echo")).await;
    wire.server.close().await;
    for id in [1, 2] {
        let failed = wire.client.json().await;
        let code = &failed["error"]["code"];
        assert_eq!((&failed["id"], code), (&id.into(), &(-32603).into()));
    }
    assert_eq!(wire.client.line().await, None);
    wire.run.await.unwrap().unwrap();
    assert_eq!(*ends.lock().unwrap(), ["slow", "echo"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_after_its_error_is_not_answered_again() {
    // The grace is five seconds, for the calls and then for the server.
    let late = layer(|_, request| async move {
        tokio::time::sleep(Duration::from_secs(7)).await;
        Ok(JsonRpcResponse::success(&request, serde_json::json!({})))
    });
    let mut wire = Wire::new(Pipe::new(late));
    wire.client.send(call("1", "echo")).await;
    wire.client.close().await;
    assert_eq!(wire.client.json().await["error"]["code"], -32603);
    assert_eq!(wire.client.line().await, None);
    wire.run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_client_cancelled_gets_no_answer_at_the_end() {
    let mut wire = Wire::new(Pipe::new(layer(|_, _| std::future::pending())));
    wire.client.send(call("1", "echo")).await;
    let cancelled =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    wire.client.send(cancelled).await;
    wire.client.close().await;
    assert_eq!(wire.server.line().await, None);
    wire.server.close().await;
    assert_eq!(wire.client.line().await, None);
    wire.run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_no_more_ends_the_connection() {
    let mut wire = Wire::plain();
    wire.passes_to_server(&call("1", "echo")).await;
    let Wire {
        client,
        mut server,
        run,
    } = wire;
    drop(client);
    // The call is cancelled at once, or its answer finds nobody.
    server.send(answer("1", "x")).await;
    while server.line().await.is_some() {}
    server.close().await;
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_run_closes_both_sides() {
    let mut wire = Wire::plain();
    wire.passes_to_server(&call("1", "echo")).await;
    wire.run.abort();
    let _ = wire.run.await;
    assert_eq!(wire.server.line().await, None);
    assert_eq!(wire.client.line().await, None);
}

#[cfg(unix)]
mod children {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex, split},
        process::Command,
    };

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn is_alive(process: &str) -> bool {
        let status = std::process::Command::new("kill")
            .args(["-0", process])
            .stderr(std::process::Stdio::null())
            .status();
        status.unwrap().success()
    }

    /// Runs a server with a client that sends `input` and ends. What the client got, and the status.
    async fn run(script: &str, input: &str, grace: Duration) -> (String, std::process::ExitStatus) {
        let (mut client, side) = duplex(1 << 16);
        client.write_all(input.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let pipe = Pipe::new(CancelLayer::new()).grace(grace);
        let status = timeout(PATIENCE, pipe.run_child(split(side), shell(script))).await;
        let mut output = String::new();
        client.read_to_string(&mut output).await.unwrap();
        (output, status.unwrap().unwrap())
    }

    #[tokio::test]
    async fn the_status_of_the_server_is_returned() {
        let script = r#"read line; echo '{"jsonrpc":"2.0","id":1,"result":{}}'; cat; exit 7"#;
        let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
        let (output, status) = run(script, ping, PATIENCE).await;
        assert_eq!(output, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
        assert_eq!(status.code(), Some(7));
    }

    #[tokio::test]
    async fn a_server_that_dies_ends_the_run_while_the_client_stays() {
        let (client, side) = duplex(1 << 16);
        let pipe = Pipe::new(CancelLayer::new());
        let run = pipe.run_child(split(side), shell("read line; kill -9 $$"));
        let (mut lines, mut out) = split(client);
        let talk = async {
            out.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n")
                .await
                .unwrap();
            let mut output = String::new();
            lines.read_to_string(&mut output).await.unwrap();
            output
        };
        let (status, output) = timeout(PATIENCE, async { tokio::join!(run, talk) })
            .await
            .unwrap();
        assert!(!status.unwrap().success());
        assert!(
            output.contains(r#""id":1,"error":{"code":-32603"#),
            "{output}"
        );
    }

    #[tokio::test]
    async fn another_process_that_holds_the_output_does_not_hold_the_run() {
        let (client, side) = duplex(1 << 16);
        let pipe = Pipe::new(CancelLayer::new());
        let script = "sleep 3600 2>/dev/null & echo '{\"jsonrpc\":\"2.0\",\"method\":\"pid\",\"params\":{\"pid\":'$!'}}'; exit 3";
        let started = std::time::Instant::now();
        let status = timeout(PATIENCE, pipe.run_child(split(side), shell(script))).await;
        assert_eq!(status.unwrap().unwrap().code(), Some(3));
        assert!(started.elapsed() < Duration::from_secs(60));
        let (mut lines, _out) = split(client);
        let mut output = String::new();
        lines.read_to_string(&mut output).await.unwrap();
        let message: serde_json::Value = serde_json::from_str(&output).unwrap();
        let left = message["params"]["pid"].to_string();
        std::process::Command::new("kill")
            .arg(left)
            .status()
            .unwrap();
    }

    #[tokio::test]
    async fn a_server_that_dies_during_the_grace_fails_its_calls_although_its_output_is_held() {
        let script = "read line; sleep 3600 2>/dev/null & echo '{\"jsonrpc\":\"2.0\",\"method\":\"pid\",\"params\":{\"pid\":'$!'}}'; kill -9 $$";
        // The client has closed its side by then. The grace is longer than the test has to take.
        let (output, status) =
            run(script, &(call("1", "slow") + "\n"), Duration::from_secs(60)).await;
        assert!(!status.success());
        let (first, answer) = output.trim_end().split_once('\n').unwrap();
        let message: serde_json::Value = serde_json::from_str(first).unwrap();
        let left = message["params"]["pid"].to_string();
        let _ = std::process::Command::new("kill").arg(left).status();
        assert!(
            answer.contains(r#""id":1,"error":{"code":-32603"#),
            "{output}"
        );
    }

    #[tokio::test]
    async fn a_server_that_ignores_its_end_is_killed() {
        let script = "trap '' TERM; echo '{\"jsonrpc\":\"2.0\",\"method\":\"pid\",\"params\":{\"pid\":'$$'}}'; exec sleep 3600";
        let (output, status) = run(script, "", Duration::from_millis(50)).await;
        assert!(!status.success());
        let message: serde_json::Value = serde_json::from_str(&output).unwrap();
        assert!(!is_alive(&message["params"]["pid"].to_string()));
    }

    #[tokio::test]
    async fn a_dropped_run_leaves_no_process() {
        let (client, side) = duplex(1 << 16);
        let pipe = Pipe::new(CancelLayer::new());
        let script = "echo '{\"jsonrpc\":\"2.0\",\"method\":\"pid\",\"params\":{\"pid\":'$$'}}'; exec sleep 3600";
        let run = tokio::spawn(async move { pipe.run_child(split(side), shell(script)).await });
        let mut client = tokio::io::BufReader::new(client);
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut client, &mut line)
            .await
            .unwrap();
        let message: serde_json::Value = serde_json::from_str(&line).unwrap();
        let process = message["params"]["pid"].to_string();
        assert!(is_alive(&process));
        run.abort();
        assert!(run.await.unwrap_err().is_cancelled());
        // Tokio takes the process off the table some time after it was killed.
        let gone = async {
            while is_alive(&process) {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), gone).await.unwrap();
    }
}
