//! Steps that scanners of texts share.

use crate::work::visited;

/// The length of the run of such bytes at the beginning, `max` at most.
pub(crate) fn run(text: impl AsRef<[u8]>, max: usize, part: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_ref().iter().take(max);
    let length = bytes.take_while(|byte| part(**byte)).count();
    visited(length);
    length
}

/// The length of the run of such bytes at the end, `max` at most.
pub(crate) fn run_back(text: &str, max: usize, part: impl Fn(u8) -> bool) -> usize {
    let bytes = text.bytes().rev().take(max);
    let length = bytes.take_while(|byte| part(*byte)).count();
    visited(length);
    length
}

/// The first run of such characters at or behind `from`: where it begins and ends.
pub(crate) fn next_run(
    text: &str,
    from: usize,
    part: impl Fn(char) -> bool,
) -> Option<(usize, usize)> {
    let start = from + text[from..].find(&part)?;
    let end = start + until(&text[start..], |c: char| !part(c));
    visited(end - from);
    Some((start, end))
}

/// The length of the text before the first such character; of all of it without one.
pub(crate) fn until(text: &str, stop: impl Fn(char) -> bool) -> usize {
    text.find(stop).unwrap_or(text.len())
}

/// Returns whether the text begins with these ASCII words, in any case.
pub(crate) fn begins(text: &str, words: &str) -> bool {
    let start = text.as_bytes().get(..words.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(words.as_bytes()))
}

/// Returns whether the text ends with these ASCII words, in any case.
pub(crate) fn ends(text: &str, words: &str) -> bool {
    let start = text.len().checked_sub(words.len());
    start.is_some_and(|start| text.as_bytes()[start..].eq_ignore_ascii_case(words.as_bytes()))
}
