//! Which file an attestation is about, by the names of both: `app` of `app.sigstore.json`.

use crate::documents;
use countersign_collect::artifact::{self, Looked};
use countersign_core::codes;
use countersign_core::finding::Finding;
use std::path::{Path, PathBuf};

/// How the name of an attestation ends, behind the name of the file that it is about.
const BESIDE: &[&str] = &[
    ".sigstore.json",
    ".sigstore.jsonl",
    ".sigstore",
    ".bundle",
    ".intoto.jsonl",
    ".intoto.json",
    ".intoto",
    ".publish.attestation",
    ".slsa.attestation",
    ".attestation",
    ".att",
    ".provenance.json",
    ".provenance",
    ".slsa",
];
/// What may stand before that, by what it says: `app.provenance.sigstore.json`.
const KINDS: &[&str] = &[".provenance", ".sbom", ".vsa", ".intoto", ".build"];

/// The names of the files that an attestation with this name may lie beside, the longest of each first.
fn stems(name: &str) -> impl Iterator<Item = &str> {
    let ends = BESIDE.iter().filter_map(move |end| name.strip_suffix(end));
    let each =
        ends.flat_map(|stem| std::iter::once(stem).chain(KINDS.iter().filter_map(move |kind| stem.strip_suffix(kind))));
    each.filter(|stem| !stem.is_empty())
}

/// The file that an attestation lies beside, by its name: `app` of `app.sigstore.json`.
fn file_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    stems(name).map(|stem| path.with_file_name(stem)).find(|file| file.is_file())
}

/// What an attestation lies beside.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Where it is, if it could be read.
    pub(super) file: Option<PathBuf>,
    /// What was read of it.
    pub(super) looked: Option<Looked>,
    /// Why it may not be what is used.
    pub(super) doubts: Vec<Finding>,
}

impl Beside {
    /// Reads the file that an attestation lies beside, once; `keep` is how many of its bytes are kept at most.
    pub(super) fn read(path: &Path, keep: usize) -> Self {
        let Some(file) = file_of(path) else { return Self::default() };
        match artifact::look(&file, keep) {
            Ok(looked) => {
                let doubts = documents::doubtful(&looked, &file.display().to_string());
                Self { file: Some(file), looked: Some(looked), doubts }
            }
            Err(error) => {
                let doubt = Finding::new(codes::BUNDLE_MALFORMED, error.to_string()).at(path.display().to_string());
                Self { file: None, looked: None, doubts: vec![doubt] }
            }
        }
    }
}

/// Whether by its name an attestation lies beside this file, and beside no other one that is nearer to its own. What lies there may be no
/// attestation: that shows when it is read.
pub(super) fn may_have_one_beside(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_file()) else { return false };
    let kinds = std::iter::once("").chain(KINDS.iter().copied());
    let mut names = kinds.flat_map(|kind| BESIDE.iter().map(move |end| format!("{name}{kind}{end}")));
    names.any(|beside| {
        let beside = path.with_file_name(beside);
        beside.is_file() && file_of(&beside).as_deref() == Some(path)
    })
}
