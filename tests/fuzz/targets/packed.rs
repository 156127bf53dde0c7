//! An archive that a file is said to lie in, from bytes: nothing stops whoever looks through it, and what is packed by nothing is found
//! only where it is.
#![no_main]

use countersign_core::digest::Sha256;
use countersign_sbom::packages;

const FILE: &[u8] = b"server";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("countersign-fuzz-packed-{}", std::process::id()));
    std::fs::write(&path, bytes).expect("written");
    let found = packages::look(&path, &Sha256::of(FILE));
    let plain = !bytes.windows(2).any(|part| part == b"PK") && !bytes.starts_with(&[0x1f, 0x8b]);
    if plain && found.is_ok_and(|content| content.is_some_and(|content| content.found)) {
        assert!(bytes.windows(FILE.len()).any(|part| part == FILE));
    }
    std::fs::remove_file(&path).expect("removed");
});
