//! Unit tests of `src/cache/record.rs`.

use super::{read, write};
use mcp_layers_cache::StoredEntry;
use mcp_layers_core::response::CacheScope;
use proptest::prelude::*;
use std::time::Duration;

proptest! {
    #[test]
    fn what_is_written_is_read_and_a_part_of_it_is_garbage(
        key: Vec<u8>, json: Vec<u8>, counts: Vec<u64>, millis: u64, public: bool, cut: usize,
    ) {
        let scope = if public { CacheScope::Public } else { CacheScope::Private };
        let time_to_live = Duration::from_millis(millis);
        let entry = StoredEntry::new(json.clone(), scope, time_to_live);
        let written = write(&key, &counts, &entry);
        let record = read(&written).unwrap();
        prop_assert_eq!((record.scope, record.time_to_live), (scope, time_to_live));
        prop_assert_eq!((record.key, record.json), (&key[..], &json[..]));
        prop_assert_eq!(&record.counts, &counts);
        let head = written.len() - json.len();
        prop_assert_eq!(read(&written[..cut % head]), None);
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>) {
        let _ = read(&bytes);
        let mut versioned = vec![1, 1];
        versioned.extend(bytes);
        let _ = read(&versioned);
    }
}
