//! Cargo's copy of a registry's index, and the note of where a package was packed: no bytes stop the readers, nothing is said
//! of an archive that the bytes do not name, and no path leads out of the repository. The version that is asked for stands in
//! the first line.
#![no_main]

use countersign_core::digest::Sha256;
use countersign_sbom::{Vcs, taken_back};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(vcs) = Vcs::parse(bytes) {
        assert!(matches!(vcs.commit.len(), 40 | 64) && vcs.commit.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(!vcs.folder.starts_with('/') && vcs.folder.split('/').all(|part| part != ".."));
    }
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (version, list) = (&bytes[..end], &bytes[end + 1..]);
    let Ok(version) = std::str::from_utf8(version) else { return };
    let archive = Sha256::of(b"an archive");
    if taken_back(list, version, &archive).is_some() {
        let says = |what: &[u8]| list.windows(what.len().max(1)).any(|window| window == what);
        assert!(version.is_empty() || says(version.as_bytes()));
        assert_eq!((list.first(), list.last()), (Some(&3), Some(&0)), "a form that is known, and whole");
    }
});
