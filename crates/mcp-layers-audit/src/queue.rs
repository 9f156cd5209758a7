//! A bounded queue in which room can be set aside.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Acquire, SeqCst},
        },
    },
    task::{Context, Poll, Waker},
};

use crossbeam_queue::ArrayQueue;

use crate::sink::lock;

/// A queue of at most `capacity` items, those counted for which room is set aside and those that
/// were taken out but are not done with.
pub(crate) struct Queue<T> {
    items: ArrayQueue<T>,
    used: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
    has_waiting: AtomicBool,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            items: ArrayQueue::new(capacity.max(1)),
            used: AtomicUsize::new(0),
            waiting: Mutex::default(),
            has_waiting: AtomicBool::new(false),
        }
    }

    /// Sets room for one item aside.
    pub(crate) fn reserve(&self) -> bool {
        if self.used.fetch_add(1, AcqRel) < self.items.capacity() {
            return true;
        }
        self.used.fetch_sub(1, AcqRel);
        false
    }

    /// Room for so many items is free again.
    pub(crate) fn free(&self, items: usize) {
        if items > 0 {
            self.used.fetch_sub(items, SeqCst);
            if self.has_waiting.swap(false, SeqCst) {
                let waiting = std::mem::take(&mut *lock(&self.waiting));
                waiting.into_iter().for_each(Waker::wake);
            }
        }
    }

    /// Adds an item.
    ///
    /// # Errors
    /// The item, when there is no room.
    pub(crate) fn push(&self, item: T, reserved: bool) -> Result<(), T> {
        if !reserved && !self.reserve() {
            return Err(item);
        }
        self.items.push(item)
    }

    /// Takes an item out. Its room is not free before [`Queue::free`] says so.
    pub(crate) fn pop(&self) -> Option<T> {
        self.items.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Acquire)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.items.capacity()
    }

    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut waiting = lock(&self.waiting);
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            self.has_waiting.store(true, SeqCst);
        }
        if self.used.load(SeqCst) < self.items.capacity() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("used", &self.used())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use mcp_layers_test::Task;
    use std::{future::poll_fn, sync::Arc};

    #[test]
    fn room_that_is_set_aside_is_there() {
        let queue = Queue::new(2);
        assert!(queue.reserve());
        queue.push(1, false).unwrap();
        assert_eq!(queue.push(2, false), Err(2));
        assert!(!queue.reserve());
        queue.push(3, true).unwrap();
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.push(4, false), Err(4), "taken out is not done with");
        queue.free(1);
        queue.push(4, false).unwrap();
    }

    #[test]
    fn whoever_waits_for_room_is_woken() {
        let queue = Arc::new(Queue::new(1));
        queue.push(1, false).unwrap();
        let mut task = Task::new(poll_fn(|cx| queue.poll_room(cx)));
        assert!(task.poll().is_pending() && !task.is_woken());
        queue.pop();
        queue.free(1);
        assert!(task.is_woken() && task.poll().is_ready());
    }

    #[test]
    fn many_threads_never_get_more_than_there_is() {
        let queue = Queue::new(64);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..10_000 {
                        let reserved = n % 2 == 0 && queue.reserve();
                        if queue.push(n, reserved).is_ok() {
                            queue.pop();
                            queue.free(1);
                        }
                    }
                });
            }
        });
        assert_eq!((queue.used(), queue.len()), (0, 0));
    }
}
