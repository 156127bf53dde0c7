//! Bundles in OCI registries: attached to the image that they are about, and fetched from there. Nothing is verified here:
//! that is what `verify` does with what was fetched.

use crate::error::FlowError;
use crate::files;
use crate::output::BundleRow;
use countersign_collect::registry::{self, Attachment, BUNDLE, Settings};
use countersign_core::attestation::{self, Beside};
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::statement::Statement;
use countersign_record::atomic::write_atomic;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What came of attaching.
#[derive(Debug)]
pub struct Attached {
    /// The bundles.
    pub bundles: Vec<BundleRow>,
    /// The tag that lists them, where the registry does not.
    pub tag: Option<String>,
}

/// What came of fetching.
#[derive(Debug)]
pub struct Fetched {
    /// The bundles.
    pub bundles: Vec<BundleRow>,
    /// How many other things refer to the image.
    pub others: usize,
    /// They were listed under the fallback tag.
    pub by_tag: bool,
    /// How many of the rows are what cosign attached before there were bundles.
    pub older: usize,
}

/// Attaches the bundles of files to an image.
pub fn attach(settings: &Settings, paths: &[PathBuf]) -> Result<Attached, FlowError> {
    let mut bundles = Vec::new();
    let mut rows = Vec::new();
    for path in paths {
        let bytes = files::read(path, limits::COLLECTION_BYTES)?;
        let place = path.display().to_string();
        for (bytes, signed) in Signed::parse_lines(&bytes).map_err(|error| {
            FlowError::Refused(vec![Finding::new(error.code(), error.to_string()).at(place.as_str())])
        })? {
            if !is_bundle(&bytes) {
                return Err(FlowError::Refused(vec![
                    Finding::new(codes::BUNDLE_MALFORMED, "only Sigstore bundles are attached, and this is none")
                        .at(place)
                        .expected(BUNDLE, "cosign's and GitHub's layout")
                        .help("`countersign sign` makes one; an SSH signature is no bundle"),
                ]));
            }
            let statement = Statement::parse(&signed.payload)?;
            let predicate_type = statement.predicate_type.as_str().to_owned();
            rows.push((about(&statement, settings), predicate_type.clone()));
            bundles.push(Attachment { bytes, predicate_type });
        }
    }
    if bundles.is_empty() {
        return Err(FlowError::Usage("there is no bundle to attach".to_owned()));
    }
    let done = registry::attach(settings, &bundles)?;
    let rows = rows.into_iter().zip(done.attached).map(|((about_image, predicate_type), attached)| BundleRow {
        bundle: attached.bundle,
        predicate_type,
        about_image,
        manifest: attached.manifest,
        before: attached.before,
    });
    Ok(Attached { bundles: rows.collect(), tag: done.tag })
}

/// Fetches what is attached to an image into a file with one bundle a line; with `older`, also what cosign attached before
/// there were bundles. Where there is nothing, no file is written.
pub fn fetch(settings: &Settings, older: bool, output: &Path) -> Result<Fetched, FlowError> {
    let fetched = registry::fetch(settings, older)?;
    let (mut rows, mut lines, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    let (mut count, mut before) = (0_usize, false);
    for found in [&fetched.bundles, &fetched.older] {
        for (manifest, bytes) in found.iter().flat_map(|(manifest, all)| all.iter().map(move |one| (manifest, one))) {
            if !seen.insert(Sha256::of(bytes)) {
                continue;
            }
            rows.push(row(*manifest, bytes, settings));
            count = count.saturating_add(usize::from(before));
            lines.extend_from_slice(bytes);
            lines.push(b'\n');
        }
        before = true;
    }
    if rows.is_empty() {
        let finding = Finding::new(codes::ATTACHMENT_MISSING, "no bundle is attached to this image")
            .at(settings.image.to_string())
            .help("`countersign attach` puts bundles beside an image");
        return Err(FlowError::Refused(vec![finding]));
    }
    write_atomic(output, &lines, 0o644)?;
    Ok(Fetched { bundles: rows, others: fetched.others, by_tag: fetched.by_tag, older: count })
}

/// What one says of itself: nothing is verified.
fn row(manifest: Sha256, bytes: &[u8], settings: &Settings) -> BundleRow {
    let read = attestation::read(bytes).ok().and_then(|read| read.into_iter().next());
    let statement = read.as_ref().and_then(|read| Statement::parse_any(read.payload.as_deref()?).ok());
    let image = settings.image.digest.to_string();
    let named = |beside: &Beside| matches!(beside, Beside::Digest { found, .. } if *found == image);
    let about_image = match &statement {
        Some(statement) => about(statement, settings),
        None => read.as_ref().is_some_and(|read| read.beside.iter().any(named)),
    };
    BundleRow {
        bundle: read.map_or_else(|| Sha256::of(bytes), |read| read.digest),
        predicate_type: statement.map_or_else(String::new, |s| s.predicate_type.as_str().to_owned()),
        about_image,
        manifest,
        before: true,
    }
}

fn is_bundle(bytes: &[u8]) -> bool {
    let value = countersign_core::json::parse_within(bytes, limits::DOCUMENT_BYTES).ok();
    value.is_some_and(|value| value.get("mediaType").and_then(serde_json::Value::as_str) == Some(BUNDLE))
}

fn about(statement: &Statement, settings: &Settings) -> bool {
    let wanted = settings.image.digest.hex();
    statement.subjects.iter().any(|subject| subject.digest.get("sha256") == Some(&wanted))
}
