//! A proof as signed documents: the source provenance of a revision, and the summary of its Source level.

use super::verify::Proof;
use crate::error::FlowError;
use crate::signing::sign_for_trust;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::Tool;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::ids::Uri;
use countersign_core::json;
use countersign_core::key::KeyId;
use countersign_core::statement::Kind;
use countersign_core::statement::source::SourceProvenance;
use countersign_core::trust::{Owner, Trust, Verifier};
use countersign_decide::review::SourceLevel;
use countersign_decide::review::source_level::at_most;
use countersign_decide::source::{Grounds, passes};
use countersign_record::atomic::write_atomic;
use countersign_sign::SigningKey;
use countersign_verify::VerifiedTrust;
use countersign_verify::source::{ExpectedSource, verify_source, verify_source_summary};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// By whom it is to be said, and where it goes.
#[derive(Debug)]
pub struct SourceRequest<'a> {
    /// The verifier's uri.
    pub verifier: &'a Uri,
    /// Its key.
    pub key: &'a SigningKey,
    /// The folder.
    pub output: &'a Path,
    /// Trust.
    pub trust: &'a VerifiedTrust,
    /// The tool, as it is to be recorded.
    pub tool: &'a Tool,
}

/// The documents, as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Emitted {
    /// The file of the signed source provenance.
    pub provenance: String,
    /// Its digest.
    pub provenance_digest: Sha256,
    /// The file of the signed summary.
    pub summary: String,
    /// Its digest.
    pub summary_digest: Sha256,
    /// Whether the summary says `PASSED`.
    pub passed: bool,
    /// The level that it shows; 0 where it says `FAILED`.
    pub level: u8,
}

/// Signs and writes what a proof amounts to, a failure as well as a pass. Both documents are read back as their reader will
/// read them before they are written. Gives the level as far as the verifier can show it.
pub fn emit(
    proof: &Proof,
    more: &[Finding],
    verdict: Verdict,
    request: &SourceRequest<'_>,
) -> Result<Option<(Emitted, SourceLevel)>, FlowError> {
    let Some(grounds) = &proof.grounds else { return Ok(None) };
    let verifier = known(request.trust.trust(), &request.key.public().id(), request.verifier, grounds)
        .map_err(|finding| FlowError::Refused(vec![*finding]))?;
    let level = at_most(proof.level(more), verifier.max_level);
    let provenance = grounds.provenance(&proof.outcome, &level, verdict)?;
    let passed = passes(&provenance);
    let subject = || vec![grounds.subject(passed)];
    let (trust, at) = (request.trust, grounds.time);
    let said = json::to_value(&provenance)?;
    let signed = sign_for_trust(Kind::SourceProvenance, subject(), &said, request.key, trust, at)?;
    let document = Sha256::of(&signed);
    let summary = grounds.summary(&provenance, &document, request.verifier, request.tool);
    let summary = json::to_value(&summary.map_err(|error| FlowError::Usage(error.to_string()))?)?;
    let summary = sign_for_trust(Kind::Vsa, subject(), &summary, request.key, trust, at)?;
    reads_back(grounds, &provenance, &signed, &summary, request)?;
    std::fs::create_dir_all(request.output)
        .map_err(|source| FlowError::Read { path: request.output.to_owned(), source })?;
    let name: String = grounds.revision.hex().chars().take(12).collect();
    let place = |kind: &str| -> PathBuf { request.output.join(format!("{name}.{kind}.sigstore.json")) };
    let (first, second) = (place("source-provenance"), place("source-vsa"));
    // The summary rests on the other, so it comes last.
    write_atomic(&first, &signed, 0o644)?;
    write_atomic(&second, &summary, 0o644)?;
    let emitted = Emitted {
        provenance: first.display().to_string(),
        provenance_digest: document,
        summary: second.display().to_string(),
        summary_digest: Sha256::of(&summary),
        passed,
        level: if passed { level.level } else { 0 },
    };
    Ok(Some((emitted, level)))
}

/// The verifier that a key belongs to, if it is the one that was named and trust believes it about the repository.
fn known<'t>(trust: &'t Trust, key: &KeyId, id: &Uri, grounds: &Grounds) -> Result<&'t Verifier, Box<Finding>> {
    let found = match trust.owner_of(key) {
        Some((Owner::Verifier(verifier), owned)) if verifier.id == *id && owned.counts_at(grounds.time) => {
            if verifier.repositories.contains(&grounds.repository) {
                return Ok(verifier);
            }
            let names: Vec<String> = verifier.repositories.iter().map(ToString::to_string).collect();
            format!("verifier {id}, for: {}", names.join(", "))
        }
        Some((owner, owned)) if owned.counts_at(grounds.time) => format!("key {key} of {}", owner.describe()),
        Some((owner, _)) => format!("key {key} of {}, which does not count at {}", owner.describe(), grounds.time),
        None => format!("key {key}, which is not in trust"),
    };
    let what = "trust does not let this key say which Source level a revision has reached";
    Err(Box::new(
        Finding::new(codes::VERIFIER_UNKNOWN, what)
            .at("--key")
            .expected(format!("a key of verifier {id}, with {} among its repositories", grounds.repository), "trust")
            .found(found)
            .help("add [[verifiers]] to trust.toml and have it signed; `countersign trust show` lists every key"),
    ))
}

/// Checks both documents as whoever goes on from them, or deploys by them, will.
fn reads_back(
    grounds: &Grounds,
    provenance: &SourceProvenance,
    signed: &[u8],
    summary: &[u8],
    request: &SourceRequest<'_>,
) -> Result<(), FlowError> {
    let expected = ExpectedSource {
        repository: &grounds.repository,
        target_ref: &grounds.target_ref,
        policy: Some(&provenance.parameters),
    };
    let (trust, at) = (request.trust, grounds.time);
    if passes(provenance) {
        let pair = [signed.to_vec(), summary.to_vec()];
        let back = verify_source(&pair, &expected, trust, at).map_err(FlowError::Refused)?;
        if back.provenance() == provenance {
            return Ok(());
        }
    } else {
        verify_source_summary(summary, &expected, trust, at).map_err(FlowError::Refused)?;
        if Signed::parse(signed).is_ok() {
            return Ok(());
        }
    }
    let finding = Finding::new(codes::BUNDLE_MALFORMED, "the source provenance does not read back as it was written");
    Err(FlowError::Refused(vec![finding]))
}
