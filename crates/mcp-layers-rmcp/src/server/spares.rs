//! Clones of a stack that nobody uses at the moment.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crossbeam_utils::{CachePadded, atomic::AtomicCell};

/// How many threads keep a clone each, and never meet.
const SLOTS: usize = 16;

/// A stack, and clones of it that nobody uses at the moment.
///
/// tower calls a service by `&mut`, so that each request needs an instance of its own for a moment:
/// until it is called, not until it has answered. To clone one counts up and down what every layer
/// shares, where threads wait for each other. The instance of the request before is as good.
pub(super) struct Spares<S> {
    stack: S,
    slots: [CachePadded<Slot<S>>; SLOTS],
}

/// A box is a word, which goes in and out without a lock.
type Slot<S> = AtomicCell<Option<Box<S>>>;

impl<S> Spares<S> {
    pub(super) fn new(stack: S) -> Self {
        const { assert!(Slot::<S>::is_lock_free()) };
        Self {
            stack,
            slots: std::array::from_fn(|_| CachePadded::new(AtomicCell::new(None))),
        }
    }

    /// An instance that nobody else has.
    pub(super) fn take(&self) -> Box<S>
    where
        S: Clone,
    {
        let spare = self.slot().take();
        spare.unwrap_or_else(|| Box::new(self.stack.clone()))
    }

    /// Gives back an instance that was called.
    pub(super) fn give_back(&self, stack: Box<S>) {
        self.slot().store(Some(stack));
    }

    /// The slot of this thread, which some others have too where there are many.
    fn slot(&self) -> &Slot<S> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS.fetch_add(1, Relaxed) % SLOTS;
        }
        &self.slots[THREAD.with(|thread| *thread)]
    }
}

#[cfg(test)]
mod tests {
    use super::Spares;
    use std::sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    /// Counts how often it was cloned, and tells whether two hold one instance at a time.
    #[derive(Default)]
    struct Counted {
        clones: Arc<AtomicUsize>,
        holders: AtomicUsize,
    }

    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.clones.fetch_add(1, SeqCst);
            Self {
                clones: Arc::clone(&self.clones),
                holders: AtomicUsize::new(0),
            }
        }
    }

    #[test]
    fn one_request_after_the_other_needs_one_clone() {
        let spares = Spares::new(Counted::default());
        for _ in 0..100 {
            let stack = spares.take();
            spares.give_back(stack);
        }
        assert_eq!(spares.stack.clones.load(SeqCst), 1);
    }

    #[test]
    fn what_is_not_given_back_is_cloned_anew() {
        let spares = Spares::new(Counted::default());
        let (one, other) = (spares.take(), spares.take());
        spares.give_back(one);
        spares.give_back(other);
        drop(spares.take());
        drop(spares.take());
        // Of the two that were given back, one was kept.
        assert_eq!(spares.stack.clones.load(SeqCst), 3);
    }

    #[test]
    fn no_two_threads_have_the_same_instance() {
        const THREADS: usize = 64;
        let spares = Spares::new(Counted::default());
        let begin = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    begin.wait();
                    for _ in 0..1_000 {
                        let stack = spares.take();
                        assert_eq!(stack.holders.fetch_add(1, SeqCst), 0);
                        std::hint::spin_loop();
                        assert_eq!(stack.holders.fetch_sub(1, SeqCst), 1);
                        spares.give_back(stack);
                    }
                });
            }
        });
    }
}
