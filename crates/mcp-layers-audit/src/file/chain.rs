//! The chain: every line says, under a key, which line it follows.

use std::{fmt, io::Write};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::Key;

/// An HMAC-SHA-256.
pub(crate) type Link = [u8; 32];

/// Where a chain has come to, and the key under which it goes on.
#[derive(Clone)]
pub(crate) struct Chain {
    key: Hmac<Sha256>,
    /// The number of the next line.
    pub(crate) next: u64,
    /// The HMAC of the latest line; zeros before the first.
    pub(crate) link: Link,
}

impl Chain {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            key: key.derive("chain"),
            next: 1,
            link: [0; 32],
        }
    }

    /// Appends a line with this body.
    pub(crate) fn append(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let link = self.link_of(self.next, body);
        // Writing into a vector cannot fail.
        let _ = write!(out, "{{\"n\":{},\"mac\":\"", self.next);
        push_hex(&link, out);
        out.extend_from_slice(b"\",\"record\":");
        out.extend_from_slice(body);
        out.extend_from_slice(b"}\n");
        self.link = link;
        self.next += 1;
    }

    /// Whether the line comes next; if so, the chain goes on behind it.
    pub(crate) fn follow(&mut self, line: &Line<'_>) -> Result<(), Broken> {
        if line.n != self.next {
            return Err(Broken::OutOfOrder {
                expected: self.next,
                found: line.n,
            });
        }
        let mac = self.mac(line.n, line.body);
        mac.verify_slice(&line.mac).map_err(|_| Broken::Changed)?;
        self.link = line.mac;
        self.next += 1;
        Ok(())
    }

    fn mac(&self, n: u64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(&self.link);
        mac.update(&n.to_be_bytes());
        mac.update(body);
        mac
    }

    fn link_of(&self, n: u64, body: &[u8]) -> Link {
        self.mac(n, body).finalize().into_bytes().into()
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Why a line does not come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    OutOfOrder { expected: u64, found: u64 },
    Changed,
}

/// A line, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) n: u64,
    pub(crate) mac: Link,
    pub(crate) body: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line without its line break apart; `None` for what no writer writes.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"n\":")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = rest.split_at_checked(digits)?;
        if number.is_empty() || (number.starts_with(b"0") && number.len() > 1) {
            return None;
        }
        let n = std::str::from_utf8(number).ok()?.parse().ok()?;
        let rest = rest.strip_prefix(b",\"mac\":\"")?;
        let (hex, rest) = rest.split_at_checked(64)?;
        let mac = parse_hex(hex)?;
        let body = rest.strip_prefix(b"\",\"record\":")?.strip_suffix(b"}")?;
        (!body.is_empty()).then_some(Self { n, mac, body })
    }
}

pub(crate) fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    push_hex(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Reads lower-case digits, and as many of them as there are to be.
pub(crate) fn parse_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != N * 2 {
        return None;
    }
    let mut out = [0; N];
    for (to, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *to = digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{Broken, Chain, Line};
    use crate::Key;
    use proptest::prelude::*;

    fn key() -> Key {
        Key::new([3; 32]).unwrap()
    }

    fn lines(out: &[u8]) -> Vec<&[u8]> {
        out.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .collect()
    }

    #[test]
    fn what_no_writer_writes_is_no_line() {
        let mut out = Vec::new();
        Chain::new(&key()).append(b"{}", &mut out);
        let good = String::from_utf8(out).unwrap();
        let good = good.trim_end();
        assert!(Line::parse(good.as_bytes()).is_some());
        for bad in [
            good.replace("\"n\":1", "\"n\":01"),
            good.replace("\"n\":1", "\"n\":+1"),
            good.replace("\"n\":1", "\"n\":99999999999999999999"),
            good.replace("{}", ""),
            good.to_uppercase(),
            format!("{good} "),
            String::new(),
        ] {
            assert_eq!(Line::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_change_breaks_the_chain_where_it_is(
            bodies in prop::collection::vec("[a-z]{1,20}", 2..12),
            at in any::<prop::sample::Index>(),
            byte in any::<prop::sample::Index>(),
            flip in 1_u8..128,
        ) {
            let mut out = Vec::new();
            let mut chain = Chain::new(&key());
            for body in &bodies {
                chain.append(body.as_bytes(), &mut out);
            }
            let mut all: Vec<Vec<u8>> = lines(&out).into_iter().map(<[u8]>::to_vec).collect();
            let at = at.index(all.len());
            let byte = byte.index(all[at].len());
            all[at][byte] ^= flip;
            let mut chain = Chain::new(&key());
            let bad = all.iter().position(|line| {
                Line::parse(line).is_none_or(|line| chain.follow(&line).is_err())
            });
            prop_assert_eq!(bad, Some(at));
        }

        #[test]
        fn two_lines_swapped_or_one_deleted_break_it(
            count in 3_usize..12,
            at in any::<prop::sample::Index>(),
            delete in any::<bool>(),
        ) {
            let mut out = Vec::new();
            let mut chain = Chain::new(&key());
            for _ in 0..count {
                chain.append(b"same", &mut out);
            }
            let mut all = lines(&out);
            let at = at.index(count - 1);
            if delete {
                all.remove(at);
            } else {
                all.swap(at, at + 1);
            }
            let mut chain = Chain::new(&key());
            for (index, line) in all.iter().enumerate() {
                let followed = chain.follow(&Line::parse(line).unwrap());
                if index == at {
                    let expected = at as u64 + 1;
                    let found = expected + 1;
                    prop_assert_eq!(followed, Err(Broken::OutOfOrder { expected, found }));
                    break;
                }
                prop_assert!(followed.is_ok());
            }
        }
    }
}
