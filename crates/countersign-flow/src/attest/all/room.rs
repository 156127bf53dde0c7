//! How much the workers of one run have in hand: a document becomes many times its bytes in memory, and is there once for each worker.

use countersign_core::limits::VERIFY_BYTES_AT_ONCE;
use std::sync::{Condvar, Mutex, PoisonError};

/// Room for so many bytes of attestations; for one that is longer, when nothing else is in hand.
#[derive(Debug, Default)]
pub(super) struct Room {
    taken: Mutex<usize>,
    freed: Condvar,
}

/// Some of it, until it is dropped.
#[derive(Debug)]
pub(super) struct Taken<'r> {
    room: &'r Room,
    bytes: usize,
}

impl Room {
    /// Waits until there is room for so many bytes.
    pub(super) fn take(&self, bytes: usize) -> Taken<'_> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken > 0 && taken.saturating_add(bytes) > VERIFY_BYTES_AT_ONCE {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = taken.saturating_add(bytes);
        Taken { room: self, bytes }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut taken = self.room.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(self.bytes);
        self.room.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn long_documents_are_in_hand_one_after_the_other_and_short_ones_together() {
        let (room, inside, most) = (Room::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let most_of = |bytes: usize| {
            most.store(0, Ordering::SeqCst);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let taken = room.take(bytes);
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(50));
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(taken);
                    });
                }
            });
            most.load(Ordering::SeqCst)
        };
        assert_eq!(most_of(VERIFY_BYTES_AT_ONCE / 2 + 1), 1);
        assert_eq!(most_of(VERIFY_BYTES_AT_ONCE * 2), 1);
        let held = [room.take(1), room.take(VERIFY_BYTES_AT_ONCE / 2)];
        assert_eq!(*room.taken.lock().unwrap(), VERIFY_BYTES_AT_ONCE / 2 + 1);
        drop(held);
        assert_eq!(*room.taken.lock().unwrap(), 0);
    }
}
