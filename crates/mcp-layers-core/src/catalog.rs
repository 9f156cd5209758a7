//! The names that a server offers.

mod names;
mod template;

use std::sync::{
    Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicBool, Ordering::Relaxed},
};

pub(crate) use names::{Names, Owner};

use crate::{Hints, ListedKind, Principal};

/// The names that a server is known to offer: tools, prompts, resources, resource templates, skills.
///
/// Callers choose the names that they send. A layer that keeps something for each name (a budget, a
/// metric, a circuit) asks the catalog first, so that invented names all count as one.
///
/// A stack has one catalog. [`CatalogLayer`](crate::CatalogLayer), the outermost layer of a stack, puts it into each
/// request's context, and every layer finds it there ([`Catalog::of`]): operators name their tools
/// once. The adapter for rmcp adds that layer automatically. Clones share one catalog.
///
/// # Rules
///
/// 1. A name is known when the operator declared it ([`Catalog::with_tools`] and its siblings), when
///    a list named it, when a look-up at the server found it, or when the server answered a request
///    for it with a result other than `isError: true`. A refusal by a layer teaches nothing.
/// 2. A resource is also known when its uri matches a known resource template.
/// 3. Tasks are not in the catalog: every task id counts as known.
/// 4. A declared name stays. Other names are bounded for each principal and kind
///    ([`Catalog::DEFAULT_MAX_PER_PRINCIPAL`]), the oldest leaving first, so that one caller's names
///    never push out another's.
/// 5. Hints ([`Hints`]) are claims of the server. Where two lists contradict each other, the more
///    careful claim counts; an operator's declaration overrides both.
/// 6. [`Catalog::clear`] forgets all that was not declared, and answers to requests that began before
///    it are not learned from. Call it when the server announces
///    `notifications/tools/list_changed`.
///
/// ```
/// use mcp_layers_core::{Catalog, ListedKind};
///
/// let catalog = Catalog::new().with_tools(["search", "fetch"]);
/// assert!(catalog.knows(ListedKind::Tool, "search"));
/// assert!(!catalog.knows(ListedKind::Tool, "invented"));
/// ```
#[derive(Clone, Default)]
pub struct Catalog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    names: RwLock<Names>,
    /// True if a layer of the stack hides names.
    hides: AtomicBool,
}

impl Catalog {
    /// The number of names that a catalog keeps for each principal and kind, in addition to those
    /// that the operator declared.
    pub const DEFAULT_MAX_PER_PRINCIPAL: usize = 1024;

    /// An empty catalog.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares tools, by their exact names.
    #[must_use]
    pub fn with_tools<N: Into<Box<str>>>(self, names: impl IntoIterator<Item = N>) -> Self {
        self.with(ListedKind::Tool, names)
    }

    /// Declares a tool with its annotations, which override what the server says of it.
    #[must_use]
    pub fn with_tool_hints(self, name: impl Into<Box<str>>, hints: Hints) -> Self {
        self.write()
            .declare(ListedKind::Tool, name.into(), Some(hints));
        self
    }

    /// Declares prompts, by their exact names.
    #[must_use]
    pub fn with_prompts<N: Into<Box<str>>>(self, names: impl IntoIterator<Item = N>) -> Self {
        self.with(ListedKind::Prompt, names)
    }

    /// Declares resources, by their exact uris.
    #[must_use]
    pub fn with_resources<N: Into<Box<str>>>(self, uris: impl IntoIterator<Item = N>) -> Self {
        self.with(ListedKind::Resource, uris)
    }

    /// Declares resource templates (RFC 6570). Every uri that matches one counts as known.
    #[must_use]
    pub fn with_resource_templates<N: Into<Box<str>>>(
        self,
        templates: impl IntoIterator<Item = N>,
    ) -> Self {
        self.with(ListedKind::ResourceTemplate, templates)
    }

    fn with<N: Into<Box<str>>>(self, kind: ListedKind, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter();
        names.for_each(|name| self.write().declare(kind, name.into(), None));
        self
    }

    /// Returns true if the server is known to offer `name`.
    #[must_use]
    pub fn knows(&self, kind: ListedKind, name: &str) -> bool {
        self.read().knows(kind, name)
    }

    /// A tool's annotations: those of the operator, otherwise those that the server listed.
    #[must_use]
    pub fn hints(&self, tool: &str) -> Option<Hints> {
        self.read().hints(tool)
    }

    /// Forgets all names that the operator did not declare.
    pub fn clear(&self) {
        self.write().clear();
    }

    /// Notes that a layer of this stack hides names from some callers. From then on,
    /// [`CatalogLayer`](crate::CatalogLayer) treats a name that exists as it treats an unknown one,
    /// until its caller has seen it. `AuthorizeLayer` calls this automatically.
    pub fn hide_names(&self) {
        self.shared.hides.store(true, Relaxed);
    }

    /// Returns true if a layer of this stack hides names.
    pub(crate) fn hides_names(&self) -> bool {
        self.shared.hides.load(Relaxed)
    }

    /// Returns true if the name is known, and this caller may notice that it is.
    pub(crate) fn shows(&self, caller: Option<&Principal>, kind: ListedKind, name: &str) -> bool {
        let names = self.read();
        names.knows(kind, name)
            && (!self.hides_names() || names.has_seen(names.owner(caller), kind, name))
    }

    /// Returns true if both are clones of one catalog.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The number of known names of one kind.
    #[must_use]
    pub fn len(&self, kind: ListedKind) -> usize {
        self.read().len(kind)
    }

    /// Changes the names, unless the catalog was cleared since `generation`.
    pub(crate) fn update(&self, generation: u64, update: impl FnOnce(&mut Names)) {
        let mut names = self.write();
        if names.generation == generation {
            update(&mut names);
        }
    }

    /// The number of times that the catalog was cleared.
    pub(crate) fn generation(&self) -> u64 {
        self.read().generation
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Names> {
        let names = self.shared.names.read();
        names.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Names> {
        let names = self.shared.names.write();
        names.unwrap_or_else(PoisonError::into_inner)
    }
}

crate::opaque_debug!(Catalog);
