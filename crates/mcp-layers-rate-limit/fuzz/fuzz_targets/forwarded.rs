//! The first byte is the number of hops, the rest values of `X-Forwarded-For`, apart by a NUL byte.
//! Nothing that a client writes to the left of what one's own proxies add changes the address.
#![no_main]

use std::{net::IpAddr, num::NonZeroU8};

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use mcp_layers_rate_limit::forwarded_address;

fuzz_target!(|data: &[u8]| {
    let Some((hops, values)) = data.split_first() else {
        return;
    };
    let hops = NonZeroU8::new(*hops).unwrap_or(NonZeroU8::MIN);
    let mut headers = HeaderMap::new();
    for value in values.split(|byte| *byte == 0) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append("x-forwarded-for", value);
        }
    }
    let found = forwarded_address(&headers, hops);
    assert_eq!(found, found.map(|address| address.to_canonical()));

    let client = IpAddr::from([192, 0, 2, 7]);
    let mut own = vec![client.to_string()];
    own.extend((1..hops.get()).map(|hop| format!("10.0.0.{hop}")));
    let own = HeaderValue::from_str(&own.join(", ")).expect("addresses are text");
    headers.append("x-forwarded-for", own);
    assert_eq!(forwarded_address(&headers, hops), Some(client));
});
