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
mod tests {
    use super::{Broken, Chain, Line, Position};
    use crate::Key;
    use proptest::prelude::*;

    fn chain() -> Chain {
        Chain::new(&Key::new([3; 32]).unwrap(), Position::default())
    }

    fn lines(out: &[u8]) -> Vec<&[u8]> {
        out.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .collect()
    }

    #[test]
    fn a_line_that_no_writer_writes_is_refused() {
        let mut out = Vec::new();
        chain().append(b"{}", &mut out);
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

    #[test]
    fn a_position_reads_back() {
        let mut chain = chain();
        chain.append(b"{}", &mut Vec::new());
        let text = chain.end.to_string();
        assert_eq!(text.parse::<Position>().unwrap(), chain.end);
        for bad in [
            "",
            "1",
            "1:",
            "x:00",
            &text[..text.len() - 1],
            &text.to_uppercase(),
        ] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
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
            let mut writer = chain();
            for body in &bodies {
                writer.append(body.as_bytes(), &mut out);
            }
            let mut all: Vec<Vec<u8>> = lines(&out).into_iter().map(<[u8]>::to_vec).collect();
            let at = at.index(all.len());
            let byte = byte.index(all[at].len());
            all[at][byte] ^= flip;
            let mut reader = chain();
            let bad = all.iter().position(|line| {
                Line::parse(line).is_none_or(|line| reader.follow(&line).is_err())
            });
            prop_assert_eq!(bad, Some(at));
        }

        #[test]
        fn two_swapped_lines_or_a_deleted_one_break_the_chain(
            count in 3_usize..12,
            at in any::<prop::sample::Index>(),
            delete in any::<bool>(),
        ) {
            let mut out = Vec::new();
            let mut writer = chain();
            for _ in 0..count {
                writer.append(b"same", &mut out);
            }
            let mut all = lines(&out);
            let at = at.index(count - 1);
            if delete {
                all.remove(at);
            } else {
                all.swap(at, at + 1);
            }
            let mut reader = chain();
            for (index, line) in all.iter().enumerate() {
                let followed = reader.follow(&Line::parse(line).unwrap());
                if index == at {
                    prop_assert_eq!(followed, Err(Broken::OutOfOrder));
                    break;
                }
                prop_assert!(followed.is_ok());
            }
        }
    }
}
