//! JSON: values under the names of secrets are replaced, and every value keeps its type.

use std::ops::Range;

use serde_json::Value;

use crate::{
    message::is_message,
    name::{Kind, NAME_FIELDS, VALUE_FIELDS, among, classify},
    scan::run,
    value::is_nothing,
};

/// A JSON value whose leaves remember where they stand.
enum Node<L> {
    Number(L),
    Text(L, String),
    Array(Vec<Self>),
    Object(Vec<(Member<L>, Self)>),
    /// `true`, `false` and `null` are no secrets.
    Other,
}

struct Member<L> {
    place: Option<L>,
    name: String,
}

/// The new value of a leaf.
enum Change {
    Zero,
    Text(String),
}

/// Redacts the texts of JSON.
pub(crate) struct Json<'a> {
    /// The redactor of plain texts; `None` where nothing changes.
    pub(crate) text: &'a dyn Fn(&str) -> Option<String>,
    /// The replacement of values; `None` when names do not matter.
    pub(crate) label: Option<&'a str>,
}

impl Json<'_> {
    /// Changes the value in place; whether there was something to change.
    pub(crate) fn value(&self, value: &mut Value) -> bool {
        let mut changes = Vec::new();
        self.walk(of_value(value), None, &mut changes);
        let mut changed = !changes.is_empty();
        for (leaf, change) in changes {
            *leaf = match change {
                Change::Zero => 0.into(),
                Change::Text(text) => text.into(),
            };
        }
        changed |= self.names(value);
        changed
    }

    /// The JSON text with its values replaced, all else to the letter; `None` when nothing changed.
    pub(crate) fn source(&self, text: &str) -> Option<Option<String>> {
        if !text.trim_start().starts_with(['{', '[', '"']) {
            return None;
        }
        serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
        let (node, _) = of_source(text, 0);
        let mut changes = Vec::new();
        self.walk(node, None, &mut changes);
        let mut edits = crate::edits::Edits::new(text);
        changes.sort_by_key(|(place, _): &(Range<usize>, _)| place.start);
        for (place, change) in changes {
            match change {
                Change::Zero => edits.replace(place.start, place.end, "0"),
                Change::Text(new) => {
                    edits.replace(place.start, place.end, &Value::from(new).to_string());
                }
            }
        }
        Some(edits.finish())
    }

    /// `under`: the kind of the secret name above, if there is one.
    fn walk<L>(&self, node: Node<L>, under: Option<Kind>, changes: &mut Vec<(L, Change)>) {
        match node {
            Node::Other => {}
            Node::Number(place) => {
                if matches!(under, Some(Kind::Strong | Kind::Header | Kind::Number)) {
                    changes.push((place, Change::Zero));
                }
            }
            Node::Text(place, text) => {
                let redacted = (self.text)(&text);
                // A message about a secret may stay, if it still is one without what was found in it.
                let stays = is_message(&text) && redacted.as_deref().is_none_or(is_message);
                let new = match (under, self.label) {
                    (Some(_), Some(label)) if text == label => None,
                    (Some(_), Some(label)) if !is_nothing(&text) && !stays => {
                        Some(label.to_owned())
                    }
                    _ => redacted,
                };
                changes.extend(new.map(|new| (place, Change::Text(new))));
            }
            Node::Array(items) => {
                let beside = under.map_or_else(|| self.second(&items), |_| None);
                for (at, item) in items.into_iter().enumerate() {
                    let own = beside.filter(|(second, _)| *second == at);
                    self.walk(item, own.map(|(_, kind)| kind).or(under), changes);
                }
            }
            Node::Object(members) => {
                // A schema describes the value, and does not hold it.
                let under = under.filter(|_| !is_schema(&members));
                let beside = self.beside(&members);
                for (member, value) in members {
                    let renamed = (self.text)(&member.name);
                    let name = renamed.as_deref().unwrap_or(&member.name);
                    let own = self.label.and_then(|_| kind(name));
                    let is_object = matches!(value, Node::Object(_));
                    let own = own
                        .filter(|kind| matches!(kind, Kind::Strong | Kind::Header) || !is_object);
                    let is_value = among(VALUE_FIELDS, &member.name);
                    let below = own.or(under).or(beside.filter(|_| is_value));
                    if let (Some(place), Some(new)) = (member.place, renamed) {
                        changes.push((place, Change::Text(new)));
                    }
                    self.walk(value, below, changes);
                }
            }
        }
    }

    /// The kind of secret that `{"name": "DB_PASSWORD", "value": …}` holds.
    fn beside<L>(&self, members: &[(Member<L>, Node<L>)]) -> Option<Kind> {
        self.label?;
        members.iter().find_map(|(member, value)| match value {
            Node::Text(_, named) if among(NAME_FIELDS, &member.name) => {
                kind_of_text(named).filter(|kind| matches!(kind, Kind::Strong | Kind::Header))
            }
            _ => None,
        })
    }

    /// The place of the secret in `["Authorization", "…"]` or `["--password", "…", …]`.
    fn second<L>(&self, items: &[Node<L>]) -> Option<(usize, Kind)> {
        self.label?;
        let text = |at: usize| match items.get(at) {
            Some(Node::Text(_, text)) => Some(text.as_str()),
            _ => None,
        };
        let is_word = |text: &str| {
            text.chars()
                .all(|c| c.is_lowercase() || matches!(c, '_' | '-'))
        };
        if let (2, Some(name), Some(value)) = (items.len(), text(0), text(1)) {
            let kind = kind_of_text(name).filter(|_| !is_word(value));
            if kind.is_some() {
                return kind.map(|kind| (1, kind));
            }
        }
        (1..items.len()).find_map(|at| {
            let flag = text(at - 1).filter(|flag| flag.starts_with("--") && !flag.contains('='))?;
            let value = text(at).filter(|value| !value.starts_with('-'))?;
            kind(flag)
                .filter(|_| !value.is_empty())
                .map(|kind| (at, kind))
        })
    }

    /// Redacts the names of members; their number stays unless two become one.
    fn names(&self, value: &mut Value) -> bool {
        match value {
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |changed, item| self.names(item) | changed),
            Value::Object(map) => {
                let mut changed = map
                    .values_mut()
                    .fold(false, |changed, item| self.names(item) | changed);
                let new = |name: &String| Some((name.clone(), (self.text)(name)?));
                let renamed: Vec<_> = map.keys().filter_map(new).collect();
                for (old, new) in renamed {
                    if let Some(value) = map.remove(&old) {
                        map.insert(new, value);
                        changed = true;
                    }
                }
                changed
            }
            _ => false,
        }
    }
}

/// The kind of a name in the form of a text, which may hold the label of what was redacted: `[token]`.
fn kind_of_text(text: &str) -> Option<Kind> {
    classify(text).filter(|_| !text.contains('['))
}

/// The kind of a name, unless it is a label itself.
fn kind(name: &str) -> Option<Kind> {
    let is_label = name.starts_with('[') && is_nothing(name);
    classify(name).filter(|_| !is_label)
}

/// Returns whether an object is a JSON Schema, or an error as validators write them.
fn is_schema<L>(members: &[(Member<L>, Node<L>)]) -> bool {
    const TYPES: [&str; 7] = [
        "string", "number", "integer", "boolean", "object", "array", "null",
    ];
    members.iter().any(|(member, value)| match value {
        Node::Text(_, text) => member.name == "type" && TYPES.contains(&text.as_str()),
        _ => false,
    })
}

fn of_value(value: &mut Value) -> Node<&mut Value> {
    match value {
        Value::Null | Value::Bool(_) => Node::Other,
        Value::Number(number) if number.as_i64() == Some(0) => Node::Other,
        Value::Number(_) => Node::Number(value),
        Value::String(text) => {
            let text = text.clone();
            Node::Text(value, text)
        }
        Value::Array(items) => Node::Array(items.iter_mut().map(of_value).collect()),
        Value::Object(map) => {
            let member = |(name, value): (&String, _)| {
                let (place, name) = (None, name.clone());
                (Member { place, name }, of_value(value))
            };
            Node::Object(map.iter_mut().map(member).collect())
        }
    }
}

/// The node at `from` of a text that is known to be JSON, and where it ends.
fn of_source(text: &str, from: usize) -> (Node<Range<usize>>, usize) {
    let bytes = text.as_bytes();
    let at = blank(bytes, from);
    match bytes[at] {
        b'{' => {
            let (mut members, mut at) = (Vec::new(), blank(bytes, at + 1));
            while bytes[at] != b'}' {
                let end = string_end(bytes, at);
                let member = Member {
                    place: Some(at..end),
                    name: unescaped(&text[at..end]),
                };
                // Over the colon.
                let (value, end) = of_source(text, blank(bytes, end) + 1);
                members.push((member, value));
                at = next(bytes, end);
            }
            (Node::Object(members), at + 1)
        }
        b'[' => {
            let (mut items, mut at) = (Vec::new(), blank(bytes, at + 1));
            while bytes[at] != b']' {
                let (item, end) = of_source(text, at);
                items.push(item);
                at = next(bytes, end);
            }
            (Node::Array(items), at + 1)
        }
        b'"' => {
            let end = string_end(bytes, at);
            (Node::Text(at..end, unescaped(&text[at..end])), end)
        }
        first => {
            let part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            let end = at + run(&bytes[at..], usize::MAX, part);
            let is_number = first == b'-' || first.is_ascii_digit();
            if is_number && text[at..end] != *"0" {
                (Node::Number(at..end), end)
            } else {
                (Node::Other, end)
            }
        }
    }
}

fn blank(bytes: &[u8], at: usize) -> usize {
    at + run(&bytes[at..], usize::MAX, |byte| byte.is_ascii_whitespace())
}

/// Over a comma, if there is one.
fn next(bytes: &[u8], end: usize) -> usize {
    let at = blank(bytes, end);
    if bytes[at] == b',' {
        blank(bytes, at + 1)
    } else {
        at
    }
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end + 1
}

fn unescaped(literal: &str) -> String {
    serde_json::from_str(literal).unwrap_or_default()
}
