//! The wire alone, in front of a server elsewhere: `relay --http ADDR:PORT --upstream ORIGIN`. `.ci/conformance` compares
//! the server with and without it.

use std::{env, error::Error};

use axum::{Router, serve::ListenerExt};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use mcp_layers::wire::{WireLayer, http::WireBody};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, layer::util::Identity};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().collect();
    let [_, http, address, upstream, origin] = &arguments[..] else {
        return Err("usage: relay --http ADDR:PORT --upstream ORIGIN".into());
    };
    assert_eq!((&**http, &**upstream), ("--http", "--upstream"));
    let origin = origin.clone();
    let client = Client::builder(TokioExecutor::new()).build_http::<WireBody>();
    let upstream = client.map_request(move |mut request: http::Request<_>| {
        let uri = format!("{origin}{}", request.uri()).parse();
        *request.uri_mut() = uri.unwrap_or_default();
        request
    });
    let wire = WireLayer::new(Identity::new()).layer(upstream);
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().fallback_service(wire)).await?;
    Ok(())
}
