//! What a verifier said of a revision earlier: its summary, and the source provenance that the summary rests on. Both
//! have to be of one verifier that trust believes about the repository, and have to fit together in every respect.

use crate::document::{SignerName, Verified, verify_document};
use crate::evidence::place_of;
use crate::sigstore::Roots;
use crate::trust::VerifiedTrust;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Finding, Verdict};
use countersign_core::git::Oid;
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::source::{
    Control, Controls, LEVEL_PREFIX, Lapse, ORG_PREFIX, SourceProvenance, TWO_PARTY_REVIEWED,
};
use countersign_core::statement::vsa::{VerificationResult, Vsa};
use countersign_core::statement::{Kind, Statement, StatementError};
use countersign_core::time::Time;
use countersign_core::trust::Verifier;

/// What is wrong where the parameters of reviews are not those of the earlier statement.
pub const ASKED_ELSE: &str = "something else was asked of reviews";

/// What a source summary has to be about.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedSource<'a> {
    /// The repository.
    pub repository: &'a Uri,
    /// The branch.
    pub target_ref: &'a RefName,
    /// The digest of what is asked of reviews; `None` takes any, for somebody who only wants to read.
    pub policy: Option<&'a Sha256>,
}

/// A source summary that holds.
#[derive(Debug, Clone)]
pub struct SourceSummary {
    /// The summary.
    pub vsa: Vsa,
    /// The revision that it is about.
    pub revision: Oid,
    /// The level that it shows; 0 where the verification failed.
    pub level: u8,
    /// The highest level that trust believes of the verifier.
    pub max_level: u8,
    /// The digest of the signed document.
    pub document: Sha256,
}

/// A summary that passed and the source provenance that it rests on, which held together in every respect. Only this
/// crate makes one.
#[derive(Debug, Clone)]
pub struct VerifiedSource {
    provenance: SourceProvenance,
    controls: Controls,
    document: Sha256,
    summary: Sha256,
}

impl VerifiedSource {
    /// What was said.
    #[must_use]
    pub const fn provenance(&self) -> &SourceProvenance {
        &self.provenance
    }

    /// The controls, as far as trust believes the verifier of them.
    #[must_use]
    pub const fn controls(&self) -> &Controls {
        &self.controls
    }

    /// The digest of the signed source provenance.
    #[must_use]
    pub const fn document(&self) -> &Sha256 {
        &self.document
    }

    /// The digest of the signed summary.
    #[must_use]
    pub const fn summary(&self) -> &Sha256 {
        &self.summary
    }
}

/// Checks a source summary: signature and signer, that `verifier.id` is the verifier that trust pairs with the key and
/// believes about this repository, the revision's ref in either spelling, the policy, and that it shows one level within
/// what the verifier can show. The result itself may be `FAILED`: that is for the caller to see.
pub fn verify_source_summary(
    bytes: &[u8],
    expected: &ExpectedSource<'_>,
    trust: &VerifiedTrust,
    at: Time,
) -> Result<SourceSummary, Vec<Finding>> {
    let document = Sha256::of(bytes);
    let place = place_of(&document);
    let signed = Signed::parse(bytes).map_err(|e| vec![Finding::new(e.code(), e.to_string()).at(place.as_str())])?;
    let statement = verify_document(&signed, trust, &Roots::none(), at, &place)?;
    let vsa: Vsa = statement.value().predicate_as(Kind::Vsa).map_err(|error| unread(&error, &place))?;
    let verifier = by_verifier(&statement, expected.repository, trust, &place)?;
    let mut findings = Vec::new();
    let mut differs = |code, what: &str, expected: String, found: String| {
        findings.push(differing(&place, code, what, expected, found));
    };
    if vsa.verifier.id != verifier.id {
        let what = "verifier.id is not the verifier whose key signed";
        differs(codes::VERIFIER_UNKNOWN, what, verifier.id.to_string(), vsa.verifier.id.to_string());
    }
    if vsa.resource_uri != *expected.repository {
        let found = vsa.resource_uri.to_string();
        differs(codes::PREVIOUS_MISMATCH, "it is about another repository", expected.repository.to_string(), found);
    }
    let digest = vsa.policy.digest.get("sha256").map_or_else(|| "none".to_owned(), |hex| format!("sha256:{hex}"));
    if let Some(policy) = expected.policy
        && policy.to_string() != digest
    {
        let what = ASKED_ELSE;
        differs(codes::PREVIOUS_MISMATCH, what, format!("policy {policy}"), format!("policy {digest}"));
    }
    let subjects = &statement.value().subjects;
    let revision = match subjects.as_slice() {
        [subject] => {
            let refs = subject.source_refs();
            if vsa.verification_result == VerificationResult::Passed
                && !refs.as_ref().is_some_and(|refs| refs.contains(expected.target_ref))
            {
                let found = refs.map_or_else(
                    || "refs that contradict each other, or are none".to_owned(),
                    |refs| refs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                );
                let target = expected.target_ref.to_string();
                differs(codes::PREVIOUS_MISMATCH, "it is about another branch", target, found);
            }
            subject.digest.get("gitCommit").and_then(|hex| Oid::from_hex(hex).ok())
        }
        _ => None,
    };
    let level = level_of(&vsa);
    match level {
        None => {
            let what = "it does not show exactly one Source level, or shows levels although it failed";
            differs(codes::STATEMENT_MALFORMED, what, format!("{LEVEL_PREFIX}n"), vsa.verified_levels.join(", "));
        }
        Some(level) if level > verifier.max_level => {
            let what = "it shows a higher level than trust believes of the verifier";
            differs(codes::VERIFIER_UNKNOWN, what, format!("at most {}", verifier.max_level), level.to_string());
        }
        Some(_) => {}
    }
    let Some(revision) = revision else {
        differs(
            codes::SUBJECT_MISMATCH,
            "it is not about one revision",
            "one subject with gitCommit".to_owned(),
            format!("{} subjects", subjects.len()),
        );
        return Err(findings);
    };
    if !findings.is_empty() {
        return Err(findings);
    }
    let level = level.unwrap_or(0);
    Ok(SourceSummary { vsa, revision, level, max_level: verifier.max_level, document })
}

/// Checks what an earlier run said: one summary that passed, and the source provenance that it rests on.
pub fn verify_source(
    documents: &[Vec<u8>],
    expected: &ExpectedSource<'_>,
    trust: &VerifiedTrust,
    at: Time,
) -> Result<VerifiedSource, Vec<Finding>> {
    let pair = |kind: Kind| {
        let of_kind = |bytes: &&Vec<u8>| {
            let signed = Signed::parse(bytes).ok()?;
            (Statement::parse(&signed.payload).ok()?.kind() == Some(kind)).then_some(())
        };
        let found: Vec<&Vec<u8>> = documents.iter().filter(|bytes| of_kind(bytes).is_some()).collect();
        match found.as_slice() {
            [one] => Ok(*one),
            _ => Err(format!("{} of kind {}", found.len(), kind.word())),
        }
    };
    let incomplete = |found: Vec<String>| {
        let finding =
            Finding::new(codes::PREVIOUS_MISMATCH, "an earlier source statement is two documents that belong together")
                .at("--previous")
                .expected("one source provenance and one summary, and nothing else", "countersign")
                .help("name both files that the earlier run wrote, and no others");
        vec![found.into_iter().fold(finding, Finding::found)]
    };
    let (summary, bytes) = match (pair(Kind::Vsa), pair(Kind::SourceProvenance)) {
        (Ok(summary), Ok(provenance)) if documents.len() == 2 => (summary, provenance),
        (Ok(_), Ok(_)) => return Err(incomplete(vec![format!("{} documents", documents.len())])),
        (summary, provenance) => {
            return Err(incomplete(summary.err().into_iter().chain(provenance.err()).collect()));
        }
    };
    let summary = verify_source_summary(summary, expected, trust, at)?;
    let document = Sha256::of(bytes);
    let place = place_of(&document);
    let signed = Signed::parse(bytes).map_err(|e| vec![Finding::new(e.code(), e.to_string()).at(place.as_str())])?;
    let statement = verify_document(&signed, trust, &Roots::none(), at, &place)?;
    let said = statement.value().predicate_as(Kind::SourceProvenance);
    let said: SourceProvenance = said.map_err(|error| unread(&error, &place))?;
    let verifier = by_verifier(&statement, expected.repository, trust, &place)?;
    let findings = disagreements(&said, &statement, &summary, verifier, expected, &document, &place);
    if !findings.is_empty() {
        return Err(findings);
    }
    let controls = believed(&said.controls, verifier.max_level);
    Ok(VerifiedSource { provenance: said, controls, document, summary: summary.document })
}

fn disagreements(
    said: &SourceProvenance,
    statement: &Verified<Statement>,
    summary: &SourceSummary,
    verifier: &Verifier,
    expected: &ExpectedSource<'_>,
    document: &Sha256,
    place: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut differs = |code, what: &str, expected: String, found: String| {
        findings.push(differing(place, code, what, expected, found));
    };
    if summary.vsa.verifier.id != verifier.id {
        let what = "summary and source provenance are of two verifiers";
        differs(codes::PREVIOUS_MISMATCH, what, summary.vsa.verifier.id.to_string(), verifier.id.to_string());
    }
    let named = summary.vsa.input_attestations.iter();
    if !named.into_iter().any(|input| input.digest.get("sha256") == Some(&document.hex())) {
        let what = "the summary does not rest on this source provenance";
        differs(codes::PREVIOUS_MISMATCH, what, format!("{document} among its inputs"), "not among them".to_owned());
    }
    let subject = statement.value().subjects.iter().any(|s| s.digest.get("gitCommit") == Some(&said.revision.hex()));
    if said.revision != summary.revision || !subject {
        let what = "summary and source provenance are about two revisions";
        differs(codes::PREVIOUS_MISMATCH, what, summary.revision.to_string(), said.revision.to_string());
    }
    if said.repository != *expected.repository {
        let found = said.repository.to_string();
        differs(codes::PREVIOUS_MISMATCH, "it is about another repository", expected.repository.to_string(), found);
    }
    if said.target_ref != *expected.target_ref {
        let found = said.target_ref.to_string();
        differs(codes::PREVIOUS_MISMATCH, "it is about another branch", expected.target_ref.to_string(), found);
    }
    if expected.policy.is_some_and(|policy| *policy != said.parameters) {
        let policy = expected.policy.map_or_else(String::new, ToString::to_string);
        differs(codes::PREVIOUS_MISMATCH, ASKED_ELSE, policy, said.parameters.to_string());
    }
    let passed = summary.vsa.verification_result == VerificationResult::Passed;
    if !passed || said.verdict != Verdict::Pass {
        let what = "the earlier proof did not pass, so nothing can go on from it";
        let result = if passed { "PASSED" } else { "FAILED" };
        differs(codes::PREVIOUS_MISMATCH, what, "PASSED".to_owned(), format!("{result}, verdict {}", said.verdict));
    }
    if said.level < summary.level {
        let what = "the summary shows more than the source provenance";
        differs(codes::PREVIOUS_MISMATCH, what, said.level.to_string(), summary.level.to_string());
    }
    if !said.evidence.holds() {
        let what = "the root is not that of the evidence that is listed";
        differs(codes::STATEMENT_MALFORMED, what, said.evidence.root.to_string(), "another root".to_owned());
    }
    if said.time > summary.vsa.time_verified {
        let what = "the source provenance is newer than the summary that rests on it";
        differs(codes::PREVIOUS_MISMATCH, what, summary.vsa.time_verified.to_string(), said.time.to_string());
    }
    findings
}

/// A verifier is believed of no control above its level.
fn believed(said: &Controls, max_level: u8) -> Controls {
    let up_to = |control: &Control, level: u8| {
        if level <= max_level {
            return control.clone();
        }
        let why = format!("trust believes the verifier up to level {max_level}");
        Control { since: None, lapse: Some(Lapse { commit: None, why }) }
    };
    Controls {
        history: up_to(&said.history, 1),
        provenance: up_to(&said.provenance, 2),
        technical_controls: up_to(&said.technical_controls, 3),
        two_party_review: up_to(&said.two_party_review, 4),
    }
}

/// The level that a summary shows: 0 for one that failed, `None` where it shows none, several, or something that is
/// neither a level nor a property of source.
fn level_of(vsa: &Vsa) -> Option<u8> {
    if vsa.verification_result == VerificationResult::Failed {
        return vsa.verified_levels.iter().all(|level| level == "FAILED").then_some(0);
    }
    let (levels, others): (Vec<&String>, Vec<&String>) =
        vsa.verified_levels.iter().partition(|level| level.starts_with(LEVEL_PREFIX));
    if others.iter().any(|other| !other.starts_with(ORG_PREFIX) && *other != TWO_PARTY_REVIEWED) {
        return None;
    }
    let [level] = levels.as_slice() else { return None };
    match level.strip_prefix(LEVEL_PREFIX)? {
        "1" => Some(1),
        "2" => Some(2),
        "3" => Some(3),
        "4" => Some(4),
        _ => None,
    }
}

/// The verifier who signed, if trust believes it about this repository.
fn by_verifier<'t>(
    statement: &Verified<Statement>,
    repository: &Uri,
    trust: &'t VerifiedTrust,
    place: &str,
) -> Result<&'t Verifier, Vec<Finding>> {
    let owner = &statement.signed_by().owner;
    let known = match owner {
        SignerName::Verifier(id) => trust.trust().verifier(id),
        SignerName::Person(_) | SignerName::Builder { .. } | SignerName::Collector(_) | SignerName::Gate(_) => None,
    };
    known.filter(|verifier| verifier.repositories.contains(repository)).ok_or_else(|| {
        let what = "it was not signed by a verifier whom trust believes about this repository";
        let expected = format!("a verifier with `repositories = [\"{repository}\"]`");
        vec![differing(place, codes::VERIFIER_UNKNOWN, what, expected, owner.describe())]
    })
}

fn unread(error: &StatementError, place: &str) -> Vec<Finding> {
    let code = if matches!(error, StatementError::Kind { .. }) {
        codes::PREDICATE_MISMATCH
    } else {
        codes::STATEMENT_MALFORMED
    };
    vec![Finding::new(code, error.to_string()).at(place)]
}

fn differing(place: &str, code: Code, what: &str, expected: String, found: String) -> Finding {
    Finding::new(code, what).at(place).expected(expected, "the check").found(found)
}
