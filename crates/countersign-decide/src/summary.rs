//! A decision as a SLSA verification summary.

use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::ids::{EnvName, IdError, Uri};
use countersign_core::statement::OUR_BASE;
use countersign_core::statement::vsa::{Reference, VerificationResult, Verifier, Vsa};
use std::collections::BTreeMap;

/// The `resourceUri` of a summary: the environment that the artifact is meant for.
pub fn resource_uri(environment: &EnvName) -> Result<Uri, IdError> {
    Uri::new(&format!("{OUR_BASE}/environments/{environment}"))
}

/// The summary of a decision: `PASSED` only for a pass, whether the gate is enforced or not. `signed_decision` is the
/// digest of the signed decision, which is listed with the rest of the evidence. Where no policy release was active the
/// summary names none, and is `FAILED`.
pub fn summarise(decision: &Decision, gate: &Uri, signed_decision: &Sha256) -> Result<Vsa, IdError> {
    let uri = |text: String| Uri::new(&text);
    let by_digest = |name: &str, digest: &Sha256| {
        uri(format!("{OUR_BASE}/evidence/{name}/{}", digest.hex())).map(|uri| Reference { uri, digest: sha256(digest) })
    };
    let mut input_attestations = vec![by_digest("promotion-decision", signed_decision)?];
    for evidence in decision.inputs.evidence.iter().flatten() {
        let name = evidence.kind.map_or("unknown", countersign_core::statement::Kind::word);
        input_attestations.push(by_digest(name, &evidence.digest)?);
    }
    let passed = decision.verdict == Verdict::Pass && decision.inputs.policy.is_some();
    Ok(Vsa {
        verifier: Verifier {
            id: gate.clone(),
            version: BTreeMap::from([(decision.request.tool.name.clone(), decision.request.tool.version.clone())]),
        },
        time_verified: decision.request.time,
        resource_uri: resource_uri(&decision.request.environment)?,
        policy: match &decision.inputs.policy {
            Some(active) => Reference { uri: active.policy.uri.clone(), digest: sha256(&active.policy.digest) },
            None => Reference { uri: uri(format!("{OUR_BASE}/policy/none"))?, digest: BTreeMap::new() },
        },
        input_attestations,
        verification_result: if passed { VerificationResult::Passed } else { VerificationResult::Failed },
        verified_levels: if passed { slsa_first(&decision.levels) } else { vec!["FAILED".to_owned()] },
        slsa_version: Some("1.2".to_owned()),
        break_glass: decision.break_glass.iter().flat_map(|glass| glass.exceptions.iter().cloned()).collect(),
    })
}

fn sha256(digest: &Sha256) -> BTreeMap<String, String> {
    BTreeMap::from([("sha256".to_owned(), digest.hex())])
}

fn slsa_first(levels: &[String]) -> Vec<String> {
    let (mut slsa, mut ours): (Vec<_>, Vec<_>) = levels.iter().cloned().partition(|level| level.starts_with("SLSA_"));
    slsa.append(&mut ours);
    slsa
}
