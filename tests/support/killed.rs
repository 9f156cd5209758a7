//! Clients, sidecars and servers that are ended at random points.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test program uses its part of it"
)]

use std::{
    collections::BTreeSet,
    env, fs,
    io::Read,
    path::Path,
    process::{Child, Command},
    sync::mpsc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mcp_layers::audit::Key;
use serde_json::Value;

/// The longest time for anything that has to end without help.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The number of calls of a run.
pub const CALLS: usize = 30;

/// Every third call is never answered.
pub fn is_answered(call: usize) -> bool {
    call % 3 != 2
}

pub fn tool(call: usize) -> String {
    let kind = if is_answered(call) { "echo" } else { "never" };
    format!("{kind}-{call}")
}

pub fn is_echo(call: &Value) -> bool {
    let tool = call["params"]["name"].as_str();
    tool.is_some_and(|tool| tool.starts_with("echo"))
}

pub fn key() -> Key {
    Key::new([7; 32]).unwrap()
}

pub fn kill(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// This program as another process, in one of the two roles below.
pub fn role(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]);
    command
}

/// Numbers that a seed repeats.
pub struct Random(u64);

impl Random {
    /// The seed in `WIRE_SEED`, which is printed, or one of the time.
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = env::var("WIRE_SEED").map(|seed| seed.parse().unwrap());
        let seed = seed.unwrap_or(u64::from(now.subsec_nanos()) << 20 | now.as_secs() | 1);
        println!("WIRE_SEED={seed}");
        Self(seed)
    }

    /// A number below another one.
    pub fn below(&mut self, below: usize) -> usize {
        // xorshift64 (Marsaglia, 2003)
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below).unwrap()).unwrap()
    }
}

/// The number of runs: `WIRE_KILLS`, or 20.
pub fn runs() -> usize {
    env::var("WIRE_KILLS").map_or(20, |runs| runs.parse().unwrap())
}

/// The calls in the audit log; none is there twice.
pub fn recorded(folder: &Path) -> BTreeSet<String> {
    let mut recorded = BTreeSet::new();
    let text = fs::read_to_string(folder.join("audit.jsonl")).unwrap_or_default();
    // A process that was killed may leave the beginning of a line.
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for line in lines {
        if let Some(target) = line["record"]["target"].as_str() {
            assert!(
                recorded.insert(target.to_owned()),
                "{target} is recorded twice"
            );
        }
    }
    recorded
}

/// Reads the standard error to its end, and kills a sidecar that does not end.
pub fn watch(sidecar: &mut Child) -> mpsc::Receiver<()> {
    let (ended, watch) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    let mut errors = sidecar.stderr.take().unwrap();
    let process = sidecar.id().to_string();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = errors.read_to_string(&mut text);
        drop(done);
        let _ = ended.send(());
    });
    thread::spawn(move || {
        if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &process]).status();
        }
    });
    watch
}
