//! The work of all layers, written by hand into one handler, with the libraries that one would take:
//! what layers that cost nothing would still cost.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hint::black_box,
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use governor::{Quota, RateLimiter, clock::DefaultClock, state::keyed::DashMapStateStore};
use metrics::{Gauge, Histogram};
use moka::sync::Cache;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolRequestParams, CallToolResponse},
    service::RequestContext,
};
use sha2::{Digest, Sha256};

use super::{Echo, TOKEN, exporter};

type Limiter = RateLimiter<
    (String, String),
    DashMapStateStore<(String, String), foldhash::quality::RandomState>,
    DefaultClock,
>;

/// A seen token, timing, audit, mask, authorization, rate limit, cache, retry and breaker, for the
/// tool `dig` of [`Echo`].
pub(crate) struct ByHand {
    token: String,
    seen: Cache<[u8; 32], (Arc<Caller>, Instant)>,
    tools: HashMap<&'static str, Tool, foldhash::fast::RandomState>,
    limiter: Limiter,
    cached: HashSet<&'static str, foldhash::fast::RandomState>,
    retries_saved: AtomicU64,
    sequence: AtomicU64,
}

struct Caller {
    subject: String,
    issuer: String,
    scopes: HashSet<String, foldhash::fast::RandomState>,
}

struct Tool {
    duration: Histogram,
    active: Gauge,
    scope: &'static str,
    circuit: Mutex<VecDeque<bool>>,
}

/// What an audit record has of a call that succeeds.
struct Record {
    sequence: u64,
    time: SystemTime,
    started: Instant,
    duration: Duration,
    caller: Arc<Caller>,
    client: (String, String),
    protocol_version: String,
    tool: String,
    id: String,
    failed: bool,
}

impl ByHand {
    pub(crate) fn new() -> Self {
        exporter();
        let token = TOKEN.to_owned();
        let caller = Caller {
            subject: "ada".to_owned(),
            issuer: "https://as.example".to_owned(),
            scopes: ["files".to_owned(), "tools".to_owned()]
                .into_iter()
                .collect(),
        };
        let seen = Cache::new(10_000);
        let until = Instant::now() + Duration::from_secs(3600);
        seen.insert(Sha256::digest(&token).into(), (Arc::new(caller), until));
        let dig = Tool {
            duration: metrics::histogram!("by_hand_duration_seconds", "tool" => "dig"),
            active: metrics::gauge!("by_hand_active", "tool" => "dig"),
            scope: "tools",
            circuit: Mutex::new(VecDeque::from([false; 100])),
        };
        Self {
            token,
            seen,
            tools: [("dig", dig)].into_iter().collect(),
            limiter: RateLimiter::dashmap_with_hasher(
                Quota::per_second(NonZeroU32::MAX),
                foldhash::quality::RandomState::default(),
            ),
            cached: HashSet::default(),
            retries_saved: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
        }
    }
}

impl ServerHandler for ByHand {
    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        // Who calls.
        let digest: [u8; 32] = Sha256::digest(&self.token).into();
        let (caller, until) = self.seen.get(&digest).expect("a seen token");
        assert!(Instant::now() < until);
        // Timing.
        let tool = self.tools.get(&*params.name).expect("a known tool");
        let started = Instant::now();
        tool.active.increment(1.0);
        // Audit.
        let info = context.peer.peer_info();
        let mut record = Box::new(Record {
            sequence: self.sequence.fetch_add(1, Relaxed),
            time: SystemTime::now(),
            started,
            duration: Duration::ZERO,
            caller: Arc::clone(&caller),
            client: info.as_ref().map_or_else(Default::default, |info| {
                let client = &info.client_info;
                (client.name.clone(), client.version.clone())
            }),
            protocol_version: info.map_or_else(String::new, |info| {
                info.protocol_version.as_str().to_owned()
            }),
            tool: params.name.to_string(),
            id: context.id.to_string(),
            failed: false,
        });
        // Authorization, rate limit, cache.
        assert!(caller.scopes.contains(tool.scope));
        let key = (
            caller.subject.clone() + &caller.issuer,
            params.name.to_string(),
        );
        assert!(self.limiter.check_key(&key).is_ok());
        assert!(!self.cached.contains(&*params.name));
        // Retry and breaker.
        let copy = (params.clone(), context.clone());
        self.retries_saved.fetch_add(200, Relaxed);
        let is_open = tool.circuit.lock().unwrap().iter().all(|failed| *failed);
        assert!(!is_open);

        let answer = Echo.call_tool(params, context).await;

        let failed = answer.is_err();
        drop(black_box(copy));
        {
            let mut circuit = tool.circuit.lock().unwrap();
            circuit.pop_front();
            circuit.push_back(failed);
        }
        // The mask looks whether there is an error to mask.
        record.failed = failed;
        record.duration = started.elapsed();
        tool.duration.record(record.duration.as_secs_f64());
        tool.active.decrement(1.0);
        drop(black_box(record));
        answer
    }
}
