//! The rules of every layer.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mcp_layers_authorize::{
    Access, AuthorizeLayer, Decision, Evaluation, Operation, Policy, Rules, async_policy_fn,
};
use mcp_layers_core::{
    Authentication, BoxError, JsonRpcRequest, ListedKind, McpRequest, Principal,
};
use mcp_layers_test::{Contract, requests};

/// A layer for a principal that owns the task of the test kit.
fn with_task(policy: impl Policy) -> AuthorizeLayer {
    let layer = AuthorizeLayer::new(policy).allow_unbound_states();
    layer.handle().tasks().bind(requests::TASK, &contract());
    layer
}

fn contract() -> Principal {
    Principal::new("contract", Authentication::Bearer)
}

/// Lists are made the caller's own.
fn is_list(request: &JsonRpcRequest) -> bool {
    McpRequest::method(request).is_list()
}

#[tokio::test]
async fn keeps_the_contract_with_rules() {
    let any = Access::any_principal;
    let make = move || {
        let rules = Rules::builder()
            .tool(requests::TOOL, any())
            .resource("*", any())
            .prompt(requests::PROMPT, any())
            .unknown_methods(any())
            .otherwise(any())
            .build();
        with_task(rules.unwrap())
    };
    let contract = Contract::new(make).changes_responses(is_list);
    contract.check().await;
}

#[tokio::test]
async fn keeps_the_contract_when_the_policy_waits() {
    let make = || {
        with_task(Vouching(async_policy_fn(|_, _| async {
            tokio::task::yield_now().await;
            Ok::<_, BoxError>(Decision::Allow)
        })))
    };
    Contract::new(make).changes_responses(is_list).check().await;
}

/// Hides nothing.
struct Vouching<P>(P);

impl<P: Policy> Policy for Vouching<P> {
    fn evaluate(&self, operation: Operation<'_>, principal: &Arc<Principal>) -> Evaluation {
        self.0.evaluate(operation, principal)
    }

    fn hides(&self, _: Option<ListedKind>, _: &Principal) -> bool {
        false
    }
}
