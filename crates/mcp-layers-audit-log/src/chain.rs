//! The chain: each line is bound, under a key, to the line that it follows.

use std::{fmt, io, str::FromStr};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{Key, files::invalid, hex::Hex};

/// An HMAC-SHA-256.
pub(crate) type Link = [u8; 32];

/// A place in a chain: the number of a line and its MAC. Displayed and parsed as `N:MAC`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The number of the line; 0 before the first.
    pub n: u64,
    /// The MAC of the line; zeros before the first.
    pub mac: [u8; 32],
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.n, Hex(self.mac))
    }
}

impl FromStr for Position {
    /// `InvalidData`.
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        let parse = |(n, mac): (&str, &str)| {
            Some(Self {
                n: n.parse().ok()?,
                mac: Hex::parse(mac)?.0,
            })
        };
        let parsed = text.split_once(':').and_then(parse);
        parsed.ok_or_else(|| invalid("a position is written N:MAC, with 64 hexadecimal digits"))
    }
}

/// The end of a chain, and the key under which it continues.
#[derive(Clone)]
pub(crate) struct Chain {
    key: Hmac<Sha256>,
    /// The last line.
    pub(crate) end: Position,
}

impl Chain {
    pub(crate) fn new(key: &Key, end: Position) -> Self {
        Self {
            key: key.derive("chain"),
            end,
        }
    }

    /// The number of the next line.
    pub(crate) fn next(&self) -> u64 {
        self.end.n + 1
    }

    /// Appends a line with this body.
    pub(crate) fn append(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let n = self.next();
        let mac: Link = self.mac(n, body).finalize().into_bytes().into();
        out.extend_from_slice(
            format!("{{\"n\":{n},\"mac\":\"{}\",\"record\":", Hex(mac)).as_bytes(),
        );
        out.extend_from_slice(body);
        out.extend_from_slice(b"}\n");
        self.end = Position { n, mac };
    }

    /// Moves behind the line if it is the next one.
    pub(crate) fn follow(&mut self, line: &Line<'_>) -> Result<(), Broken> {
        if line.n != self.next() {
            return Err(Broken::OutOfOrder);
        }
        let mac = self.mac(line.n, line.body);
        mac.verify_slice(&line.mac).map_err(|_| Broken::Changed)?;
        self.end = line.position();
        Ok(())
    }

    fn mac(&self, n: u64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(&self.end.mac);
        mac.update(&n.to_be_bytes());
        mac.update(body);
        mac
    }
}

/// The reason why a line is not the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    OutOfOrder,
    Changed,
}

/// A parsed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) n: u64,
    pub(crate) mac: Link,
    pub(crate) body: &'a [u8],
}

impl<'a> Line<'a> {
    /// Parses a line without its line break; `None` for anything that no writer writes.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"n\":")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = rest.split_at_checked(digits)?;
        if number.is_empty() || (number.starts_with(b"0") && number.len() > 1) {
            return None;
        }
        let n = std::str::from_utf8(number).ok()?.parse().ok()?;
        let rest = rest.strip_prefix(b",\"mac\":\"")?;
        let (mac, rest) = rest.split_at_checked(64)?;
        let Hex(mac) = Hex::parse(mac)?;
        let body = rest.strip_prefix(b"\",\"record\":")?.strip_suffix(b"}")?;
        (!body.is_empty()).then_some(Self { n, mac, body })
    }

    pub(crate) fn position(&self) -> Position {
        Position {
            n: self.n,
            mac: self.mac,
        }
    }
}

#[cfg(test)]
#[path = "../tests/unit/chain.rs"]
mod tests;
