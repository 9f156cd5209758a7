//! Clients that lose their connection, and get the answer on another stream.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod http_support;

use std::time::Duration;

use http_support::{
    Events, Http, Reply, answer, call, event, layer, notification, post, resumable, send,
};
use mcp_layers_core::{Authentication, McpResponse, Principal};
use mcp_layers_timeout::TimeoutLayer;
use mcp_layers_wire::WireLayer;
use std::sync::Arc;

/// A layer whose mark every answer must have.
fn marked() -> Http {
    Http::new(with_marks())
}

fn with_marks() -> WireLayer<impl http_support::Stack> {
    WireLayer::new(layer(|leaf, request| async move {
        let mut response = send(leaf, request).await?;
        response.insert_meta("a/b", 1.into());
        Ok(response)
    }))
}

fn with_mark(id: &str, text: &str) -> String {
    answer(id, text).replace("}]}}", r#"}],"_meta":{"a/b":1}}}"#)
}

/// A stream whose client has the id of an event.
async fn resumable_stream(http: &mut Http, id: &str) -> (Reply, Events) {
    let (mut reply, events) = http.streaming("s", &call(id, "echo")).await;
    events.send(resumable(1, &notification("working"))).await;
    assert_eq!(
        reply.next().await,
        Some(resumable(1, &notification("working")))
    );
    (reply, events)
}

async fn get(http: &mut Http) -> (Reply, Events) {
    let reply = http.get_in("s");
    let incoming = http.incoming().await;
    assert_eq!(incoming.head.headers["last-event-id"], "1");
    let events = incoming.stream();
    (reply.await.unwrap(), events)
}

#[tokio::test(start_paused = true)]
async fn a_replayed_answer_passes_the_layers_and_a_second_replay_gets_the_same() {
    let mut http = marked();
    let (reply, events) = resumable_stream(&mut http, "1").await;
    drop(reply);
    // The server sees the end of the connection, and is not told of a cancellation.
    events.is_dropped().await;
    for _ in 0..2 {
        let (mut reply, events) = get(&mut http).await;
        events.send(resumable(2, &notification("replayed"))).await;
        events.send(resumable(3, &answer("1", "x"))).await;
        assert_eq!(
            reply.next().await,
            Some(resumable(2, &notification("replayed")))
        );
        assert_eq!(reply.next().await, Some(resumable(3, &with_mark("1", "x"))));
        drop(events);
        assert_eq!(reply.next().await, None);
    }
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn a_server_may_end_the_stream_before_it_answers() {
    let mut http = marked();
    for breaks in [false, true] {
        let (mut reply, events) = resumable_stream(&mut http, "1").await;
        match breaks {
            true => events.breaks().await,
            false => drop(events),
        }
        assert_eq!(reply.next().await, None);
        let (mut reply, events) = get(&mut http).await;
        events.message(answer("1", "x")).await;
        assert_eq!(reply.next().await, Some(event(&with_mark("1", "x"))));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_did_not_arrive_can_be_replayed() {
    let mut http = marked();
    let (mut reply, events) = resumable_stream(&mut http, "1").await;
    events.message(answer("1", "x")).await;
    assert_eq!(reply.next().await, Some(event(&with_mark("1", "x"))));
    drop(reply);
    let (mut reply, events) = get(&mut http).await;
    events.message(answer("1", "x")).await;
    assert_eq!(reply.next().await, Some(event(&with_mark("1", "x"))));
}

#[tokio::test(start_paused = true)]
async fn a_client_may_come_back_before_its_lost_connection_is_noticed() {
    let mut http = marked();
    let (mut lost, first) = resumable_stream(&mut http, "1").await;
    let (mut reply, events) = get(&mut http).await;
    events.message(answer("1", "x")).await;
    let (resumed, lost) = tokio::join!(reply.next(), lost.next());
    assert_eq!(resumed, Some(event(&with_mark("1", "x"))));
    assert_eq!(lost, Some(event(&with_mark("1", "x"))));
    first.is_dropped().await;
}

#[tokio::test(start_paused = true)]
async fn answers_that_belong_to_no_call_are_dropped() {
    let mut http = marked();
    let (reply, _events) = resumable_stream(&mut http, "1").await;
    drop(reply);
    let (mut reply, events) = get(&mut http).await;
    for text in [
        answer("2", "x"),
        answer("\"1\"", "x"),
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{"x":NaN}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"id":1,"result":{}}"#.to_owned(),
    ] {
        events.message(text).await;
    }
    events.message(notification("passes")).await;
    assert_eq!(reply.next().await, Some(event(&notification("passes"))));

    // Those of another session, and those of a stream that nobody can resume.
    let other = http.get_in("other");
    let events = http.incoming().await.stream();
    let mut other = other.await.unwrap();
    events.message(answer("1", "x")).await;
    events.message(notification("passes")).await;
    assert_eq!(other.next().await, Some(event(&notification("passes"))));

    let (mut reply, events) = http.streaming("s", &call("5", "echo")).await;
    events.message(notification("no id")).await;
    reply.next().await;
    drop(reply);
    events.is_dropped().await;
    let (mut reply, events) = get(&mut http).await;
    events.message(answer("5", "x")).await;
    events.message(notification("passes")).await;
    assert_eq!(reply.next().await, Some(event(&notification("passes"))));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_only_to_the_principal_that_called() {
    let mut http = marked();
    let of = |name: &str, mut request: http::Request<bytes::Bytes>| {
        let principal = Principal::new(name, Authentication::Bearer);
        request.extensions_mut().insert(Arc::new(principal));
        request
    };
    let request = http_support::in_session("s", post(call("1", "echo")));
    let reply = http.send(of("ada", request));
    let events = http.incoming().await.stream();
    events.send(resumable(1, &notification("x"))).await;
    let mut reply = reply.await.unwrap();
    reply.next().await;
    drop(reply);
    for (name, gets_it) in [("eve", false), ("ada", true)] {
        let request = http::Request::builder().body(bytes::Bytes::new()).unwrap();
        let reply = http.send(of(name, http_support::in_session("s", request)));
        let events = http.incoming().await.stream();
        let mut reply = reply.await.unwrap();
        events.message(answer("1", "x")).await;
        events.message(notification("end")).await;
        let first = reply.next().await.unwrap();
        assert_eq!(first == event(&with_mark("1", "x")), gets_it, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_parked_for_a_time() {
    let layer = with_marks().park_for(Duration::from_secs(30)).unwrap();
    let mut http = Http::new(layer);
    for (seconds, is_there) in [(29, true), (31, false)] {
        let (reply, events) = resumable_stream(&mut http, "1").await;
        drop(reply);
        events.is_dropped().await;
        tokio::time::advance(Duration::from_secs(seconds)).await;
        let (mut reply, events) = get(&mut http).await;
        events.message(answer("1", "x")).await;
        events.message(notification("end")).await;
        let first = reply.next().await.unwrap();
        assert_eq!(first == event(&with_mark("1", "x")), is_there, "{seconds}");
        // And so is its answer.
        tokio::time::advance(Duration::from_secs(31)).await;
        let (mut reply, events) = get(&mut http).await;
        events.message(answer("1", "x")).await;
        events.message(notification("end")).await;
        assert_eq!(reply.next().await, Some(event(&notification("end"))));
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_parked_calls_is_bounded() {
    let mut http = Http::new(with_marks().max_parked(2).unwrap());
    for id in ["1", "2", "3"] {
        let (reply, events) = resumable_stream(&mut http, id).await;
        drop(reply);
        events.is_dropped().await;
    }
    let (mut reply, events) = get(&mut http).await;
    for id in ["3", "2", "1"] {
        events.message(answer(id, "x")).await;
    }
    assert_eq!(reply.next().await, Some(event(&with_mark("2", "x"))));
    assert_eq!(reply.next().await, Some(event(&with_mark("1", "x"))));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_layers_retry_is_not_given_to_the_client() {
    let retries = layer(|leaf, request| async move {
        let first = send(leaf, request.clone()).await?;
        match first.outcome().code() {
            Some(_) => Ok(send(leaf, request).await?),
            None => Ok(first),
        }
    });
    let mut http = Http::new(WireLayer::new(retries));
    let (reply, _events) = resumable_stream(&mut http, "1").await;
    drop(reply);
    let (mut reply, events) = get(&mut http).await;
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}"#;
    events.send(resumable(4, error)).await;
    let attempt = async {
        let second = http.incoming().await;
        let id = second.id();
        second.json(answer(&id, "good"));
    };
    let (event, ()) = tokio::join!(reply.next(), attempt);
    assert_eq!(event, Some(resumable(4, &answer("1", "good"))));
}

#[tokio::test(start_paused = true)]
async fn a_parked_call_that_a_layer_ends_is_answered_when_its_client_resumes() {
    let impatient = TimeoutLayer::new(Duration::from_secs(10));
    let mut http = Http::new(WireLayer::new(impatient));
    for waits in [false, true] {
        let (mut lost, events) = http.streaming("s", &call("1", "slow")).await;
        events.send(resumable(1, &notification("x"))).await;
        lost.next().await;
        drop(lost);
        events.is_dropped().await;
        let cancelled = async |http: &mut Http| {
            // For the layer it is at an end, so it is for the server.
            let told = http.incoming().await.message();
            assert_eq!(told["method"], "notifications/cancelled");
        };
        if waits {
            cancelled(&mut http).await;
        }
        let (mut reply, events) = get(&mut http).await;
        events.message(notification("y")).await;
        let mut seen = [reply.next().await.unwrap(), reply.next().await.unwrap()];
        seen.sort_by_key(|text| text.contains("error"));
        assert_eq!(seen[0], event(&notification("y")));
        assert!(
            seen[1].contains(r#""id":1,"error":{"code":504"#),
            "{}",
            seen[1]
        );
        if !waits {
            cancelled(&mut http).await;
        }
        drop(events);
        assert_eq!(reply.next().await, None);
        // Another client of the session, after another event, gets nothing.
        let request = http::Request::builder().header("last-event-id", "7");
        let request = request.body(bytes::Bytes::new()).unwrap();
        let other = http.send(http_support::in_session("s", request));
        let events = http.incoming().await.stream();
        drop(events);
        assert_eq!(other.await.unwrap().next().await, None);
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::task::yield_now().await;
    }
}
