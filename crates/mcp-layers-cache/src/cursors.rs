//! The cursors that the server has handed out in public results.

use std::sync::Arc;

use mcp_layers_core::{KeyWriter, Method};
use moka::sync::Cache as Moka;

use crate::{Group, generations::Generations, groups};

/// The bytes of all cursors that are remembered.
const MAX_BYTES: u64 = 1 << 20;

/// The cursors of stored public pages, each with the number of the last invalidation when its page
/// was asked for.
///
/// A cursor that the server refuses shows that the list has changed under its pages, but only if
/// the server has handed it out: callers can make up others.
pub(crate) struct Cursors {
    known: Moka<Arc<[u8]>, u64>,
}

impl Cursors {
    pub(crate) fn new() -> Self {
        let weigh = |key: &Arc<[u8]>, _: &u64| u32::try_from(key.len()).unwrap_or(u32::MAX);
        let known = Moka::builder().max_capacity(MAX_BYTES).weigher(weigh);
        Self {
            known: known.build(),
        }
    }

    pub(crate) fn learn(&self, method: Method<'_>, cursor: &str, since: u64) {
        self.known.insert(key(method, cursor), since);
    }

    /// Returns whether the cursor belongs to a page that was not invalidated since. After an
    /// invalidation it does not, so one cursor cannot drop the list again and again.
    pub(crate) fn is_known(
        &self,
        method: Method<'_>,
        cursor: &str,
        generations: &Generations,
    ) -> bool {
        let groups = [Group::all(), groups::of_method(method)];
        let since = self.known.get(&key(method, cursor));
        since.is_some_and(|since| generations.is_current(since, &groups, None))
    }
}

fn key(method: Method<'_>, cursor: &str) -> Arc<[u8]> {
    let mut key = Vec::new();
    KeyWriter::new(&mut key).text(method.as_str()).text(cursor);
    key.into()
}
