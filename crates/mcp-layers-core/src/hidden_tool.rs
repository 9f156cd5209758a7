//! A tool that a transport must not find while it reads one request.
//!
//! rmcp's HTTP transport looks a tool up before any layer sees the request, to check `Mcp-Param-*`
//! headers against its schema. A caller could tell by the result whether a hidden tool exists.
//! A layer that decides earlier, outside the transport, runs it inside [`scope`]; the adapter asks
//! [`is_hidden`] and then finds no tool.

use std::{cell::RefCell, sync::Arc};

thread_local! {
    static HIDDEN: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Runs a closure; meanwhile [`is_hidden`] is true for this name on this thread. It is meant for one
/// poll of the transport's future.
pub fn scope<T>(name: &Arc<str>, run: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<str>>);

    impl Drop for Restore {
        fn drop(&mut self) {
            HIDDEN.set(self.0.take());
        }
    }

    let _restore = Restore(HIDDEN.replace(Some(Arc::clone(name))));
    run()
}

/// Returns true if the tool must not be found.
#[must_use]
pub fn is_hidden(name: &str) -> bool {
    HIDDEN.with_borrow(|hidden| hidden.as_deref() == Some(name))
}
