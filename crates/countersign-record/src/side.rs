//! The same work for each of many things, on all processors at once; what comes of it is in order, as if one had done it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

/// More threads than these wait for one another: they read from one file.
const MOST: usize = 16;
/// How many things a thread takes at a time: few, so that what is read together is read near each other.
const CHUNK: usize = 8;
/// What the first thread of a program has: the others get as much, since they read the same documents.
const STACK: usize = 8 << 20;

/// Does it for each. A thread that cannot be had is done without.
pub fn each<T: Sync, R: Send>(items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    in_chunks(items, CHUNK, one)
}

/// The same where each is much work.
pub fn each_alone<T: Sync, R: Send>(items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    in_chunks(items, 1, one)
}

/// Does it for each that `next` gives, on whichever processor is free: it fetches the next one itself, so that no more of
/// them wait in memory than are worked at. What comes of each goes to `take` in order, as soon as all before it went.
pub fn as_they_come<T, R: Send>(
    next: impl FnMut() -> Option<T> + Send,
    one: impl Fn(T) -> R + Sync,
    take: impl FnMut(R) + Send,
) {
    let source = Mutex::new((next, 0_usize));
    let sink = Mutex::new((take, 0_usize, BTreeMap::new()));
    let work = || {
        loop {
            let (item, turn) = {
                let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
                let (next, turn) = &mut *source;
                let Some(item) = next() else { return };
                let mine = *turn;
                *turn = mine.saturating_add(1);
                (item, mine)
            };
            let done = one(item);
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            let (take, turn_of, waiting) = &mut *sink;
            waiting.insert(turn, done);
            while let Some(done) = waiting.remove(turn_of) {
                *turn_of = turn_of.saturating_add(1);
                take(done);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST);
    thread::scope(|scope| {
        let more = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads).filter_map(more).collect();
        work();
        for other in others.into_iter().map(ScopedJoinHandle::join) {
            other.unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
}

fn in_chunks<T: Sync, R: Send>(items: &[T], chunk: usize, one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done: Vec<(usize, Vec<R>)> = Vec::new();
        loop {
            let start = next.fetch_add(chunk, Ordering::Relaxed);
            let end = start.saturating_add(chunk).min(items.len());
            match items.get(start..end) {
                Some(chunk) if !chunk.is_empty() => done.push((start, chunk.iter().map(&one).collect())),
                _ => return done,
            }
        }
    };
    let mut parts = thread::scope(|scope| {
        let more = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads.min(items.len())).filter_map(more).collect();
        let mut parts = work();
        for other in others.into_iter().map(ScopedJoinHandle::join) {
            parts.extend(other.unwrap_or_else(|panic| resume_unwind(panic)));
        }
        parts
    });
    parts.sort_unstable_by_key(|(start, _)| *start);
    parts.into_iter().flat_map(|(_, part)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_each_is_in_order_and_of_none_is_nothing() {
        for length in [0_usize, 1, 7, 8, 9, 1_000] {
            let items: Vec<usize> = (0..length).collect();
            let uneven = |n: &usize| {
                if n.is_multiple_of(3) {
                    thread::yield_now();
                }
                n * 2
            };
            assert_eq!(each(&items, uneven), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_fetched_one_by_one_is_taken_in_order() {
        for length in [0_usize, 1, 2, 1_000] {
            let mut numbers = 0..length;
            let mut taken = Vec::new();
            let slow = |n: usize| {
                if n.is_multiple_of(5) {
                    thread::yield_now();
                }
                n * 2
            };
            as_they_come(|| numbers.next(), slow, |n| taken.push(n));
            assert_eq!(taken, (0..length).map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "the eighth")]
    fn a_panic_while_one_is_worked_at_is_one_of_the_whole() {
        let mut numbers = 0..100;
        as_they_come(|| numbers.next(), |n| assert!(n != 8, "the eighth"), |()| {});
    }

    #[test]
    #[should_panic(expected = "the seventh")]
    fn a_panic_on_any_thread_is_one_of_the_whole() {
        let items: Vec<usize> = (0..100).collect();
        each(&items, |n| assert!(*n != 7, "the seventh"));
    }
}
