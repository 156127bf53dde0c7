//! What a proof amounts to as documents: the source provenance of a revision, and the summary that rests on it.

use crate::review::{ChangeRow, Outcome, Parameters, SourceLevel};
use countersign_core::decision::Tool;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::git::Oid;
use countersign_core::ids::{IdError, RefName, Uri};
use countersign_core::json::JsonError;
use countersign_core::statement::source::{
    LEVEL_PREFIX, ORG_PREFIX, PreviousSource, ProvedRange, SourceApproval, SourceChange, SourceEvidence,
    SourceProvenance,
};
use countersign_core::statement::vsa::{Reference, VerificationResult, Verifier, Vsa};
use countersign_core::statement::{OUR_BASE, Subject};
use countersign_core::time::Time;
use countersign_verify::VerifiedSource;
use std::collections::{BTreeMap, BTreeSet};

/// What was proved, and on what grounds.
#[derive(Debug)]
pub struct Grounds {
    /// The repository.
    pub repository: Uri,
    /// The branch.
    pub target_ref: RefName,
    /// The revision.
    pub revision: Oid,
    /// Where the chain of statements began.
    pub start: Oid,
    /// The commit before the first one of the range that was proved.
    pub from: Oid,
    /// Heads that had landed before that range, each with the commit with which it had.
    pub landed_before: BTreeMap<Oid, Oid>,
    /// The statement that the range goes on from; `None` where everything since `start` was proved.
    pub previous: Option<VerifiedSource>,
    /// Evidence about changes that landed since `start`.
    pub settled: BTreeSet<Sha256>,
    /// All other evidence.
    pub open: BTreeSet<Sha256>,
    /// What this very proof rests on, with a word for what each is.
    pub inputs: Vec<(&'static str, Sha256)>,
    /// The digest of trust.
    pub trust: Sha256,
    /// What was asked for.
    pub parameters: Parameters,
    /// The branch that this one was cut from, where that was said.
    pub cut_from: Option<RefName>,
    /// The digest of the git evidence.
    pub git: Sha256,
    /// The time.
    pub time: Time,
}

impl Grounds {
    /// Every change that landed since `start`.
    #[must_use]
    pub fn landed(&self, outcome: &Outcome) -> BTreeMap<Oid, Oid> {
        let now = outcome.changes.iter().map(|change| (change.head, change.landed));
        self.landed_before.iter().map(|(head, landed)| (*head, *landed)).chain(now).collect()
    }

    /// The source provenance of the revision.
    pub fn provenance(
        &self,
        outcome: &Outcome,
        level: &SourceLevel,
        verdict: Verdict,
    ) -> Result<SourceProvenance, JsonError> {
        Ok(SourceProvenance {
            repository: self.repository.clone(),
            target_ref: self.target_ref.clone(),
            revision: self.revision,
            start: self.start,
            range: ProvedRange { from: self.from, commits: u64::try_from(outcome.commits.len()).unwrap_or(u64::MAX) },
            changes: outcome.changes.iter().map(change).collect(),
            unexplained: outcome.commits.iter().filter(|row| row.change.is_none()).map(|row| row.commit).collect(),
            landed: self.landed(outcome),
            previous: self.previous.as_ref().map(|previous| PreviousSource {
                revision: previous.provenance().revision,
                provenance: *previous.document(),
                summary: *previous.summary(),
            }),
            controls: level.controls.clone(),
            level: level.level,
            verdict,
            parameters: self.parameters.digest(self.cut_from.as_ref())?,
            trust: self.trust,
            git: self.git,
            evidence: SourceEvidence::new(self.settled.clone(), self.open.clone()),
            time: self.time,
        })
    }

    /// What both documents are about. The ref is one at which every change was agreed to, so it is named only where all
    /// of that was proved.
    #[must_use]
    pub fn subject(&self, passed: bool) -> Subject {
        let refs = if passed { std::slice::from_ref(&self.target_ref) } else { &[] };
        Subject::revision(self.repository.as_str(), &self.revision.hex(), refs)
    }

    /// The summary. `document` is the digest of the signed source provenance. `PASSED` only for a pass that shows a level.
    pub fn summary(
        &self,
        provenance: &SourceProvenance,
        document: &Sha256,
        verifier: &Uri,
        tool: &Tool,
    ) -> Result<Vsa, IdError> {
        let reference = |word: &str, digest: &Sha256| {
            let uri = Uri::new(&format!("{OUR_BASE}/evidence/{word}/{}", digest.hex()))?;
            Ok(Reference { uri, digest: sha256(digest) })
        };
        let mut inputs = vec![reference("source-provenance", document)?];
        if let Some(previous) = &provenance.previous {
            inputs.push(reference("source-provenance", &previous.provenance)?);
            inputs.push(reference("vsa", &previous.summary)?);
        }
        inputs.push(reference("git-objects", &self.git)?);
        for (word, digest) in &self.inputs {
            inputs.push(reference(word, digest)?);
        }
        let passed = passes(provenance);
        let levels = vec![
            format!("{LEVEL_PREFIX}{}", provenance.level),
            format!("{ORG_PREFIX}TWO_PERSONS_AGREED_{}", self.parameters.least_tier),
        ];
        Ok(Vsa {
            verifier: Verifier {
                id: verifier.clone(),
                version: BTreeMap::from([(tool.name.clone(), tool.version.clone())]),
            },
            time_verified: self.time,
            resource_uri: self.repository.clone(),
            policy: Reference {
                uri: Uri::new(&format!("{OUR_BASE}/policy/source-review/v0.1"))?,
                digest: sha256(&provenance.parameters),
            },
            input_attestations: inputs,
            verification_result: if passed { VerificationResult::Passed } else { VerificationResult::Failed },
            verified_levels: if passed { levels } else { vec!["FAILED".to_owned()] },
            break_glass: Vec::new(),
            slsa_version: Some("1.2".to_owned()),
        })
    }
}

/// Whether a source provenance is of a proof that passed and shows a level.
#[must_use]
pub fn passes(provenance: &SourceProvenance) -> bool {
    provenance.verdict == Verdict::Pass && provenance.level > 0
}

fn change(row: &ChangeRow) -> SourceChange {
    let counted = row.reviews.iter().filter(|review| review.counted);
    SourceChange {
        head: row.head,
        parent: row.before,
        landed: row.landed,
        landed_at: row.landed_at,
        strategy: row.strategy,
        authors: row.authors.iter().filter_map(|author| author.person.clone()).collect(),
        unknown_author: row.authors.is_empty() || row.authors.iter().any(|author| author.person.is_none()),
        approvals: counted
            .filter_map(|review| Some(SourceApproval { person: review.person.clone()?, tier: review.tier }))
            .collect(),
        needed: row.needed,
        tier: row.tier,
        lapses: row.lapses.clone(),
    }
}

fn sha256(digest: &Sha256) -> BTreeMap<String, String> {
    BTreeMap::from([("sha256".to_owned(), digest.hex())])
}
