//! One record is one line that reads back, with any text of a caller in its fields.
//!
//! With `AUDIT_SAMPLES` set to a folder, what is written here is left there, for readers that were
//! made by others: `.ci/audit-formats`.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::PathBuf, sync::Arc};

use common::{PATIENCE, answer, channel, folder, json_of, key, only, open};
use mcp_layers_audit::{AllowList, AuditLayer, Cef, Encode, Json, Ocsf, Record, verify};
use mcp_layers_core::{Authentication, Event, JsonRpcRequest, McpError, McpRequest, McpResponse};
use mcp_layers_core::{JsonRpcResponse, Principal, request::meta_key};
use mcp_layers_test::{MockService, requests};
use proptest::prelude::*;
use serde_json::json;
use tower::{Layer, ServiceExt};

/// Separators and control characters of every format there is.
const HOSTILE: &str =
    "a\0b\nc\r\nd\te\u{1b}[31mf|g=h\\i\"j\\nk\u{7f}l\u{85}m\u{2028}n\u{202e}o,p}q]r Ä€😀";

/// A call with this text in every field that a caller or a policy names.
fn hostile(text: &str) -> (AuditLayer, mcp_layers_audit::Records, JsonRpcRequest) {
    let (layer, records) = channel();
    let layer = layer
        .key(&key())
        .originals()
        .sizes()
        .digest_results()
        .arguments(AllowList::new().allow(text, text));
    let mut arguments = serde_json::Map::new();
    arguments.insert(text.to_owned(), text.into());
    let mut request = requests::modern(JsonRpcRequest::call_tool(text, text, arguments.into()));
    let info = json!({ "name": text, "version": text });
    request
        .meta_mut()
        .unwrap()
        .insert(meta_key::CLIENT_INFO.into(), info);
    let principal = Principal::new(text, Authentication::Bearer)
        .with_issuer(text)
        .with_tenant(text)
        .with_client_id(text);
    request.context_mut().set_principal(Arc::new(principal));
    (layer, records, request)
}

async fn record_of(text: &str) -> Arc<Record> {
    let (layer, mut records, request) = hostile(text);
    let denied = McpError::new(403, text.to_owned()).with(text, text);
    let mut response = JsonRpcResponse::error(&request, McpError::forbidden());
    response.trail_mut().push(Event::Denied {
        rule: text.to_owned().into(),
    });
    response.trail_mut().push(Event::Masked {
        error_id: text.into(),
        original: Box::new(denied),
    });
    let mock = MockService::new();
    mock.push(response);
    layer.layer(mock).oneshot(request).await.unwrap();
    only(&mut records)
}

fn encode(encode: &impl Encode, record: &Record) -> String {
    let mut out = Vec::new();
    encode.encode(record, &mut out);
    String::from_utf8(out).unwrap()
}

/// Reads a line as the format's description says.
fn parse_cef(line: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut header = Vec::new();
    let mut field = String::new();
    let mut letters = line.chars();
    while header.len() < 7 {
        match letters.next().unwrap() {
            '\\' => field.push(letters.next().unwrap()),
            '|' => header.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut value = String::new();
    let mut escaped = false;
    for letter in letters {
        if escaped {
            value.push(match letter {
                'n' => '\n',
                'r' => '\r',
                other => other,
            });
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == '=' {
            // What stands between the last space and the sign is the next key.
            let space = value.rfind(' ').map_or(0, |space| space + 1);
            let key = value.split_off(space);
            if let Some(last) = pairs.last_mut() {
                value.pop();
                last.1 = std::mem::take(&mut value);
            }
            value.clear();
            pairs.push((key, String::new()));
        } else {
            value.push(letter);
        }
    }
    if let Some(last) = pairs.last_mut() {
        last.1 = value;
    }
    (header, pairs)
}

/// The form of control characters in an extension.
fn shown(text: &str) -> String {
    let show = |letter: char| match letter {
        '\n' | '\r' => letter.to_string(),
        letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
            format!("\\u{{{:x}}}", u32::from(letter))
        }
        letter => letter.to_string(),
    };
    text.chars().map(show).collect()
}

fn is_one_line(text: &str) -> bool {
    !text.chars().any(|letter| letter < ' ')
}

#[tokio::test]
async fn hostile_texts_round_trip_in_json() {
    let record = record_of(HOSTILE).await;
    assert!(is_one_line(&encode(&Json, &record)));
    let json = json_of(&record);
    for field in [
        "/id",
        "/target",
        "/error_id",
        "/decision/rule",
        "/original/message",
    ] {
        assert_eq!(json.pointer(field).unwrap(), HOSTILE, "{field}");
    }
    for field in ["subject", "issuer", "client_id", "tenant"] {
        assert_eq!(json["principal"][field], HOSTILE, "{field}");
    }
    assert_eq!(json["unverified"]["client_name"], HOSTILE);
    assert_eq!(json["arguments"][HOSTILE], HOSTILE);
}

#[tokio::test]
async fn hostile_texts_round_trip_in_cef() {
    let line = encode(&Cef, &*record_of(HOSTILE).await);
    assert!(is_one_line(&line), "{line:?}");
    let (header, pairs) = parse_cef(&line);
    assert_eq!(header[..3], ["CEF:0", "mcp-layers", "mcp-layers-audit"]);
    assert_eq!(header[4..], ["tools/call", "error", "6"]);
    let get = |name: &str| {
        let mut found = pairs.iter().filter(|(key, _)| key == name);
        let value = found.next().unwrap().1.clone();
        assert!(found.next().is_none(), "{name} twice");
        value
    };
    for key in [
        "suser",
        "sntdom",
        "mcpTarget",
        "mcpRequestId",
        "mcpErrorId",
        "mcpDecisionRule",
    ] {
        assert_eq!(get(key), shown(HOSTILE), "{key}");
    }
    assert_eq!(get("mcpOriginal"), shown(HOSTILE));
    assert_eq!(get("act"), "denied");
    // A method stands in the header.
    let (layer, mut records) = channel();
    answer(&layer, JsonRpcRequest::new(1, HOSTILE)).await;
    let line = encode(&Cef, &only(&mut records));
    assert!(is_one_line(&line));
    let (header, pairs) = parse_cef(&line);
    assert_eq!(header[4].split_whitespace().last(), Some("Ä€😀"));
    assert!(header[4].contains("f|g=h\\i"));
    assert!(
        pairs
            .iter()
            .any(|(key, value)| (key.as_str(), value.as_str()) == ("outcome", "success"))
    );
}

#[tokio::test]
async fn hostile_texts_round_trip_in_ocsf() {
    let record = record_of(HOSTILE).await;
    let line = encode(&Ocsf, &record);
    assert!(is_one_line(&line));
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["type_uid"], 600_399);
    assert_eq!(event["status_id"], 2);
    assert_eq!(event["actor"]["user"]["uid"], HOSTILE);
    assert_eq!(event["resources"][0]["name"], HOSTILE);
    assert_eq!(event["unmapped"]["unverified_client_name"], HOSTILE);
}

#[tokio::test]
async fn hostile_records_are_one_line_each_in_a_file() {
    let (_folder, path) = folder();
    let sink = open(&path);
    let (_, _, request) = hostile(HOSTILE);
    let layer = AuditLayer::new(sink.clone()).unwrap();
    for _ in 0..3 {
        answer(&layer, request.clone()).await;
    }
    sink.close(PATIENCE);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 6);
    assert_eq!(verify(&path, &key()).unwrap().records, 3);
}

#[tokio::test]
async fn samples_for_other_readers() {
    let Some(samples) = std::env::var_os("AUDIT_SAMPLES").map(PathBuf::from) else {
        return;
    };
    let (mut json, mut ocsf, mut cef) = (String::new(), String::new(), String::new());
    let (layer, mut records) = channel();
    for request in requests::every_method()
        .into_iter()
        .chain(requests::unknown_methods())
    {
        answer(&layer, request.clone()).await;
        answer(&layer, requests::modern(request)).await;
    }
    let mut all: Vec<_> = std::iter::from_fn(|| records.try_next()).collect();
    let count = all.len();
    assert!(count > 50);
    all.push(record_of(HOSTILE).await);
    all.push(record_of("plain").await);
    for record in &all {
        json += &(encode(&Json, record) + "\n");
        ocsf += &(encode(&Ocsf, record) + "\n");
        cef += &(encode(&Cef, record) + "\n");
    }
    for (name, text) in [("json", json), ("ocsf", ocsf), ("cef", cef)] {
        fs::write(samples.join(name), text).unwrap();
    }
    fs::write(samples.join("hostile"), HOSTILE).unwrap();
    fs::write(samples.join("hostile-cef"), shown(HOSTILE)).unwrap();
    let path = samples.join("audit.jsonl");
    let _ = fs::remove_file(&path);
    let sink = open(&path);
    let layer = AuditLayer::new(sink.clone()).unwrap().key(&key());
    for request in requests::every_method() {
        answer(&layer, request).await;
    }
    sink.close(PATIENCE);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_round_trips(text in "\\PC{0,20}|(?s).{0,30}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let record = runtime.block_on(record_of(&text));
        let json = encode(&Json, &record);
        prop_assert!(is_one_line(&json));
        prop_assert_eq!(&json_of(&record)["principal"]["subject"], &json!(text));
        let ocsf = encode(&Ocsf, &record);
        prop_assert!(is_one_line(&ocsf));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&ocsf).is_ok());
        let cef = encode(&Cef, &record);
        prop_assert!(is_one_line(&cef));
        let (_, pairs) = parse_cef(&cef);
        let user = pairs.iter().find(|(key, _)| key == "suser").unwrap();
        prop_assert_eq!(&user.1, &shown(&text));
    }
}
