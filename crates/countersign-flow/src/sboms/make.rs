//! `sbom ingest` and `sbom merge`: documents of others taken in whole, and several as one.

use super::{Opened, foreign, notes, open, schema_findings};
use crate::error::FlowError;
use crate::files;
use crate::output::{SbomIngested, SbomMerged};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::time::Time;
use countersign_record::atomic::{same_file, write_atomic};
use countersign_sbom::bom::{Document, Format};
use countersign_sbom::merge::{MergeError, Part, Release};
use countersign_sbom::{convert, merge as merging};
use std::path::{Path, PathBuf};

/// What is taken in, and to where.
#[derive(Debug, Clone, Copy)]
pub struct Ingest<'a> {
    /// The document.
    pub document: &'a Path,
    /// The CycloneDX document that is signed.
    pub output: &'a Path,
    /// Where another format's own bytes are kept.
    pub raw: Option<&'a Path>,
}

/// Takes a document in. CycloneDX goes through byte for byte; of SPDX the bytes are kept, and a CycloneDX view stands
/// beside them that names their digest.
pub fn ingest(request: &Ingest<'_>) -> Result<SbomIngested, FlowError> {
    let opened = valid(request.document)?;
    apart_from_inputs(request.output, &[request.document], matches!(opened.document.format, Format::CycloneDx(_)))?;
    let mut findings = notes(&opened);
    findings.extend(foreign(&opened));
    let digest = opened.digest;
    let mut raw = None;
    let written = match opened.document.format {
        Format::CycloneDx(_) => opened.bytes.clone(),
        Format::Spdx2 | Format::Spdx3 | Format::Made => {
            let kept = request.raw.map_or_else(|| beside(request.output), Path::to_owned);
            if same_file(&kept, request.output) {
                let what = "--raw and --output are one file: name two, or leave --raw out".to_owned();
                return Err(FlowError::Usage(what));
            }
            apart_from_inputs(&kept, &[request.document], false)?;
            let view = convert::to_cyclonedx(&opened.bom, &digest, None);
            let check = Document { format: Format::CycloneDx("1.6"), value: view };
            refuse_if_any(schema_findings(&check, request.output)?)?;
            write_atomic(&kept, &opened.bytes, 0o644)?;
            raw = Some(kept.display().to_string());
            let left = "files, snippets, annotations and other words about packages stand in the kept bytes alone";
            findings.push(Finding::new(codes::SBOM_PARTIAL, left).at(opened.name()));
            pretty(&check.value)?
        }
    };
    write_atomic(request.output, &written, 0o644)?;
    Ok(SbomIngested {
        file: opened.name(),
        digest,
        format: opened.document.format.to_string(),
        tools: opened.bom.about.tools.clone(),
        output: request.output.display().to_string(),
        output_digest: Sha256::of(&written),
        raw,
        components: opened.bom.all().count(),
        dependencies: opened.bom.edges.values().map(std::collections::BTreeSet::len).sum(),
        unknown: opened.bom.without_all_dependencies().count(),
        findings,
    })
}

/// What was read is not written over, unless it is with the same bytes.
fn apart_from_inputs(output: &Path, inputs: &[&Path], same_bytes: bool) -> Result<(), FlowError> {
    if same_bytes { Ok(()) } else { files::apart_from_inputs(output, inputs) }
}

/// `app.cdx.json` keeps its source as `app.raw.json`.
fn beside(output: &Path) -> PathBuf {
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".cdx.json").or_else(|| name.strip_suffix(".json")).unwrap_or(&name);
    output.with_file_name(format!("{stem}.raw.json"))
}

/// Reads a document and refuses one that does not hold by its schema.
fn valid(path: &Path) -> Result<Opened, FlowError> {
    let opened = open(path)?;
    refuse_if_any(schema_findings(&opened.document, path)?)?;
    Ok(opened)
}

fn refuse_if_any(findings: Vec<Finding>) -> Result<(), FlowError> {
    if findings.is_empty() { Ok(()) } else { Err(FlowError::Refused(findings)) }
}

pub(super) fn pretty(value: &serde_json::Value) -> Result<Vec<u8>, FlowError> {
    Ok(countersign_core::json::pretty(value)?.into_bytes())
}

/// Merges documents into that of a release.
pub fn merge(
    paths: &[PathBuf],
    name: &str,
    version: &str,
    time: Option<Time>,
    output: &Path,
) -> Result<SbomMerged, FlowError> {
    let inputs: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    apart_from_inputs(output, &inputs, false)?;
    let mut parts = Vec::new();
    let mut findings = Vec::new();
    for path in paths {
        let opened = valid(path)?;
        findings.extend(foreign(&opened));
        let digest = opened.digest;
        let value = match opened.document.format {
            Format::CycloneDx(_) => opened.document.value,
            Format::Spdx2 | Format::Spdx3 | Format::Made => convert::to_cyclonedx(&opened.bom, &digest, None),
        };
        parts.push(Part { digest, value });
    }
    let count = parts.len();
    let release = Release { name: name.to_owned(), version: version.to_owned(), time };
    let digests: Vec<Sha256> = parts.iter().map(|part| part.digest).collect();
    let merged = merging::merge(parts, &release).map_err(|error| {
        let of = |digest: Sha256| {
            let files = digests.iter().zip(paths).filter(move |(one, _)| **one == digest);
            files.map(|(_, path)| path.display().to_string()).collect::<Vec<_>>().join(", ")
        };
        FlowError::Usage(match error {
            MergeError::Twice(digest) => format!("the same document is given twice: {}", of(digest)),
            MergeError::NoRoot(digest) => {
                format!("{} does not say what it is about: it has no metadata.component", of(digest))
            }
            other => other.to_string(),
        })
    })?;
    let version = merged.document.get("specVersion").and_then(serde_json::Value::as_str).unwrap_or_default();
    let format = if version == "1.7" { Format::CycloneDx("1.7") } else { Format::CycloneDx("1.6") };
    let document = Document { format, value: merged.document };
    refuse_if_any(schema_findings(&document, output)?)?;
    let bom = document.bom().map_err(|error| FlowError::Refused(vec![super::unread(&error, output)]))?;
    let bytes = pretty(&document.value)?;
    write_atomic(output, &bytes, 0o644)?;
    findings.extend(super::dangling(&bom, &output.display().to_string()));
    if !merged.left_out.is_empty() {
        let left: Vec<String> = merged.left_out.into_iter().collect();
        let what = format!("not carried into the merged document: {}", left.join(", "));
        findings.push(Finding::new(codes::SBOM_PARTIAL, what).at(output.display().to_string()));
    }
    Ok(SbomMerged {
        output: output.display().to_string(),
        digest: Sha256::of(&bytes),
        documents: count,
        components: bom.all().count(),
        dependencies: bom.edges.values().map(std::collections::BTreeSet::len).sum(),
        shared: merged.shared,
        renamed: merged.renamed,
        findings,
    })
}
