//! What layers allocate: counted, so that it is the same on every machine.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use mcp_layers_core::BoxError;
use mcp_layers_rmcp::{Leaf, RmcpRequest, RmcpResponse, Stack};
use rmcp::RoleServer;
use tower_layer::{Identity, Layer};
use tower_service::Service;

#[path = "../benches/support/mod.rs"]
mod support;

use support::{
    Boxed, Call, Echo, Era, NoOp, Pipe, answer, cache, each_layer, local_principal, seven, whole,
};

/// How many allocations one call makes, once all that is made only once is made.
fn per_call<T: rmcp::Service<RoleServer>>(service: &T, era: Era) -> u64 {
    // The catalog asks a service for its list once, in limited time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.unwrap();
    let _entered = runtime.enter();
    let pipe = Pipe::bare(era);
    let call = Call::over(&pipe, era);
    for _ in 0..3 {
        answer(service, call.clone()).unwrap();
    }
    let call = call.clone();
    allocation_counter::measure(|| drop(answer(service, call))).count_total
}

/// What the adapter adds: the request on its way, the future of the layers, the handler's future, which
/// has no name, and the answer on its way.
const ADAPTER: u64 = 4;

/// The key of the budget.
const RATE_LIMIT: u64 = 1;

/// The record. Short texts are inside of it.
const AUDIT: u64 = 1;

/// The time that a call of a client with a handshake waits for that client.
const TIMEOUT: u64 = 1;

fn bare(era: Era) -> u64 {
    per_call(&Echo, era)
}

/// How many more than a bare server a layered handler makes.
fn added<L>(layers: L, era: Era) -> u64
where
    L: Layer<Leaf>,
    L::Service: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    <L::Service as Service<RmcpRequest>>::Error: Into<BoxError> + Send,
    <L::Service as Service<RmcpRequest>>::Future: Send,
{
    let handler = Stack::new(layers).handler(Echo);
    per_call(&handler, era) - bare(era)
}

#[test]
fn an_empty_stack_adds_four_allocations() {
    for era in [Era::Legacy, Era::Modern] {
        assert_eq!(added(Identity::new(), era), ADAPTER, "{era:?}");
    }
}

#[test]
fn an_empty_stack_around_a_service_adds_four_allocations() {
    for era in [Era::Legacy, Era::Modern] {
        let service = Stack::new(Identity::new()).service(Echo);
        assert_eq!(per_call(&service, era), bare(era) + ADAPTER, "{era:?}");
    }
}

#[test]
fn seven_layers_that_do_nothing_add_no_allocation() {
    for era in [Era::Legacy, Era::Modern] {
        assert_eq!(added(seven::<NoOp>(), era), ADAPTER, "{era:?}");
    }
}

/// That the count would show a box.
#[test]
fn seven_boxed_layers_add_seven_allocations() {
    for era in [Era::Legacy, Era::Modern] {
        assert_eq!(added(seven::<Boxed>(), era), ADAPTER + 7, "{era:?}");
    }
}

#[test]
fn only_audit_rate_limit_and_timeout_of_the_layers_that_look_on_allocate() {
    macro_rules! measure {
        ($name:literal, $layer:expr) => {
            for era in [Era::Legacy, Era::Modern] {
                let own = match $name {
                    "audit" => AUDIT,
                    "rate_limit" => RATE_LIMIT,
                    "timeout" if era == Era::Legacy => TIMEOUT,
                    _ => 0,
                };
                assert_eq!(added($layer, era), ADAPTER + own, "{} {era:?}", $name);
            }
        };
    }
    each_layer!(measure);
}

/// What a hit of the cache adds to what the layer around it does: the keys, and the event in the trail.
const HIT: u64 = 2;

#[test]
fn a_hit_of_the_cache_adds_two_allocations() {
    for era in [Era::Legacy, Era::Modern] {
        let around = added(local_principal(), era);
        let hit = added((local_principal(), cache(&["dig"])), era);
        assert_eq!(hit, around + HIT, "{era:?}");
    }
}

/// The most that all layers add to a call, without the copy that retry keeps.
const WHOLE: u64 = 10;

/// A seen token, timing, audit, mask, the layers that catch, authorization, rate limit, cache, retry,
/// breaker and timeout.
#[test]
fn all_layers_together_add_at_most_ten_allocations() {
    for era in [Era::Legacy, Era::Modern] {
        let bare = bare(era);
        let answered = per_call(&Stack::new(whole!(&["dig"])).handler(Echo), era);
        println!("{era:?}: bare {bare}, answered from the cache {answered}");
        assert!(
            answered <= bare + WHOLE,
            "{answered} instead of {bare}, {era:?}"
        );
        // What may be sent again is copied, for the handler owns what it is called with.
        let pipe = Pipe::bare(era);
        let call = Call::over(&pipe, era);
        let copy = allocation_counter::measure(|| drop(call.clone())).count_total;
        let passed = per_call(&Stack::new(whole!(&[])).handler(Echo), era);
        println!("{era:?}: passed on {passed}, {copy} of them the copy");
        let most = bare + copy + WHOLE;
        assert!(passed <= most, "{passed}, {copy} of them the copy, {era:?}");
    }
}
