//! Documents that several people sign: one line each, over the same statement.

use crate::error::FlowError;
use crate::files;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::statement::Statement;
use countersign_sign::{PersonKey, SshKeygen};
use std::path::Path;

/// The lines of `path`, if it exists, with one more by `key`. A file over another statement is refused.
pub fn add_signature(
    path: &Path,
    statement: &Statement,
    namespace: &str,
    key: &PersonKey,
    keygen: &SshKeygen,
) -> Result<Vec<u8>, FlowError> {
    let payload = statement.to_bytes()?;
    let mut lines = match files::read_if_there(path, limits::COLLECTION_BYTES)? {
        None => Vec::new(),
        Some(bytes) => {
            let refused = |code, what: String| {
                FlowError::Refused(vec![
                    Finding::new(code, what)
                        .at(path.display().to_string())
                        .help("sign into another file, or remove this one first"),
                ])
            };
            let documents = Signed::parse_lines(&bytes).map_err(|error| refused(error.code(), error.to_string()))?;
            if documents.iter().any(|(_, signed)| signed.payload != payload) {
                let what = "the file already holds signatures over another document";
                return Err(refused(codes::STATEMENT_MALFORMED, what.to_owned()));
            }
            documents.into_iter().map(|(line, _)| line).collect()
        }
    };
    lines.push(key.sign(&payload, namespace, keygen)?);
    let mut out = lines.join(&b'\n');
    out.push(b'\n');
    Ok(out)
}
