//! The loop: what is still to be asked, asked side by side, kept in the order of the plan; and again, until nothing is.

use super::client::{Client, Reply};
use super::error::OnlineError;
use countersign_core::digest::Sha256;
use countersign_core::forge::{Capture, Exchange, Head};
use countersign_core::limits;
use countersign_core::statement::change_review::Observation;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is still to be asked of a forge, given the answers so far.
pub type Plan = fn(&Capture) -> Vec<String>;

/// The largest answer that several changes share.
const SHARED_BYTES: usize = 256 << 10;
/// How many answers several changes share.
const SHARED_ANSWERS: usize = 4_096;

/// Answers about the repository as a whole, which the changes of one run have in common: what an account may do, which
/// rules there are. Each is asked once, and kept with the time when it came.
#[derive(Debug, Default)]
pub struct Common(Mutex<BTreeMap<String, Arc<Reply>>>);

/// Every answer about a change. The same answers give the same bytes, whichever of them came first.
pub fn capture(client: &Client<'_>, change: u64, plan: Plan, common: &Common) -> Result<Capture, OnlineError> {
    let place = client.place();
    let begun = Capture::new(Head {
        forge: place.kind(),
        host: place.host().to_owned(),
        repository: place.repository().clone(),
        path: place.path().to_owned(),
        change,
        how: Observation::Afterwards,
        gaps: Vec::new(),
        collected_at: client.now(),
        exchanges: Vec::new(),
    });
    complete(client, begun, plan, common)
}

/// Every answer that a capture still lacks, after what it has already, such as deliveries.
pub fn complete(
    client: &Client<'_>,
    mut capture: Capture,
    plan: Plan,
    common: &Common,
) -> Result<Capture, OnlineError> {
    let change = capture.head.change;
    let mut asked = capture.head.exchanges.len();
    let mut bytes = capture.answers().fold(0_usize, |sum, (_, body)| sum.saturating_add(body.len()));
    loop {
        let names = without_repetitions(plan(&capture));
        if names.is_empty() {
            return Ok(capture);
        }
        asked = asked.saturating_add(names.len());
        if asked > limits::CAPTURE_EXCHANGES {
            return Err(OnlineError::TooMany);
        }
        let again: BTreeSet<&String> = names.iter().filter(|name| capture.answer(name).is_some()).collect();
        let replies =
            side_by_side(&names, client.parallel(), |name| common.answer(client, name, change, again.contains(name)))?;
        for (name, reply) in names.iter().zip(replies) {
            bytes = bytes.saturating_add(reply.body.len());
            if bytes > limits::CAPTURE_BYTES {
                return Err(OnlineError::TooMany);
            }
            let exchange = Exchange {
                name: name.clone(),
                status: reply.status,
                at: reply.at,
                link: reply.link.clone(),
                next_page: reply.next_page.clone(),
                length: reply.body.len(),
                digest: Sha256::of(&reply.body),
            };
            capture.push(exchange, reply.body.clone());
        }
    }
}

/// The work done for each item, at most `parallel` at a time; in the order of the items, or the first failure in that
/// order. After a failure nothing new is begun.
pub fn side_by_side<T: Sync, R: Send, E: Send>(
    items: &[T],
    parallel: usize,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Result<R, E>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..parallel.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some(item) = items.get(at) else { break };
                    let result = work(item);
                    if result.is_err() {
                        next.store(items.len(), Ordering::SeqCst);
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(at, result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

impl Common {
    fn answer(&self, client: &Client<'_>, name: &str, change: u64, again: bool) -> Result<Arc<Reply>, OnlineError> {
        let number = change.to_string();
        // What names the change is its own; what is asked a second time is asked to see whether it is still so.
        let own = again || name.split(['/', '?', '&', '=']).any(|part| part == number);
        if own {
            return client.get(name).map(Arc::new);
        }
        if let Some(reply) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Arc::clone(reply));
        }
        let reply = Arc::new(client.get(name)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < SHARED_ANSWERS && reply.body.len() <= SHARED_BYTES && reply.status < 500 {
            kept.insert(name.to_owned(), Arc::clone(&reply));
        }
        Ok(reply)
    }
}

fn without_repetitions(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_side_by_side_keeps_its_order() {
        let items: Vec<u64> = (0..100).collect();
        let running = AtomicUsize::new(0);
        let most = AtomicUsize::new(0);
        let done: Result<Vec<u64>, ()> = side_by_side(&items, 8, |n| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(n % 7));
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(n * 2)
        });
        assert_eq!(done.unwrap(), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 8);
        let none: Result<Vec<u64>, ()> = side_by_side(&[], 8, |n: &u64| Ok(*n));
        assert_eq!(none, Ok(Vec::new()));
    }

    #[test]
    fn after_a_failure_nothing_new_is_begun() {
        let items: Vec<u64> = (0..10_000).collect();
        let begun = AtomicUsize::new(0);
        let done: Result<Vec<()>, u64> = side_by_side(&items, 4, |n| {
            begun.fetch_add(1, Ordering::SeqCst);
            if *n == 3 { Err(*n) } else { Ok(()) }
        });
        assert_eq!(done, Err(3));
        assert!(begun.load(Ordering::SeqCst) < 10_000);
    }
}
