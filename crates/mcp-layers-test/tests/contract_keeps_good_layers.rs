//! Layers that keep the contract pass it.

use std::time::Duration;

use mcp_layers_core::{BoxError, JsonRpcRequest};
use mcp_layers_test::{Contract, MockService, ReadinessProbe};
use mcp_layers_util::{CatchErrorLayer, short_lived};
use tower::{
    ServiceBuilder,
    layer::{layer_fn, util::Identity},
    limit::ConcurrencyLimitLayer,
    timeout::TimeoutLayer,
    util::BoxCloneSyncService,
};

#[test]
fn no_layer_needs_no_runtime() {
    futures::executor::block_on(Contract::new(Identity::new).check());
}

#[tokio::test]
async fn a_permit_that_is_returned() {
    Contract::new(|| ConcurrencyLimitLayer::new(2))
        .check()
        .await;
}

#[tokio::test]
async fn a_timer_of_the_runtime() {
    let timeout = || TimeoutLayer::new(Duration::from_secs(60));
    Contract::new(timeout).check().await;
    Contract::new(move || short_lived(timeout())).check().await;
}

#[tokio::test]
async fn a_whole_stack_whose_errors_are_answered() {
    let stack = || {
        ServiceBuilder::new()
            .layer(CatchErrorLayer::new())
            .layer(short_lived(TimeoutLayer::new(Duration::from_secs(60))))
            .into_inner()
    };
    Contract::new(stack).answers_errors().check().await;
}

#[tokio::test]
async fn a_boxed_service() {
    let boxed = || {
        layer_fn(|inner: ReadinessProbe<MockService>| {
            let inner = tower::util::MapErr::new(inner, BoxError::from);
            BoxCloneSyncService::<JsonRpcRequest, _, _>::new(inner)
        })
    };
    Contract::new(boxed).check().await;
}

#[test]
#[should_panic(
    expected = "errors surface: the inner service failed in `poll_ready`; the layer was to fail too"
)]
fn a_layer_that_answers_errors_has_to_say_so() {
    futures::executor::block_on(Contract::new(CatchErrorLayer::new).check());
}
