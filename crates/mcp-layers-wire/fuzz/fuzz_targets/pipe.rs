//! The bytes of a client and, after a NUL byte, those of a server, with a layer that changes every
//! message: each line that comes out is one JSON-RPC message, and a call has passed the layer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_layers_core::{JsonRpcRequest, McpRequest, McpResponse};
use mcp_layers_wire::{Leaf, Pipe};
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::io::{AsyncReadExt, duplex};
use tower::{Service, layer::layer_fn, service_fn};

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(run(data));
});

async fn run(data: &[u8]) {
    let (client, server) = match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[][..]),
    };
    let passed = Arc::new(AtomicUsize::new(0));
    let marks = layer_fn(|leaf: Leaf| {
        let passed = passed.clone();
        service_fn(move |mut request: JsonRpcRequest| {
            let mut leaf = leaf;
            passed.fetch_add(1, Ordering::Relaxed);
            async move {
                if let Some(meta) = request.meta_mut() {
                    meta.insert("com.example/mark".to_owned(), 1.into());
                }
                let mut response = leaf.call(request).await?;
                response.insert_meta("com.example/mark", 1.into());
                Ok::<_, mcp_layers_wire::WireError>(response)
            }
        })
    });
    let pipe = Pipe::new(marks).grace(Duration::from_millis(1)).max_line(4096).unwrap();
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    // A server that stays after its last line.
    let (stays, _open) = duplex(1);
    let server = server.chain(stays);
    let _ = pipe.run((client, &mut to_client), (server, &mut to_server)).await;
    check(&to_client);
    assert!(check(&to_server) <= passed.load(Ordering::Relaxed));
}

/// Returns the number of requests, apart from those that the catalog makes.
fn check(output: &[u8]) -> usize {
    let mut requests = 0;
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").expect("a whole line");
        assert!(!line.contains(&b'\r'));
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(line).expect("a JSON object");
        assert_eq!(members["jsonrpc"].get(), "\"2.0\"");
        let id = members.get("id").map(|id| id.get());
        let is_ours = id.is_some_and(|id| id.starts_with("\"mcp-layers-"));
        requests += usize::from(members.contains_key("method") && id.is_some() && !is_ours);
    }
    requests
}
