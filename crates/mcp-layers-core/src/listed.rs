//! The entries of lists: tools, prompts, resources and other things with a name.

/// The kind of a [`Listed`] entry or of a request's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListedKind {
    /// A tool, by its name.
    Tool,
    /// A resource, by its uri.
    Resource,
    /// A resource template, by its uri template.
    ResourceTemplate,
    /// A prompt, by its name.
    Prompt,
    /// A skill, by its uri.
    Skill,
    /// A task, by its id.
    Task,
}

/// An entry of a list result.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Listed<'a> {
    /// The kind.
    pub kind: ListedKind,
    /// The name, uri or id that a request uses as its target.
    pub name: &'a str,
    /// A tool's annotations; empty for every other kind.
    pub hints: Hints,
}

impl<'a> Listed<'a> {
    /// An entry without hints.
    #[must_use]
    pub fn new(kind: ListedKind, name: &'a str) -> Self {
        Self {
            kind,
            name,
            hints: Hints::default(),
        }
    }

    /// The same entry with a tool's annotations.
    #[must_use]
    pub fn with_hints(mut self, hints: Hints) -> Self {
        self.hints = hints;
        self
    }
}

macro_rules! setters {
    ($($setter:ident $field:ident $hint:literal),+) => {$(
        #[doc = concat!("Sets `", $hint, "`: `true`, `false`, or an `Option` of it.")]
        #[must_use]
        pub fn $setter(mut self, hint: impl Into<Option<bool>>) -> Self {
            self.$field = hint.into();
            self
        }
    )+};
}

/// A tool's annotations: claims of the server, to be believed only if the server is trusted
/// (2026-07-28, server/tools, "Annotations"). The default states none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Hints {
    /// `readOnlyHint`: the tool changes nothing.
    pub read_only: Option<bool>,
    /// `destructiveHint`: the tool may destroy.
    pub destructive: Option<bool>,
    /// `idempotentHint`: a second call with the same arguments has no further effect.
    pub idempotent: Option<bool>,
    /// `openWorldHint`: the tool reaches beyond the server.
    pub open_world: Option<bool>,
}

impl Hints {
    setters!(with_read_only read_only "readOnlyHint", with_destructive destructive "destructiveHint");
    setters!(with_idempotent idempotent "idempotentHint", with_open_world open_world "openWorldHint");

    /// Returns true if a call may be repeated: read-only or idempotent.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.read_only == Some(true) || self.idempotent == Some(true)
    }

    /// Returns true if a response may be stored and returned again: read-only and idempotent.
    #[must_use]
    pub fn is_cacheable(&self) -> bool {
        self.read_only == Some(true) && self.idempotent == Some(true)
    }
}
