//! Manifests of policy releases and the lock file: a manifest has one spelling only.
#![no_main]

use countersign_core::policy::{Lock, Manifest};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse(bytes) {
        assert_eq!(manifest.to_bytes().ok().as_deref(), Some(bytes));
    }
    if let Ok(lock) = Lock::parse(bytes) {
        let again = Lock::parse(lock.to_text().as_bytes()).expect("what we write, we read");
        assert_eq!(again.to_text(), lock.to_text());
    }
});
