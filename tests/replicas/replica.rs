//! Replicas of `everything` that share a Redis, a signing key and a folder of sessions.

use std::{fs, path::Path, process::ExitStatus};

use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::{
    redis::RedisServer,
    support::{PATIENCE, Server},
};

/// The calls of `echo` that each principal has, in all replicas together.
pub(crate) const BUDGET: usize = 40;

pub(crate) struct Replica {
    flags: Vec<String>,
    pub(crate) server: Server,
}

impl Replica {
    /// Starts two replicas in this folder.
    pub(crate) async fn pair(folder: &Path, redis: &RedisServer, more: &[&str]) -> [Self; 2] {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        fs::write(path("signing.key"), [7; 32]).unwrap();
        fs::create_dir(path("sessions")).unwrap();
        [
            Self::start(&path, "0", redis, more).await,
            Self::start(&path, "1", redis, more).await,
        ]
    }

    async fn start(
        path: &impl Fn(&str) -> String,
        name: &str,
        redis: &RedisServer,
        more: &[&str],
    ) -> Self {
        let budget = BUDGET.to_string();
        let flags = [
            ["--with", "auth,timing,audit,error-mask,drain,rate-limit"],
            ["--redis", &redis.address()],
            ["--limited", "echo"],
            ["--burst", &budget],
            ["--period", "86400"],
            ["--signing-key", &path("signing.key")],
            ["--sessions", &path("sessions")],
            ["--audit-file", &path(&format!("audit-{name}.jsonl"))],
            ["--notice", "1000"],
        ];
        let flags = flags.as_flattened().iter().chain(more);
        let flags: Vec<_> = flags.map(|flag| (*flag).to_owned()).collect();
        Self {
            server: start(&flags, "127.0.0.1:0").await,
            flags,
        }
    }

    /// Ends the process by SIGTERM.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let pid = self.server.process.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(kill.unwrap().success());
        let ended = timeout(PATIENCE, self.server.process.wait()).await;
        ended.expect("an end").unwrap()
    }

    /// Ends the process by SIGTERM, and starts it again at the same address.
    pub(crate) async fn restart(&mut self) {
        assert!(self.stop().await.success());
        self.server = start(&self.flags, &self.server.address).await;
    }
}

async fn start(flags: &[String], address: &str) -> Server {
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Server::start_at(address, &flags).await
}

/// The audit records of requests, of both replicas.
pub(crate) fn records(folder: &Path) -> Vec<Value> {
    let files = ["audit-0.jsonl", "audit-1.jsonl"].map(|file| folder.join(file));
    let texts = files.map(|file| fs::read_to_string(file).unwrap());
    let lines = texts.iter().flat_map(|text| text.lines());
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let records = lines.map(|line| line["record"].clone());
    records
        .filter(|record| record["kind"] == "request")
        .collect()
}
