//! The rules of every layer.
#![allow(clippy::unwrap_used)]

mod common;

use mcp_layers_audit::{AuditLayer, ChannelSink, OverflowPolicy, TracingSink};
use mcp_layers_core::{JsonRpcRequest, McpRequest};
use mcp_layers_test::Contract;
use std::time::Duration;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(|| AuditLayer::new(TracingSink::new()).unwrap())
        .check()
        .await;
    Contract::new(|| {
        let (sink, _) = ChannelSink::bounded(1).unwrap();
        AuditLayer::new(sink)
            .unwrap()
            .on_overflow(OverflowPolicy::Drop)
    })
    .check()
    .await;
}

#[tokio::test]
async fn keeps_the_contract_with_everything_on() {
    Contract::new(|| {
        AuditLayer::new(TracingSink::new())
            .unwrap()
            .key(&common::key())
            .digest_results()
            .sizes()
            .originals()
            .on_overflow(OverflowPolicy::Wait(Duration::from_secs(1)))
    })
    .prepare(|request: JsonRpcRequest| {
        assert!(request.context().principal().is_some());
        request
    })
    .check()
    .await;
}
