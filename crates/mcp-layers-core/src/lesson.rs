//! Lessons: the names that responses teach a catalog.

use crate::{Catalog, ListedKind, McpRequest, McpResponse, Outcome, catalog::Owner};

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
        let subject = if request.method().is_list() {
            Some(Subject::List)
        } else {
            match (request.target_kind(), request.target()) {
                (Some(kind), Some(name)) if !self.knows(kind, name) => {
                    Some(Subject::Name(kind, name.into()))
                }
                _ => None,
            }
        };
        Lesson(subject.map(|subject| {
            Box::new(Begun {
                subject,
                owner: Owner::of(request.context().principal().map(AsRef::as_ref)),
                generation: self.generation(),
            })
        }))
    }

    /// Learns from the response to the request that `lesson` was taken from.
    pub fn learn<R: McpResponse>(&self, lesson: &Lesson, response: &R) {
        let Some(begun) = &lesson.0 else {
            return;
        };
        self.update(begun.generation, |names| match &begun.subject {
            Subject::List => response.visit_listed(&mut |entry| {
                names.learn(&begun.owner, entry.kind, entry.name, Some(entry.hints));
            }),
            Subject::Name(kind, name) => {
                if matches!(
                    response.outcome(),
                    Outcome::Success | Outcome::InputRequired | Outcome::TaskCreated
                ) {
                    names.learn(&begun.owner, *kind, name, None);
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
    owner: Owner,
    generation: u64,
}

#[derive(Debug)]
enum Subject {
    List,
    Name(ListedKind, Box<str>),
}
