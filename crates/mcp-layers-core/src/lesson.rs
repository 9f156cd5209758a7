//! Lessons: the names that responses teach a catalog.

use std::sync::Arc;

use crate::{Catalog, ListedKind, McpRequest, McpResponse, Outcome, Principal};

impl Catalog {
    /// The catalog in the context of `request`, otherwise `own`: the catalog that a layer learned in
    /// a stack without a [`CatalogLayer`](crate::CatalogLayer).
    pub fn of<'a, Req: McpRequest>(request: &'a Req, own: &'a Self) -> &'a Self {
        request.context().catalog().unwrap_or(own)
    }

    /// Returns true if the server is known to offer the target of the request. Always true for a
    /// request without a target, and for tasks.
    pub fn knows_target<Req: McpRequest>(&self, request: &Req) -> bool {
        request.context().has_target(self) == Some(true)
            || target(request).is_none_or(|(kind, name)| self.knows(kind, name))
    }

    /// Returns true if [`Catalog::knows_target`], and the caller may notice that it does.
    pub(crate) fn shows_target<Req: McpRequest>(&self, request: &Req) -> bool {
        let caller = request.context().principal().map(AsRef::as_ref);
        target(request).is_none_or(|(kind, name)| self.shows(caller, kind, name))
    }

    /// Returns true if the request's target is a tool or prompt that the server does not offer: it is not in
    /// the list that a [`CatalogLayer`](crate::CatalogLayer) has just read to its end.
    pub fn lacks_target<Req: McpRequest>(&self, request: &Req) -> bool {
        request.context().has_target(self) == Some(false)
    }

    /// The lesson that the response to this request can teach. Taken before the call, and given the
    /// response after it ([`Lesson::learn`]).
    pub fn lesson<Req: McpRequest>(&self, request: &Req) -> Lesson {
        self.begin(request, self.knows_target(request), false)
    }

    /// The lesson of a response, whose target may be known already. The outermost one, in the form that
    /// its caller gets, shows what it names.
    pub(crate) fn begin<Req: McpRequest>(
        &self,
        request: &Req,
        is_known: bool,
        is_outermost: bool,
    ) -> Lesson {
        let subject = if request.method().is_list() {
            Some(Subject::List)
        } else if is_known {
            None
        } else {
            target(request).map(|(kind, name)| Subject::Name(kind, name.into()))
        };
        Lesson(subject.map(|subject| {
            Box::new(Begun {
                catalog: self.clone(),
                subject,
                caller: request.context().principal().cloned(),
                is_outermost,
                generation: self.generation(),
            })
        }))
    }
}

/// The kind and name of a request's target.
pub(crate) fn target<Req: McpRequest>(request: &Req) -> Option<(ListedKind, &str)> {
    request.target_kind().zip(request.target())
}

/// The names that the response to one request can teach a [`Catalog`]. Empty, and without an
/// allocation, for most requests: those for a known name.
#[derive(Debug)]
pub struct Lesson(Option<Box<Begun>>);

impl Lesson {
    /// Teaches the catalog what the response shows.
    pub fn learn<R: McpResponse>(&self, response: &R) {
        let Some(begun) = &self.0 else {
            return;
        };
        let catalog = &begun.catalog;
        let is_shown = begun.is_outermost && catalog.hides_names();
        catalog.update(begun.generation, |names| {
            let owner = names.owner(begun.caller.as_deref());
            let mut learn = |kind, name: &str, hints| {
                names.learn(owner, kind, name, hints);
                if is_shown {
                    names.see(owner, kind, name);
                }
            };
            match &begun.subject {
                Subject::List => response.visit_listed(&mut |entry| {
                    learn(entry.kind, entry.name, Some(entry.hints));
                }),
                Subject::Name(kind, name) => {
                    if matches!(
                        response.outcome(),
                        Outcome::Success | Outcome::InputRequired | Outcome::TaskCreated
                    ) {
                        learn(*kind, name, None);
                    }
                }
            }
        });
    }
}

#[derive(Debug)]
struct Begun {
    catalog: Catalog,
    subject: Subject,
    caller: Option<Arc<Principal>>,
    /// True for the catalog's own layer, outside every layer that filters lists.
    is_outermost: bool,
    generation: u64,
}

#[derive(Debug)]
enum Subject {
    List,
    Name(ListedKind, Box<str>),
}
