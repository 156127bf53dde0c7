//! What a rule sees: verified evidence about one artifact, and nothing that was not verified.

use crate::review::{BoundTag, Landings};
use countersign_core::codes;
use countersign_core::decision::Request;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::Oid;
use countersign_core::policy::{PolicyRef, Source};
use countersign_core::statement::provenance::{Provenance, Tree};
use countersign_core::statement::{Kind, Statement};
use countersign_verify::document::SignerName;
use countersign_verify::policy::Activated;
use countersign_verify::{Evidence, ForgeChange, History, Spoken, Verified, VerifiedTrust};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What a rule sees.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What was asked.
    pub request: &'a Request,
    /// Trust.
    pub trust: &'a VerifiedTrust,
    /// The release by all its names.
    pub policy: &'a PolicyRef,
    /// The same, with the entry since which it is active.
    pub active: &'a Activated,
    /// The evidence that holds.
    pub evidence: &'a Evidence,
    /// What earlier decisions list that speaks against the artifact or its changes, and is not handed in now.
    pub against: &'a Spoken,
    /// Changes that forges recorded, as far as they hold.
    pub changes: &'a [ForgeChange],
    /// The provenance that was chosen; `None` if none is about the artifact.
    pub provenance: Option<&'a Built<'a>>,
    /// The source that the release covers and the artifact comes from.
    pub source: Option<&'a Source>,
    /// Git history.
    pub history: Option<&'a History<'a>>,
    /// Where the range of commits begins.
    pub start: Option<Oid>,
    /// Whether decisions before do not hold or are not there, so that nobody can tell where it begins.
    pub start_unread: bool,
    /// Which heads have landed.
    pub landed: Landed<'a>,
}

/// What earlier decisions say of this source: heads of changes, each with the commit with which it had landed, and tags.
#[derive(Debug, Clone, Copy)]
pub struct Landed<'a> {
    /// By earlier decisions.
    pub before: &'a dyn Landings,
    /// By this one: what the proof of review found, for later ones.
    pub now: &'a RefCell<BTreeMap<Oid, Oid>>,
    /// Tags that were bound to what passed.
    pub tags: &'a [BoundTag],
}

impl Context<'_> {
    /// Who says so, for findings: the release and the entry that made it active.
    #[must_use]
    pub fn by(&self, rule: &str) -> String {
        format!("rule {rule} (policy release@{}, active since {})", self.policy.version, self.active.since())
    }

    /// The artifact, for findings.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{}  {}", self.request.subject_name, self.request.subject)
    }

    /// Verified statements of a kind that are about the artifact.
    pub fn about_subject(&self, kind: Kind) -> impl Iterator<Item = &Verified<Statement>> {
        self.evidence.of_kind(kind).filter(|verified| verified.value().is_about(&self.request.subject))
    }
}

/// A provenance about the artifact, with the level that its signer and builder can show.
#[derive(Debug)]
pub struct Built<'a> {
    /// The statement.
    pub statement: &'a Verified<Statement>,
    /// Its predicate.
    pub provenance: Provenance,
    /// The SLSA Build level: of the (signer, `builder.id`) pair by trust, and 1 for a pair that trust does not know.
    pub level: u8,
    /// What there is to say about it.
    pub notes: Vec<Finding>,
}

impl<'a> Built<'a> {
    /// The provenance about an artifact that shows most. Of several that show the same, all have to name one source, and
    /// the one that says the worst of it counts.
    #[must_use]
    pub fn best(evidence: &'a Evidence, subject: &Sha256, findings: &mut Vec<Finding>) -> Option<Self> {
        let mut all = Vec::new();
        for statement in evidence.of_kind(Kind::Provenance).filter(|s| s.value().is_about(subject)) {
            match Self::read(statement) {
                Ok(built) => all.push(built),
                Err(finding) => findings.push(finding),
            }
        }
        let level = all.iter().map(|built| built.level).max()?;
        all.retain(|built| built.level == level);
        all.sort_by_key(|built| {
            let clean = built.provenance.source().is_ok_and(|source| source.tree == Some(Tree::Clean));
            (clean, *built.statement.document())
        });
        let commits: BTreeSet<_> = all.iter().map(|b| b.provenance.source().map(|s| s.commit).ok()).collect();
        if commits.len() > 1 {
            let mut finding =
                Finding::new(codes::SOURCE_MISMATCH, "provenances of the same level name different sources")
                    .expected("one commit", "countersign");
            for built in &all {
                let named = built.provenance.source().map_or_else(|e| e.to_string(), |s| s.commit.to_string());
                finding = finding.at(format!("provenance {}", built.statement.document())).found(named);
            }
            findings.push(finding);
        }
        all.into_iter().next()
    }

    /// Reads the provenance; a finding if it is not one.
    pub fn read(statement: &'a Verified<Statement>) -> Result<Self, Finding> {
        let place = format!("provenance {}", statement.document());
        let provenance: Provenance = statement
            .value()
            .predicate_as(Kind::Provenance)
            .map_err(|e| Finding::new(codes::PROVENANCE_MALFORMED, e.to_string()).at(place.as_str()))?;
        let mut notes = Vec::new();
        let claimed = &provenance.run_details.builder.id;
        let owner = &statement.signed_by().owner;
        let paired = if let SignerName::Builder { id, max_level } = owner {
            (id == claimed).then_some(*max_level)
        } else {
            None
        };
        if paired.is_none() {
            notes.push(
                Finding::new(codes::BUILDER_UNKNOWN, "trust does not pair this signer with this builder.id")
                    .at(place.as_str())
                    .expected(owner.describe(), "trust")
                    .found(claimed.to_string()),
            );
        }
        let level = paired.unwrap_or(1);
        if level <= 1 {
            notes.push(
                Finding::new(
                    codes::ARTIFACT_SOURCE_LINK_UNPROVEN,
                    "SLSA Build L1: that the artifact was built from this commit is the builder's own word",
                )
                .at(place),
            );
        }
        Ok(Self { statement, provenance, level, notes })
    }
}

/// What a rule that needs provenance says without one.
pub(super) fn no_provenance(context: &Context<'_>, by: &str) -> Finding {
    Finding::new(codes::PROVENANCE_MISSING, "no provenance that trust accepts is about this artifact")
        .at(context.subject())
        .expected("SLSA provenance v1 for this digest, signed by a builder of trust", by)
        .found("none")
        .help("hand in the build's provenance with --bundle")
}

/// What a rule that needs an SBOM says without one.
pub(super) fn no_sbom(context: &Context<'_>, by: &str) -> Finding {
    Finding::new(codes::SBOM_MISSING, "no SBOM that trust accepts is about this artifact")
        .at(context.subject())
        .expected("a CycloneDX SBOM for this digest, signed by a builder of trust", by)
        .found("none")
        .help("hand in the build's SBOM with --bundle")
}
