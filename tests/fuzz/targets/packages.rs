//! What other package managers and compilers leave, from bytes: nothing stops the readers, and what they make has no
//! component twice.
#![no_main]

use countersign_sbom::packages;
use std::collections::BTreeSet;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let names = ["package-lock.json", "uv.lock", "poetry.lock", "requirements.txt", "a.whl", "program"];
    let Some(name) = names.get(usize::from(*first) % names.len()) else { return };
    let folder = std::env::temp_dir().join(format!("countersign-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, rest).expect("written");
    let made = packages::read(&path, None);
    std::fs::remove_file(&path).expect("removed");
    if let Ok(made) = made {
        let references: BTreeSet<&str> = made.bom.all().map(|item| item.reference.as_str()).collect();
        assert!(made.bom.root.is_some());
        assert!(references.len() <= made.bom.all().count());
    }
});
