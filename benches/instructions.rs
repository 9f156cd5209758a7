//! What layers cost, in instructions: counted by callgrind, so that it hardly differs from run to
//! run. `.ci/instructions` holds the counts to the limits in `instructions.toml`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use gungraun::prelude::*;
use mcp_layers_rmcp::Stack;
use rmcp::RoleServer;
use tower_layer::Identity;

mod support;

use support::{
    Boxed, Call, Echo, Era, NoOp, Pipe, answer, exporter, local_principal, params, seven, timing,
    whole,
};

/// Calls before the count begins: what is made only once is made there.
const WARM_UP: usize = 20;
/// Calls that are counted. The limits are ratios, for which the number does not matter.
const CALLS: usize = 100;

type Run = Box<dyn FnMut()>;

/// A whole call in memory, from the client to the server and back.
fn over_pipe<T: rmcp::Service<RoleServer>>(service: T) -> Run {
    let pipe = Pipe::connect(service, Era::Legacy);
    let mut prepared = vec![params(); WARM_UP + CALLS];
    warmed(move || drop(pipe.call(prepared.pop().unwrap())))
}

/// The same without the transport.
fn handled<T: rmcp::Service<RoleServer>>(service: T) -> Run {
    let pipe = Pipe::bare(Era::Legacy);
    let mut prepared = vec![Call::over(&pipe, Era::Legacy); WARM_UP + CALLS];
    // The pipe lives on in the closure: the calls came over it.
    warmed(move || {
        let _ = &pipe;
        drop(answer(&service, prepared.pop().unwrap()));
    })
}

fn warmed(mut run: impl FnMut() + 'static) -> Run {
    exporter();
    for _ in 0..WARM_UP {
        run();
    }
    Box::new(run)
}

#[library_benchmark]
#[bench::bare(over_pipe(Echo))]
#[bench::empty(over_pipe(Stack::new(Identity::new()).handler(Echo)))]
#[bench::seven(over_pipe(Stack::new(seven::<NoOp>()).handler(Echo)))]
#[bench::timing(over_pipe(Stack::new(timing()).handler(Echo)))]
fn pipe(mut run: Run) -> Run {
    for _ in 0..CALLS {
        run();
    }
    run
}

#[library_benchmark]
#[bench::bare(handled(Echo))]
#[bench::empty(handled(Stack::new(Identity::new()).handler(Echo)))]
#[bench::seven(handled(Stack::new(seven::<NoOp>()).handler(Echo)))]
#[bench::seven_boxed(handled(Stack::new(seven::<Boxed>()).handler(Echo)))]
#[bench::catch_error(handled(Stack::new(mcp_layers_util::CatchErrorLayer::new()).handler(Echo)))]
#[bench::catch_panic(handled(Stack::new(mcp_layers_util::CatchPanicLayer::new()).handler(Echo)))]
#[bench::error_mask(handled(
    Stack::new(mcp_layers_error_mask::ErrorMaskLayer::new()).handler(Echo)
))]
#[bench::cancel(handled(Stack::new(mcp_layers_util::CancelLayer::new()).handler(Echo)))]
#[bench::select(handled(
    Stack::new(mcp_layers_util::short_lived(Identity::new())).handler(Echo)
))]
#[bench::timing(handled(Stack::new(timing()).handler(Echo)))]
#[bench::catalog(handled(
    Stack::new(mcp_layers_core::CatalogLayer::new(mcp_layers_core::Catalog::new())).handler(Echo)
))]
// Without a token: the processor of callgrind has no instructions for SHA-256, and the digest would
// be most of what is counted.
#[bench::whole(handled(Stack::new(whole!(local_principal(), &[])).handler(Echo)))]
#[bench::whole_hit(handled(Stack::new(whole!(local_principal(), &["dig"])).handler(Echo)))]
fn handle(mut run: Run) -> Run {
    for _ in 0..CALLS {
        run();
    }
    run
}

library_benchmark_group!(name = calls, benchmarks = [pipe, handle]);
main!(library_benchmark_groups = calls);
