//! Refusals: the answer that the caller reads, and the events that outer layers see.
#![allow(clippy::unwrap_used)]

mod common;

use std::{num::NonZeroU32, time::Duration};

use common::{Counting, a_second, by, call, error, limiter, passes, quota, send};
use futures::executor::block_on;
use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpResponse, Outcome};
use mcp_layers_rate_limit::{Quota, Rule};
use mcp_layers_test::requests;
use proptest::{prop_assert, proptest};
use serde_json::json;
use tower::{Layer, ServiceExt};

#[test]
fn a_refusal_is_429_with_the_rule_and_the_wait_and_never_the_key() {
    let (layer, clock) = limiter([Rule::new("per-tool", a_second(1))]);
    let request = || by("ada@example.org", call("secret_tool"));
    assert!(passes(&layer, request()));
    clock.advance(Duration::from_micros(250_500));
    let response = send(&layer, request());
    let events: Vec<_> = response.trail().events().cloned().collect();
    let retry_after = Duration::from_micros(749_500);
    let rule = "per-tool".into();
    assert_eq!(events, [Event::Limited { rule, retry_after }]);
    let mut json = Vec::new();
    response.write_json(&mut json);
    let json = String::from_utf8(json).unwrap();
    assert!(!json.contains("ada") && !json.contains("secret"), "{json}");
    let error = error(response);
    assert_eq!(error.code, 429);
    assert!(error.is_public());
    let data = json!({ "reason": "rate_limited", "retryAfterMs": 750, "rule": "per-tool" });
    assert_eq!(error.data, Some(data));
}

#[test]
fn the_message_says_when_to_try_again_and_which_limit() {
    let hundred = quota(Duration::from_millis(100), 1);
    let (layer, clock) = limiter([Rule::new("per-tool", hundred)]);
    assert!(passes(&layer, call("dig")));
    clock.advance(Duration::from_micros(17_500));
    let message = "Too many requests: try again in 83 ms (limit per-tool)";
    assert_eq!(error(send(&layer, call("dig"))).message, message);
    let response = send(&layer.as_tool_error(), call("dig"));
    assert_eq!(response.outcome(), Outcome::ToolError);
    let mut json = Vec::new();
    response.write_json(&mut json);
    assert!(String::from_utf8(json).unwrap().contains(message));
}

#[test]
fn as_a_tool_error_a_model_reads_what_to_do() {
    let (layer, _) = limiter([Rule::new("per-tool", a_second(1))]);
    let layer = layer.as_tool_error();
    assert!(passes(&layer, call("dig")));
    let response = send(&layer, call("dig"));
    assert_eq!(response.outcome(), Outcome::ToolError);
    assert_eq!(response.trail().events().len(), 1);
    let mut json = Vec::new();
    response.write_json(&mut json);
    let json = String::from_utf8(json).unwrap();
    let message = "Too many requests: try again in 1 s (limit per-tool)";
    assert!(json.contains(message), "{json}");
    // Only tools have such results.
    let prompt = || requests::get_prompt(1, "greet", json!({}));
    assert!(passes(&layer, prompt()));
    assert_eq!(send(&layer, prompt()).outcome().code(), Some(429));
}

#[test]
fn a_refused_call_does_not_reach_the_service() {
    let (layer, _) = limiter([Rule::new("r", a_second(1))]);
    let service = Counting::default();
    for _ in 0..10 {
        block_on(layer.layer(service.clone()).oneshot(call("dig"))).unwrap();
    }
    assert_eq!(service.count(), 1);
}

#[test]
fn a_refusal_gives_back_what_the_service_had_reserved() {
    use tower::{Service, limit::ConcurrencyLimitLayer};
    let (layer, _) = limiter([Rule::new("r", a_second(1))]);
    let one = ConcurrencyLimitLayer::new(1).layer(Counting::default());
    let mut refused = layer.layer(one.clone());
    let mut other = layer.layer(one);
    block_on(refused.ready()).unwrap();
    assert_eq!(
        block_on(refused.call(call("dig")))
            .unwrap()
            .outcome()
            .code(),
        None
    );
    block_on(refused.ready()).unwrap();
    assert_eq!(
        block_on(refused.call(call("dig")))
            .unwrap()
            .outcome()
            .code(),
        Some(429)
    );
    // `refused` is kept, and holds no permit.
    let request: JsonRpcRequest = requests::list_tools(1);
    let answer = mcp_layers_test::Task::new(other.ready()).poll();
    assert!(answer.is_ready());
    let answer: JsonRpcResponse = block_on(other.call(request)).unwrap();
    assert_eq!(answer.outcome(), Outcome::Success);
}

proptest! {
    #[test]
    fn the_wait_is_right_to_a_nanosecond_and_its_milliseconds_are_never_early(
        period in 1_u64..10_000_000_000_000,
        burst in 1_u32..50,
        cost in 1_u32..50,
        gap in 0_u64..10_000_000_000_000,
    ) {
        let cost = cost.min(burst);
        let quota: Quota = quota(Duration::from_nanos(period), burst);
        let rule = Rule::new("r", quota).cost(NonZeroU32::new(cost).unwrap());
        let (layer, clock) = limiter([rule]);
        let mut spent = 0;
        while spent + cost <= burst {
            prop_assert!(passes(&layer, call("dig")));
            spent += cost;
        }
        clock.advance(Duration::from_nanos(gap));
        let response = send(&layer, call("dig"));
        let Some(Event::Limited { retry_after, .. }) = response.trail().events().next().cloned() else {
            return Ok(());
        };
        let told = error(response).retry_after().unwrap();
        prop_assert!(told >= retry_after && told - retry_after < Duration::from_millis(1));
        prop_assert!(retry_after > Duration::ZERO);
        clock.advance(retry_after - Duration::from_nanos(1));
        prop_assert!(!passes(&layer, call("dig")));
        clock.advance(Duration::from_nanos(1));
        prop_assert!(passes(&layer, call("dig")));
    }
}
