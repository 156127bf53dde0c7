//! What Cargo's copy of a registry's index says of a package: whether it was taken back (yanked) since it was locked. The
//! copy is as old as Cargo's last look at the registry, and its form is Cargo's own: what cannot be read is not known.

use countersign_core::{digest::Sha256, limits};
use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// A version as a lock file names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Locked<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) checksum: &'a Sha256,
}

/// The form of the copy that is read: its first byte.
const FORM: u8 = 3;

/// Whether the version whose sources lie in this folder of Cargo's was taken back; `None` where that is not known.
pub(super) fn yanked(folder: &Path, locked: &Locked<'_>) -> Option<bool> {
    let mut bytes = Vec::new();
    let file = File::open(place(folder, locked.name)?).ok()?;
    file.take(limits::CRATE_INDEX_BYTES).read_to_end(&mut bytes).ok()?;
    said(&bytes, locked.version, locked.checksum)
}

/// `…/registry/src/INDEX/NAME-VERSION` has its list at `…/registry/index/INDEX/.cache/PREFIX/NAME`.
fn place(folder: &Path, name: &str) -> Option<PathBuf> {
    let index = folder.parent()?;
    let sources = index.parent()?;
    let registry = sources.parent()?;
    let name = name.to_ascii_lowercase();
    let part = |from: usize, to: usize| name.get(from..to).map(str::to_owned);
    let prefix = match name.len() {
        0 => return None,
        1 => "1".to_owned(),
        2 => "2".to_owned(),
        3 => format!("3/{}", part(0, 1)?),
        _ => format!("{}/{}", part(0, 2)?, part(2, 4)?),
    };
    let fits = sources.file_name()? == "src" && registry.file_name()? == "registry";
    fits.then(|| {
        registry.join("index").join(index.file_name().unwrap_or_default()).join(".cache").join(prefix).join(name)
    })
}

/// After a head, pairs of a version and what is said of it, with a zero byte behind each part.
pub(crate) fn said(bytes: &[u8], version: &str, checksum: &Sha256) -> Option<bool> {
    #[derive(serde::Deserialize)]
    struct Line {
        vers: String,
        cksum: String,
        yanked: bool,
    }
    // From the end: the versions stand in their order, and most locks have late ones.
    let mut parts = bytes.rsplit(|byte| *byte == 0);
    if bytes.first() != Some(&FORM) || parts.next().is_none_or(|rest| !rest.is_empty()) {
        return None;
    }
    while let (Some(said), Some(of)) = (parts.next(), parts.next()) {
        if of == version.as_bytes() {
            let line: Line = serde_json::from_slice(said).ok()?;
            return (line.vers == version && line.cksum == checksum.hex()).then_some(line.yanked);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_version_that_was_taken_back_is_found_by_its_digest_and_what_cannot_be_read_is_not_known() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("registry/src/index/Abcd-1.0.0");
        let list = home.path().join("registry/index/index/.cache/ab/cd/abcd");
        fs::create_dir_all(list.parent().unwrap()).unwrap();
        let (sum, other) = (Sha256::of(b"a"), Sha256::of(b"b"));
        let line = |version: &str, sum: &Sha256, yanked: bool| {
            format!(
                "{version}\0{{\"name\":\"Abcd\",\"vers\":\"{version}\",\"cksum\":\"{}\",\"yanked\":{yanked}}}\0",
                sum.hex()
            )
        };
        let head = "\u{3}\u{2}\0\0\0etag: x\0";
        let of = |version: &str, checksum: &Sha256| yanked(&folder, &Locked { name: "Abcd", version, checksum });
        assert_eq!(of("1.0.0", &sum), None, "there is no list");
        fs::write(&list, [head, &line("1.0.0", &sum, true), &line("1.0.1", &other, false)].concat()).unwrap();
        assert_eq!(of("1.0.0", &sum), Some(true));
        assert_eq!(of("1.0.1", &other), Some(false));
        assert_eq!(of("1.0.1", &sum), None, "another package of that name");
        assert_eq!(of("1.0.2", &sum), None);
        fs::write(&list, [&head.replace('\u{3}', "\u{4}"), &*line("1.0.0", &sum, true)].concat()).unwrap();
        assert_eq!(of("1.0.0", &sum), None, "a form that is not known");
        fs::write(&list, [head, "1.0.0\0{"].concat()).unwrap();
        assert_eq!(of("1.0.0", &sum), None);
        for (name, prefix) in [("a", "1/a"), ("ab", "2/ab"), ("abc", "3/a/abc")] {
            assert!(place(&folder, name).unwrap().ends_with(format!(".cache/{prefix}")));
        }
        assert_eq!((place(&folder, ""), place(Path::new("vendor/a"), "a")), (None, None));
    }
}
