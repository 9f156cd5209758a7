//! The JSON Schema, and the page that lists every key.

#![cfg(all(feature = "full", feature = "schema"))]
#![allow(clippy::unwrap_used)]

use std::{fmt::Write, fs};

use mcp_layers_config::Settings;
use serde_json::{Value, json};

/// Keys whose new values are in force after a reload; `*` is a name.
const RELOADED: &[&str] = &[
    "authenticate.api_keys.*",
    "authenticate.introspection.*",
    "authenticate.jwt.*",
    "authorize.implies",
    "authorize.method.*",
    "authorize.other_method.*",
    "authorize.otherwise",
    "authorize.prompt.*",
    "authorize.read_only",
    "authorize.resource.*",
    "authorize.tool.*",
    "authorize.unknown_methods",
    "concurrency_limit.max_in_flight",
    "rate_limit.rules.*.quota",
    "retry.attempts",
    "timeout.idle",
    "timeout.input_wait",
    "timeout.maximum",
    "timeout.method.*",
    "timeout.tool.*",
];

/// The file that the page and the crate's docs show.
const EXAMPLE: &str = include_str!("settings.toml");

#[test]
fn the_schema_takes_what_is_read_and_nothing_else() {
    let schema = jsonschema::validator_for(&Settings::schema()).unwrap();
    let example: toml::Table = EXAMPLE.parse().unwrap();
    let read = Settings::read(example).unwrap();
    for settings in [
        read,
        Settings::development(),
        Settings::production(),
        Settings::default(),
    ] {
        let value = serde_json::to_value(settings).unwrap();
        schema.validate(&value).unwrap();
    }
    for refused in [
        json!({ "tiemout": {} }),
        json!({ "timeout": { "maximum": 30 } }),
        json!({ "timeout": { "maximum": "30" } }),
        json!({ "timeout": {} }),
        json!({ "cache": { "max_capacity": "4M" } }),
        json!({ "audit": { "key": "hunter2" } }),
        json!({ "rate_limit": { "rules": { "a": { "quota": "100/min", "burst": 5 } } } }),
        json!({ "retry": { "attempts": 0 } }),
    ] {
        assert!(Settings::read(refused.clone()).is_err(), "{refused}");
        assert!(!schema.is_valid(&refused), "{refused}");
    }
}

#[test]
fn the_schema_has_no_secret() {
    let text = Settings::schema().to_string();
    for (start, _) in text
        .match_indices("env:")
        .chain(text.match_indices("file:"))
    {
        if text[..start].ends_with(char::is_alphabetic) {
            continue; // "profile:"
        }
        let after = text[start..].split(':').nth(1).unwrap();
        assert!(
            after.starts_with("NAME")
                || after.starts_with("/path")
                || after.starts_with("///notes"),
            "{after:.20}"
        );
    }
}

#[test]
fn the_page_lists_every_key() {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    const START: &str =
        "<!-- From here on `tests/schema.rs` writes: UPDATE_DOCS=1 cargo test -->\n";
    let page = fs::read_to_string(FILE).unwrap();
    let (head, tables) = page.split_once(START).unwrap();
    let mut schema = Settings::schema();
    // With another feature of serde_json they are in the order of the fields.
    schema.sort_all_objects();
    let written = Page::of(&schema);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(FILE, format!("{head}{START}{written}")).unwrap();
    } else {
        assert_eq!(tables, written, "run with UPDATE_DOCS=1");
    }
    assert!(
        head.contains(EXAMPLE),
        "the page shows `tests/settings.toml`"
    );
}

/// Writes a table for each table of the settings.
struct Page<'a> {
    definitions: &'a Value,
    text: String,
}

impl<'a> Page<'a> {
    fn of(schema: &'a Value) -> String {
        let mut page = Self {
            definitions: &schema["$defs"],
            text: String::new(),
        };
        page.section("Above all tables", "");
        for (key, value) in schema["properties"].as_object().unwrap() {
            if page.resolve(value).get("properties").is_none() {
                page.row(key, value, false);
            }
        }
        for (key, value) in schema["properties"].as_object().unwrap() {
            let table = page.resolve(value);
            if table.get("properties").is_some() {
                page.section(
                    &format!("`[{key}]`"),
                    value["description"].as_str().unwrap(),
                );
                page.rows(key, table);
            }
        }
        page.text
    }

    fn section(&mut self, name: &str, description: &str) {
        writeln!(self.text, "\n## {name}\n").unwrap();
        if !description.is_empty() {
            writeln!(self.text, "{description}\n").unwrap();
        }
        self.text += "| key | value | default | reload | |\n|---|---|---|---|---|\n";
    }

    fn rows(&mut self, path: &str, table: &'a Value) {
        let required = table["required"].as_array();
        for (key, value) in table["properties"].as_object().unwrap() {
            let is_required =
                required.is_some_and(|required| required.iter().any(|name| name == key));
            let path = format!("{path}.{key}");
            let target = self.resolve(value);
            let named = target
                .get("additionalProperties")
                .filter(|of| of.is_object());
            let named = named.map(|of| self.resolve(of));
            if target.get("properties").is_some() {
                self.rows(&path, target);
            } else if let Some(of) = named.filter(|of| of.get("properties").is_some()) {
                self.rows(&format!("{path}.*"), of);
            } else {
                self.row(&path, value, is_required);
            }
        }
    }

    fn row(&mut self, path: &str, value: &'a Value, is_required: bool) {
        let default = match &value["default"] {
            _ if is_required => "required".to_owned(),
            Value::Null => "none".to_owned(),
            Value::Array(items) if items.is_empty() => "none".to_owned(),
            Value::Object(map) if map.is_empty() => "none".to_owned(),
            Value::String(text) => format!("`\"{text}\"`"),
            other => format!("`{other}`"),
        };
        let reload = if is_reloaded(path) { "yes" } else { "" };
        let description = value["description"]
            .as_str()
            .unwrap_or_default()
            .replace('\n', " ");
        let description = description.replace("[`", "`").replace("`]", "`");
        let kind = self.kind(value);
        writeln!(
            self.text,
            "| `{path}` | {kind} | {default} | {reload} | {description} |"
        )
        .unwrap();
    }

    /// The form of a value.
    fn kind(&self, value: &'a Value) -> String {
        let value = self.resolve(value);
        if let Some(variants) = value["oneOf"].as_array() {
            let forms = variants.iter().flat_map(|variant| self.variant(variant));
            return forms.collect::<Vec<_>>().join(", ");
        }
        let kind = match &value["type"] {
            Value::Array(kinds) => kinds[0].as_str(),
            kind => kind.as_str(),
        };
        match kind {
            Some("string") if value.get("pattern").is_some() => {
                value["description"].as_str().unwrap().to_owned()
            }
            Some("string") if value.get("enum").is_some() => self.variant(value).join(", "),
            Some("string") => "text".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("integer") => "number".to_owned(),
            Some("array") => format!("list of: {}", self.kind(&value["items"])),
            Some("object") => format!("by name: {}", self.kind(&value["additionalProperties"])),
            other => panic!("{other:?}: {value}"),
        }
    }

    fn variant(&self, variant: &'a Value) -> Vec<String> {
        let texts = variant["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(variant.get("const"));
        let mut forms: Vec<_> = texts.map(|text| format!("`{text}`")).collect();
        for (name, value) in variant["properties"].as_object().into_iter().flatten() {
            let value = self.resolve(value);
            let form = match value["properties"].as_object() {
                Some(keys) => keys.keys().cloned().collect::<Vec<_>>().join(", "),
                None => self.kind(value),
            };
            forms.push(format!("`{{ {name} = … }}` ({form})"));
        }
        forms
    }

    /// The schema that is referred to, and that of an optional value.
    fn resolve(&self, value: &'a Value) -> &'a Value {
        if let Some(name) = value["$ref"].as_str() {
            return self.resolve(&self.definitions[name.rsplit('/').next().unwrap()]);
        }
        match value["anyOf"].as_array() {
            Some(of) if of[1]["type"] == "null" => self.resolve(&of[0]),
            _ => value,
        }
    }
}

fn is_reloaded(path: &str) -> bool {
    RELOADED.iter().any(|known| match known.strip_suffix(".*") {
        Some(table) => path == table || path.starts_with(&format!("{table}.")),
        None => path == *known || path.starts_with(&format!("{known}.")),
    })
}
