//! A count of the bytes that scanners look at, for the test that their work is linear.

#[cfg(test)]
thread_local! {
    pub(crate) static VISITED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Notes that so many bytes were looked at. Does nothing outside of this crate's tests.
#[inline]
pub(crate) fn visited(bytes: usize) {
    #[cfg(test)]
    VISITED.with(|visited| visited.set(visited.get() + bytes));
    #[cfg(not(test))]
    let _ = bytes;
}

#[cfg(test)]
#[path = "../tests/unit/work.rs"]
mod tests;
