//! The decision about the messages of a body.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use mcp_layers_core::{JsonRpcRequest, McpRequest, Method, Principal};

use super::{
    answer::{self, Answer},
    edge::Edge,
    message::Messages,
};
use crate::{
    check::{Check, check},
    rejection::{Reason, Rejection},
    state::Guard,
};

/// Decides about the messages of a body: they are answered, or passed on. A hidden tool among them
/// must then not be found by the transport.
///
/// Denials that a scope would change are answered here, for the body as a whole. The MCP layer
/// answers all others in the form of a result of MCP; without that layer, they are answered here.
pub(super) async fn decide<R>(
    edge: &Edge,
    bytes: &[u8],
    principal: &Arc<Principal>,
) -> Result<Option<Arc<str>>, Answer<R>> {
    let is_in_stack = edge.state.is_in_stack.load(Relaxed);
    let messages = Messages::read(bytes, principal);
    if messages.has_duplicate {
        return Err(answer::duplicate_member());
    }
    if let Some(error) = &messages.unreadable
        && !is_in_stack
    {
        return Err(answer::not_a_message(error));
    }
    let guard = Guard::new(&edge.state, edge.settings);
    let mut hidden_tool = None;
    let mut denied: Option<(JsonRpcRequest, Rejection)> = None;
    let mut other = None;
    for request in messages.requests {
        let rejection = match check(&guard, &request) {
            Check::Exempt | Check::Allowed(_) => None,
            Check::Rejected(rejection) => Some(rejection),
            Check::Pending(mut decisions, _) => {
                decisions.wait().await;
                Rejection::by_policy(decisions)
            }
        };
        let Some(rejection) = rejection else { continue };
        match (&rejection.reason, &mut denied) {
            (Reason::Denied(denial), first)
                if denial.missing_scopes().len() > 0 && !(edge.scopes_in_stack && is_in_stack) =>
            {
                match first {
                    Some((_, first)) => first.join(rejection),
                    None => denied = Some((request, rejection)),
                }
            }
            (reason, _) => {
                if reason.is_hidden() && request.method() == Method::CallTool {
                    hidden_tool = request.target().map(Arc::from);
                }
                other = other.or(Some((request, rejection)));
            }
        }
    }
    match denied.or(other.filter(|_| !is_in_stack)) {
        Some((request, rejection)) => Err(answer::rejected(
            rejection,
            &guard,
            &request,
            &edge.challenge,
        )),
        None => Ok(hidden_tool),
    }
}
