//! `Cargo.lock` and what Cargo leaves beside a binary, from bytes: nothing stops the readers, and a document that is made holds
//! to its schema. Behind a zero byte stands the second file.
#![no_main]

use countersign_sbom::{Facts, compare, lock_inventory, write};
use std::{collections::BTreeSet, fs};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut files = bytes.splitn(2, |byte| *byte == 0);
    let (lock, left) = (files.next().unwrap_or_default(), files.next().unwrap_or_default());
    let folder = std::env::temp_dir().join(format!("countersign-fuzz-lock-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("Cargo.lock"), lock).expect("written");
    let Ok(inventory) = lock_inventory(&folder) else { return };
    let references: BTreeSet<&str> = inventory.components.iter().map(|one| one.reference.as_str()).collect();
    for component in std::iter::once(&inventory.root).chain(&inventory.components) {
        assert!(component.depends_on.iter().all(|to| references.contains(to.as_str())), "an edge to nothing");
    }
    write(&inventory, &Facts::default()).expect("a document that holds to its schema");
    fs::write(folder.join("app"), b"no program").expect("written");
    fs::write(folder.join("app.cargo-sbom.json"), left).expect("written");
    let _compared = compare(&folder.join("app"), &inventory);
});
