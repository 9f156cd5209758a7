//! An entry as bytes. The server is shared, so that what comes from it may be anything.

use std::time::Duration;

use mcp_layers_cache::StoredEntry;
use mcp_layers_core::response::CacheScope;

/// Changes with the format: what has another one is garbage.
const VERSION: u8 = 1;

/// The fields of a record.
#[derive(Debug, PartialEq)]
pub(super) struct Record<'a> {
    pub(super) scope: CacheScope,
    pub(super) time_to_live: Duration,
    pub(super) counts: Vec<u64>,
    pub(super) key: &'a [u8],
    pub(super) json: &'a [u8],
}

/// Version, scope, milliseconds to live, number of counts, counts, length of the key, key, result.
pub(super) fn write(key: &[u8], counts: &[u64], entry: &StoredEntry) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + entry.json.len() + 64);
    out.push(VERSION);
    out.push(u8::from(entry.scope == CacheScope::Public));
    let millis = u64::try_from(entry.time_to_live.as_millis()).unwrap_or(u64::MAX);
    out.extend_from_slice(&millis.to_le_bytes());
    out.extend_from_slice(&(counts.len() as u64).to_le_bytes());
    for count in counts {
        out.extend_from_slice(&count.to_le_bytes());
    }
    out.extend_from_slice(&(key.len() as u64).to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(&entry.json);
    out
}

/// `None` for what no [`write`] of this version has written.
pub(super) fn read(mut bytes: &[u8]) -> Option<Record<'_>> {
    let [version, scope] = take(&mut bytes)?;
    let scope = match (version, scope) {
        (VERSION, 0) => CacheScope::Private,
        (VERSION, 1) => CacheScope::Public,
        _ => return None,
    };
    let time_to_live = Duration::from_millis(number(&mut bytes)?);
    let how_many = number(&mut bytes)?;
    // More than the bytes that are left cannot be there.
    if how_many > bytes.len() as u64 / 8 {
        return None;
    }
    let counts = (0..how_many)
        .map(|_| number(&mut bytes))
        .collect::<Option<_>>()?;
    let length = usize::try_from(number(&mut bytes)?).ok()?;
    let (key, json) = bytes.split_at_checked(length)?;
    Some(Record {
        scope,
        time_to_live,
        counts,
        key,
        json,
    })
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
#[path = "../../tests/unit/record.rs"]
mod tests;
