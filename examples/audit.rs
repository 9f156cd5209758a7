//! An audit file, its verification, and what the verification finds after a change.

use std::{fs, time::Duration};

use mcp_layers::{
    BoxError, JsonRpcRequest, JsonRpcResponse,
    audit::{AuditLayer, FileSink, Key, LogOptions, verify},
};
use serde_json::json;
use tower::{ServiceBuilder, ServiceExt};

async fn server(request: JsonRpcRequest) -> Result<JsonRpcResponse, BoxError> {
    let result = json!({ "content": [{ "type": "text", "text": "paid" }] });
    Ok(JsonRpcResponse::success(&request, result))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("audit.jsonl");
    // Keep the key elsewhere: whoever has it can forge the file.
    let key = Key::read_or_create(folder.path().join("audit.key"))?;
    let file = FileSink::open(&path, LogOptions::new(&key))?;
    let service = ServiceBuilder::new()
        .layer(AuditLayer::new(file.clone())?)
        .service_fn(server);

    for (id, tool) in [(1, "search"), (2, "pay")] {
        let request = JsonRpcRequest::call_tool(id, tool, json!({ "amount": 10 }));
        // The answer comes once the record is on the disk.
        service.clone().oneshot(request).await?;
    }
    // On every way out of a process, also on SIGTERM.
    file.close(Duration::from_secs(5));

    let text = fs::read_to_string(&path)?;
    for line in text.lines().filter(|line| line.contains("tools/call")) {
        println!("{line}");
    }
    println!("records: {}", verify(&path, &key)?.records);

    fs::write(&path, text.replace("\"pay\"", "\"search\""))?;
    match verify(&path, &key) {
        Ok(_) => return Err("the change was not found".into()),
        Err(bad) => println!("after a change: {bad}"),
    }
    Ok(())
}
