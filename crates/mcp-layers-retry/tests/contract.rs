//! The rules of every layer.
#![allow(clippy::unwrap_used)]

use std::{num::NonZeroU32, time::Duration};

use mcp_layers_retry::{Backoff, RetryLayer};
use mcp_layers_test::Contract;

fn retry() -> RetryLayer {
    // The errors of the contract are final ones at once: nothing waits for time there.
    let none = Duration::ZERO;
    RetryLayer::new(NonZeroU32::MIN.saturating_add(2))
        .backoff(Backoff {
            base: none,
            max: none,
        })
        .repeatable_tools([mcp_layers_test::requests::TOOL])
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn keeps_the_contract_of_layers() {
    Contract::new(retry).check().await;
    let hour = Duration::from_secs(3600);
    Contract::new(|| retry().deadline(hour).attempt_timeout(hour))
        .check()
        .await;
}
