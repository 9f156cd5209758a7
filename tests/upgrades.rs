//! The state that an earlier version left behind is read by this one.
//!
//! Each folder of `tests/upgrades` has the state files of one generation: those that the version of its
//! day wrote. They are never written again; a format that changes gets a further folder, and a copy of the
//! settings in it:
//!
//! ```sh
//! GENERATION=2 cargo test --test upgrades this_version
//! ```
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../crates/mcp-layers-redis/tests/support/mod.rs"]
mod redis;

use std::{
    env, fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use mcp_layers::{
    Authentication, BoxError, JsonRpcRequest, JsonRpcResponse, Principal,
    audit::{AuditLayer, FileSink, Key, LogOptions, Verified, verify},
    authenticate::{ApiKeys, Credential, Verify},
    authorize::{IdKind, SignedIds},
    config::Settings,
    rate_limit::{Quota, RateLimitLayer, Rule},
    redis::{
        OnUnavailable, RedisConnection, RedisRateLimitStore, RedisRevocable, RedisRevocations,
        Revoked,
    },
};
use redis::RedisServer;
use serde_json::json;
use tempfile::TempDir;
use tower::{Layer, ServiceExt, service_fn};

const FOLDER: &str = "tests/upgrades";
const AUDIT: &str = "audit.jsonl";
const KEY: &str = "audit.jsonl.key";
const DUMP: &str = "dump.rdb";
const SIGNED: &str = "signed_ids.txt";
const SETTINGS: &str = "settings.toml";
const IDS: [IdKind; 3] = [IdKind::Session, IdKind::Task, IdKind::RequestState];
/// So long that what was made in one year is still there when the test runs.
const FIFTY_YEARS: Duration = Duration::from_secs(50 * 365 * 24 * 3_600);
/// The records in the audit log of each generation.
const RECORDS: u64 = 4;

fn generations() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).unwrap();
    let folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!folders.is_empty());
    folders
}

/// A copy, since reading the state goes on writing it.
fn copy_of(generation: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(generation).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

async fn pay(request: JsonRpcRequest) -> Result<JsonRpcResponse, BoxError> {
    let result = json!({ "content": [{ "type": "text", "text": "paid" }] });
    Ok(JsonRpcResponse::success(&request, result))
}

/// So small that every record begins a segment.
fn options(key: &Key) -> LogOptions {
    LogOptions::new(key).max_bytes(400)
}

/// Records so many calls.
async fn record(folder: &Path, calls: u64) {
    let key = Key::read_or_create(folder.join(KEY)).unwrap();
    let file = FileSink::open(folder.join(AUDIT), options(&key)).unwrap();
    let service = AuditLayer::new(file.clone())
        .unwrap()
        .layer(service_fn(pay));
    for _ in 0..calls {
        let request = JsonRpcRequest::call_tool(1, "pay", json!({ "amount": 10 }));
        service.clone().oneshot(request).await.unwrap();
    }
    file.close(Duration::from_secs(20));
}

fn verified(folder: &Path) -> Verified {
    let key = Key::read(folder.join(KEY)).unwrap();
    verify(folder.join(AUDIT), &key).unwrap()
}

#[tokio::test]
async fn an_audit_log_is_verified_and_goes_on() {
    for generation in generations() {
        assert_log_goes_on(&generation).await;
    }
}

async fn assert_log_goes_on(generation: &Path) {
    let folder = copy_of(generation);
    let before = verified(folder.path());
    assert_eq!(before.records, RECORDS, "{}", generation.display());
    record(folder.path(), 1).await;
    let after = verified(folder.path());
    assert_eq!(after.records, RECORDS + 1);
    // One chain, written by two builds.
    assert!(after.lines > before.lines && after.segments > before.segments);
    assert_eq!(after.opened, before.opened + 1);
}

/// Starts a Redis with the data of a folder, which it writes there at `SAVE`.
fn redis_in(folder: &Path) -> Option<(RedisServer, RedisConnection)> {
    let server =
        RedisServer::start_with(&["--dir", folder.to_str().unwrap(), "--dbfilename", DUMP])?;
    let connection = RedisConnection::new(&server.address()).unwrap();
    let connection = connection
        .key_prefix("upgrades")
        .max_wait(Duration::from_secs(20));
    Some((server, connection))
}

/// Three calls, and then one in ten years: what is spent here is spent when the test runs.
fn limit(connection: RedisConnection) -> RateLimitLayer<RedisRateLimitStore> {
    let ten_years = Duration::from_secs(10 * 365 * 24 * 3_600);
    let burst = NonZeroU32::new(3).unwrap();
    let quota = Quota::with_period(ten_years).unwrap().allow_burst(burst);
    let store = RedisRateLimitStore::new(connection, OnUnavailable::FailClosed);
    RateLimitLayer::with_store([Rule::new("payments", quota).key([])], store).unwrap()
}

/// True if the limit lets a call pass.
async fn passes(limit: &RateLimitLayer<RedisRateLimitStore>) -> bool {
    let request = JsonRpcRequest::call_tool(1, "pay", json!({}));
    let service = limit.layer(service_fn(pay));
    match service.oneshot(request).await.unwrap().result() {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code, 429, "{error}");
            false
        }
    }
}

#[tokio::test]
async fn a_redis_dump_keeps_what_is_spent_and_what_is_revoked() {
    for generation in generations() {
        assert_dump_is_kept(&generation).await;
    }
}

async fn assert_dump_is_kept(generation: &Path) {
    let folder = copy_of(generation);
    let Some((_server, connection)) = redis_in(folder.path()) else {
        return;
    };
    let (ada, bob) = (principal("ada"), principal("bob"));
    let revocations = RedisRevocations::new(connection.clone());
    let verifier = RedisRevocable::new(keys([&ada, &bob]), revocations);
    let accepts = async |key| {
        let credential = Credential::bearer(key).unwrap();
        verifier.verify(&credential).await.is_ok()
    };
    assert!(!accepts("ada").await, "{}", generation.display());
    assert!(accepts("bob").await, "{}", generation.display());

    // Two of three were spent.
    let limit = limit(connection);
    assert!(passes(&limit).await, "{}", generation.display());
    assert!(!passes(&limit).await, "{}", generation.display());
}

fn principal(name: &str) -> Principal {
    Principal::new(name, Authentication::Bearer)
        .with_issuer("https://as.example")
        .with_tenant("acme")
}

/// Keys that are the names of their principals.
fn keys<const N: usize>(principals: [&Principal; N]) -> ApiKeys {
    principals
        .into_iter()
        .fold(ApiKeys::new(), |keys, principal| {
            keys.with_key(principal.subject(), principal.clone())
                .unwrap()
        })
}

fn signed_ids() -> SignedIds {
    let ids = SignedIds::new([[7; 32]]).unwrap();
    ids.time_to_live(FIFTY_YEARS)
}

#[test]
fn signed_ids_are_their_owners() {
    for generation in generations() {
        assert_ids_are_their_owners(&generation);
    }
}

fn assert_ids_are_their_owners(generation: &Path) {
    let text = fs::read_to_string(generation.join(SIGNED)).unwrap();
    assert_eq!(text.lines().count(), IDS.len());
    for (kind, id) in IDS.into_iter().zip(text.lines()) {
        let open = |name| signed_ids().open(kind, &principal(name), id);
        assert_eq!(open("ada").as_deref(), Ok("7"), "{}", generation.display());
        assert!(open("bob").is_err());
    }
}

#[test]
fn a_settings_file_is_read() {
    for generation in generations() {
        let text = fs::read_to_string(generation.join(SETTINGS)).unwrap();
        let settings = Settings::read(text.parse::<toml::Table>().unwrap()).unwrap();
        settings.check().unwrap();
        // Every table, and what it says.
        let again = toml::Table::try_from(&settings).unwrap();
        for (table, keys) in text.parse::<toml::Table>().unwrap() {
            assert_keeps(&keys, &again[&table], &table);
        }
    }
}

fn assert_keeps(file: &toml::Value, read: &toml::Value, path: &str) {
    match file {
        toml::Value::Table(keys) => {
            for (key, value) in keys {
                assert_keeps(value, &read[key], &format!("{path}.{key}"));
            }
        }
        value => assert_eq!(value, read, "{path}"),
    }
}

/// With `GENERATION` the files of a new generation stay; its settings are written by hand.
#[tokio::test]
async fn this_version_reads_what_it_writes() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = match env::var("GENERATION") {
        Ok(number) => env::current_dir().unwrap().join(FOLDER).join(number),
        Err(_) => temporary.path().join("new"),
    };
    fs::create_dir(&folder).expect("a generation that is not there yet");

    record(&folder, RECORDS).await;
    assert_log_goes_on(&folder).await;

    let ids = IDS.map(|kind| signed_ids().issue(kind, &principal("ada"), "7") + "\n");
    fs::write(folder.join(SIGNED), ids.concat()).unwrap();
    assert_ids_are_their_owners(&folder);

    let Some((server, connection)) = redis_in(&folder) else {
        return;
    };
    let revocations = RedisRevocations::new(connection.clone());
    let ada = principal("ada");
    let revoked = Revoked::Principal(&ada);
    revocations.revoke(revoked, FIFTY_YEARS).await.unwrap();
    let limit = limit(connection);
    for _ in 0..2 {
        assert!(passes(&limit).await);
    }
    assert_eq!(server.command(&["SAVE"]), "+OK");
    assert_dump_is_kept(&folder).await;
}
