//! The cost of an empty stack on a pipe and over HTTP for a call, with messages of four sizes, beside the same server
//! without it.
//!
//! ```sh
//! cargo bench --bench wire
//! ```
//!
//! Times are those of the one thread on the processor, in microseconds: the least of the rounds, in which both ways take
//! turns. A call is a request with a text of this size, and an answer with the same text. A pipe goes through in-memory
//! pipes, where the server only reads lines and writes what it has; over HTTP the server is a service that reads the
//! body and answers with JSON, without a network. The budget: at most 10 µs for 50 bytes, and linear up to 1 MB: the time
//! for each kilobyte, in the last column, does not grow. Figures of a machine that does other work do not count.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::{convert::Infallible, fmt::Debug, future::poll_fn, time::Duration};

use bytes::Bytes;
use cpu_time::ThreadTime;
use http::{
    Request, Response,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use mcp_layers::{
    Catalog,
    wire::{Pipe, WireLayer},
};
use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex, split,
};
use tower::{Service, service_fn};
use tower_layer::{Identity, Layer};

/// The size of the text, and the number of calls in a round.
const SIZES: [(usize, u32); 4] = [(50, 5_000), (1_000, 3_000), (100_000, 100), (1_000_000, 10)];
const ROUNDS: usize = 20;
const BUFFER: usize = 1 << 16;

#[derive(Debug, Clone, Copy)]
enum Form {
    Pipe,
    Http,
}

fn main() {
    // `cargo test --benches` only tries it.
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let rounds = if is_bench { ROUNDS } else { 1 };
    for form in [Form::Pipe, Form::Http] {
        println!("{form:?}\n   bytes   bare µs   wire µs  added µs  µs per kB");
        for (bytes, calls) in SIZES {
            let calls = if is_bench { calls } else { 1 };
            let (mut bare, mut wired) = (Duration::MAX, Duration::MAX);
            for _ in 0..rounds {
                bare = bare.min(round(form, bytes, calls, false));
                wired = wired.min(round(form, bytes, calls, true));
            }
            let micros = |time: Duration| time.as_secs_f64() * 1e6;
            let (bare, wired) = (micros(bare), micros(wired));
            let added = wired - bare;
            let each = added / (bytes as f64 / 1e3);
            println!("{bytes:8} {bare:9.2} {wired:9.2} {added:9.2} {each:10.3}");
        }
    }
}

/// The time of one call.
fn round(form: Form, bytes: usize, calls: u32, has_wire: bool) -> Duration {
    let text = "a".repeat(bytes);
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}}}}}}"#
    );
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    match form {
        Form::Pipe => runtime.block_on(over_a_pipe(request + "\n", answer + "\n", calls, has_wire)),
        Form::Http => runtime.block_on(over_http(request.into(), answer.into(), calls, has_wire)),
    }
}

async fn over_a_pipe(request: String, answer: String, calls: u32, has_wire: bool) -> Duration {
    let (mut client, side) = duplex(BUFFER);
    if has_wire {
        let (server, other_side) = duplex(BUFFER);
        tokio::spawn(serve(server, answer.clone()));
        let pipe = Pipe::new(Identity::new()).catalog(Catalog::new().with_tools(["echo"]));
        tokio::spawn(async move { pipe.run(split(side), split(other_side)).await });
    } else {
        tokio::spawn(serve(side, answer.clone()));
    }
    let mut got = vec![0; answer.len()];
    // The first calls are not counted.
    call(&mut client, &request, &mut got).await;
    assert_eq!(got, answer.as_bytes());
    let start = ThreadTime::now();
    for _ in 0..calls {
        call(&mut client, &request, &mut got).await;
    }
    start.elapsed() / calls
}

async fn over_http(request: Bytes, answer: Bytes, calls: u32, has_wire: bool) -> Duration {
    let expected = answer.clone();
    if has_wire {
        let server = service_fn(move |request| answer_with(request, answer.clone()));
        let wire = WireLayer::new(Identity::new()).catalog(Catalog::new().with_tools(["echo"]));
        time_http(wire.layer(server), request, &expected, calls).await
    } else {
        let server = service_fn(move |request| answer_with(request, answer.clone()));
        time_http(server, request, &expected, calls).await
    }
}

/// A server that reads the body and has its answer ready.
async fn answer_with<B: Body<Error: Debug>>(
    request: Request<B>,
    answer: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    request.into_body().collect().await.unwrap();
    let response = Response::builder().header(CONTENT_TYPE, "application/json");
    Ok(response.body(Full::new(answer)).unwrap())
}

async fn time_http<S, B>(mut server: S, request: Bytes, answer: &Bytes, calls: u32) -> Duration
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: Body<Error: Debug>,
{
    let mut call = async || {
        let post = Request::post("/mcp")
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25");
        let request = post.body(Full::new(request.clone())).unwrap();
        let ready = poll_fn(|cx| server.poll_ready(cx)).await;
        let response = match ready {
            Ok(()) => server.call(request).await.unwrap(),
        };
        response.into_body().collect().await.unwrap().to_bytes()
    };
    // The first calls are not counted.
    assert_eq!(call().await, answer);
    let start = ThreadTime::now();
    for _ in 0..calls {
        call().await;
    }
    start.elapsed() / calls
}

async fn call(client: &mut DuplexStream, request: &str, answer: &mut [u8]) {
    client.write_all(request.as_bytes()).await.unwrap();
    client.read_exact(answer).await.unwrap();
}

/// A server that has its answer ready.
async fn serve(stream: DuplexStream, answer: String) {
    let (lines, mut out) = split(stream);
    let (mut lines, mut line) = (BufReader::with_capacity(BUFFER, lines), Vec::new());
    while lines
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|read| read > 0)
    {
        line.clear();
        if out.write_all(answer.as_bytes()).await.is_err() {
            break;
        }
    }
}
