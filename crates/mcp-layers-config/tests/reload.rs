//! Reloads: what changes, what needs a restart, and what stays.

#![cfg(feature = "full")]
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use mcp_layers_config::Settings;
use mcp_layers_core::{
    Authentication, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Principal,
};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};

fn read(value: Value) -> Settings {
    Settings::read(value).unwrap()
}

fn call(tool: &str) -> JsonRpcRequest {
    let mut request = JsonRpcRequest::call_tool(1, tool, json!({}));
    let ada = Principal::new("ada", Authentication::Local);
    request.context_mut().set_principal(ada.into());
    request
}

async fn answer(request: JsonRpcRequest) -> Result<JsonRpcResponse, Infallible> {
    Ok(JsonRpcResponse::success(&request, json!({ "content": [] })))
}

fn limited(quota: &str, attempts: u32) -> Settings {
    read(json!({
        "rate_limit": { "rules": { "all": { "quota": quota, "key": [] } } },
        "retry": { "attempts": attempts },
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_during_10_000_calls_keeps_exact_budgets() {
    let (layers, config) = limited("1/day burst 3000", 1).build().unwrap();
    let service = ServiceBuilder::new()
        .option_layer(layers.rate_limit)
        .option_layer(layers.retry)
        .service_fn(answer);
    let admitted = Arc::new(AtomicUsize::new(0));
    let callers = (0..8).map(|_| {
        let (service, admitted) = (service.clone(), Arc::clone(&admitted));
        tokio::spawn(async move {
            for _ in 0..1_250 {
                let response = service.clone().oneshot(call("dig")).await.unwrap();
                admitted.fetch_add(usize::from(response.outcome().code().is_none()), Relaxed);
                tokio::task::yield_now().await;
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    let reloads = 50;
    for number in 0..reloads {
        let quota = ["1/h burst 3000", "1/day burst 3000"][number % 2];
        let report = config.reload(&limited(quota, 2 + u32::from(number % 2 == 0)));
        let changed = report.unwrap().changed;
        assert!(
            changed.contains(&"rate_limit.rules.all.quota".to_owned()),
            "{changed:?}"
        );
        tokio::task::yield_now().await;
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(admitted.load(Relaxed), 3_000);
    assert_eq!(config.generation(), 1 + reloads as u64);
}

#[test]
fn an_invalid_reload_changes_nothing_and_the_generation_shows_it() {
    let before = limited("5/day", 2);
    let (layers, config) = before.build().unwrap();
    let limits = layers.rate_limit.unwrap().handle();
    let quota = limits.stats().rules[0].quota;

    let mut invalid = limited("9/day", 4);
    invalid
        .retry
        .as_mut()
        .unwrap()
        .repeatable_tools
        .push("a*b".to_owned());
    let error = config.reload(&invalid).unwrap_err();
    assert_eq!(error.path(), "retry.repeatable_tools");
    assert_eq!(config.generation(), 1);
    assert_eq!(config.last_error(), Some(error));
    assert_eq!(config.settings(), before);
    assert_eq!(limits.stats().rules[0].quota, quota);

    let report = config.reload(&limited("9/day", 4)).unwrap();
    assert_eq!(
        report.changed,
        ["rate_limit.rules.all.quota", "retry.attempts"]
    );
    assert_eq!((report.generation, config.generation()), (2, 2));
    assert_eq!(config.last_error(), None);
    assert_ne!(limits.stats().rules[0].quota, quota);
}

#[test]
fn what_needs_a_restart_is_reported_until_then() {
    let (_, config) = limited("5/day", 2).build().unwrap();
    let new = read(json!({
        "rate_limit": { "rules": {
            "all": { "quota": "6/day", "key": ["tenant"] },
            "more": { "quota": "1/s" },
        } },
        "retry": { "attempts": 2, "backoff": { "base": "1s" } },
        "drain": {},
    }));
    for generation in 2..4 {
        let report = config.reload(&new).unwrap();
        assert_eq!(report.generation, generation);
        let changed: &[&str] = match generation {
            2 => &["rate_limit.rules.all.quota"],
            _ => &[],
        };
        assert_eq!(report.changed, changed);
        for key in [
            "rate_limit.rules.all.key",
            "rate_limit.rules.more.quota",
            "retry.backoff.base",
            "drain.retry_after",
        ] {
            assert!(
                report.needs_restart.iter().any(|path| path == key),
                "{key}: {report:?}"
            );
        }
        assert!(report.unchanged.contains(&"retry.attempts".to_owned()));
    }
    let running = config.settings();
    assert_eq!(running.retry, limited("5/day", 2).retry);
    assert_eq!(running.drain, None);
}

#[test]
fn a_quota_that_fits_only_after_a_restart_is_refused() {
    let rules = |quota: &str, cost: u32| {
        let rules = json!({ "all": { "quota": quota, "cost": cost } });
        read(json!({ "rate_limit": { "rules": rules }, "retry": { "attempts": cost } }))
    };
    let (_, config) = rules("10/s", 5).build().unwrap();
    let error = config.reload(&rules("2/s", 1)).unwrap_err();
    assert_eq!(error.path(), "rate_limit.rules.all");
    assert_eq!(config.settings(), rules("10/s", 5));
}

#[tokio::test(start_paused = true)]
async fn timeouts_change_for_the_next_request() {
    let timeout = |text: &str| read(json!({ "timeout": { "maximum": text } }));
    let (layers, config) = timeout("30s").build().unwrap();
    let service = ServiceBuilder::new()
        .option_layer(layers.timeout)
        .service_fn(|_: JsonRpcRequest| {
            std::future::pending::<Result<JsonRpcResponse, Infallible>>()
        });
    let report = config.reload(&timeout("10ms")).unwrap();
    assert_eq!(report.changed, ["timeout.maximum"]);
    let error = service
        .oneshot(call("dig"))
        .await
        .unwrap()
        .into_error()
        .unwrap();
    assert_eq!(error.message, "Request timed out after 10 ms");
}

#[tokio::test]
async fn rules_of_authorization_change_for_the_next_request() {
    let policy = |access: Value| read(json!({ "authorize": { "tool": { "dig": access } } }));
    let (layers, config) = policy(json!({ "nobody": true })).build().unwrap();
    let service = ServiceBuilder::new()
        .option_layer(layers.authorize)
        .service_fn(answer);
    let outcome = || async {
        service
            .clone()
            .oneshot(call("dig"))
            .await
            .unwrap()
            .outcome()
            .code()
    };
    assert_eq!(outcome().await, Some(403));
    config
        .reload(&policy(json!({ "any_principal": true })))
        .unwrap();
    assert_eq!(outcome().await, None);
    // An access that names nobody could be meant either way.
    let error = config.reload(&policy(json!({}))).unwrap_err();
    assert_eq!(error.path(), "authorize.tool.dig");
    assert_eq!(outcome().await, None);
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

async fn greet<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let principal = request.extensions().get::<Arc<Principal>>().unwrap();
    let of = (principal.subject(), principal.issuer());
    assert_eq!(of, ("robot", Some("api_keys")));
    Ok(Response::new(Full::default()))
}

#[tokio::test]
async fn a_rotated_key_is_read_with_the_next_reload() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    write_private(&path, "key-1\n");
    let keys = json!({ "robot": { "key": format!("file:{}", path.display()) } });
    let settings = read(json!({ "authenticate": { "api_keys": keys } }));
    let (layers, config) = settings.build().unwrap();
    let service = ServiceBuilder::new()
        .layer(layers.authenticate.unwrap())
        .service_fn(greet);
    let status = |key: &'static str| {
        let request = Request::post("/mcp").header("authorization", format!("Bearer {key}"));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let service = service.clone();
        async move { service.oneshot(request).await.unwrap().status() }
    };
    assert_eq!(status("key-1").await, StatusCode::OK);
    assert_eq!(config.reload(&settings).unwrap().changed, [""; 0]);

    write_private(&path, "key-2\n");
    assert_eq!(status("key-2").await, StatusCode::UNAUTHORIZED);
    let report = config.reload(&settings).unwrap();
    assert_eq!(report.changed, ["authenticate.api_keys.robot.key"]);
    assert_eq!(status("key-1").await, StatusCode::UNAUTHORIZED);
    assert_eq!(status("key-2").await, StatusCode::OK);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = config.reload(&settings).unwrap_err();
    assert_eq!(error.path(), "authenticate.api_keys.robot.key");
    assert!(!error.to_string().contains("key-2"), "{error}");
    assert_eq!(status("key-2").await, StatusCode::OK);
}

#[test]
fn the_audit_file_stays_open_and_its_key_needs_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    write_private(&key, "0123456789abcdef");
    let file = json!({
        "path": folder.path().join("audit.jsonl"),
        "key": format!("file:{}", key.display()),
    });
    let settings = read(json!({ "profile": "production", "audit": { "file": file } }));
    let (layers, config) = settings.build().unwrap();
    assert!(layers.audit.is_some() && config.audit_file().is_some());
    write_private(&key, "fedcba9876543210");
    for _ in 0..2 {
        let report = config.reload(&settings).unwrap();
        assert_eq!(report.changed, [""; 0]);
        assert_eq!(report.needs_restart, ["audit.file.key"]);
    }
}

#[test]
fn production_requires_an_audit_log() {
    let error = Settings::production().build().unwrap_err();
    assert_eq!(error.path(), "audit");
    let audit = json!({ "profile": "production", "audit": { "tracing": "json" } });
    let (layers, _) = read(audit).build().unwrap();
    assert!(layers.error_mask.is_some() && layers.timeout.is_some());
}

#[test]
fn development_is_for_loopback() {
    let everywhere = "0.0.0.0:80".parse().unwrap();
    let development = Settings::development();
    development.build().unwrap();
    assert_eq!(
        development.check_address(everywhere).unwrap_err().path(),
        "profile"
    );
    development
        .check_address("127.0.0.1:80".parse().unwrap())
        .unwrap();
    development
        .check_address("[::1]:80".parse().unwrap())
        .unwrap();
    Settings::production().check_address(everywhere).unwrap();
    let forced = json!({ "profile": "development", "allow_development_anywhere": true });
    read(forced).check_address(everywhere).unwrap();
}

#[test]
fn gauges_show_the_generation_and_a_failed_reload() {
    use mcp_layers_events::{Gauges, Label, Recorder};
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<(String, f64)>>>);

    impl Recorder for Seen {
        fn count(&self, _: &'static str, _: Option<Label<'_>>) {}

        fn gauge(&self, name: &'static str, _: Option<Label<'_>>, value: f64) {
            self.0.lock().unwrap().push((name.to_owned(), value));
        }
    }

    let (_, config) = limited("5/day", 2).build().unwrap();
    let seen = Seen::default();
    let gauges = config.gauges(Gauges::new().recorder(seen.clone()));
    let values = || {
        gauges.update();
        let mut seen: Vec<_> = std::mem::take(&mut *seen.0.lock().unwrap());
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        seen.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(values(), [1.0, 0.0]);
    config.reload(&Settings::production()).unwrap_err();
    assert_eq!(values(), [1.0, 1.0]);
    config.reload(&limited("6/day", 2)).unwrap();
    assert_eq!(values(), [2.0, 0.0]);
}
