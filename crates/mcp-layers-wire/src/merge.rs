//! JSON of which only the changed part is serialised.

use serde_json::{Value, value::RawValue};

use crate::members::Members;

/// The JSON of `now`. Wherever it equals `was`, whose text is `raw`, the text stays: a number keeps
/// the digits that no tree can hold. `None` if nothing changed.
pub(crate) fn merge(raw: &str, was: &Value, now: &Value) -> Option<String> {
    if std::ptr::eq(was, now) || was == now {
        return None;
    }
    let mut out = String::with_capacity(raw.len() + 64);
    write(raw, was, now, &mut out);
    Some(out)
}

fn write(raw: &str, was: &Value, now: &Value, out: &mut String) {
    if was == now {
        return out.push_str(raw);
    }
    match (was, now) {
        (Value::Object(was), Value::Object(now)) => {
            // Without the members' text, such as of an object with a member twice, all is new.
            let members = serde_json::from_str::<Members<'_>>(raw).map_or(Vec::new(), |all| all.0);
            let mut list = List::new(out, '{');
            for (name, raw) in &members {
                if let (Some(was), Some(now)) = (was.get(&**name), now.get(&**name)) {
                    list.name(name);
                    write(raw.get(), was, now, list.out);
                }
            }
            let is_new = |name: &str| members.is_empty() || !was.contains_key(name);
            for (name, now) in now.iter().filter(|(name, _)| is_new(name)) {
                list.name(name);
                list.out.push_str(&now.to_string());
            }
            list.end('}');
        }
        (Value::Array(was), Value::Array(now)) => {
            let texts = serde_json::from_str::<Vec<&RawValue>>(raw).unwrap_or_default();
            let same_length = was.len() == now.len();
            let mut old = texts.iter().zip(was);
            let mut list = List::new(out, '[');
            for now in now {
                list.comma();
                // A list of another length is one that lost entries.
                let text = if same_length {
                    old.next()
                } else {
                    old.find(|(_, was)| *was == now)
                };
                match text {
                    Some((raw, was)) => write(raw.get(), was, now, list.out),
                    None => list.out.push_str(&now.to_string()),
                }
            }
            list.end(']');
        }
        _ => out.push_str(&now.to_string()),
    }
}

/// The inside of an object or array.
struct List<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> List<'a> {
    fn new(out: &'a mut String, open: char) -> Self {
        out.push(open);
        Self {
            out,
            is_empty: true,
        }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(',');
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.out.push_str(&Value::from(name).to_string());
        self.out.push(':');
    }

    fn end(self, close: char) {
        self.out.push(close);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn merged(raw: &str, change: impl FnOnce(&mut Value)) -> Option<String> {
        let was: Value = serde_json::from_str(raw).unwrap();
        let mut now = was.clone();
        change(&mut now);
        let text = merge(raw, &was, &now);
        if let Some(text) = &text {
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), now, "{text}");
        }
        text
    }

    const RAW: &str =
        r#"{ "n": 12345678901234567890123, "list":[{"a":1.10},{"b": 2e0}], "s":"x" }"#;

    #[test]
    fn what_is_equal_keeps_its_text() {
        assert_eq!(merged(RAW, |_| {}), None);
        assert_eq!(
            merged(RAW, |now| now["s"] = "y".into()).unwrap(),
            r#"{"n":12345678901234567890123,"list":[{"a":1.10},{"b": 2e0}],"s":"y"}"#
        );
        assert_eq!(
            merged(RAW, |now| now["list"][0]["a"] = 3.into()).unwrap(),
            r#"{"n":12345678901234567890123,"list":[{"a":3},{"b": 2e0}],"s":"x"}"#
        );
        assert_eq!(
            merged(RAW, |now| now["new"] = Value::Null).unwrap(),
            r#"{"n":12345678901234567890123,"list":[{"a":1.10},{"b": 2e0}],"s":"x","new":null}"#
        );
    }

    #[test]
    fn entries_that_stay_in_a_list_keep_their_text() {
        let shorter = merged(RAW, |now| _ = now["list"].as_array_mut().unwrap().remove(0));
        assert!(shorter.unwrap().contains(r#""list":[{"b": 2e0}]"#));
        let longer = merged(RAW, |now| {
            now["list"].as_array_mut().unwrap().push(1.into());
        });
        assert!(
            longer
                .unwrap()
                .contains(r#""list":[{"a":1.10},{"b": 2e0},1]"#)
        );
    }

    #[test]
    fn an_object_with_a_member_twice_is_written_anew() {
        let text = merged(r#"{"a":1,"a":2,"b":[]}"#, |now| now["b"] = 1.into());
        assert_eq!(text.unwrap(), r#"{"a":2,"b":1}"#);
        let removed = merged(r#"{"a":1,"b":2}"#, |now| {
            now.as_object_mut().unwrap().remove("a");
        });
        assert_eq!(removed.unwrap(), r#"{"b":2}"#);
    }
}
