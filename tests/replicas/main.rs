//! Two replicas of `everything` with one Redis and one signing key: a rolling restart under load behind a
//! round-robin balancer, ids that stay their owner's, and a token that is revoked for both. Real
//! processes, a real Redis, SIGTERM.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod balancer;
mod caller;
mod load;
#[path = "../../crates/mcp-layers-redis/tests/support/mod.rs"]
mod redis;
mod replica;
#[path = "../../crates/mcp-layers-authenticate/tests/support/signing.rs"]
#[allow(dead_code, reason = "one kind of key is enough here")]
mod signing;
#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::HashMap,
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use balancer::Balancer;
use caller::{Answer, Caller};
use load::{Call, KEYS, Load};
use mcp_layers_redis::{RedisConnection, RedisRevocations, Revoked};
use redis::{RedisServer, eventually};
use replica::{BUDGET, Replica, records};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use signing::{Kind, SigningKey};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_loses_nothing() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut replicas = Replica::pair(folder.path(), &redis, &[]).await;
    let addresses = replicas
        .each_ref()
        .map(|replica| replica.server.address.clone());
    let balancer = Balancer::start(&addresses).await;
    eventually(async || balancer.are_all_ready()).await;

    let load = Load::start(&balancer.url);
    for replica in &mut replicas {
        let before = load.count(|_| true);
        eventually(async || load.count(|_| true) > before + 50).await;
        replica.restart().await;
        eventually(async || balancer.are_all_ready()).await;
    }
    for key in KEYS {
        let is_limited = |call: &Call| call.key == key && call.code() == Some(429);
        eventually(async || load.count(is_limited) > 5).await;
    }
    let calls = load.stop().await;
    for replica in &mut replicas {
        assert!(replica.stop().await.success());
    }

    // Each call has one answer: a result, or a refusal that says when to come back.
    let mut results = HashMap::<_, usize>::new();
    for call in &calls {
        assert_eq!(
            call.answer.status,
            StatusCode::OK,
            "{}: {:?}",
            call.id,
            call.answer
        );
        let message = call.answer.message();
        assert_eq!(message["id"], call.id);
        let data = &message["error"]["data"];
        match call.code() {
            None if call.tool == "echo" => assert_eq!(call.answer.result(), call.id),
            None => assert_eq!(call.answer.result(), "slept 20 ms"),
            Some(429 | 503) => assert!(data["retryAfterMs"].is_u64(), "{message}"),
            Some(_) => panic!("{message}"),
        }
        let results = results.entry((call.key, call.tool)).or_default();
        *results += usize::from(call.code().is_none());
    }
    // The budget is spent once, not once for each process.
    for key in KEYS {
        assert_eq!(results[&(key, "echo")], BUDGET, "{results:?}");
        assert!(results[&(key, "sleep")] > BUDGET, "{results:?}");
    }
    // Each call has one record, with its outcome.
    let mut recorded = HashMap::<_, Vec<Value>>::new();
    for record in records(folder.path()) {
        if record["method"] == "tools/call" {
            let id = record["id"].as_str().unwrap().to_owned();
            recorded.entry(id).or_default().push(record["code"].clone());
        }
    }
    for call in &calls {
        let record = recorded.remove(&call.id);
        assert_eq!(record, Some(vec![json!(call.code())]), "{}", call.id);
    }
    assert!(recorded.is_empty(), "{recorded:?}");
}

/// The answers to one request about an id of another principal, and about an unknown id.
fn assert_is_unknown(foreign: &Answer, unknown: &Answer) {
    assert_eq!(foreign, unknown);
    let is_error = unknown.status.is_client_error()
        || unknown
            .messages()
            .iter()
            .any(|message| message["error"].is_object());
    assert!(
        is_error || unknown.status == StatusCode::ACCEPTED,
        "{unknown:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_tasks_and_states_stay_their_owners_at_every_replica() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut replicas = Replica::pair(folder.path(), &redis, &[]).await;
    let urls = replicas.each_ref().map(|replica| replica.server.url());
    let [a, b] = KEYS.map(Caller::new);

    let session = a.open(&urls[0]).await;
    let text = json!({ "text": "of a" });
    let task = a.call(&urls[0], "1", "later", text.clone()).await.message();
    let task = task["result"]["taskId"]
        .as_str()
        .expect("a task")
        .to_owned();
    let state = a.call(&urls[0], "2", "again", text).await.message();
    let state = state["result"]["requestState"]
        .as_str()
        .expect("a state")
        .to_owned();

    let call = json!({
        "jsonrpc": "2.0", "id": 3, "method": "tools/call",
        "params": { "name": "sleep", "arguments": { "ms": 0 } },
    });
    let get = async |caller: &Caller, url: &str, id: &str| {
        let message = json!({ "id": 4, "params": { "taskId": id } });
        caller.ask(url, "tasks/get", id, message).await
    };
    let go_on = async |caller: &Caller, url: &str, state: &str| {
        let params = json!({ "name": "again", "arguments": { "text": "" }, "requestState": state });
        let message = json!({ "id": 5, "params": params });
        caller.ask(url, "tools/call", "again", message).await
    };
    // As they are, and after each process has been another one.
    for round in 0..2 {
        for url in &urls {
            for method in [Method::POST, Method::GET, Method::DELETE] {
                let with = async |id| b.in_session(method.clone(), url, id, &call).await;
                let unknown = with("f7a3a1f0-7a1e-4d53-9d0a-1f6f5a0c2b11").await;
                assert_is_unknown(&with(&session).await, &unknown);
            }
            assert_is_unknown(&get(&b, url, &task).await, &get(&b, url, "nope").await);
            assert_is_unknown(&go_on(&b, url, &state).await, &go_on(&b, url, "nope").await);

            let own = a.in_session(Method::POST, url, &session, &call).await;
            assert!(own.text.contains("slept 0 ms"), "round {round}: {own:?}");
            let done = get(&a, url, &task).await.message();
            assert_eq!(
                done["result"]["result"]["content"][0]["text"], "of a",
                "{done}"
            );
            assert_eq!(go_on(&a, url, &state).await.result(), "of a");
        }
        if round == 0 {
            for replica in &mut replicas {
                replica.restart().await;
            }
        }
    }
    let ended = a
        .in_session(Method::DELETE, &urls[1], &session, &call)
        .await;
    assert!(ended.status.is_success(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_is_refused_by_every_replica() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    if !signing::can_sign() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::new(Kind::P256, "k");
    let jwks = folder.path().join("jwks.json");
    fs::write(&jwks, key.jwks()).unwrap();
    let (issuer, audience) = ("https://as.example", "https://mcp.example/mcp");
    let more = [
        "--jwks",
        jwks.to_str().unwrap(),
        "--issuer",
        issuer,
        "--audience",
        audience,
    ];
    let mut replicas = Replica::pair(folder.path(), &redis, &more).await;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let token = |id: &str| {
        key.token(&json!({
            "iss": issuer, "aud": audience, "sub": "ada", "client_id": "c", "scope": "tools",
            "iat": now, "exp": now + 3_600, "jti": id,
        }))
    };
    let [lost, kept] = ["lost", "kept"].map(|id| Caller::new(token(id)));
    let status = async |caller: &Caller, replica: &Replica| {
        let url = replica.server.url();
        caller
            .call(&url, "1", "sleep", json!({ "ms": 0 }))
            .await
            .status
    };
    for replica in &replicas {
        assert_eq!(status(&lost, replica).await, StatusCode::OK);
    }
    let connection = RedisConnection::new(&redis.address()).unwrap();
    let revocations = RedisRevocations::new(connection.max_wait(Duration::from_secs(5)));
    let hour = Duration::from_secs(3_600);
    revocations
        .revoke(Revoked::TokenId("lost"), hour)
        .await
        .unwrap();
    for round in 0..2 {
        for replica in &replicas {
            assert_eq!(
                status(&lost, replica).await,
                StatusCode::UNAUTHORIZED,
                "{round}"
            );
            assert_eq!(status(&kept, replica).await, StatusCode::OK, "{round}");
        }
        if round == 0 {
            replicas[0].restart().await;
        }
    }
}
