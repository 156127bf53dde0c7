//! Signed documents from files and folders, as evidence, with the captures of forges' answers that lie beside them.

use crate::error::FlowError;
use crate::files;
use countersign_collect::artifact::{self, Artifact, Looked};
use countersign_core::attestation;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::forge::capture;
use countersign_core::{json, limits};
use countersign_report::escape::plain;
use countersign_verify::evidence::place_of;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What was handed in.
#[derive(Debug, Default)]
pub struct Handed {
    /// Signed documents, and Sigstore trusted roots in canonical form.
    pub documents: Vec<Vec<u8>>,
    /// Of those, what lay in a folder, or in a file with several: somebody else may have put it there.
    pub collected: BTreeSet<Sha256>,
    /// Captures of forges' answers, which signed documents name by digest.
    pub captures: Vec<Vec<u8>>,
}

/// An artifact that a decision is about: read once, and refused where the name may stand for something else by now.
pub fn artifact(path: &Path) -> Result<Artifact, FlowError> {
    let looked = artifact::look(path, 0)?;
    let wrong = doubtful(&looked, &path.display().to_string());
    if !wrong.is_empty() {
        return Err(FlowError::Refused(wrong));
    }
    Ok(Artifact { name: looked.name, digest: looked.sha256, path: path.to_owned() })
}

/// Why what was read may not be what is used.
#[must_use]
pub fn doubtful(looked: &Looked, place: &str) -> Vec<Finding> {
    let link = looked.link.then(|| Finding::new(codes::ARTIFACT_LINK, "the artifact is a symbolic link"));
    let changed =
        looked.changed.then(|| Finding::new(codes::ARTIFACT_CHANGED, "the artifact changed while it was read"));
    link.into_iter().chain(changed).map(|finding| finding.at(place)).collect()
}

/// Every document of these files, and of the files in these folders, in order. A file that does not hold signed
/// documents is refused with its line; a folder may be empty, and a hidden file in it is passed over.
pub fn read_all(bundles: &[PathBuf], more: &[PathBuf]) -> Result<Handed, FlowError> {
    let mut out = Handed::default();
    for path in bundles.iter().chain(more) {
        let before = out.documents.len();
        if path.is_dir() {
            for file in listed(path)? {
                read_into(&file, &mut out)?;
            }
        } else {
            read_into(path, &mut out)?;
        }
        let read = out.documents.get(before..).unwrap_or_default();
        if path.is_dir() || read.len() > 1 {
            out.collected.extend(read.iter().map(|bytes| Sha256::of(bytes)));
        }
    }
    Ok(out)
}

/// What a file says that is a Sigstore trusted root.
const ROOT_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

/// A Sigstore trusted root in canonical form: how it is laid out in its file makes no difference to its digest.
pub fn sigstore_root(path: &Path) -> Result<Vec<u8>, FlowError> {
    let bytes = files::read(path, limits::SIGSTORE_ROOT_BYTES)?;
    canonical_root(&bytes, &path.display().to_string())
}

/// The same of bytes; `place` names them.
pub fn canonical_root(bytes: &[u8], place: &str) -> Result<Vec<u8>, FlowError> {
    root_of(bytes).ok_or_else(|| {
        FlowError::Refused(vec![
            Finding::new(codes::SIGSTORE_ROOT_MALFORMED, "the file is not a Sigstore trusted root")
                .at(place)
                .expected(format!("JSON with a mediaType of {ROOT_MEDIA_TYPE}+json"), "countersign")
                .help("an instance publishes it as `trusted_root.json`"),
        ])
    })
}

fn root_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let marked = bytes.len() <= limits::SIGSTORE_ROOT_BYTES
        && bytes.windows(ROOT_MEDIA_TYPE.len()).any(|part| part == ROOT_MEDIA_TYPE.as_bytes());
    let value = json::parse(marked.then_some(bytes)?).ok()?;
    let media = value.get("mediaType")?.as_str()?;
    if media.starts_with(ROOT_MEDIA_TYPE) { json::canonical(&value).ok() } else { None }
}

/// A JSON document without its lines' ends: between its tokens they are white space, and within a text there is none.
pub(crate) fn in_one_line(document: &[u8]) -> impl Iterator<Item = u8> {
    document.trim_ascii().iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r'))
}

/// What a file holds with a bundle more: one line for each, also where one was laid out over several. What comes out is read
/// back before anybody writes it, so that no file becomes one that nobody can read.
pub fn with_one_more(path: &Path, bundle: &[u8]) -> Result<Vec<u8>, FlowError> {
    let mut there = Handed::default();
    match read_into(path, &mut there) {
        Err(FlowError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
        done => done?,
    }
    let refused = |what: String| {
        let finding = Finding::new(codes::BUNDLE_MALFORMED, what).at(path.display().to_string());
        FlowError::Refused(vec![finding.help("sign into another file, without --append")])
    };
    if !there.captures.is_empty() {
        return Err(refused("what a forge said is no file of bundles: nothing is added to it".to_owned()));
    }
    let count = there.documents.len().saturating_add(1);
    let mut bytes = Vec::new();
    for document in there.documents.iter().map(Vec::as_slice).chain([bundle]) {
        bytes.extend(in_one_line(document));
        bytes.push(b'\n');
    }
    let mut back = Handed::default();
    take_in(&bytes, path, &mut back)?;
    if back.documents.len() == count {
        return Ok(bytes);
    }
    Err(refused(format!("of the {count} bundles that it would hold, {} can be read back", back.documents.len())))
}

/// Text for people with the file's name beside each document that a finding names by digest: people know files.
#[must_use]
pub fn named(text: &str, paths: &[PathBuf]) -> String {
    let named =
        |out: String, (place, file): &(String, String)| out.replace(place, &format!("{}  {place}", plain(file)));
    names(paths).iter().fold(text.to_owned(), named)
}

/// The same for the places of findings.
#[must_use]
pub fn with_names(findings: &[Finding], paths: &[PathBuf]) -> Vec<Finding> {
    let mut out = findings.to_vec();
    let names = names(paths);
    for at in out.iter_mut().flat_map(|finding| finding.at.iter_mut()) {
        for (place, file) in names.iter().filter(|(place, _)| at.contains(place.as_str())).collect::<Vec<_>>() {
            *at = at.replace(place, &format!("{file}  {place}"));
        }
    }
    out
}

/// The places of documents by digest, and the files that they are in.
fn names(paths: &[PathBuf]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for path in paths {
        let files = if path.is_dir() { listed(path).unwrap_or_default() } else { vec![path.clone()] };
        for file in files {
            let mut handed = Handed::default();
            if read_into(&file, &mut handed).is_ok() {
                for document in handed.documents {
                    out.push((place_of(&Sha256::of(&document)), file.display().to_string()));
                }
            }
        }
    }
    out
}

fn read_into(path: &Path, out: &mut Handed) -> Result<(), FlowError> {
    let is_capture = |start: &[u8]| start.starts_with(capture::FIRST_LINE.as_bytes());
    let limit = |start: &[u8]| if is_capture(start) { limits::CAPTURE_BYTES } else { limits::DOCUMENT_BYTES };
    let bytes = files::read_by_start(path, limit).map_err(|error| {
        let FlowError::TooLarge { found, limit, .. } = error else { return error };
        FlowError::Refused(vec![
            Finding::new(codes::BUNDLE_MALFORMED, "the file is too large to hold signed documents")
                .at(path.display().to_string())
                .expected(format!("at most {limit} bytes"), "countersign")
                .found(format!("{found} bytes"))
                .help("name the signed bundle, not what it is about"),
        ])
    })?;
    if is_capture(&bytes) {
        out.captures.push(bytes);
        return Ok(());
    }
    take_in(&bytes, path, out)
}

fn take_in(bytes: &[u8], path: &Path, out: &mut Handed) -> Result<(), FlowError> {
    if let Some(root) = root_of(bytes) {
        out.documents.push(root);
        return Ok(());
    }
    let documents = Signed::parse_lines(bytes).map_err(|error| {
        let finding = Finding::new(error.code(), error.to_string()).at(path.display().to_string());
        FlowError::Refused(vec![match unsigned(bytes, path) {
            Some(help) => finding.help(help),
            None => finding,
        }])
    })?;
    out.documents.extend(documents.into_iter().map(|(bytes, _)| bytes));
    out.documents.extend(Signed::roots_among(bytes));
    Ok(())
}

/// What to do with a document that was handed in as if it were signed.
fn unsigned(bytes: &[u8], path: &Path) -> Option<String> {
    let path = path.display();
    let older = |line: &[u8]| {
        let media = |value: serde_json::Value| value.get("mediaType").and_then(|m| m.as_str().map(str::to_owned));
        json::parse(line).ok().and_then(media).is_some_and(|media| attestation::is_layer(&media))
    };
    if bytes.split(|byte| *byte == b'\n').any(older) {
        let what = "cosign attached one of these before there were bundles: judge it with --trusted-root, or --key, and what \
                    you expect; `fetch --bundles-only` leaves it out";
        return Some(what.to_owned());
    }
    let value = json::parse(bytes).ok()?;
    if value.get("predicateType").is_some() {
        return Some(format!("it is not signed yet: `countersign sign {path} --key KEY --output FILE`"));
    }
    let is_sbom = value.get("bomFormat").is_some_and(|format| format == "CycloneDX");
    is_sbom.then(|| format!("it is not signed yet: `countersign sign {path} --type sbom --artifact FILE --key KEY`"))
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, FlowError> {
    let failed = |source| FlowError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
