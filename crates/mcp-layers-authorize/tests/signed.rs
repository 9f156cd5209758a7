//! Ids that are signed for their owner: changed, foreign, expired, of another kind, after a change of keys,
//! and at a replica that did not issue them.
#![cfg(feature = "signed")]
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use mcp_layers_authorize::{AuthorizeLayer, IdKind, SignedIdError, SignedIds};
use mcp_layers_core::{
    Authentication, Clock, JsonRpcRequest, JsonRpcResponse, McpResponse, Method, Principal,
};
use mcp_layers_test::{Answer, MockService, requests};
use proptest::prelude::*;
use serde_json::json;
use support::{ada, ask, bob, by, bytes, call, layer, listed, server};

const KINDS: [IdKind; 3] = [IdKind::Session, IdKind::Task, IdKind::RequestState];
const DAY: Duration = SignedIds::DEFAULT_TIME_TO_LIVE;

fn key(byte: u8) -> [u8; 32] {
    [byte; 32]
}

fn ids() -> SignedIds {
    SignedIds::new([key(1)]).unwrap()
}

fn kind() -> impl Strategy<Value = IdKind> {
    prop::sample::select(KINDS.to_vec())
}

fn principal() -> impl Strategy<Value = Principal> {
    let name = || prop::sample::select(vec!["", "a", "b", "ab"]);
    (
        name(),
        prop::option::of(name()),
        prop::option::of(name()),
        any::<bool>(),
    )
        .prop_map(|(subject, issuer, tenant, is_renewed)| {
            let mut principal = Principal::new(subject, Authentication::Bearer);
            if let Some(issuer) = issuer {
                principal = principal.with_issuer(issuer);
            }
            if let Some(tenant) = tenant {
                principal = principal.with_tenant(tenant);
            }
            if is_renewed {
                principal = principal.with_credential_digest(*b"another token");
            }
            principal
        })
}

fn owner(principal: &Principal) -> (Option<&str>, &str, Option<&str>) {
    (principal.issuer(), principal.subject(), principal.tenant())
}

proptest! {
    #[test]
    fn an_id_is_its_owners_and_of_its_kind(
        issued in kind(),
        read in kind(),
        (ada, bob) in (principal(), principal()),
        payload in ".{0,60}",
    ) {
        let id = ids().issue(issued, &ada, &payload);
        prop_assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
        let expected = if issued != read {
            Err(SignedIdError::Forged)
        } else if owner(&ada) != owner(&bob) {
            Err(SignedIdError::Foreign)
        } else {
            Ok(payload)
        };
        prop_assert_eq!(ids().open(read, &bob, &id), expected);
    }

    #[test]
    fn a_change_of_any_character_is_noticed(
        kind in kind(),
        payload in ".{0,60}",
        at in any::<prop::sample::Index>(),
        to in "[ -~]",
    ) {
        let id = ids().issue(kind, &ada(), &payload);
        let at = at.index(id.len());
        let mut changed = id.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != id);
        let expected = if at < "sig1.".len() { SignedIdError::Unsigned } else { SignedIdError::Forged };
        prop_assert_eq!(ids().open(kind, &ada(), &changed), Err(expected));
        let cut = &id[..at];
        prop_assert!(ids().open(kind, &ada(), cut).is_err());
        let longer = format!("{id}{to}");
        prop_assert_eq!(ids().open(kind, &ada(), &longer), Err(SignedIdError::Forged));
    }

    #[test]
    fn no_text_is_an_id(text in ".{0,200}") {
        let signed = format!("sig1.{text}");
        prop_assert!(ids().open(IdKind::Task, &ada(), &text).is_err());
        prop_assert_eq!(ids().open(IdKind::Task, &ada(), &signed), Err(SignedIdError::Forged));
    }

    #[test]
    fn an_id_is_valid_for_its_time_to_live(lifetime in 1_u64..100_000, age in 0_u64..200_000) {
        let clock = Clock::manual();
        let ids = ids().with_clock(clock.clone()).time_to_live(Duration::from_secs(lifetime));
        let id = ids.issue(IdKind::RequestState, &ada(), "round 1");
        clock.advance(Duration::from_secs(age));
        let expired = Err(SignedIdError::Expired);
        let expected = if age < lifetime { Ok("round 1".to_owned()) } else { expired };
        prop_assert_eq!(ids.open(IdKind::RequestState, &ada(), &id), expected);
    }
}

#[test]
fn a_session_id_of_36_bytes_has_107_characters() {
    let id = ids().issue(
        IdKind::Session,
        &ada(),
        "8ae4bd5e-6e2e-4a3c-9d4e-3f1f6f1b7a10",
    );
    assert_eq!(id.len(), 107);
}

#[test]
fn an_expired_id_of_another_principal_has_expired() {
    let ids = ids().time_to_live(Duration::ZERO);
    let id = ids.issue(IdKind::Task, &ada(), "t");
    let error = ids.open(IdKind::Task, &bob(), &id).unwrap_err();
    assert_eq!(error, SignedIdError::Expired);
    assert_eq!(error.to_string(), "signed id refused: Expired");
}

#[test]
fn a_time_to_live_without_end_does_not_overflow() {
    let ids = ids().time_to_live(Duration::MAX);
    let id = ids.issue(IdKind::Task, &ada(), "t");
    assert!(ids.open(IdKind::Task, &ada(), &id).is_ok());
}

#[test]
fn an_unverified_principal_owns_nothing() {
    let unverified = Principal::new("ada", Authentication::Unverified);
    let id = ids().issue(IdKind::Task, &unverified, "t");
    let opened = ids().open(IdKind::Task, &unverified, &id);
    assert_eq!(opened, Err(SignedIdError::Foreign));
}

#[test]
fn keys_are_replaced_without_refusing_an_id() {
    let with = |keys: &[u8]| SignedIds::new(keys.iter().map(|byte| key(*byte))).unwrap();
    let is_own = |ids: &SignedIds, id: &str| ids.open(IdKind::Task, &ada(), id).is_ok();
    let issue = |ids: &SignedIds| ids.issue(IdKind::Task, &ada(), "t");
    // Two replicas are never further apart than one step.
    let steps = [with(&[1]), with(&[1, 2]), with(&[2, 1]), with(&[2])];
    for pair in steps[..3].windows(2) {
        assert!(is_own(&pair[0], &issue(&pair[1])) && is_own(&pair[1], &issue(&pair[0])));
    }
    let [before, .., after] = &steps;
    let error = |ids: &SignedIds, id: &str| ids.open(IdKind::Task, &ada(), id).unwrap_err();
    assert_eq!(error(after, &issue(before)), SignedIdError::Forged);
    assert_eq!(error(before, &issue(after)), SignedIdError::Forged);
}

#[test]
fn short_keys_are_refused_and_none_is_shown() {
    assert!(SignedIds::new([[0; 31]]).is_err());
    assert!(SignedIds::new([&key(1)[..], b"short"]).is_err());
    assert!(SignedIds::new([[0_u8; 32]; 0]).is_err());
    let shown = format!(
        "{:?}",
        SignedIds::new(["a secret that has 32 bytes and two"]).unwrap()
    );
    assert_eq!(shown, "SignedIds { .. }");
}

/// A replica with the key.
fn replica() -> AuthorizeLayer {
    layer().signed_ids(&ids())
}

fn task(method: Method<'static>, id: &str) -> JsonRpcRequest {
    JsonRpcRequest::new(1, method.as_str()).with_params(json!({ "taskId": id }))
}

async fn continued(replica: &AuthorizeLayer, by_whom: &Principal, state: &str) -> JsonRpcResponse {
    let params = json!({ "name": "echo", "arguments": {}, "requestState": state });
    let request = JsonRpcRequest::new(1, "tools/call").with_params(params);
    ask(replica, &server(), by(by_whom, request)).await
}

#[tokio::test]
async fn a_signed_task_is_its_owners_at_every_replica() {
    let id = ids().issue(IdKind::Task, &ada(), "report");
    let (mock, other) = (server(), replica());
    for method in [Method::GetTask, Method::UpdateTask, Method::CancelTask] {
        let own = ask(&other, &mock, by(&ada(), task(method, &id))).await;
        assert_eq!(own.outcome().code(), None, "{method}");
        let before = mock.calls();
        let foreign = ask(&other, &mock, by(&bob(), task(method, &id))).await;
        let unknown = ask(&other, &mock, by(&bob(), task(method, "nope"))).await;
        assert_eq!(bytes(&foreign), bytes(&unknown), "{method}");
        assert_eq!(mock.calls(), before, "{method}");
    }
    let tasks = json!({ "tasks": [{ "taskId": id }] });
    for (principal, own) in [(ada(), vec![id]), (bob(), vec![])] {
        mock.push(Answer::result(tasks.clone()));
        let list = by(&principal, requests::of(1, Method::ListTasks));
        assert_eq!(listed(&ask(&other, &mock, list).await), own);
    }
}

#[tokio::test]
async fn a_signed_state_is_its_owners_at_every_replica() {
    let state = ids().issue(IdKind::RequestState, &ada(), "round 1");
    let other = replica();
    assert_eq!(
        continued(&other, &ada(), &state).await.outcome().code(),
        None
    );
    let foreign = continued(&other, &bob(), &state).await;
    assert_eq!(
        bytes(&foreign),
        bytes(&continued(&other, &bob(), "nope").await)
    );
    assert_eq!(foreign.outcome().code(), Some(-32602));
}

#[tokio::test]
async fn signed_ids_need_no_place_in_the_table_and_others_keep_theirs() {
    let layer = replica();
    let mock = server();
    let signed = ids().issue(IdKind::Task, &ada(), "report");
    for id in [&*signed, "unsigned"] {
        let created = json!({ "resultType": "task", "taskId": id, "status": "working" });
        mock.push(Answer::result(created));
        ask(&layer, &mock, by(&ada(), call("echo"))).await;
        let own = ask(&layer, &mock, by(&ada(), task(Method::GetTask, id))).await;
        assert_eq!(own.outcome().code(), None, "{id}");
        let foreign = ask(&layer, &mock, by(&bob(), task(Method::GetTask, id))).await;
        assert_eq!(foreign.outcome().code(), Some(-32602), "{id}");
    }
    assert_eq!(layer.handle().stats().tasks, 1);
    assert!(layer.handle().tasks().is_own(&signed, &ada()));
    assert!(!layer.handle().tasks().bind(&signed, &bob()));
}

#[tokio::test]
async fn a_forged_or_expired_id_is_not_one_whose_owner_is_unknown() {
    let clock = Clock::manual();
    let ids = ids().with_clock(clock.clone());
    let layer = layer().allow_unbound_tasks().signed_ids(&ids);
    let get = async |id: &str| {
        let mock = MockService::new();
        ask(&layer, &mock, by(&ada(), task(Method::GetTask, id)))
            .await
            .outcome()
            .code()
    };
    let id = ids.issue(IdKind::Task, &ada(), "report");
    assert_eq!(get("elsewhere").await, None);
    assert_eq!(get(&id).await, None);
    assert_eq!(get(&format!("{id}A")).await, Some(-32602));
    clock.advance(DAY);
    assert_eq!(get(&id).await, Some(-32602));
}

/// Replicas of two versions run side by side while one takes the place of the other.
#[test]
fn ids_of_earlier_versions_are_read() {
    let id = "sig1.___________Zv08xldFDbh5Cit-XMWnYFYuVoCjr8Rz4tp8Eh8w4wjhhZTRiZDVl";
    let principal = ada().with_issuer("https://as.example").with_tenant("t");
    let opened = ids().open(IdKind::Session, &principal, id);
    assert_eq!(opened.as_deref(), Ok("8ae4bd5e"));
}
