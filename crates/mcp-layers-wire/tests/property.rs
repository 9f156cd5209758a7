//! Any number of calls, in pieces of any size and answers in any order: nothing is lost, and the
//! order holds.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use mcp_layers_util::CancelLayer;
use mcp_layers_wire::Pipe;
use proptest::prelude::*;
use support::{Side, Wire, answer, call};

/// A message that the server sends after it got all calls.
#[derive(Debug, Clone)]
enum Step {
    Answer(usize),
    Notification(usize),
}

fn notification(number: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"data":{number}}}}}"#)
}

fn plan() -> impl Strategy<Value = (usize, Vec<Step>, Vec<usize>)> {
    (1..40usize, 0..40usize).prop_flat_map(|(calls, notifications)| {
        let steps = (0..calls)
            .map(Step::Answer)
            .chain((0..notifications).map(Step::Notification));
        let steps = Just(steps.collect::<Vec<_>>()).prop_shuffle();
        (Just(calls), steps, prop::collection::vec(1..300usize, 1..8))
    })
}

/// Writes text in pieces of these sizes, in turn.
async fn in_pieces(side: &mut Side, text: &str, sizes: &[usize]) {
    let (mut rest, mut sizes) = (text.as_bytes(), sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        side.write(piece).await;
        tokio::task::yield_now().await;
        rest = after;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_the_order_holds((calls, steps, sizes) in plan()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut wire = Wire::new(Pipe::new(CancelLayer::new()));
            let lines: Vec<_> = (0..calls).map(|id| call(&id.to_string(), "echo")).collect();
            in_pieces(&mut wire.client, &(lines.join("\n") + "\n"), &sizes).await;
            for line in &lines {
                assert_eq!(wire.server.line().await.as_ref(), Some(line));
            }

            let lines: Vec<_> = steps
                .iter()
                .map(|step| match step {
                    Step::Answer(id) => answer(&id.to_string(), &"x".repeat(id * 7)),
                    Step::Notification(number) => notification(*number),
                })
                .collect();
            in_pieces(&mut wire.server, &(lines.join("\n") + "\n"), &sizes).await;
            let mut got = BTreeMap::new();
            for at in 0..lines.len() {
                got.insert(wire.client.line().await.unwrap(), at);
            }
            // Every line came once. No notification overtook what was sent before it, and
            // notifications kept their order; answers may overtake one another.
            assert_eq!(got.len(), lines.len());
            for (sent, line) in lines.iter().enumerate() {
                let at = got[line];
                if let Step::Notification(_) = steps[sent] {
                    assert!(lines[..sent].iter().all(|before| got[before] < at));
                }
            }
        });
    }
}
