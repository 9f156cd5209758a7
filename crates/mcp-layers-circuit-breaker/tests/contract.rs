//! The rules of every layer.

use mcp_layers_circuit_breaker::{CircuitBreakerLayer, CircuitKey, Percent, Window};
use mcp_layers_test::Contract;
use std::time::Duration;

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    Contract::new(CircuitBreakerLayer::new).check().await;
    let other = || {
        CircuitBreakerLayer::new()
            .key(CircuitKey::Upstream)
            .window(Window::Time(Duration::from_secs(60)))
            .slow_call_rate(Duration::from_secs(60), Percent::HALF)
    };
    Contract::new(other).check().await;
}
