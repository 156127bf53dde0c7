//! Files of the log: tiles of hashes, bundles of entries, and their paths.
#![no_main]

use countersign_core::log::tile::{Tile, decode_entries, decode_hashes, encode_hashes, push_entry};

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (width, bytes) = input;
    if let Ok(hashes) = decode_hashes(bytes, width) {
        assert_eq!(hashes.len(), usize::from(width));
        assert!(bytes.starts_with(&encode_hashes(&hashes)));
    }
    if let Ok(entries) = decode_entries(bytes, width) {
        assert_eq!(entries.len(), usize::from(width));
        let mut written = Vec::new();
        for entry in entries {
            push_entry(&mut written, entry).expect("an entry that was read fits");
        }
        assert!(bytes.starts_with(&written));
    }
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    if let Ok(tile) = Tile::from_path(path) {
        assert_eq!(tile.path(), path, "a tile has one path");
    }
});
