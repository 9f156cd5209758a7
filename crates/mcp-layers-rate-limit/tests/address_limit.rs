//! The address limit, before authentication.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    num::NonZeroU8,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use common::{a_second, quota};
use futures::executor::block_on;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use mcp_layers_core::Clock;
use mcp_layers_rate_limit::{AddressLimitLayer, ClientAddress, forwarded_address};
use tower::{Layer, ServiceExt, service_fn};

fn limit() -> (AddressLimitLayer, Clock) {
    let clock = Clock::manual();
    (
        AddressLimitLayer::new(a_second(2)).with_clock(clock.clone()),
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

/// The response, with the address that the service is given.
fn send(layer: &AddressLimitLayer, request: Request<()>) -> Response<Option<IpAddr>> {
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let address = request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0);
        Ok::<_, Infallible>(Response::new(address))
    }));
    block_on(service.oneshot(request)).unwrap()
}

fn admitted<'a>(
    layer: &AddressLimitLayer,
    requests: impl Iterator<Item = Request<()>> + 'a,
) -> usize {
    requests
        .filter_map(|request| (send(layer, request).status() == StatusCode::OK).then_some(()))
        .count()
}

#[test]
fn a_spoofed_header_makes_no_new_client() {
    let (layer, _) = limit();
    let spoofed = (0..100).map(|number| request("192.0.2.1", &[&format!("10.0.0.{number}")]));
    assert_eq!(admitted(&layer, spoofed), 2);
}

#[test]
fn behind_trusted_hops_the_client_is_counted_from_the_right() {
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
fn addresses_of_one_ipv6_site_are_one_client() {
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
fn retry_after_is_in_seconds_and_never_early() {
    let clock = Clock::manual();
    let layer = AddressLimitLayer::new(quota(Duration::from_millis(2_500), 1));
    let layer = layer.with_clock(clock.clone());
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

fn forwarded(values: &[&str], hops: u8) -> Option<IpAddr> {
    let mut headers = HeaderMap::new();
    for value in values {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.append("x-forwarded-for", value);
    }
    forwarded_address(&headers, NonZeroU8::new(hops).unwrap())
}

#[test]
fn every_form_of_an_address_is_read_and_nothing_else() {
    for (entry, address) in [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("\"[2001:db8::1]:80\"", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ] {
        assert_eq!(
            forwarded(&[entry], 1),
            Some(address.parse().unwrap()),
            "{entry}"
        );
    }
    for entry in [
        "",
        "unknown",
        "_hidden",
        "192.0.2.1.",
        "[::1",
        "::1]",
        "\"",
        "1",
    ] {
        assert_eq!(forwarded(&[entry], 1), None, "{entry}");
    }
}

#[test]
fn several_headers_are_one_list() {
    let values = ["192.0.2.1, 192.0.2.2", "192.0.2.3", "\u{fe}, 192.0.2.4"];
    assert_eq!(forwarded(&values, 1), Some([192, 0, 2, 4].into()));
    assert_eq!(forwarded(&values, 2), None);
    assert_eq!(forwarded(&values, 3), Some([192, 0, 2, 3].into()));
    assert_eq!(forwarded(&values, 5), Some([192, 0, 2, 1].into()));
    assert_eq!(forwarded(&values, 6), None);
}

#[test]
fn clients_behind_nat64_count_by_their_ipv4_addresses() {
    let (layer, _) = limit();
    let clients = (0..100).map(|number| request(&format!("64:ff9b::c633:64{number:02x}"), &[]));
    assert_eq!(admitted(&layer, clients), 100);
    let both = ["64:ff9b::c633:6401", "198.51.100.1"].into_iter().cycle();
    // One of the two calls of its burst is spent.
    assert_eq!(
        admitted(&layer, both.take(10).map(|peer| request(peer, &[]))),
        1
    );
    // Outside the prefix, the first 64 bits count.
    let others = (0..100).map(|number| request(&format!("64:ff9b:1::{number:x}"), &[]));
    assert_eq!(admitted(&layer, others), 2);
}

/// A subscriber that counts warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicU64>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "mcp_layers_rate_limit"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        assert_eq!(*event.metadata().level(), tracing::Level::WARN);
        self.0.fetch_add(1, SeqCst);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn requests_without_an_address_are_counted_and_logged_once() {
    let (layer, _) = limit();
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), || {
        admitted(&layer, (0..7).map(|_| Request::new(())));
    });
    assert_eq!(warnings.0.load(SeqCst), 1);
    admitted(&layer, (0..7).map(|_| request("192.0.2.1", &[])));
    let stats = layer.handle().stats();
    assert_eq!((stats.without_address, stats.refused), (7, 10));
    assert_eq!(stats.store.keys, 2);
}

#[cfg(feature = "axum")]
#[test]
fn the_peer_is_read_where_axum_leaves_it() {
    let (layer, _) = limit();
    let peers = (0..100).map(|number| {
        let peer = SocketAddr::from(([192, 0, 2, number], 4711));
        let mut request = Request::new(());
        let info = axum::extract::ConnectInfo(peer);
        request.extensions_mut().insert(info);
        request
    });
    assert_eq!(admitted(&layer, peers), 100);
    assert_eq!(layer.handle().stats().without_address, 0);
}

#[test]
fn one_ipv6_site_does_not_use_up_the_table_of_others() {
    let limit = AddressLimitLayer::new(a_second(1))
        .ipv6_prefix(128)
        .unwrap();
    let layer = limit
        .max_addresses(1_000)
        .unwrap()
        .with_clock(Clock::manual());
    let flood = (0..5_000).map(|number| request(&format!("2001:db8:1::{number:x}"), &[]));
    let admitted_of_site = admitted(&layer, flood);
    assert!(admitted_of_site <= 1_000 / 64 + 1, "{admitted_of_site}");
    let others = (0..100).map(|number| request(&format!("192.0.2.{number}"), &[]));
    assert_eq!(admitted(&layer, others), 100);
}

#[test]
fn a_bound_of_zero_addresses_is_an_error() {
    assert!(limit().0.max_addresses(0).is_err());
}
