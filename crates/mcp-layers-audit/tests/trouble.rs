//! A sink that is slow, full or broken: requests are refused, wait, or go on with a counted gap.
#![allow(clippy::unwrap_used)]

mod common;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use common::{Brake, PATIENCE, answer, call, folder, key, kinds, lines};
use mcp_layers_audit::{
    Acknowledge, AuditLayer, ChannelSink, FileOptions, FileSink, Loss, Offer, Receipt, Record,
    Sink, Sync, Trouble, verify,
};
use mcp_layers_core::{JsonRpcResponse, McpResponse};
use mcp_layers_test::{MockService, Task, requests};
use std::sync::Mutex;
use tower::{Layer, Service};

fn size(records: usize) -> NonZeroUsize {
    NonZeroUsize::new(records).unwrap()
}

/// A file on a disk that stands still until the brake lets go.
fn slow(path: &std::path::Path, capacity: usize) -> (FileSink, Brake) {
    let brake = Brake::default();
    let options = FileOptions::new(&key())
        .sync(Sync::Interval(PATIENCE))
        .capacity(size(capacity));
    (options.encoder(brake.clone()).open(path).unwrap(), brake)
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
async fn l5_a_slow_sink_refuses_calls_before_they_run_and_says_so_in_the_chain() {
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
        (handle.recorded(), handle.refused(), handle.dropped()),
        (10, 90, 0)
    );
    assert!(handle.in_trouble());
    // The lifecycle passes, even without a record.
    let response = answer(&layer, requests::of(1, mcp_layers_core::Method::Ping)).await;
    assert_eq!(response.outcome().code(), None);
    assert_eq!(handle.dropped(), 1);

    brake.allow(usize::MAX);
    sink.flush(PATIENCE).unwrap();
    assert_eq!(answer(&layer, call("echo")).await.outcome().code(), None);
    assert!(!handle.in_trouble());
    sink.close(PATIENCE);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!(
        (verified.records, verified.refused, verified.dropped),
        (11, 90, 1)
    );
}

#[tokio::test]
async fn l5_a_slow_sink_drops_records_and_counts_them_in_the_chain() {
    let (_folder, path) = folder();
    let (sink, brake) = slow(&path, 10);
    let layer = AuditLayer::new(sink.clone())
        .unwrap()
        .on_trouble(Trouble::Drop);
    for _ in 0..100 {
        assert_eq!(answer(&layer, call("echo")).await.outcome().code(), None);
        assert!(sink.waiting() <= 10);
    }
    assert_eq!(
        (layer.handle().dropped(), layer.handle().refused()),
        (90, 0)
    );
    assert!(layer.handle().in_trouble());
    brake.allow(usize::MAX);
    sink.flush(PATIENCE).unwrap();
    sink.close(PATIENCE);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.records, verified.dropped), (10, 90));
    assert!(kinds(&path).contains(&"gap".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn l5_an_answer_waits_for_room_and_no_longer_than_it_may() {
    let (sink, mut records) = ChannelSink::bounded(size(1));
    let patience = Duration::from_secs(3);
    let layer = AuditLayer::new(sink)
        .unwrap()
        .on_trouble(Trouble::Wait(patience));
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
        (layer.handle().recorded(), layer.handle().dropped()),
        (2, 0)
    );

    let started = tokio::time::Instant::now();
    answer(&layer, call("echo")).await;
    assert_eq!(started.elapsed(), patience);
    assert_eq!(layer.handle().dropped(), 1);
    assert_eq!(records.take_dropped(), 1);
    // Whoever goes away while it waits is counted too.
    let mut waiting = Task::new(answer(&layer, call("echo")));
    assert!(waiting.poll().is_pending());
    drop(waiting);
    assert_eq!((layer.handle().dropped(), records.take_dropped()), (2, 1));
}

#[tokio::test]
async fn a_slow_sink_beside_a_quick_one_gives_its_room_back() {
    let (quick, mut records) = ChannelSink::bounded(size(2));
    let (slow, _kept) = ChannelSink::bounded(size(1));
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

/// Gives receipts that the test answers.
#[derive(Clone, Default)]
struct ByHand(Arc<Mutex<Vec<Acknowledge>>>);

impl Sink for ByHand {
    fn offer(&self, _: &Arc<Record>, _: bool) -> Offer {
        let (acknowledge, receipt) = Receipt::new();
        self.0.lock().unwrap().push(acknowledge);
        Offer::Unsynced(receipt)
    }

    fn lost(&self, _: Loss) {}

    fn is_durable(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn an_answer_comes_after_its_record_is_synced() {
    let (one, two) = (ByHand::default(), ByHand::default());
    let layer = AuditLayer::new(one.clone()).unwrap().also(two.clone());
    let mut task = Task::new(layer.layer(MockService::new()).call(call("echo")));
    assert!(task.poll().is_pending());
    one.0.lock().unwrap().pop().unwrap().synced();
    assert!(task.is_woken() && task.poll().is_pending());
    two.0.lock().unwrap().pop().unwrap().synced();
    assert!(task.is_woken() && task.poll().is_ready());
}

#[tokio::test]
async fn l2_a_call_whose_record_could_not_be_synced_is_not_acknowledged() {
    for (trouble, code) in [(Trouble::Refuse, Some(503)), (Trouble::Drop, None)] {
        let sink = ByHand::default();
        let layer = AuditLayer::new(sink.clone()).unwrap().on_trouble(trouble);
        let mut task = Task::new(layer.layer(MockService::new()).call(call("echo")));
        assert!(task.poll().is_pending());
        drop(sink.0.lock().unwrap().pop());
        let std::task::Poll::Ready(Ok(response)) = task.poll() else {
            panic!("an answer");
        };
        assert_eq!(response.outcome().code(), code);
        assert_eq!(layer.handle().unacknowledged(), 1);
    }
}

#[tokio::test]
async fn l2_a_panic_in_the_writer_closes_the_sink() {
    struct Panics;
    impl mcp_layers_audit::Encode for Panics {
        fn encode(&self, _: &Record, _: &mut Vec<u8>) {
            std::panic::resume_unwind(Box::new("quietly"));
        }
    }
    let (_folder, path) = folder();
    let sink = FileOptions::new(&key())
        .encoder(Panics)
        .open(&path)
        .unwrap();
    let layer = AuditLayer::new(sink.clone()).unwrap();
    for _ in 0..3 {
        assert_eq!(
            answer(&layer, call("echo")).await.outcome().code(),
            Some(503)
        );
    }
    assert!(sink.in_trouble());
    assert!(sink.flush(PATIENCE).is_ok());
    sink.close(PATIENCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_get_every_record_into_the_chain_once() {
    let (_folder, path) = folder();
    let sink = FileOptions::new(&key()).open(&path).unwrap();
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
