//! The cost of an empty stack on a pipe for a call, with messages of four sizes, beside the same server without it.
//!
//! ```sh
//! cargo bench --bench wire
//! ```
//!
//! Times are those of the one thread on the processor, in microseconds: the least of the rounds, in which both ways take
//! turns. A call is a request with a text of this size, and an answer with the same text, over in-memory pipes; the
//! server only reads lines and writes what it has. The budget: at most 10 µs for 50 bytes, and linear up to 1 MB: the
//! time for each kilobyte, in the last column, does not grow. Figures of a machine that does other work do not count.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::time::Duration;

use cpu_time::ThreadTime;
use mcp_layers::{Catalog, wire::Pipe};
use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex, split,
};
use tower_layer::Identity;

/// The size of the text, and the number of calls in a round.
const SIZES: [(usize, u32); 4] = [(50, 5_000), (1_000, 3_000), (100_000, 100), (1_000_000, 10)];
const ROUNDS: usize = 20;
const BUFFER: usize = 1 << 16;

fn main() {
    // `cargo test --benches` only tries it.
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let rounds = if is_bench { ROUNDS } else { 1 };
    println!("   bytes   bare µs   pipe µs  added µs  µs per kB");
    for (bytes, calls) in SIZES {
        let calls = if is_bench { calls } else { 1 };
        let (mut bare, mut piped) = (Duration::MAX, Duration::MAX);
        for _ in 0..rounds {
            bare = bare.min(round(bytes, calls, false));
            piped = piped.min(round(bytes, calls, true));
        }
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let (bare, piped) = (micros(bare), micros(piped));
        let added = piped - bare;
        let each = added / (bytes as f64 / 1e3);
        println!("{bytes:8} {bare:9.2} {piped:9.2} {added:9.2} {each:10.3}");
    }
}

/// The time of one call.
fn round(bytes: usize, calls: u32, has_pipe: bool) -> Duration {
    let text = "a".repeat(bytes);
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}}}}}}"#
    ) + "\n";
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
    ) + "\n";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let (mut client, side) = duplex(BUFFER);
        if has_pipe {
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
    })
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
