//! Source provenance: how a revision of a branch came about, change by change, and since which revision each control of
//! the SLSA Source track has held without a gap. Persons are opaque ids; names and addresses are not in it.

use crate::digest::Sha256;
use crate::finding::Verdict;
use crate::git::oid::Oid;
use crate::ids::{PersonId, RefName, Uri};
use crate::log::merkle::{leaf_hash, root_of};
use crate::statement::review::Tier;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a level of the Source track is called in a summary, before its number.
pub const LEVEL_PREFIX: &str = "SLSA_SOURCE_LEVEL_";
/// How a property of an organisation's own has to begin in a source summary.
pub const ORG_PREFIX: &str = "ORG_SOURCE_";
/// The one property without a level that the specification names for source.
pub const TWO_PARTY_REVIEWED: &str = "SLSA_SOURCE_TWO_PARTY_REVIEWED";

/// The predicate `https://countersign.dev/source-provenance/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceProvenance {
    /// The repository, `git+https://…`.
    pub repository: Uri,
    /// The branch.
    pub target_ref: RefName,
    /// The revision that this is about.
    pub revision: Oid,
    /// Where the chain of these statements began: everything up to there is taken as it is.
    pub start: Oid,
    /// What this run proved.
    pub range: ProvedRange,
    /// The changes that landed in that range, oldest first.
    pub changes: Vec<SourceChange>,
    /// Commits of that range that belong to no change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexplained: Vec<Oid>,
    /// Every change that landed since `start`: its head, and the commit of the branch with which it had landed.
    pub landed: BTreeMap<Oid, Oid>,
    /// The statement that this one goes on from; absent where the whole range since `start` was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousSource>,
    /// Each control, and since when it has held.
    pub controls: Controls,
    /// The level of the Source track; 0 is none.
    pub level: u8,
    /// The verdict of the proof.
    pub verdict: Verdict,
    /// The digest of what was asked of reviews.
    pub parameters: Sha256,
    /// The digest of the trust document by which everything was judged.
    pub trust: Sha256,
    /// The digest of the git evidence that the proof of the range is over.
    pub git: Sha256,
    /// The evidence since `start`.
    pub evidence: SourceEvidence,
    /// When this was proved.
    pub time: Time,
}

/// A range of commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProvedRange {
    /// The commit before its first one.
    pub from: Oid,
    /// How many commits it has.
    pub commits: u64,
}

/// The statements that a later one goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PreviousSource {
    /// The revision that they are about.
    pub revision: Oid,
    /// The signed source provenance.
    pub provenance: Sha256,
    /// The signed summary.
    pub summary: Sha256,
}

/// How a change landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Strategy {
    /// The landed commits are those that were reviewed.
    FastForward,
    /// A merge commit whose tree is the merge of branch and head.
    Merge,
    /// One commit whose tree is the merge of branch and head.
    Squash,
    /// One commit for each of the change's, in order.
    Rebase,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FastForward => "fast-forward",
            Self::Merge => "merge",
            Self::Squash => "squash",
            Self::Rebase => "rebase",
        })
    }
}

/// A change that landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceChange {
    /// The head that was agreed to.
    pub head: Oid,
    /// The branch's tip right before it: the parent revision.
    pub parent: Oid,
    /// The commit of the branch with which it had landed.
    pub landed: Oid,
    /// When, by a record that was made at the time; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed_at: Option<Time>,
    /// How.
    pub strategy: Strategy,
    /// The authors who are known.
    pub authors: BTreeSet<PersonId>,
    /// Whether there is an author whom nothing identifies.
    pub unknown_author: bool,
    /// The approvals that count.
    pub approvals: Vec<SourceApproval>,
    /// How many approvals it needs.
    pub needed: u32,
    /// The tier of the evidence; absent if it does not suffice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// What the evidence does not show of it.
    #[serde(default, skip_serializing_if = "Lapses::is_empty")]
    pub lapses: Lapses,
}

/// An approval that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceApproval {
    /// Whose.
    pub person: PersonId,
    /// By what evidence.
    pub tier: Tier,
}

/// Why a landing does not show that a control held: for each control alone; absent where it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lapses {
    /// A record of when and by whom the branch was moved, made when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<String>,
    /// The branch's rules: known, in force for everybody, and held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technical_controls: Option<String>,
    /// Two trusted persons agreed before it landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_party_review: Option<String>,
}

impl Lapses {
    /// Whether everything is shown.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.provenance.is_none() && self.technical_controls.is_none() && self.two_party_review.is_none()
    }

    /// The same for every control.
    #[must_use]
    pub fn all(why: &str) -> Self {
        let why = || Some(why.to_owned());
        Self { provenance: why(), technical_controls: why(), two_party_review: why() }
    }
}

/// The controls of the Source track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Controls {
    /// The branch only moved forward.
    pub history: Control,
    /// Every revision has a record, made at the time, of when and by whom the branch was moved.
    pub provenance: Control,
    /// The branch's rules were in force for everybody.
    pub technical_controls: Control,
    /// Two trusted persons agreed to every change before it landed.
    pub two_party_review: Control,
}

impl Controls {
    /// Each with its name.
    #[must_use]
    pub const fn each(&self) -> [(&'static str, &Control); 4] {
        [
            ("history", &self.history),
            ("provenance", &self.provenance),
            ("technical controls", &self.technical_controls),
            ("two-party review", &self.two_party_review),
        ]
    }
}

/// A control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Control {
    /// Since when it has held without a gap; absent where it does not hold at the revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// The newest gap, if there is one since `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapse: Option<Lapse>,
}

/// Since when a control has held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Since {
    /// The start revision of the control, or the first commit after the newest gap.
    pub commit: Oid,
    /// When the branch got there, where a record tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// A gap in a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lapse {
    /// The commit of the branch with which it came; absent where it is about the range as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Oid>,
    /// What is not shown.
    pub why: String,
}

/// Everything that the proof since `start` rests on, by digest: signed reviews, forge records and their captures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceEvidence {
    /// The root of the Merkle tree of RFC 6962 over all of the digests, sorted, each as its 32 bytes.
    pub root: Sha256,
    /// What is about changes that landed.
    pub settled: BTreeSet<Sha256>,
    /// Everything else: it may be about a change that lands later, and is verified again then.
    pub open: BTreeSet<Sha256>,
}

impl SourceEvidence {
    /// Over these.
    #[must_use]
    pub fn new(settled: BTreeSet<Sha256>, open: BTreeSet<Sha256>) -> Self {
        Self { root: root_over(settled.union(&open)), settled, open }
    }

    /// Whether the root is that of the digests, and none is listed twice.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.settled.is_disjoint(&self.open) && root_over(self.settled.union(&self.open)) == self.root
    }

    /// Every digest, sorted.
    pub fn all(&self) -> impl Iterator<Item = &Sha256> {
        self.settled.union(&self.open)
    }
}

fn root_over<'d>(sorted: impl Iterator<Item = &'d Sha256>) -> Sha256 {
    let leaves: Vec<Sha256> = sorted.map(|digest| leaf_hash(digest.as_bytes())).collect();
    root_of(&leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(of: &[&str]) -> BTreeSet<Sha256> {
        of.iter().map(|text| Sha256::of(text.as_bytes())).collect()
    }

    #[test]
    fn a_root_names_its_evidence_whatever_of_it_is_settled() {
        let evidence = SourceEvidence::new(set(&["a", "b"]), set(&["c"]));
        assert!(evidence.holds());
        assert_eq!(evidence.root, SourceEvidence::new(set(&["c"]), set(&["a", "b"])).root);
        assert_ne!(evidence.root, SourceEvidence::new(set(&["a", "b"]), set(&[])).root);
        assert_ne!(evidence.root, SourceEvidence::new(set(&["a", "b"]), set(&["d"])).root);
        let twice = SourceEvidence { open: set(&["b", "c"]), ..evidence.clone() };
        assert!(!twice.holds(), "one digest in both lists");
        assert!(!SourceEvidence { settled: set(&["a"]), ..evidence }.holds(), "one taken away");
    }
}
