//! A sink that is slow, full or broken: requests are refused, wait, or run with a counted gap.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use common::{Brake, PATIENCE, answer, call, folder, key, kinds, lines, open, options};
use mcp_layers_audit::{
    AllowList, AuditLayer, ChannelSink, Entry, FileSink, OverflowPolicy, Record, Sink, SyncPolicy,
    Written, verify,
};
use mcp_layers_core::{
    Authentication, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Principal,
};
use mcp_layers_test::{Answer, MockService, Task, requests};
use std::sync::Mutex;
use tokio::sync::oneshot;
use tower::{Layer, Service, service_fn};

/// A file on a disk that stands still until the brake lets go.
fn slow(path: &std::path::Path, capacity: usize) -> (FileSink, Brake) {
    let brake = Brake::default();
    let options = options()
        .sync(SyncPolicy::Interval(PATIENCE))
        .capacity(capacity);
    (
        FileSink::open_with(path, options, brake.clone()).unwrap(),
        brake,
    )
}

fn reason(response: &JsonRpcResponse) -> Option<String> {
    match response.outcome() {
        mcp_layers_core::Outcome::Protocol { data, .. } => {
            Some(data?.get("reason")?.as_str()?.to_owned())
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_slow_sink_refuses_calls_before_they_run_and_says_so_in_the_chain() {
    let (_folder, path) = folder();
    let (sink, brake) = slow(&path, 10);
    let layer = AuditLayer::new(sink.clone()).unwrap();
    let handle = layer.handle();
    let mock = MockService::new();
    let mut refused = 0;
    for _ in 0..100 {
        let mut service = layer.layer(mock.clone());
        let response = service.call(call("echo")).await.unwrap();
        if response.outcome().code() == Some(503) {
            assert_eq!(reason(&response).as_deref(), Some("audit_unavailable"));
            refused += 1;
        }
        assert!(sink.waiting() <= 10);
    }
    assert_eq!((mock.calls(), refused), (10, 90));
    assert_eq!(
        (
            handle.stats().recorded,
            handle.stats().refused,
            handle.stats().dropped
        ),
        (10, 90, 0)
    );
    assert!(handle.stats().degraded);
    // The lifecycle passes, even without a record.
    let response = answer(&layer, requests::of(1, mcp_layers_core::Method::Ping)).await;
    assert_eq!(response.outcome().code(), None);
    assert_eq!(handle.stats().dropped, 1);

    brake.allow(usize::MAX);
    sink.flush(PATIENCE).unwrap();
    assert_eq!(answer(&layer, call("echo")).await.outcome().code(), None);
    assert!(!handle.stats().degraded);
    sink.close(PATIENCE);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!(
        (verified.records, verified.refused, verified.dropped),
        (11, 90, 1)
    );
}

#[tokio::test]
async fn a_slow_sink_drops_records_and_counts_them_in_the_chain() {
    let (_folder, path) = folder();
    let (sink, brake) = slow(&path, 10);
    let layer = AuditLayer::new(sink.clone())
        .unwrap()
        .on_overflow(OverflowPolicy::Drop);
    for _ in 0..100 {
        assert_eq!(answer(&layer, call("echo")).await.outcome().code(), None);
        assert!(sink.waiting() <= 10);
    }
    assert_eq!(
        (
            layer.handle().stats().dropped,
            layer.handle().stats().refused
        ),
        (90, 0)
    );
    assert!(layer.handle().stats().degraded);
    brake.allow(usize::MAX);
    sink.flush(PATIENCE).unwrap();
    sink.close(PATIENCE);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.records, verified.dropped), (10, 90));
    assert!(kinds(&path).contains(&"gap".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_for_room_and_no_longer_than_it_may() {
    let (sink, mut records) = ChannelSink::bounded(1).unwrap();
    let patience = Duration::from_secs(3);
    let layer = AuditLayer::new(sink)
        .unwrap()
        .on_overflow(OverflowPolicy::Wait(patience));
    answer(&layer, call("echo")).await;
    let mut waiting = Task::new(answer(&layer, call("echo")));
    assert!(waiting.poll().is_pending());
    tokio::time::advance(patience / 2).await;
    assert!(waiting.poll().is_pending());
    assert!(records.try_next().is_some());
    assert!(
        waiting.is_woken() && waiting.poll().is_ready(),
        "there is room"
    );
    assert_eq!(
        (
            layer.handle().stats().recorded,
            layer.handle().stats().dropped
        ),
        (2, 0)
    );

    let started = tokio::time::Instant::now();
    answer(&layer, call("echo")).await;
    assert_eq!(started.elapsed(), patience);
    assert_eq!(layer.handle().stats().dropped, 1);
    assert_eq!(records.take_dropped(), 1);
    // Whoever goes away while it waits is counted too.
    let mut waiting = Task::new(answer(&layer, call("echo")));
    assert!(waiting.poll().is_pending());
    drop(waiting);
    assert_eq!(
        (layer.handle().stats().dropped, records.take_dropped()),
        (2, 1)
    );
}

#[tokio::test]
async fn a_slow_sink_beside_a_quick_one_gives_its_room_back() {
    let (quick, mut records) = ChannelSink::bounded(2).unwrap();
    let (slow, _kept) = ChannelSink::bounded(1).unwrap();
    let layer = AuditLayer::new(quick).unwrap().also(slow);
    answer(&layer, call("echo")).await;
    for _ in 0..10 {
        assert_eq!(
            answer(&layer, call("echo")).await.outcome().code(),
            Some(503)
        );
    }
    assert!(records.try_next().is_some() && records.try_next().is_none());
    assert_eq!(records.take_refused(), 10);
}

/// Gives receipts that the test resolves.
#[derive(Clone, Default)]
struct ByHand(Arc<Mutex<Vec<oneshot::Sender<()>>>>);

impl Sink for ByHand {
    fn write(&self, entry: Entry) -> Written {
        let Entry::Record(..) = entry else {
            return Written::Taken;
        };
        let (acknowledge, receipt) = oneshot::channel();
        self.0.lock().unwrap().push(acknowledge);
        Written::Unsynced(receipt)
    }
}

#[tokio::test]
async fn an_answer_comes_after_its_record_is_synced() {
    let (one, two) = (ByHand::default(), ByHand::default());
    let layer = AuditLayer::new(one.clone()).unwrap().also(two.clone());
    let mut task = Task::new(layer.layer(MockService::new()).call(call("echo")));
    assert!(task.poll().is_pending());
    one.0.lock().unwrap().pop().unwrap().send(()).unwrap();
    assert!(task.is_woken() && task.poll().is_pending());
    two.0.lock().unwrap().pop().unwrap().send(()).unwrap();
    assert!(task.is_woken() && task.poll().is_ready());
}

#[tokio::test]
async fn a_call_whose_record_could_not_be_synced_is_not_acknowledged() {
    for (trouble, code) in [
        (OverflowPolicy::Refuse, Some(503)),
        (OverflowPolicy::Drop, None),
    ] {
        let sink = ByHand::default();
        let layer = AuditLayer::new(sink.clone()).unwrap().on_overflow(trouble);
        let mut task = Task::new(layer.layer(MockService::new()).call(call("echo")));
        assert!(task.poll().is_pending());
        drop(sink.0.lock().unwrap().pop());
        let std::task::Poll::Ready(Ok(response)) = task.poll() else {
            panic!("an answer");
        };
        assert_eq!(response.outcome().code(), code);
        assert_eq!(layer.handle().stats().unacknowledged, 1);
    }
}

#[tokio::test]
async fn a_panic_in_the_writer_closes_the_sink() {
    struct Panics;
    impl mcp_layers_audit::Encode for Panics {
        fn encode(&self, _: &Record, _: &mut Vec<u8>) {
            std::panic::resume_unwind(Box::new("quietly"));
        }
    }
    let (_folder, path) = folder();
    let sink = FileSink::open_with(&path, options(), Panics).unwrap();
    let layer = AuditLayer::new(sink.clone()).unwrap();
    for _ in 0..3 {
        assert_eq!(
            answer(&layer, call("echo")).await.outcome().code(),
            Some(503)
        );
    }
    assert!(sink.is_degraded());
    assert!(sink.flush(PATIENCE).is_err());
    sink.close(PATIENCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_get_every_record_into_the_chain_once() {
    let (_folder, path) = folder();
    let sink = open(&path);
    let layer = AuditLayer::new(sink.clone()).unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let layer = layer.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    answer(&layer, call("echo")).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    sink.close(PATIENCE);
    assert_eq!(verify(&path, &key()).unwrap().records, 64 * 25);
    let mut sequences: Vec<_> = lines(&path)
        .iter()
        .filter_map(|line| line["record"]["sequence"].as_u64())
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (0..64 * 25).collect::<Vec<_>>());
}

fn of(subject: &str) -> JsonRpcRequest {
    let mut request = call("echo");
    let principal = Principal::new(subject, Authentication::Bearer);
    request.context_mut().set_principal(Arc::new(principal));
    request
}

#[tokio::test]
async fn one_caller_does_not_use_up_the_room_of_another() {
    let (sink, mut records) = ChannelSink::bounded(40).unwrap();
    let layer = AuditLayer::new(sink).unwrap();
    let mock = MockService::new();
    let mut slow = Vec::new();
    for _ in 0..10 {
        mock.push(Answer::never());
        let mut task = Task::new(layer.layer(mock.clone()).call(of("ada")));
        assert!(task.poll().is_pending());
        slow.push(task);
    }
    for _ in 0..100 {
        let response = answer(&layer, of("ada")).await;
        assert_eq!(reason(&response).as_deref(), Some("audit_share"));
    }
    assert!(!layer.handle().stats().degraded, "the sinks have room");
    assert_eq!(answer(&layer, of("bob")).await.outcome().code(), None);
    drop(slow);
    while records.try_next().is_some() {}
    assert_eq!(answer(&layer, of("ada")).await.outcome().code(), None);
    assert_eq!(records.take_refused(), 100);
}

#[tokio::test]
async fn a_share_can_be_set_and_no_limit_can_be_zero() {
    let (sink, mut records) = ChannelSink::bounded(40).unwrap();
    let layer = AuditLayer::new(sink).unwrap();
    assert!(layer.clone().max_per_caller(0).is_err());
    assert!(AllowList::new().max_bytes(0).is_err());
    let layer = layer.max_per_caller(1).unwrap();
    assert_eq!(answer(&layer, of("ada")).await.outcome().code(), None);
    let response = answer(&layer, of("ada")).await;
    assert_eq!(reason(&response).as_deref(), Some("audit_share"));
    assert!(records.try_next().is_some());
    assert_eq!(answer(&layer, of("ada")).await.outcome().code(), None);
}

#[tokio::test]
async fn a_caller_beyond_its_share_runs_unrecorded_where_records_may_be_dropped() {
    let (sink, mut records) = ChannelSink::bounded(8).unwrap();
    let layer = AuditLayer::new(sink)
        .unwrap()
        .on_overflow(OverflowPolicy::Drop);
    for _ in 0..50 {
        assert_eq!(answer(&layer, of("ada")).await.outcome().code(), None);
    }
    answer(&layer, of("bob")).await;
    assert_eq!(
        (
            layer.handle().stats().recorded,
            layer.handle().stats().dropped
        ),
        (3, 48)
    );
    assert_eq!(records.take_dropped(), 48);
}

#[tokio::test]
async fn refusals_are_tool_results_where_models_are_to_read_them() {
    let (sink, _records) = ChannelSink::bounded(1).unwrap();
    let layer = AuditLayer::new(sink).unwrap().as_tool_error();
    answer(&layer, call("echo")).await;
    let response = answer(&layer, call("echo")).await;
    assert_eq!(response.outcome(), mcp_layers_core::Outcome::ToolError);
    assert_eq!(response.trail().events().len(), 1);
}

#[tokio::test]
async fn an_opening_record_is_safe_before_the_call_runs() {
    let sink = ByHand::default();
    let layer = AuditLayer::new(sink.clone()).unwrap().record_openings();
    let ran = Arc::new(AtomicBool::new(false));
    let handler = ran.clone();
    let mut service = layer.layer(service_fn(move |_: JsonRpcRequest| {
        let ran = handler.clone();
        async move {
            ran.store(true, SeqCst);
            std::future::pending::<Result<JsonRpcResponse, Infallible>>().await
        }
    }));
    let mut task = Task::new(service.call(call("write")));
    assert!(task.poll().is_pending() && !ran.load(SeqCst));
    sink.0.lock().unwrap().pop().unwrap().send(()).unwrap();
    assert!(task.is_woken() && task.poll().is_pending() && ran.load(SeqCst));
    drop(task);
    assert_eq!(layer.handle().stats().recorded, 2);

    // An opening record that cannot be synced refuses the call.
    let mut task = Task::new(layer.layer(MockService::new()).call(call("write")));
    assert!(task.poll().is_pending());
    sink.0.lock().unwrap().clear();
    let std::task::Poll::Ready(Ok(response)) = task.poll() else {
        panic!("an answer");
    };
    assert_eq!(response.outcome().code(), Some(503));

    // Lists change nothing.
    sink.0.lock().unwrap().clear();
    let mut task = Task::new(
        layer
            .layer(MockService::new())
            .call(requests::list_tools(1)),
    );
    assert!(task.poll().is_pending());
    assert_eq!(sink.0.lock().unwrap().len(), 1, "one record");
}

#[tokio::test(start_paused = true)]
async fn the_longest_patience_means_no_limit() {
    let (sink, mut records) = ChannelSink::bounded(1).unwrap();
    let layer = AuditLayer::new(sink)
        .unwrap()
        .on_overflow(OverflowPolicy::Wait(Duration::MAX));
    answer(&layer, call("echo")).await;
    let mut waiting = Task::new(answer(&layer, call("echo")));
    assert!(waiting.poll().is_pending());
    tokio::time::advance(Duration::from_secs(1 << 20)).await;
    assert!(waiting.poll().is_pending());
    records.try_next();
    assert!(waiting.poll().is_ready());
}
