//! The scope that the result to a request is expected to have.

use mcp_layers_core::response::CacheScope;
use moka::sync::Cache as Moka;

use crate::Group;

/// The number of targets whose scope is remembered.
const MAX_TARGETS: u64 = 4096;

/// The last result's scope. It decides which requests wait for each other, never who is served
/// with a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Public,
    Private,
    /// The result cannot be stored.
    NotStored,
}

/// The scope of the last result to each method and target.
pub(crate) struct ScopeCache {
    targets: Moka<Group, Expected>,
}

impl ScopeCache {
    pub(crate) fn new() -> Self {
        Self {
            targets: Moka::new(MAX_TARGETS),
        }
    }

    pub(crate) fn expected(&self, target: &Group) -> Option<Expected> {
        self.targets.get(target)
    }

    /// Remembers the scope of a result; `None` for one that cannot be stored.
    pub(crate) fn learn(&self, target: &Group, scope: Option<CacheScope>) {
        let expected = match scope {
            Some(CacheScope::Public) => Expected::Public,
            Some(_) => Expected::Private,
            None => Expected::NotStored,
        };
        if self.targets.get(target) != Some(expected) {
            self.targets.insert(target.clone(), expected);
        }
    }
}
