//! The events of reloads, in a program of its own: another test could reach an event first, without a subscriber.

#![cfg(feature = "full")]
#![allow(clippy::unwrap_used)]

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use mcp_layers_config::{ConfigError, Settings};
use serde_json::json;

fn limited(quota: &str) -> Settings {
    let rules = json!({ "rate_limit": { "rules": { "all": { "quota": quota, "key": [] } } } });
    Settings::read(rules).unwrap()
}

#[test]
fn every_reload_is_one_event_of_tracing() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let (_, config) = limited("5/day").build().unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    tracing::subscriber::with_default(subscriber.finish(), || {
        config.reload(&limited("6/day")).unwrap();
        config.reload(&Settings::production()).unwrap_err();
        config.not_read(&ConfigError::new("timeout.maximun", "unknown key"));
    });
    assert_eq!(config.last_error().unwrap().path(), "timeout.maximun");
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let has = |line: &str, parts: &[&str]| parts.iter().all(|part| line.contains(part));
    assert!(has(
        lines[0],
        &[
            "INFO mcp_layers::config",
            "generation=2",
            "rate_limit.rules.all.quota"
        ]
    ));
    assert!(has(
        lines[1],
        &["ERROR mcp_layers::config", "generation=2", "key=\"audit\""]
    ));
    assert!(has(
        lines[2],
        &[
            "ERROR mcp_layers::config",
            "generation=2",
            "key=\"timeout.maximun\""
        ]
    ));
}
