//! Metadata of The Update Framework: a root is pinned or refused, the same each time, and nothing that a fuzzer writes follows
//! upon the real thing.
#![no_main]

use countersign_core::time::Time;
use countersign_verify::tuf::Root;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let at: Time = "2026-11-22T11:00:00Z".parse().expect("a time");
    let first = Root::pinned(bytes);
    assert_eq!(first.is_ok(), Root::pinned(bytes).is_ok());
    let Ok(root) = first else { return };
    drop(root.current(at));
    // The chain goes up by one: no root follows upon itself.
    assert!(root.next(bytes).is_err());
    for before in [None, Some(0), Some(u64::MAX)] {
        if let Ok(timestamp) = root.timestamp(bytes, before, at) {
            drop(timestamp.version_of("snapshot.json"));
            if let Ok(snapshot) = root.snapshot(&timestamp, bytes, at) {
                drop(root.targets(&snapshot, bytes, at));
            }
        }
    }
});
