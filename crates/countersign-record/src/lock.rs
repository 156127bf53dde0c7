//! The lock of a file that is open. Somebody else who has it is no fault here, but is not waited for either.

use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

/// Takes the lock; `false` where somebody else has it.
///
/// A process that another thread of ours starts has all that is open here, and its locks, until its own program begins. For as
/// long as that takes it is looked again: nobody else is at it then.
pub(crate) fn taken(file: &File) -> io::Result<bool> {
    for _ in 1..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(source),
    }
}

/// How often it is looked, and the pause in between.
const LOOKS: u32 = 30;
const PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_given_back_soon_is_had_and_one_that_is_kept_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || File::open(file.path()).unwrap();
        let (held, mine) = (open(), open());
        assert!(taken(&held).unwrap());
        assert!(!taken(&mine).unwrap());
        let gives_back = std::thread::spawn(move || {
            std::thread::sleep(PAUSE * 3);
            drop(held);
        });
        assert!(taken(&mine).unwrap());
        gives_back.join().unwrap();
    }
}
