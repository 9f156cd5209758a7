//! The scope that the result to a request is expected to have.

use mcp_layers_core::response::CacheScope;
use moka::sync::Cache as Moka;

use crate::Group;

/// The number of targets whose scope is remembered.
const MAX_TARGETS: u64 = 4096;

/// The scope of the last result to each method and target; `None` if it could not be stored. It decides
/// which requests wait for each other, never who is served with a result.
pub(crate) struct ScopeCache {
    targets: Moka<Group, Option<CacheScope>>,
}

impl ScopeCache {
    pub(crate) fn new() -> Self {
        Self {
            targets: Moka::new(MAX_TARGETS),
        }
    }

    pub(crate) fn expected(&self, target: &Group) -> Option<Option<CacheScope>> {
        self.targets.get(target)
    }

    pub(crate) fn learn(&self, target: &Group, scope: Option<CacheScope>) {
        if self.targets.get(target) != Some(scope) {
            self.targets.insert(target.clone(), scope);
        }
    }
}
