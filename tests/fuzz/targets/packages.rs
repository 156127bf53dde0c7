//! What other package managers and compilers leave, from bytes: nothing stops the readers, and what they make has no
//! component twice. A first part may be followed, behind a byte 0, by what lies beside it: the project's own file, or a second
//! package of the folder.
#![no_main]

use countersign_sbom::packages;
use std::{collections::BTreeSet, fs, path::Path};

/// What is read, and the file beside it.
const NAMES: [(&str, &str); 8] = [
    ("package-lock.json", "package.json"),
    ("uv.lock", "pyproject.toml"),
    ("poetry.lock", "pyproject.toml"),
    ("requirements.txt", "more.txt"),
    ("a.whl", "b.whl"),
    ("program", "other"),
    ("site-packages/a-1.0.egg-info", "site-packages/b-2.0.egg-info/PKG-INFO"),
    ("package-lock.json", ".npmrc"),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Some((name, beside)) = NAMES.get(usize::from(*first) % NAMES.len()) else { return };
    let folder = std::env::temp_dir().join(format!("countersign-fuzz-{}", std::process::id()));
    let path = folder.join(name);
    // What a binary and an archive are has bytes 0 of its own.
    let whole = matches!(*name, "a.whl" | "program");
    let end = rest.iter().position(|byte| *byte == 0).filter(|_| !whole);
    let (first, second) = end.map_or((rest, None), |end| (&rest[..end], Some(&rest[end + 1..])));
    write(&path, first);
    if let Some(second) = second {
        write(&folder.join(beside), second);
    }
    let read = if name.starts_with("site-packages") { folder.join("site-packages") } else { path };
    let made = packages::read(&read, None);
    fs::remove_dir_all(&folder).expect("removed");
    if let Ok(made) = made {
        let references: BTreeSet<&str> = made.bom.all().map(|item| item.reference.as_str()).collect();
        assert!(made.bom.root.is_some());
        assert_eq!(references.len(), made.bom.all().count());
    }
});

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}
