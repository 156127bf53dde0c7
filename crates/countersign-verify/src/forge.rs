//! What a forge recorded, checked: signed by a collector that trust believes about that forge, over answers that are
//! there, and read again from those answers with the same result. A collector can leave out a change, which whoever
//! needs it notices; it cannot say of one what its own capture does not.

use crate::document::{SignerName, Verified};
use crate::evidence::{Blobs, Evidence, named_blob};
use crate::trust::VerifiedTrust;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::forge::{self, Capture};
use countersign_core::statement::change_review::{ChangeReview, Observation};
use countersign_core::statement::review::Tier;
use countersign_core::statement::{Kind, Statement};

/// A change as a forge recorded it, which held in every respect. Only this crate makes one.
#[derive(Debug, Clone)]
pub struct ForgeChange {
    change: ChangeReview,
    tier: Tier,
    document: Sha256,
}

impl ForgeChange {
    /// What was recorded.
    #[must_use]
    pub const fn change(&self) -> &ChangeReview {
        &self.change
    }

    /// How strong this evidence is: T2 if a collector that may saw all of it happen, and T1 otherwise.
    #[must_use]
    pub const fn tier(&self) -> Tier {
        self.tier
    }

    /// The digest of the signed document.
    #[must_use]
    pub const fn document(&self) -> &Sha256 {
        &self.document
    }
}

/// What came of checking forge evidence.
#[derive(Debug, Default)]
pub struct ForgeOutcome {
    /// What held, by the digest of the document.
    pub changes: Vec<ForgeChange>,
    /// What did not.
    pub findings: Vec<Finding>,
    /// The captures that the statements name, by digest, whether they are there or not.
    pub captures: Vec<Sha256>,
}

/// Checks every statement about a change. `blobs` gives the captures.
#[must_use]
pub fn verify_changes(evidence: &Evidence, trust: &VerifiedTrust, blobs: &dyn Blobs) -> ForgeOutcome {
    let mut out = ForgeOutcome::default();
    for statement in evidence.of_kind(Kind::ChangeReview) {
        let place = format!("change review {}", statement.document());
        match verify_change(statement, trust, blobs, &mut out.captures) {
            Ok(change) => out.changes.push(change),
            Err(finding) => out.findings.push(finding.at(place)),
        }
    }
    out.captures.sort_unstable();
    out.captures.dedup();
    out
}

fn verify_change(
    statement: &Verified<Statement>,
    trust: &VerifiedTrust,
    blobs: &dyn Blobs,
    captures: &mut Vec<Sha256>,
) -> Result<ForgeChange, Finding> {
    let claimed: ChangeReview = statement
        .value()
        .predicate_as(Kind::ChangeReview)
        .map_err(|error| Finding::new(codes::STATEMENT_MALFORMED, error.to_string()))?;
    captures.push(claimed.capture);
    let most = most_shown(statement, trust, &claimed)?;
    let bytes = named_blob(blobs, &claimed.capture).ok_or_else(|| {
        Finding::new(codes::FORGE_CAPTURE_MISSING, "the forge's own answers are not in the evidence")
            .expected(format!("capture {}", claimed.capture), "the collector's statement")
            .found("missing or altered")
            .help("hand in the collector's folder as it is: each statement has its capture beside it")
    })?;
    let differs = |why: String| Finding::new(codes::FORGE_CAPTURE_DIFFERS, why);
    let capture = Capture::parse(&bytes).map_err(|error| differs(format!("capture {}: {error}", claimed.capture)))?;
    let derived = forge::derive(&capture).map_err(|error| differs(error.to_string()))?;
    if derived != claimed {
        return Err(differs("read again, the forge's answers amount to something else than was signed".to_owned())
            .expected(format!("what capture {} gives", claimed.capture), "the published reading of the forge's answers")
            .found("another statement"));
    }
    let head = claimed.approved_head.hex();
    let about = |digests: &std::collections::BTreeMap<String, String>| digests.get("gitCommit") == Some(&head);
    if !statement.value().subjects.iter().any(|subject| about(&subject.digest)) {
        return Err(Finding::new(codes::SUBJECT_MISMATCH, "the statement is not about the change's head")
            .expected(format!("gitCommit {head}"), "the change that it describes")
            .found("other subjects"));
    }
    let live = claimed.observed.how == Observation::Live && claimed.observed.gaps.is_empty();
    let tier = if live { most } else { most.min(Tier::T1) };
    Ok(ForgeChange { change: claimed, tier, document: *statement.document() })
}

/// The highest tier that the signer can show of this forge.
fn most_shown(statement: &Verified<Statement>, trust: &VerifiedTrust, claimed: &ChangeReview) -> Result<Tier, Finding> {
    let host = &claimed.repository.host;
    let owner = &statement.signed_by().owner;
    let refused = |found: String| {
        Finding::new(codes::FORGE_COLLECTOR, format!("trust does not believe the signer about {host}"))
            .expected(format!("a collector with `hosts = [\"{host}\"]`"), "trust")
            .found(found)
            .help("have a collector of trust read the forge: `countersign review collect`")
    };
    let SignerName::Collector(name) = owner else { return Err(refused(owner.describe())) };
    let collector = trust.trust().collector(name).ok_or_else(|| refused(owner.describe()))?;
    if !collector.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
        let hosts: Vec<&str> = collector.hosts.iter().map(String::as_str).collect();
        return Err(refused(format!("{}, for: {}", owner.describe(), hosts.join(", "))));
    }
    Ok(collector.max_tier.unwrap_or(Tier::T1))
}
