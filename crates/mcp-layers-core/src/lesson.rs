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
        match (request.target_kind(), request.target()) {
            (Some(kind), Some(name)) => self.knows(kind, name),
            _ => true,
        }
    }

    /// The lesson that the response to this request can teach. Taken before the call, and given to
    /// [`Catalog::learn`] with the response.
    pub fn lesson<Req: McpRequest>(&self, request: &Req) -> Lesson {
        self.begin(request, false)
    }

    /// The lesson of the response in the form that its caller gets, which shows what it names.
    pub(crate) fn outermost_lesson<Req: McpRequest>(&self, request: &Req) -> Lesson {
        self.begin(request, true)
    }

    fn begin<Req: McpRequest>(&self, request: &Req, is_outermost: bool) -> Lesson {
        let caller = request.context().principal();
        let is_known = |kind, name: &str| match is_outermost {
            true => self.shows(caller.map(AsRef::as_ref), kind, name),
            false => self.knows(kind, name),
        };
        let subject = if request.method().is_list() {
            Some(Subject::List)
        } else {
            match (request.target_kind(), request.target()) {
                (Some(kind), Some(name)) if !is_known(kind, name) => {
                    Some(Subject::Name(kind, name.into()))
                }
                _ => None,
            }
        };
        Lesson(subject.map(|subject| {
            Box::new(Begun {
                subject,
                caller: caller.cloned(),
                is_outermost,
                generation: self.generation(),
            })
        }))
    }

    /// Learns from the response to the request that `lesson` was taken from.
    pub fn learn<R: McpResponse>(&self, lesson: &Lesson, response: &R) {
        let Some(begun) = &lesson.0 else {
            return;
        };
        let is_shown = begun.is_outermost && self.hides_names();
        self.update(begun.generation, |names| {
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

/// The names that the response to one request can teach a [`Catalog`]. Empty, and without an
/// allocation, for most requests: those for a known name.
#[derive(Debug)]
pub struct Lesson(Option<Box<Begun>>);

#[derive(Debug)]
struct Begun {
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
