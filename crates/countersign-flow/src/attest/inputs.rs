//! Attestations from where people have them: files, folders, an OCI layout, a git note.

use super::oci;
use crate::error::FlowError;
use crate::files;
use countersign_collect::Environment;
use countersign_collect::git::GitRepo;
use countersign_core::attestation::{self, Attestation};
use countersign_core::bundle::BundleError;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::RefName;
use countersign_core::limits;
use std::path::{Path, PathBuf};

/// One attestation, and where it is.
#[derive(Debug, Clone)]
pub struct Read {
    /// The file.
    pub file: String,
    /// The file, and where in it.
    pub place: String,
    /// The attestation.
    pub attestation: Attestation,
    /// Whether it was found in a folder that holds those of other artifacts too: then it is passed over where it is about
    /// another, and refused where somebody named it.
    pub found: bool,
}

/// Everything in these files and folders, in order. A folder is walked; one that is an OCI layout is read as one.
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Read>, FlowError> {
    let mut out = Vec::new();
    for path in paths {
        if !path.is_dir() {
            out.extend(read_file(path, false)?);
        } else if oci::is_layout(path) {
            out.extend(oci::attestations(path)?);
        } else {
            for found in walk(path)?.files {
                let layout = found.is_dir();
                out.extend(if layout { oci::attestations(&found)? } else { read_file(&found, true)? });
            }
        }
    }
    Ok(out)
}

/// What the OCI layouts among these files and folders name and do not have.
pub fn lacking(paths: &[PathBuf]) -> Result<Vec<Finding>, FlowError> {
    let mut out = Vec::new();
    for path in paths.iter().filter(|path| path.is_dir()) {
        if oci::is_layout(path) {
            out.extend(oci::lacking(path)?);
            continue;
        }
        for found in walk(path)?.files.iter().filter(|found| found.is_dir()) {
            out.extend(oci::lacking(found)?);
        }
    }
    Ok(out)
}

/// Everything in one file.
pub fn read_file(path: &Path, found: bool) -> Result<Vec<Read>, FlowError> {
    let place = path.display().to_string();
    let bytes = files::read(path, limits::COLLECTION_BYTES)?;
    read_bytes(&bytes, &place, found)
}

/// Everything in these bytes.
pub fn read_bytes(bytes: &[u8], place: &str, found: bool) -> Result<Vec<Read>, FlowError> {
    let refused = |error: &BundleError| {
        let finding = Finding::new(error.code(), error.to_string()).at(place);
        FlowError::Refused(vec![match error.help() {
            Some(help) => finding.help(help),
            None => finding,
        }])
    };
    let read = attestation::read(bytes).map_err(|error| refused(&error))?;
    let placed = |attestation: Attestation| {
        let within = if attestation.place.is_empty() { String::new() } else { format!(", {}", attestation.place) };
        Read { file: place.to_owned(), place: format!("{place}{within}"), attestation, found }
    };
    Ok(read.into_iter().map(placed).collect())
}

/// Everything in the notes of a ref: each note holds one attestation, as it was written or over several lines, or lines of them, or
/// several of these with an empty line between them, as `git notes append` leaves it.
pub fn read_notes(folder: &Path, name: &RefName, environment: &Environment) -> Result<Vec<Read>, FlowError> {
    let repository = GitRepo::open(folder, environment)?;
    let mut out = Vec::new();
    for note in repository.notes_as_written(name)? {
        let place = format!("{name}, note of {}", note.commit);
        let parts = parts(&note.text);
        match read_bytes(&note.text, &place, true) {
            Ok(read) => out.extend(read),
            Err(_) if parts.len() > 1 => {
                for (number, part) in (1_usize..).zip(parts) {
                    let read = read_bytes(part, &format!("{place}, part {number}"), true);
                    out.extend(read.map_err(|refused| of_a_note(refused, part, name))?);
                }
            }
            Err(refused) => return Err(of_a_note(refused, &note.text, name)),
        }
    }
    Ok(out)
}

/// Of what was never JSON it is not said that it should be signed again: somebody wrote words beside the attestations.
fn of_a_note(refused: FlowError, text: &[u8], name: &RefName) -> FlowError {
    if matches!(text.trim_ascii().first(), Some(b'{' | b'[')) {
        return refused;
    }
    let FlowError::Refused(findings) = refused else { return refused };
    let help = format!(
        "this is no attestation but other text: keep notes for people under another ref (`git notes --ref=commits append`), and take \
         these words out of {name} (`git notes --ref={name} edit COMMIT`)"
    );
    FlowError::Refused(findings.into_iter().map(|finding| finding.help(help.as_str())).collect())
}

/// What stands between empty lines.
fn parts(text: &[u8]) -> Vec<&[u8]> {
    let (mut out, mut begun, mut at) = (Vec::new(), 0_usize, 0_usize);
    let mut put = |from: usize, to: usize| {
        let part = text.get(from..to).unwrap_or_default().trim_ascii();
        if !part.is_empty() {
            out.push(part);
        }
    };
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let end = at.saturating_add(line.len());
        if line.trim_ascii().is_empty() {
            put(begun, at);
            begun = end;
        }
        at = end;
    }
    put(begun, at);
    out
}

/// What lies below a folder.
#[derive(Debug, Default)]
pub struct Below {
    /// The files, sorted, and the OCI layouts. A link to a file is one.
    pub files: Vec<PathBuf>,
    /// Hidden files and folders, sorted: they are passed over.
    pub hidden: Vec<PathBuf>,
    /// What is neither file nor folder, sorted: links to folders, links that lead nowhere, pipes. It is not opened.
    pub odd: Vec<PathBuf>,
}

/// Walks a folder. Links to folders are not followed: they could lead in a circle.
pub fn walk(folder: &Path) -> Result<Below, FlowError> {
    let mut out = Below::default();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let failed = |source| FlowError::Read { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if hidden {
                out.hidden.push(path);
            } else if kind.is_dir() && !oci::is_layout(&path) {
                open.push(path);
            } else if kind.is_dir() || kind.is_file() || path.is_file() {
                out.files.push(path);
            } else {
                out.odd.push(path);
            }
            let seen = [&out.files, &out.hidden, &out.odd, &open].iter().map(|paths| paths.len()).sum::<usize>();
            if seen > limits::VERIFY_FILES {
                return Err(FlowError::Refused(vec![
                    Finding::new(codes::BUNDLE_MALFORMED, "the folder holds more files than are read")
                        .at(folder.display().to_string())
                        .expected(format!("at most {}", limits::VERIFY_FILES), "countersign"),
                ]));
            }
        }
    }
    for paths in [&mut out.files, &mut out.hidden, &mut out.odd] {
        paths.sort();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_a_note_are_to_be_kept_elsewhere_and_not_signed_again() {
        let name = RefName::new("refs/notes/attestations").unwrap();
        let help = |text: &[u8]| {
            let refused = of_a_note(read_bytes(text, "here", true).unwrap_err(), text, &name);
            let FlowError::Refused(findings) = refused else { panic!("{refused}") };
            findings[0].help.clone()
        };
        let words = help(b"looks good to me\n").unwrap();
        assert!(words.contains("this is no attestation") && words.contains("--ref=refs/notes/attestations"), "{words}");
        // What was meant as one is told as what it is.
        assert_eq!(help(b" {\"mediaType\": 1"), None);
        assert_eq!(help(b"{\"a\": 1}"), None);
    }
}
