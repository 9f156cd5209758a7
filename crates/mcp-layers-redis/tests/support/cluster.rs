//! A Redis Cluster of one's own.
#![allow(dead_code, clippy::unwrap_used)]

use mcp_layers_redis::RedisConnection;

use super::support::{RedisServer, eventually, free_port};

/// Three servers, each with a third of the slots.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<RedisServer>,
    ports: Vec<u16>,
    _folders: Vec<tempfile::TempDir>,
}

impl Cluster {
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// Starts the servers with further arguments. With `--tls-cluster`, they have a port for TLS too.
    pub(crate) async fn start_with(arguments: &[&str]) -> Option<Self> {
        let over_tls = arguments.contains(&"--tls-cluster");
        let (mut nodes, mut ports, mut folders) = (Vec::new(), Vec::new(), Vec::new());
        let mut buses = Vec::new();
        for _ in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let (bus, tls) = (free_port().to_string(), free_port());
            let tls_port = tls.to_string();
            let mut all = vec!["--cluster-enabled", "yes", "--cluster-port", &bus];
            all.extend(["--dir", folder.path().to_str().unwrap()]);
            // A node that is gone takes its own slots along, and no others.
            all.extend(["--cluster-require-full-coverage", "no"]);
            if over_tls {
                all.extend(["--tls-port", &tls_port]);
            }
            all.extend(arguments);
            let node = RedisServer::start_with(&all)?;
            ports.push(if over_tls { tls } else { node.port() });
            nodes.push(node);
            buses.push(bus);
            folders.push(folder);
        }
        for (place, node) in nodes.iter().enumerate() {
            let (first, last) = (place * 16_384 / 3, (place + 1) * 16_384 / 3 - 1);
            ok(node, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
            ok(node, &format!("CLUSTER SET-CONFIG-EPOCH {}", place + 1));
        }
        for (port, bus) in ports.iter().zip(&buses).skip(1) {
            ok(&nodes[0], &format!("CLUSTER MEET 127.0.0.1 {port} {bus}"));
        }
        let cluster = Self {
            nodes,
            ports,
            _folders: folders,
        };
        eventually(async || cluster.nodes.iter().all(knows_all)).await;
        Some(cluster)
    }

    /// The address of one of the nodes.
    pub(crate) fn address(&self, node: usize) -> String {
        self.nodes[node].address()
    }

    /// A connection that begins at one of the nodes.
    pub(crate) fn connection(&self, first: usize) -> RedisConnection {
        RedisConnection::cluster([self.address(first)]).unwrap()
    }

    /// The ports that the nodes tell each other, for TLS if they speak it among themselves.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    pub(crate) fn slot(&self, tag: &str) -> usize {
        let slot = self.nodes[0].command(&["CLUSTER", "KEYSLOT", tag]);
        slot[1..].parse().unwrap()
    }

    /// The node that had a tag's slot at the start.
    pub(crate) fn home(&self, tag: &str) -> usize {
        let slot = self.slot(tag);
        (0..3)
            .find(|place| slot < (place + 1) * 16_384 / 3)
            .unwrap()
    }

    /// A prefix with this beginning, whose keys of a store are on this node.
    pub(crate) fn prefix_on(&self, node: usize, store: &str, beginning: &str) -> String {
        (0..)
            .map(|number| format!("{beginning}-{number}"))
            .find(|prefix| self.home(&format!("{{{prefix}:{store}}}")) == node)
            .unwrap()
    }

    /// The number of keys of each node.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let size = |node: &RedisServer| node.command(&["DBSIZE"])[1..].parse().unwrap();
        self.nodes.iter().map(size).collect()
    }

    pub(crate) fn flush(&self) {
        for node in &self.nodes {
            ok(node, "FLUSHALL");
        }
    }

    /// Gives a slot to a node, in the eyes of those that run.
    pub(crate) fn give(&self, slot: usize, to: usize, in_the_eyes_of: &[usize]) {
        let to = self.id(to);
        for node in in_the_eyes_of {
            let words = format!("CLUSTER SETSLOT {slot} NODE {to}");
            ok(&self.nodes[*node], &words);
        }
    }

    /// Lets a slot begin to move.
    pub(crate) fn begin_to_move(&self, slot: usize, from: usize, to: usize) {
        let (source, target) = (self.id(from), self.id(to));
        let words = format!("CLUSTER SETSLOT {slot} IMPORTING {source}");
        ok(&self.nodes[to], &words);
        let words = format!("CLUSTER SETSLOT {slot} MIGRATING {target}");
        ok(&self.nodes[from], &words);
    }

    /// The keys on a node.
    pub(crate) fn keys(&self, node: usize) -> Vec<String> {
        let keys = self.nodes[node].command(&["KEYS", "*"]);
        let is_key = |line: &&str| !line.starts_with(['*', '$']);
        keys.lines().filter(is_key).map(str::to_owned).collect()
    }

    /// Moves a key whose slot has begun to.
    pub(crate) fn move_key(&self, key: &str, from: usize, to: usize) {
        let port = self.nodes[to].port().to_string();
        ok(
            &self.nodes[from],
            &format!("MIGRATE 127.0.0.1 {port} {key} 0 5000"),
        );
    }

    fn id(&self, node: usize) -> String {
        let id = self.nodes[node].command(&["CLUSTER", "MYID"]);
        id.lines().last().unwrap().to_owned()
    }
}

fn ok(node: &RedisServer, words: &str) {
    let split: Vec<_> = words.split(' ').collect();
    assert_eq!(node.command(&split), "+OK", "{words}");
}

fn knows_all(node: &RedisServer) -> bool {
    let info = node.command(&["CLUSTER", "INFO"]);
    let told = |line: &str| info.lines().any(|told| told == line);
    told("cluster_state:ok") && told("cluster_known_nodes:3") && told("cluster_slots_ok:16384")
}
