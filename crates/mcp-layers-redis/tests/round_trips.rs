//! The round trips that a call costs, as the server sees them.
#![cfg(all(feature = "cache", feature = "rate-limit"))]
#![allow(clippy::unwrap_used)]

#[path = "support/budgets.rs"]
mod budgets;
mod support;

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

use budgets::code;
use mcp_layers_cache::CacheLayer;
use mcp_layers_core::response::CacheScope;
use mcp_layers_redis::{OnUnavailable, RedisCacheStore, RedisConnection};
use mcp_layers_test::{MockService, requests, results};
use serde_json::json;
use support::{RedisServer, eventually};
use tower::{Layer, ServiceExt};

/// Watches the commands that clients send. What scripts call costs no round trip.
struct Monitor<'a> {
    server: &'a RedisServer,
    lines: BufReader<TcpStream>,
}

impl<'a> Monitor<'a> {
    fn start(server: &'a RedisServer) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        let mut lines = BufReader::new(stream);
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        assert_eq!(first, "+OK\r\n");
        Self { server, lines }
    }

    /// The names of the commands since the last time.
    fn commands(&mut self) -> Vec<String> {
        // Commands are served one after the other: this is the last.
        assert_eq!(self.server.command(&["ECHO", "end"]), "$3\r\nend");
        let mut commands = Vec::new();
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            let (client, command) = line.split_once("] \"").unwrap();
            let name = command.split('"').next().unwrap().to_lowercase();
            match &*name {
                "echo" => return commands,
                "quit" => {}
                _ if client.ends_with(" lua") => {}
                _ => commands.push(name),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_rules_of_a_call_are_one_round_trip() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let connection = RedisConnection::new(&server.address()).unwrap();
    let rules = ["one", "two", "three"];
    let (layer, _) = budgets::limiter(connection, OnUnavailable::FailClosed, 5, &rules);
    // The first calls connect, and load the script.
    eventually(async || code(&layer).await.is_none()).await;
    let mut monitor = Monitor::start(&server);
    assert_eq!(code(&layer).await, None);
    assert_eq!(code(&layer).await, None);
    assert_eq!(monitor.commands(), ["evalsha", "evalsha"]);
    // A refusal costs the same.
    eventually(async || code(&layer).await == Some(429)).await;
    monitor.commands();
    assert_eq!(code(&layer).await, Some(429));
    assert_eq!(monitor.commands(), ["evalsha"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miss_of_the_cache_is_two_round_trips_and_a_hit_in_memory_none() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let mock = MockService::answering(|request| {
        results::fresh_for(results::of(request), 60_000, CacheScope::Public)
    });
    let node = || {
        let connection = RedisConnection::new(&server.address()).unwrap();
        let store = RedisCacheStore::new(connection);
        (CacheLayer::new().store(store.clone()), store)
    };
    let ((one, stored), (two, _)) = (node(), node());
    let ask = async |layer: &CacheLayer, cursor: &str| {
        let request = requests::list_tools(1).with_params(json!({ "cursor": cursor }));
        layer.layer(mock.clone()).oneshot(request).await.unwrap();
    };
    let settled = async |puts| eventually(async || stored.state().put == puts).await;
    ask(&one, "first").await;
    settled(1).await;
    ask(&two, "first").await;
    assert_eq!(mock.calls(), 1);

    let mut monitor = Monitor::start(&server);
    ask(&one, "second").await;
    settled(2).await;
    assert_eq!(mock.calls(), 2);
    assert_eq!(monitor.commands(), ["evalsha", "set"]);
    ask(&one, "second").await;
    assert!(monitor.commands().is_empty());
    ask(&two, "second").await;
    assert_eq!(mock.calls(), 2);
    assert_eq!(monitor.commands(), ["evalsha"]);
}
