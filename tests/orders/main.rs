//! All layers there are, in the recommended order and in others: no panic gets out, no layer is
//! bypassed, no call runs twice, no principal gets the answer of another.
#![allow(clippy::unwrap_used)]

mod stack;

use std::{num::NonZeroU32, time::Duration};

use mcp_layers::drain::DrainLayer;
use mcp_layers_audit::{AuditLayer, ChannelSink, Records};
use mcp_layers_authorize::{Access, AuthorizeLayer, Rules};
use mcp_layers_cache::CacheLayer;
use mcp_layers_circuit_breaker::CircuitBreakerLayer;
use mcp_layers_core::{JsonRpcRequest, McpRequest, McpResponse, Outcome};
use mcp_layers_error_mask::ErrorMaskLayer;
use mcp_layers_rate_limit::{Quota, RateLimitLayer, Rule};
use mcp_layers_retry::RetryLayer;
use mcp_layers_timing::TimingLayer;
use mcp_layers_trace::TraceLayer;
use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, short_lived};
use stack::{Counts, PutAround, Stack, anonymous, by, orders, put};
use tower::timeout::TimeoutLayer;

/// Every layer, from the outermost to the innermost. A new one is one line; what it must never let
/// happen is a test below.
fn layers(counts: &Counts, audit: AuditLayer) -> Vec<PutAround> {
    vec![
        put(TraceLayer::server().tracer(counts.tracer())),
        put(TimingLayer::server().recorder(counts.clone())),
        put(audit),
        put(ErrorMaskLayer::new()),
        put(CatchErrorLayer::new()),
        put(CatchPanicLayer::new()),
        put(DrainLayer::new()),
        put(CancelLayer::new()),
        put(AuthorizeLayer::new(rules())),
        put(limit()),
        put(CacheLayer::new()
            .tool("declared", Duration::from_secs(60))
            .unwrap()),
        put(RetryLayer::new(NonZeroU32::MIN.saturating_add(2))
            .repeatable_tools(["safe"])
            .unwrap()),
        put(CircuitBreakerLayer::new()),
        put(mcp_layers_timeout::TimeoutLayer::new(Duration::from_secs(
            2,
        ))),
        put(short_lived(TimeoutLayer::new(Duration::from_secs(1)))),
    ]
}

/// Any principal may use everything except the hidden tool.
fn rules() -> Rules {
    let rules = Rules::builder()
        .tool("hidden", Access::nobody().hidden())
        .otherwise(Access::any_principal())
        .unknown_methods(Access::any_principal());
    rules.build().unwrap()
}

/// Lets one tool be called once.
fn limit() -> RateLimitLayer {
    let quota = Quota::with_period(Duration::from_secs(3_600)).unwrap();
    RateLimitLayer::new([Rule::new("once", quota).tools(["spent"])]).unwrap()
}

/// A stack for every order, each around a handler of its own.
fn stacks() -> impl Iterator<Item = (Stack, Records)> {
    let count = layers(&Counts::default(), audit().0).len();
    let orders = orders(count);
    assert!(orders.len() >= 200, "{}", orders.len());
    orders.into_iter().map(|order| {
        let (audit, records) = audit();
        let counts = Counts::default();
        let layers = layers(&counts, audit);
        (Stack::new(&layers, order, counts), records)
    })
}

fn audit() -> (AuditLayer, Records) {
    let (sink, records) = ChannelSink::bounded(64).unwrap();
    (AuditLayer::new(sink).unwrap(), records)
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_that_of_the_rules_and_tells_no_secret() {
    for (stack, _) in stacks() {
        let call = |tool| by("ada", anonymous(tool));
        let method = |method| by("ada", JsonRpcRequest::new(1, method));
        let requests = [
            (call("fine"), &[None][..]),
            (call("fail"), &[Some(-32603)]),
            (call("leak"), &[Some(-32603)]),
            // Retry cannot read the error of a plain timeout inside it, and says what matters.
            (call("hang"), &[Some(504), Some(-32603)]),
            (JsonRpcRequest::new(1, "initialize"), &[None]),
            (method("subscriptions/listen"), &[None]),
            (method("vendor/thing"), &[None]),
            (call("panic"), &[Some(-32603)]),
        ];
        for (request, codes) in requests {
            let (method, tool) = (
                request.method().to_string(),
                request.target().map(ToOwned::to_owned),
            );
            let response = stack.send(request).await;
            let code = response.outcome().code();
            assert!(
                codes.contains(&code),
                "{method} {tool:?} {code:?} {stack:?}"
            );
            let sent = serde_json::to_string(&response).unwrap();
            assert!(!sent.contains("hunter2"), "{sent} {stack:?}");
        }
        for tool in ["fine", "fail", "leak", "hang", "panic"] {
            assert_eq!(stack.runs(tool), 1, "{tool} {stack:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_passes_authorization() {
    for (stack, _) in stacks() {
        let nobody = stack.send(anonymous("fine")).await;
        assert_eq!(nobody.outcome().code(), Some(401), "{stack:?}");
        let hidden = stack.send(by("ada", anonymous("hidden"))).await;
        assert_eq!(hidden.outcome().code(), Some(-32602), "{stack:?}");
        assert_eq!(stack.runs("fine") + stack.runs("hidden"), 0, "{stack:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_holds_and_concerns_nobody_else() {
    for (stack, _) in stacks() {
        let codes = [("ada", None), ("ada", Some(429)), ("bob", None)];
        for (who, code) in codes {
            let response = stack.send(by(who, anonymous("spent"))).await;
            assert_eq!(response.outcome().code(), code, "{who} {stack:?}");
        }
        assert_eq!(stack.runs("spent"), 2, "{stack:?}");
    }
}

/// Only the one declared tool is cached, and only for its caller.
#[tokio::test(start_paused = true)]
async fn an_answer_from_memory_goes_to_its_caller_alone() {
    for (stack, _) in stacks() {
        for who in ["ada", "ada", "bob"] {
            for tool in ["declared", "fine"] {
                let response = stack.send(by(who, anonymous(tool))).await;
                assert_eq!(response.outcome(), Outcome::Success, "{who} {stack:?}");
            }
        }
        let nobody = stack.send(anonymous("declared")).await;
        assert_eq!(nobody.outcome().code(), Some(401), "{stack:?}");
        assert_eq!(stack.runs("declared"), 2, "{stack:?}");
        assert_eq!(stack.runs("fine"), 3, "{stack:?}");
    }
}

/// A tool that may be called again is, and one that fails five times is asked no more: however the
/// layers stand, no call of another tool is repeated or refused.
#[tokio::test(start_paused = true)]
async fn only_what_is_safe_is_repeated_and_what_fails_is_asked_no_more() {
    for (stack, _) in stacks() {
        let call = |tool| stack.send(by("ada", anonymous(tool)));
        assert_eq!(call("safe").await.outcome(), Outcome::Success, "{stack:?}");
        assert_eq!(stack.runs("safe"), 3, "{stack:?}");
        for _ in 0..5 {
            let failed = call("fail").await;
            assert_eq!(failed.outcome().code(), Some(-32603), "{stack:?}");
            assert!(says_unknown(&failed.outcome()), "{stack:?}");
        }
        let refused = call("fail").await;
        assert_eq!(refused.outcome().code(), Some(503), "{stack:?}");
        assert!(!says_unknown(&refused.outcome()), "{stack:?}");
        assert_eq!(call("fine").await.outcome(), Outcome::Success, "{stack:?}");
        assert_eq!(stack.runs("fail"), 5, "{stack:?}");
    }
}

/// Returns true if the outcome is reported as unknown: the call may have run, and was not repeated.
fn says_unknown(outcome: &Outcome<'_>) -> bool {
    match outcome {
        Outcome::Protocol { data, .. } => data.is_some_and(|data| data["outcome"] == "unknown"),
        _ => false,
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_once_is_measured_traced_and_recorded_once() {
    for (stack, mut records) in stacks() {
        let listen = JsonRpcRequest::new(1, "subscriptions/listen");
        let requests = [
            by("ada", anonymous("fine")),
            by("ada", anonymous("fail")),
            by("ada", anonymous("panic")),
            by("ada", anonymous("hang")),
            by("ada", JsonRpcRequest::new(1, "vendor/thing")),
            by("ada", listen),
            JsonRpcRequest::new(1, "ping"),
        ];
        let sent = requests.len();
        for request in requests {
            stack.send(request).await;
        }
        assert_eq!(stack.durations(), sent, "durations {stack:?}");
        assert_eq!(stack.spans(), sent, "spans {stack:?}");
        // A subscription has an open record too.
        let records = std::iter::from_fn(|| records.try_next()).count();
        assert_eq!(records, sent + 1, "audit records {stack:?}");
    }
}
