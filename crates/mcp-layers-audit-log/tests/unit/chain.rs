//! Unit tests of `src/chain.rs`.
#![allow(clippy::unwrap_used)]

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
