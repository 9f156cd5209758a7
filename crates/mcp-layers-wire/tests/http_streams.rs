//! Calls whose answers come in streams of events.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{Http, answer, call, event, layer, modern_call, notification, resumable, send};
use mcp_layers_core::{JsonRpcResponse, McpError, McpRequest, McpResponse, progress::InputWait};
use mcp_layers_timeout::TimeoutLayer;
use mcp_layers_wire::WireLayer;
use std::time::Duration;
use tokio::sync::mpsc;

#[tokio::test(start_paused = true)]
async fn events_pass_at_once_and_in_their_bytes() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.kind()),
        (200, "text/event-stream")
    );
    for text in [
        ": a comment\n\n".to_owned(),
        "id: 1\nretry: 100\ndata: \n\n".to_owned(),
        event(
            r#"{"method":"notifications/progress" , "jsonrpc":"2.0","params":{"progress":1.50}}"#,
        ),
        "event: message\r\ndata: {\"jsonrpc\":\"2.0\",\r\ndata: \"method\":\"x\"}\r\n\r\n"
            .to_owned(),
        event(r#"{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{"a":1,"a":2}}"#),
    ] {
        events.send(text.clone()).await;
        assert_eq!(reply.next().await, Some(text));
    }
    let last = "id: 9\ndata:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"n\":1e2}}\n\n";
    events.send(last).await;
    assert_eq!(reply.next().await.as_deref(), Some(last));
    drop(events);
    assert_eq!(reply.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_event_may_come_in_pieces() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    for byte in event(&notification("größe")).into_bytes() {
        events.send(vec![byte]).await;
    }
    assert_eq!(reply.next().await, Some(event(&notification("größe"))));
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_replaced_only_if_a_layer_changed_it() {
    let marks = layer(|leaf, request| async move {
        let mut response = send(leaf, request).await?;
        response.insert_meta("a/b", 1.into());
        Ok(response)
    });
    let mut http = Http::new(WireLayer::new(marks));
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    events
        .send("id: 3\r\nevent: message\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\r\ndata: \"result\":{\"n\":1.10}}\r\n\r\n")
        .await;
    let expected = "id: 3\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1, \"result\":{\"n\":1.10,\"_meta\":{\"a/b\":1}}}\n\n";
    assert_eq!(reply.next().await.as_deref(), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_answer_passes_and_a_second_answer_does_not() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    events.message(answer("1", "x")).await;
    events.message(answer("1", "again")).await;
    events.message(answer("2", "other")).await;
    events
        .message(r#"{"jsonrpc":"2.0","id":1,"result":NaN}"#)
        .await;
    events.message(notification("after")).await;
    assert_eq!(reply.next().await, Some(event(&answer("1", "x"))));
    assert_eq!(reply.next().await, Some(event(&notification("after"))));
    drop(events);
    assert_eq!(reply.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn foreign_answers_are_dropped() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    for id in ["2", "\"1\"", "12345678901234567890"] {
        events.message(answer(id, "foreign")).await;
    }
    events.message(answer("1", "own")).await;
    drop(events);
    assert_eq!(reply.text().await, event(&answer("1", "own")));
}

#[tokio::test(start_paused = true)]
async fn an_error_without_an_id_is_the_answer_of_its_stream() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    let error = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#;
    events.message(error).await;
    assert_eq!(reply.next().await, Some(event(error)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_early_fails_the_call() {
    let mut http = Http::plain();
    for breaks in [false, true] {
        let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
        events.message(notification("working")).await;
        events
            .send("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n")
            .await;
        match breaks {
            true => events.breaks().await,
            false => drop(events),
        }
        assert_eq!(reply.next().await, Some(event(&notification("working"))));
        assert_eq!(reply.event().await["error"]["code"], -32603);
        assert_eq!(reply.next().await, None);
    }
    // A modern client cannot resume.
    let reply = http.post(modern_call("1", "echo"));
    let events = http.incoming().await.stream();
    events.send(resumable(1, &notification("x"))).await;
    drop(events);
    let mut reply = reply.await.unwrap();
    assert!(reply.next().await.is_some());
    assert_eq!(reply.event().await["error"]["code"], -32603);
}

#[tokio::test(start_paused = true)]
async fn a_further_attempt_has_an_id_of_its_own_and_writes_into_the_open_stream() {
    let retries = layer(|mut leaf, request| async move {
        let _ = send(leaf, request.clone()).await;
        Ok(tower::Service::call(&mut leaf, request).await?)
    });
    let mut http = Http::new(WireLayer::new(retries));
    let (reply, first) = http.streaming("s", &call("1", "echo")).await;
    let reply = reply.reading();
    first.message(notification("one")).await;
    drop(first);
    let second = http.incoming().await;
    let id = second.id();
    assert_ne!(id, "1");
    assert_eq!(second.text(), call(&id, "echo"));
    let second = second.stream();
    second.message(notification("two")).await;
    // A late answer to the first attempt is not the answer to the second.
    second.message(answer("1", "late")).await;
    second.message(answer(&id, "x")).await;
    drop(second);
    let expected = [notification("one"), notification("two"), answer("1", "x")];
    let expected: String = expected.iter().map(|text| event(text)).collect();
    assert_eq!(reply.await.unwrap(), expected);

    // The last attempt may be no stream.
    let (reply, first) = http.streaming("s", &call("5", "echo")).await;
    let reply = reply.reading();
    first.message(answer("5", "bad")).await;
    drop(first);
    let second = http.incoming().await;
    let id = second.id();
    second.json(answer(&id, "good"));
    assert_eq!(reply.await.unwrap(), event(&answer("5", "good")));
}

#[tokio::test(start_paused = true)]
async fn the_first_stream_may_come_with_a_further_attempt() {
    let retries = layer(|leaf, request| async move {
        let _ = send(leaf, request.clone()).await?;
        Ok(send(leaf, request).await?)
    });
    let mut http = Http::new(WireLayer::new(retries));
    let reply = http.post_in("s", call("1", "echo"));
    http.incoming().await.status(503, "text/plain", "later");
    let second = http.incoming().await;
    let id = second.id();
    let second = second.stream_with(&[("x-second", "yes")]);
    second.message(answer(&id, "x")).await;
    drop(second);
    let mut reply = reply.await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["x-second"]),
        (200, &"yes".parse().unwrap())
    );
    assert_eq!(reply.text().await, event(&answer("1", "x")));
}

#[tokio::test(start_paused = true)]
async fn a_layer_can_answer_a_call_whose_stream_is_open() {
    let falls_back = layer(|leaf, request| async move {
        Ok(match send(leaf, request.clone()).await {
            Ok(response) => response,
            Err(_) => JsonRpcResponse::error(&request, McpError::unavailable()),
        })
    });
    let mut http = Http::new(WireLayer::new(falls_back));
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    drop(events);
    assert_eq!(reply.event().await["error"]["code"], 503);
}

#[tokio::test(start_paused = true)]
async fn progress_reaches_the_layers() {
    let (seen, mut times) = mpsc::unbounded_channel();
    let watches = layer(move |leaf, request| {
        let seen = seen.clone();
        async move {
            let progress = request.context().progress().cloned();
            let response = send(leaf, request).await;
            seen.send(progress.unwrap().last().is_some()).unwrap();
            Ok(response?)
        }
    });
    let mut http = Http::new(WireLayer::new(watches));
    let with_token = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":"t"}}}"#;
    for (token, expected) in [("\"t\"", true), ("\"u\"", false)] {
        let (mut reply, events) = http.streaming("s", with_token).await;
        let progress = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
        );
        events.message(&progress).await;
        assert_eq!(reply.next().await, Some(event(&progress)));
        events.message(answer("1", "x")).await;
        reply.next().await;
        assert_eq!(times.recv().await, Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_question_to_the_client_is_not_counted() {
    let (waits, mut seen) = mpsc::unbounded_channel::<InputWait>();
    let peeks = layer(move |leaf, request| {
        waits
            .send(request.context().input_wait().unwrap().clone())
            .unwrap();
        async move { Ok(send(leaf, request).await?) }
    });
    let layers = tower::ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(9999)))
        .layer(peeks);
    let mut http = Http::new(WireLayer::new(layers));
    let (mut reply, events) = http.streaming("s", &call("1", "slow")).await;
    let wait = seen.recv().await.unwrap();
    let question = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}"#;
    events.message(question).await;
    assert_eq!(reply.next().await, Some(event(question)));
    assert!(wait.since().is_some());
    let answered = http.post_in(
        "s",
        r#"{"jsonrpc":"2.0","id":"q","result":{"action":"accept"}}"#,
    );
    http.incoming().await.accepted();
    answered.await.unwrap();
    assert!(wait.since().is_none());

    // A question on a stream of GET belongs to all calls of the session.
    let get = http.get_in("s");
    let other = http.incoming().await.stream();
    let mut get = get.await.unwrap();
    other.message(question).await;
    assert_eq!(get.next().await, Some(event(question)));
    assert!(wait.since().is_some());
    let withdrawn =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"q"}}"#;
    other.message(withdrawn).await;
    assert_eq!(get.next().await, Some(event(withdrawn)));
    assert!(wait.since().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_with_its_stream() {
    let mut http = Http::plain();
    let listen = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let reply = http.post(listen);
    let events = http.incoming().await.stream();
    let mut reply = reply.await.unwrap();
    events.message(notification("changed")).await;
    assert_eq!(reply.next().await, Some(event(&notification("changed"))));
    drop(events);
    assert_eq!(reply.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_text_makes_no_event_of_its_own_for_clients_that_know_more_line_ends() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "echo")).await;
    let hidden = format!(
        "\u{2028}data: {}\u{85}\u{2029}",
        answer("1", "hidden").replace('"', "'")
    );
    events
        .send(format!(
            ": \u{2028}x\nid: 1\ndata: {}\n\n",
            notification(&hidden)
        ))
        .await;
    let escaped = hidden.replace('\u{2028}', "\\u2028");
    let escaped = escaped
        .replace('\u{85}', "\\u0085")
        .replace('\u{2029}', "\\u2029");
    assert_eq!(
        reply.next().await,
        Some(resumable(1, &notification(&escaped)))
    );
    events.message(answer("1", &hidden)).await;
    let last = format!("event: message\ndata: {}\n\n", answer("1", &escaped));
    assert_eq!(reply.next().await, Some(last));
    drop(events);
    assert_eq!(reply.next().await, None);
}
