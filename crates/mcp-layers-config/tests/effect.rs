//! Every key with a plain value changes its layer, as its `Debug` shows.

#![cfg(all(feature = "full", feature = "schema"))]
#![allow(clippy::unwrap_used)]

use mcp_layers_config::Settings;
use serde_json::{Value, json};

/// Keys, or tables, that no `Debug` of a layer shows. `tests/keys.rs` checks that they are read.
const UNSEEN: &[(&str, &str)] = &[
    ("allow_development_anywhere", "of no layer"),
    ("audit.file", "opens a file; `defaults.rs` has its options"),
    ("audit.tracing", "a sink is a trait object"),
    ("authorize.http", "the edge is built apart"),
    ("authorize.max_bindings", OPAQUE),
    ("authorize.otherwise", "a policy is a trait object"),
    ("authorize.unknown_methods", "a policy is a trait object"),
    ("events.max_names", OPAQUE),
    ("rate_limit.max_keys_per_caller", OPAQUE),
    ("trace.baggage", OPAQUE),
    ("trace.capture", OPAQUE),
    ("trace.client_address", OPAQUE),
    ("trace.long_spans", OPAQUE),
    ("trace.server_address", OPAQUE),
    ("trace.skip_unsampled", OPAQUE),
    ("trace.uri_in_name", OPAQUE),
];

const OPAQUE: &str = "the layer does not show it";

fn base() -> Value {
    json!({
        "address_limit": { "quota": "10/s" },
        "audit": { "tracing": "json" },
        "authenticate": { "api_keys": { "robot": { "digest": "0".repeat(64) } } },
        "authorize": {},
        "cache": { "trust_hints": { "time_to_live": "1m" } },
        "circuit_breaker": { "slow_call_rate": { "slower_than": "1s", "rate": "50%" } },
        "concurrency_limit": { "max_in_flight": 8 },
        "drain": {},
        "error_mask": {},
        "events": {},
        "rate_limit": { "rules": { "a": { "quota": "10/s" } } },
        "retry": { "attempts": 3 },
        "timeout": { "maximum": "30s" },
        "timing": {},
        "trace": {},
    })
}

fn layers(settings: Value) -> Result<String, String> {
    let built = Settings::read(settings).and_then(|settings| settings.build());
    let (layers, _) = built.map_err(|error| error.to_string())?;
    let text = format!("{layers:#?}");
    let lines = text
        .lines()
        .filter(|line| !line.contains("0x") && !line.contains("seed"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// Another value than the default; `None` for what is no plain value.
fn other(schema: &Value) -> Option<Value> {
    let default = &schema["default"];
    if let Some(forms) = schema["oneOf"].as_array() {
        let texts = forms.iter().filter_map(|form| form.get("const"));
        return texts.rev().find(|text| *text != default).cloned();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str()?,
        kind => kind.as_str()?,
    };
    let description = schema["description"].as_str().unwrap_or_default();
    match kind {
        "boolean" => Some(json!(!default.as_bool().unwrap_or(false))),
        "integer" => Some(json!(default.as_u64().unwrap_or(6) + 1)),
        "string" if description.starts_with("a duration") => Some(json!("7s")),
        "string" if description.starts_with("a size") => Some(json!("7KiB")),
        "string" if description.starts_with("a quota") => Some(json!("7/s")),
        "string" if description.starts_with("a share") => Some(json!("7%")),
        _ => None,
    }
}

struct Keys<'a> {
    definitions: &'a Value,
    changes: Vec<(Vec<String>, Value)>,
}

impl Keys<'_> {
    /// The schema that a key refers to, with its own default.
    fn resolve(&self, schema: &Value) -> Value {
        let reference = schema
            .get("$ref")
            .or_else(|| schema["anyOf"][0].get("$ref"));
        let Some(name) = reference.and_then(Value::as_str) else {
            return schema.clone();
        };
        let name = name.rsplit('/').next().unwrap();
        let mut resolved = self.definitions[name].clone();
        resolved["default"] = schema["default"].clone();
        resolved
    }

    fn add(&mut self, path: &[String], schema: &Value) {
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            let resolved = self.resolve(schema);
            let path = [path, std::slice::from_ref(key)].concat();
            if resolved.get("properties").is_some() {
                self.add(&path, &resolved);
            } else if let Some(value) = other(&resolved) {
                self.changes.push((path, value));
            }
        }
    }
}

#[test]
fn every_plain_key_changes_its_layer() {
    let schema = Settings::schema();
    let mut keys = Keys {
        definitions: &schema["$defs"],
        changes: Vec::new(),
    };
    keys.add(&[], &schema);
    let before = layers(base()).unwrap();
    let mut unused: Vec<_> = UNSEEN.iter().map(|(path, _)| *path).collect();
    let mut faults = Vec::new();
    for (path, value) in &keys.changes {
        let mut settings = base();
        let last = path.iter().fold(&mut settings, |at, key| &mut at[key]);
        *last = value.clone();
        let path = path.join(".");
        if layers(settings).is_ok_and(|after| after != before) {
            continue;
        }
        let is_in = |table: &str| path == table || path.starts_with(&format!("{table}."));
        if UNSEEN.iter().any(|(table, _)| is_in(table)) {
            unused.retain(|table| !is_in(table));
        } else {
            faults.push(format!("{path} = {value}"));
        }
    }
    assert!(keys.changes.len() > 100, "{} keys", keys.changes.len());
    assert!(faults.is_empty(), "no change by {}", faults.join(", "));
    assert!(unused.is_empty(), "seen after all: {}", unused.join(", "));
}
