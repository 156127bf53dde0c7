//! A release by whatever names it: a folder, a manifest, or a document that people signed.

use super::build::build;
use crate::error::FlowError;
use crate::files;
use countersign_core::bundle::Signed;
use countersign_core::finding::Finding;
use countersign_core::policy::{Manifest, PolicyError};
use countersign_core::statement::Statement;
use countersign_core::{codes, limits};
use std::path::Path;

/// Reads it. Signatures are not looked at: what is read decides nothing.
pub fn release(path: &Path) -> Result<Manifest, FlowError> {
    if path.is_dir() {
        return build(path);
    }
    let bytes = files::read(path, limits::COLLECTION_BYTES)?;
    let wrong = |error: PolicyError| {
        let finding = Finding::new(error.code(), error.to_string()).at(path.display().to_string());
        FlowError::Refused(vec![finding.help("name a policy folder, a manifest, or an approved release")])
    };
    let manifest = match Manifest::parse(&bytes) {
        Ok(manifest) => return Ok(manifest),
        Err(error) => error,
    };
    match signed(&bytes) {
        Some(Ok(manifest)) => Ok(manifest),
        Some(Err(error)) => Err(wrong(error)),
        None => Err(wrong(manifest)),
    }
}

/// The manifest that the first line of signed ones carries.
fn signed(bytes: &[u8]) -> Option<Result<Manifest, PolicyError>> {
    let (_, signed) = Signed::parse_lines(bytes).ok()?.into_iter().next()?;
    let statement = Statement::parse(&signed.payload).ok()?;
    Some(Manifest::from_value(statement.predicate))
}

/// A release that nobody made active.
#[must_use]
pub fn none_active(environment: &str) -> Finding {
    Finding::new(codes::POLICY_NOT_ACTIVE, format!("no release is active for {environment}")).at("the log")
}
