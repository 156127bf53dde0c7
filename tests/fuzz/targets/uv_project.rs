//! `uv.lock` and the `pyproject.toml` beside it, from bytes: nothing stops the readers, and a lock that is taken is taken without
//! the manifest too. Behind a zero byte stands the manifest.
#![no_main]

use countersign_sbom::packages;
use std::fs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut files = bytes.splitn(2, |byte| *byte == 0);
    let (lock, manifest) = (files.next().unwrap_or_default(), files.next().unwrap_or_default());
    let folder = std::env::temp_dir().join(format!("countersign-fuzz-uv-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let (lock_path, manifest_path) = (folder.join("uv.lock"), folder.join("pyproject.toml"));
    fs::write(&lock_path, lock).expect("written");
    fs::write(&manifest_path, manifest).expect("written");
    let both = packages::read(&lock_path, None);
    fs::remove_file(&manifest_path).expect("removed");
    if both.is_ok() {
        assert!(packages::read(&lock_path, None).is_ok(), "only the manifest makes it one that is taken");
    }
});
