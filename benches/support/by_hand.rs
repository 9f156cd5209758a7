//! The work of all layers, written by hand into one handler, with the libraries that one would take:
//! what layers that cost nothing would still cost.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs::File,
    hint::black_box,
    io::Write,
    iter,
    num::NonZeroU32,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
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
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{Echo, TOKEN, exporter};

type Limiter = RateLimiter<
    (String, String),
    DashMapStateStore<(String, String), foldhash::quality::RandomState>,
    DefaultClock,
>;

/// A seen token, timing, audit, mask, authorization, rate limit, cache, retry and breaker, for the
/// tool `dig` of a handler such as [`Echo`].
pub(crate) struct ByHand<H = Echo> {
    inner: H,
    file: Option<DurableFile>,
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

/// An audit record of a call that succeeds.
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
        Self::around(Echo)
    }
}

impl<H> ByHand<H> {
    pub(crate) fn around(inner: H) -> Self {
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
            inner,
            file: None,
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

    /// Answers once the record is on the disk.
    pub(crate) fn durable(mut self, path: &Path) -> Self {
        self.file = Some(DurableFile::create(path));
        self
    }
}

impl<H: ServerHandler> ServerHandler for ByHand<H> {
    fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
        self.inner.get_tool(name)
    }

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

        let answer = self.inner.call_tool(params, context).await;

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
        if let Some(file) = &self.file {
            file.append(record).await;
        } else {
            drop(black_box(record));
        }
        answer
    }
}

/// A file whose thread writes what has come meanwhile, and syncs it once.
struct DurableFile(mpsc::Sender<(Box<Record>, oneshot::Sender<()>)>);

impl DurableFile {
    fn create(path: &Path) -> Self {
        let mut file = File::create(path).unwrap();
        let (sender, records) = mpsc::channel::<(Box<Record>, _)>();
        thread::spawn(move || {
            let (mut lines, mut waiting) = (Vec::new(), Vec::<oneshot::Sender<()>>::new());
            let mut chain = [0; 32];
            while let Ok(first) = records.recv() {
                for (record, written) in iter::once(first).chain(records.try_iter()) {
                    chain = record.write(&mut lines, chain);
                    waiting.push(written);
                }
                file.write_all(&lines).unwrap();
                file.sync_data().unwrap();
                lines.clear();
                for written in waiting.drain(..) {
                    let _ = written.send(());
                }
            }
        });
        Self(sender)
    }

    async fn append(&self, record: Box<Record>) {
        let (sender, written) = oneshot::channel();
        self.0.send((record, sender)).unwrap();
        written.await.unwrap();
    }
}

impl Record {
    /// Appends a line of JSON with the digest of the line before it, and returns its own.
    fn write(&self, lines: &mut Vec<u8>, chain: [u8; 32]) -> [u8; 32] {
        let start = lines.len();
        let line = json!({
            "sequence": self.sequence,
            "time": self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis(),
            "duration_us": self.duration.as_micros(),
            "subject": self.caller.subject,
            "issuer": self.caller.issuer,
            "client": [self.client.0, self.client.1],
            "protocol_version": self.protocol_version,
            "tool": self.tool,
            "id": self.id,
            "failed": self.failed,
            "chain": chain,
        });
        serde_json::to_writer(&mut *lines, &line).unwrap();
        lines.push(b'\n');
        Sha256::digest(&lines[start..]).into()
    }
}
