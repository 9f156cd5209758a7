//! A limit by address, before anybody is authenticated.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    num::NonZeroU8,
    time::Duration,
};

use common::{a_second, quota};
use futures::executor::block_on;
use http::{Request, Response, StatusCode};
use mcp_layers_rate_limit::{AddressLimitLayer, ClientAddress};
use mcp_layers_test::ManualClock;
use tower::{Layer, ServiceExt, service_fn};

type Limit = AddressLimitLayer<ManualClock>;

fn limit() -> (Limit, ManualClock) {
    let clock = ManualClock::new();
    (
        AddressLimitLayer::new(a_second(2)).clock(clock.clone()),
        clock,
    )
}

fn request(peer: &str, forwarded: &[&str]) -> Request<()> {
    let mut request = Request::new(());
    request
        .extensions_mut()
        .insert(SocketAddr::new(peer.parse().unwrap(), 4711));
    for value in forwarded {
        request
            .headers_mut()
            .append("x-forwarded-for", value.parse().unwrap());
    }
    request
}

/// The address that the service gets to see.
fn send(layer: &Limit, request: Request<()>) -> Response<Option<IpAddr>> {
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let address = request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0);
        Ok::<_, Infallible>(Response::new(address))
    }));
    block_on(service.oneshot(request)).unwrap()
}

fn admitted<'a>(layer: &Limit, requests: impl Iterator<Item = Request<()>> + 'a) -> usize {
    requests
        .filter_map(|request| (send(layer, request).status() == StatusCode::OK).then_some(()))
        .count()
}

#[test]
fn r2_a_spoofed_header_makes_no_new_client() {
    let (layer, _) = limit();
    let spoofed = (0..100).map(|number| request("192.0.2.1", &[&format!("10.0.0.{number}")]));
    assert_eq!(admitted(&layer, spoofed), 2);
}

#[test]
fn r2_behind_trusted_hops_the_client_is_counted_from_the_right() {
    let (layer, _) = limit();
    let layer = layer.trusted_hops(NonZeroU8::new(2).unwrap());
    // The client writes what it likes; the outer proxy adds the client, the inner one the outer.
    let spoofed = (0..100).map(|number| {
        request(
            "10.0.0.2",
            &[&format!("10.9.9.{number}, 192.0.2.7"), "10.0.0.1"],
        )
    });
    assert_eq!(admitted(&layer, spoofed), 2);
    let other = send(&layer, request("10.0.0.2", &["192.0.2.8, 10.0.0.1"]));
    assert_eq!(*other.body(), Some([192, 0, 2, 8].into()));
    // Too few entries, or none that can be read: the socket's other end.
    for values in [&["192.0.2.9"][..], &["nonsense, 10.0.0.1"], &[]] {
        let (layer, _) = limit();
        let layer = layer.trusted_hops(NonZeroU8::new(2).unwrap());
        assert_eq!(
            *send(&layer, request("10.0.0.2", values)).body(),
            Some([10, 0, 0, 2].into())
        );
    }
}

#[test]
fn r2_addresses_of_one_ipv6_site_are_one_client() {
    let rotating = || (0..1_000).map(|number| request(&format!("2001:db8:0:1::{number:x}"), &[]));
    let sites = || (0..1_000).map(|number| request(&format!("2001:db8:0:{number:x}::1"), &[]));
    let (layer, _) = limit();
    assert_eq!(admitted(&layer, rotating()), 2);
    assert_eq!(admitted(&layer, sites()), 999);
    let (layer, _) = limit();
    assert_eq!(admitted(&layer.ipv6_prefix(48).unwrap(), sites()), 2);
    let (layer, _) = limit();
    assert_eq!(
        admitted(&layer.ipv6_prefix(128).unwrap(), rotating()),
        1_000
    );
    let (layer, _) = limit();
    assert_eq!(admitted(&layer.ipv6_prefix(0).unwrap(), sites()), 2);
    assert!(
        AddressLimitLayer::new(a_second(1))
            .ipv6_prefix(129)
            .is_err()
    );
}

#[test]
fn an_ipv4_address_is_the_same_in_an_ipv6_socket() {
    let (layer, _) = limit();
    let both = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"];
    assert_eq!(
        admitted(&layer, both.into_iter().map(|peer| request(peer, &[]))),
        2
    );
}

#[test]
fn requests_without_an_address_share_a_budget() {
    let (layer, _) = limit();
    assert_eq!(admitted(&layer, (0..100).map(|_| Request::new(()))), 2);
    assert_eq!(
        admitted(&layer, (0..100).map(|_| request("192.0.2.1", &[]))),
        2
    );
}

#[test]
fn r10_retry_after_is_in_seconds_and_never_early() {
    let clock = ManualClock::new();
    let layer = AddressLimitLayer::new(quota(Duration::from_millis(2_500), 1)).clock(clock.clone());
    let retry_after = || {
        let response = send(&layer, request("192.0.2.1", &[]));
        let header = response
            .headers()
            .get("retry-after")?
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(response.status(), 429);
        Some(header)
    };
    assert_eq!(retry_after(), None);
    assert_eq!(retry_after().as_deref(), Some("3"));
    clock.advance(Duration::from_millis(500));
    assert_eq!(retry_after().as_deref(), Some("2"));
    clock.advance(Duration::from_millis(1_999));
    assert_eq!(retry_after().as_deref(), Some("1"));
    clock.advance(Duration::from_millis(1));
    assert_eq!(retry_after(), None);
}
