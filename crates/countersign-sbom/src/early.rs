//! Work that does not wait for Cargo, done while Cargo answers. Cargo keeps one core busy, so there is one thread less for
//! it than there are cores: more of them, and Cargo's own answer comes later.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, Scope, ScopedJoinHandle},
};

/// One piece of it. It may be done a second time by whoever did not wait for the first: it has to see to that itself.
pub(crate) type Work<'a> = &'a (dyn Fn() + Sync);

/// Threads at most.
const THREADS: usize = 4;

/// Pieces of work, each done once, in their order.
pub(crate) struct Queue<'a> {
    work: Vec<Work<'a>>,
    next: AtomicUsize,
}

impl<'a> Queue<'a> {
    pub(crate) const fn new(work: Vec<Work<'a>>) -> Self {
        Self { work, next: AtomicUsize::new(0) }
    }

    /// Does what nobody began, on threads of the scope.
    pub(crate) fn start<'s>(&'s self, scope: &'s Scope<'s, '_>) -> Vec<ScopedJoinHandle<'s, ()>> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let worker = || {
            while let Some(work) = self.work.get(self.next.fetch_add(1, Ordering::Relaxed)) {
                work();
            }
        };
        let threads = cores.saturating_sub(1).clamp(1, THREADS).min(self.work.len());
        (0..threads).map(|_| scope.spawn(worker)).collect()
    }
}

/// A value that is made by whoever comes first, and taken by one.
pub(crate) struct Early<T>(Mutex<State<T>>);

enum State<T> {
    Nobody,
    Made(T),
    Taken,
}

impl<T> Early<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State::Nobody))
    }

    /// Makes it, unless somebody did.
    pub(crate) fn make(&self, how: impl FnOnce() -> T) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Nobody) {
            *state = State::Made(how());
        }
    }

    /// Takes it; makes it where nobody began, and waits for whoever makes it.
    pub(crate) fn take(&self, how: impl FnOnce() -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Made(value) => value,
            State::Nobody | State::Taken => how(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_of_work_is_done_once_and_before_the_scope_ends() {
        let counts: Vec<AtomicUsize> = (0..40).map(|_| AtomicUsize::new(0)).collect();
        let piece = |count: &AtomicUsize| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let pieces: Vec<_> = counts.iter().map(|count| move || piece(count)).collect();
        let queue = Queue::new(pieces.iter().map(|piece| -> Work<'_> { piece }).collect());
        thread::scope(|scope| assert!(!queue.start(scope).is_empty()));
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn a_value_is_made_once_whoever_comes_first() {
        let first = Early::new();
        first.make(|| 1);
        first.make(|| 2);
        assert_eq!(first.take(|| 3), 1);
        first.make(|| 4);
        assert_eq!(first.take(|| 5), 5, "it was taken before");
        assert_eq!(Early::new().take(|| 6), 6, "nobody began");
    }
}
