//! The archive of a package (a tar file, as it is once inflated) beside a folder of unpacked files: no bytes stop the reader, and a
//! folder passes for the archive's content only where the archive has the folder's one file, whole.
#![no_main]

use countersign_sbom::unpacked;
use flate2::{Compression, write::GzEncoder};
use std::{fs, io::Write as _, path::PathBuf, sync::OnceLock};

const CONTENT: &[u8] = b"[package]\nname = \"a\"\n";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let place = place();
    let archive = place.join("a-1.0.0.crate");
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    packed.write_all(bytes).expect("in memory");
    fs::write(&archive, packed.finish().expect("in memory")).expect("written");
    let folder = place.join("a-1.0.0");
    if let Ok(true) = unpacked(&archive, &folder, "a 1.0.0") {
        let has = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
        assert!(has(CONTENT) && has(b"Cargo.toml"));
    }
});

/// A folder that the first call makes.
fn place() -> &'static PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = std::env::temp_dir().join(format!("countersign-fuzz-{}", std::process::id()));
        let folder = place.join("a-1.0.0");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("Cargo.toml"), CONTENT).expect("written");
        fs::write(folder.join(".cargo-ok"), "{\"v\":1}").expect("written");
        place
    })
}
