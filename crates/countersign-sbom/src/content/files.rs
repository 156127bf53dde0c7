//! Single files of a package: the note of its origin, and the texts of licences. What cannot be read is not known; it is
//! never an error, since the list of packages does not rest on it.

use super::{
    archive,
    index::{self, Locked},
    unpacked,
};
use crate::inventory::{LicenceFile, Vcs};
use countersign_core::{digest::Sha256, limits};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

/// A file's bytes, if it is a file within the bound. A link is not followed: it could lead out of the package.
pub(super) fn bytes(path: &Path) -> Option<Vec<u8>> {
    let found = fs::symlink_metadata(path).ok()?;
    if !found.is_file() || found.len() > limits::CRATE_TEXT_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(limits::CRATE_TEXT_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn vcs(folder: &Path) -> Option<Vcs> {
    Vcs::parse(&bytes(&folder.join(".cargo_vcs_info.json"))?)
}

impl Vcs {
    /// Reads what `cargo package` wrote down of the repository (`.cargo_vcs_info.json`); nothing of a note that is strange.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Note {
            git: Git,
            #[serde(default)]
            path_in_vcs: String,
        }
        #[derive(serde::Deserialize)]
        struct Git {
            sha1: String,
            #[serde(default)]
            dirty: bool,
        }
        let note: Note = serde_json::from_slice(bytes).ok()?;
        let commit = note.git.sha1;
        let hex = matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let parts = |path: &str| path.split('/').all(|part| part != ".." && !part.contains(['\\', ':']));
        let relative = !note.path_in_vcs.starts_with('/') && parts(&note.path_in_vcs);
        (hex && relative && note.path_in_vcs.len() < 1_000).then_some(Self {
            commit,
            folder: note.path_in_vcs,
            dirty: note.git.dirty,
        })
    }
}

/// What the files of a package say that can be found without its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) vcs: Option<Vcs>,
    pub(super) licences: Vec<LicenceFile>,
    /// Whether its registry took it back, where that is known.
    pub(super) yanked: Option<bool>,
    /// Whether something in the folder is newer than when Cargo unpacked it, or than what it unpacks.
    pub(super) changed: bool,
}

impl Found {
    pub(super) fn of(folder: &Path, locked: Option<Locked<'_>>) -> Self {
        let yanked = locked.and_then(|locked| index::yanked(folder, &locked));
        // Of a package from elsewhere there is no archive to compare it with.
        let archive = locked.and_then(|locked| archive::in_cache(folder, locked.name, locked.version));
        let changed = archive.is_some_and(|archive| unpacked::changed(folder, &archive));
        Self { vcs: vcs(folder), licences: licences(folder), yanked, changed }
    }

    /// With the file that the manifest names.
    pub(super) fn with_named(mut self, folder: &Path, named: Option<&str>) -> Self {
        let inside = |name: &&str| !name.starts_with('/') && name.split(['/', '\\']).all(|part| part != "..");
        let known = |name: &&str| self.licences.iter().any(|file| file.name == **name);
        let more = named.filter(inside).filter(|name| !known(name)).and_then(|name| licence(folder, name.to_owned()));
        self.licences.extend(more);
        self.licences.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }
}

/// Files at the top of a package, and in its `LICENSES`, whose name is that of a licence's text; in the order of names.
fn licences(folder: &Path) -> Vec<LicenceFile> {
    let mut names = BTreeSet::new();
    for (below, all) in [("", false), ("LICENSES", true)] {
        let Ok(entries) = fs::read_dir(folder.join(below)) else { continue };
        for entry in entries.take(limits::CRATE_FILES).filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if all || is_licence(&name) {
                names.insert(if below.is_empty() { name } else { format!("{below}/{name}") });
            }
        }
    }
    names.into_iter().filter_map(|name| licence(folder, name)).collect()
}

fn licence(folder: &Path, name: String) -> Option<LicenceFile> {
    if name.len() >= 200 || name.chars().any(char::is_control) {
        return None;
    }
    let digest = Sha256::of(&bytes(&folder.join(&name))?);
    Some(LicenceFile { name, digest })
}

fn is_licence(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let begins = |word: &str| {
        upper.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_', 'S']))
    };
    let code = [".RS", ".C", ".H", ".PY", ".SH", ".TOML", ".JSON"].iter().any(|end| upper.ends_with(end));
    !code && ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "UNLICENSE", "NOTICE"].into_iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(text: &str) -> Option<Vcs> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".cargo_vcs_info.json"), text).unwrap();
        vcs(folder.path())
    }

    #[test]
    fn the_note_of_the_origin_is_read_and_a_strange_one_is_not_repeated() {
        let commit = "a".repeat(40);
        let found =
            noted(&format!("{{\"git\":{{\"sha1\":\"{commit}\",\"dirty\":true}},\"path_in_vcs\":\"crates/a\"}}"));
        assert_eq!(found, Some(Vcs { commit: commit.clone(), folder: "crates/a".to_owned(), dirty: true }));
        let found = noted(&format!("{{\"git\":{{\"sha1\":\"{commit}\"}}}}")).unwrap();
        assert!(!found.dirty);
        for text in [
            "{\"git\":{\"sha1\":\"main\"}}".to_owned(),
            format!("{{\"git\":{{\"sha1\":\"{commit}\"}},\"path_in_vcs\":\"/folder/of/somebody\"}}"),
            "{".to_owned(),
        ] {
            assert_eq!(noted(&text), None, "{text}");
        }
    }

    #[test]
    fn texts_of_licences_are_found_by_name_and_nothing_outside_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("a");
        fs::create_dir_all(folder.join("LICENSES")).unwrap();
        fs::write(outer.path().join("LICENCE"), "outside").unwrap();
        for (name, text) in [
            ("LICENSE-MIT", "mit"),
            ("license.rs", "code"),
            ("LICENSES/Zlib.txt", "zlib"),
            ("README", "no"),
            ("own.txt", "own"),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        let found = |named| Found::of(&folder, None).with_named(&folder, named).licences;
        let names = |named| found(named).into_iter().map(|file| file.name).collect::<Vec<_>>();
        assert_eq!(names(None), ["LICENSE-MIT", "LICENSES/Zlib.txt"]);
        assert_eq!(names(Some("own.txt")), ["LICENSE-MIT", "LICENSES/Zlib.txt", "own.txt"]);
        assert_eq!(names(Some("LICENSE-MIT")), ["LICENSE-MIT", "LICENSES/Zlib.txt"]);
        assert_eq!(names(Some("../LICENCE")), ["LICENSE-MIT", "LICENSES/Zlib.txt"]);
        assert_eq!(found(None)[0].digest, Sha256::of(b"mit"));
    }
}
