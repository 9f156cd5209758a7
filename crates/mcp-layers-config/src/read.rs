//! Reading settings from any deserializer.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::{
    error::{ConfigError, join},
    settings::Settings,
};

impl Settings {
    /// Reads settings, strictly: an unknown key, a missing one, a number without a unit and a literal
    /// secret are errors. Keys that are not set have the values of the `profile`, if there is one,
    /// otherwise the defaults of the layers.
    ///
    /// `source` is a `toml::Deserializer`, `toml::Table`, `serde_json::Deserializer`,
    /// `serde_json::Value`, `config::Config`, or any other deserializer of a self-describing format.
    /// With `figment`, it is `figment.extract::<serde_json::Value>()?`. A table that is `null` removes
    /// what the profile has.
    ///
    /// # Errors
    /// With the path of the key. No error repeats a value of the input.
    pub fn read<'de, D: Deserializer<'de>>(source: D) -> Result<Self, ConfigError> {
        let read = Value::deserialize(source);
        let read = read.map_err(|error| ConfigError::new("", without_lines(&error.to_string())))?;
        // An invalid profile is an error below.
        let profile = read.get("profile").cloned().unwrap_or_default();
        let profile = Deserialize::deserialize(profile).unwrap_or_default();
        let preset = serde_json::to_value(Self::of_profile(profile));
        let mut merged = preset.map_err(|error| ConfigError::new("", error))?;
        merge(&mut merged, read);
        serde_path_to_error::deserialize(merged).map_err(|error| {
            let path = error.path();
            let path = path.iter().fold(String::new(), |at, segment| {
                use serde_path_to_error::Segment::{Enum, Map, Seq, Unknown};
                match segment {
                    Map { key } | Enum { variant: key } => join(&at, key),
                    Seq { index } => join(&at, &index.to_string()),
                    Unknown => at,
                }
            });
            explain(&path, &error.inner().to_string())
        })
    }
}

/// Puts `new` over `old`, key by key.
fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => merge_tables(old, new),
        (old, new) => *old = new,
    }
}

fn merge_tables(old: &mut Map<String, Value>, new: Map<String, Value>) {
    for (key, new) in new {
        merge(old.entry(key).or_insert(Value::Null), new);
    }
}

/// Leaves out of the message of a parser the lines of the input that it shows.
fn without_lines(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.contains('|'));
    lines.collect::<Vec<_>>().join(": ")
}

/// Words serde's messages as those of a key, and takes values out of them.
fn explain(path: &str, message: &str) -> ConfigError {
    let quoted = |start: &str| message.strip_prefix(start)?.split('`').next();
    if let Some(key) = quoted("missing field `") {
        return ConfigError::new(join(path, key), "this key is required");
    }
    if let Some(key) = quoted("unknown field `") {
        let path = match path.rsplit('.').next() {
            Some(last) if last == key => path.to_owned(),
            _ => join(path, key),
        };
        let known = message.split_once("`, ").map_or("", |(_, known)| known);
        return ConfigError::new(path, format!("unknown key: {known}"));
    }
    let hidden = ["invalid type: ", "invalid value: ", "unknown variant "];
    match (
        hidden.iter().find(|start| message.starts_with(**start)),
        message.rfind(", expected "),
    ) {
        (Some(start), Some(expected)) => {
            let start = start.trim_end_matches([':', ' ']);
            ConfigError::new(path, format!("{start}{}", &message[expected..]))
        }
        _ => ConfigError::new(path, message),
    }
}
