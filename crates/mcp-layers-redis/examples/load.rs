//! One process of a load run: calls come when they come, whether or not the earlier ones are answered
//! (an open loop). Prints one line for each tenth of a second and tenant:
//! `tenth,tenant,offered,admitted,limited,unavailable,away,slowest_us`.
//!
//! ```text
//! cargo run --release -p mcp-layers-redis --features rate-limit --example load -- \
//!     redis://127.0.0.1/ 200 10 closed noisy=1000 quiet=80
//! ```
//!
//! After the address: the quota of each tenant a second, the seconds, what holds while Redis is away
//! (`open`, `closed`, `local`), and how many calls a second each tenant makes.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    error::Error,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use mcp_layers_core::{
    Authentication, Event, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Principal,
};
use mcp_layers_rate_limit::{KeyComponent, MemoryStore, Quota, RateLimitLayer, Rule};
use mcp_layers_redis::{OnUnavailable, RedisConnection, RedisRateLimitStore};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tower::{Layer, ServiceExt, service_fn};

/// The requests of one tenant in one tenth of a second.
#[derive(Default)]
struct Seen {
    offered: u64,
    admitted: u64,
    limited: u64,
    unavailable: u64,
    away: u64,
    slowest: Duration,
}

type AllSeen = Arc<Mutex<BTreeMap<(u128, Arc<str>), Seen>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, rate, seconds, away, tenants @ ..] = arguments.as_slice() else {
        return Err("usage: load REDIS RATE SECONDS open|closed|local TENANT=RATE...".into());
    };
    let rate: NonZeroU32 = rate.parse()?;
    let away = match away.as_str() {
        "open" => OnUnavailable::FailOpen,
        "closed" => OnUnavailable::FailClosed,
        _ => OnUnavailable::Local(MemoryStore::new()),
    };
    let burst = NonZeroU32::new(rate.get() / 10).unwrap_or(NonZeroU32::MIN);
    let rule =
        Rule::new("tenant", Quota::per_second(rate).allow_burst(burst)).key([KeyComponent::Tenant]);
    let store = RedisRateLimitStore::new(RedisConnection::new(address)?, away);
    let layer = RateLimitLayer::with_store([rule], store)?;
    let service = layer.layer(service_fn(|request: JsonRpcRequest| async move {
        Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({ "content": [] })))
    }));

    let seen = AllSeen::default();
    let end = Instant::now() + Duration::from_secs(seconds.parse()?);
    let mut generators = Vec::new();
    for tenant in tenants {
        let (name, offered) = tenant.split_once('=').ok_or("a tenant is NAME=RATE")?;
        let name: Arc<str> = name.into();
        let principal = Principal::new("load", Authentication::Local).with_tenant(&*name);
        let (principal, service, seen) = (Arc::new(principal), service.clone(), Arc::clone(&seen));
        let mut ticks = interval(Duration::from_secs(1) / offered.parse::<u32>()?);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        generators.push(tokio::spawn(async move {
            let mut calls = Vec::new();
            while ticks.tick().await < end {
                let mut request = JsonRpcRequest::call_tool(1, "dig", json!({}));
                request.context_mut().set_principal(Arc::clone(&principal));
                let (service, seen, name) = (service.clone(), Arc::clone(&seen), Arc::clone(&name));
                calls.push(tokio::spawn(async move {
                    let start = Instant::now();
                    let tenth = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() / 100;
                    let Ok(response) = service.oneshot(request).await;
                    note(&seen, (tenth, name), &response, start.elapsed());
                }));
            }
            for call in calls {
                let _ = call.await;
            }
        }));
    }
    for generator in generators {
        generator.await?;
    }
    for ((tenth, tenant), seen) in &*seen.lock().unwrap_or_else(PoisonError::into_inner) {
        println!(
            "{tenth},{tenant},{},{},{},{},{},{}",
            seen.offered,
            seen.admitted,
            seen.limited,
            seen.unavailable,
            seen.away,
            seen.slowest.as_micros()
        );
    }
    Ok(())
}

fn note(all: &AllSeen, key: (u128, Arc<str>), response: &JsonRpcResponse, took: Duration) {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = all.entry(key).or_default();
    seen.offered += 1;
    match response.outcome().code() {
        None => seen.admitted += 1,
        Some(429) => seen.limited += 1,
        Some(_) => seen.unavailable += 1,
    }
    let is_away = |event: &Event| {
        matches!(
            event,
            Event::Custom {
                name: "store_unavailable",
                ..
            }
        )
    };
    seen.away += u64::from(response.trail().events().any(is_away));
    seen.slowest = seen.slowest.max(took);
}
