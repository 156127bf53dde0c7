//! Armoured SSH signatures: one that holds for a message holds for no other message, and in no other namespace.
#![no_main]

use countersign_verify::ssh;

/// What the seeds were made over.
const MESSAGE: &[u8] = b"the message of the seeds";
const NAMESPACE: &str = "review@countersign.dev";

libfuzzer_sys::fuzz_target!(|armor: &str| {
    if ssh::verify(armor, NAMESPACE, MESSAGE).is_ok() {
        assert!(ssh::verify(armor, NAMESPACE, b"another").is_err());
        assert!(ssh::verify(armor, "trust@countersign.dev", MESSAGE).is_err());
    }
});
