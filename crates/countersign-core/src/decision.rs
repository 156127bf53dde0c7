//! The promotion decision: every argument of the pure function by digest, and everything that it said.
//!
//! An auditor takes the arguments from the evidence store, calls the function again, and compares the whole document.

use crate::digest::Sha256;
use crate::finding::{Check, Finding, Verdict};
use crate::git::oid::Oid;
use crate::ids::{EnvName, ExceptionId, Origin, RefName, RuleId, Uri};
use crate::key::KeyId;
use crate::policy::{Pin, PolicyRef, Stage, Step};
use crate::statement::Kind;
use crate::time::Time;
use crate::trust::ShownIdentity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The predicate `https://countersign.dev/promotion-decision/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    /// What was asked.
    pub request: Request,
    /// The evidence that it rests on, by digest.
    pub inputs: Inputs,
    /// The verdict, as if the gate were enforced.
    pub verdict: Verdict,
    /// Whether the environment's gate is enforced.
    pub enforced: bool,
    /// Whether the artifact may go there: the verdict is a pass, or the gate is not enforced.
    pub authorised: bool,
    /// Properties that were shown, by enforced rules and signatures alone; empty unless the verdict is a pass.
    pub levels: Vec<String>,
    /// Where the artifact comes from, as far as it was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceRange>,
    /// Each rule of the release with its stage and outcome.
    pub rules: Vec<RuleOutcome>,
    /// The whole checklist.
    pub checks: Vec<Check>,
    /// Everything that was found, of checks and of enforced rules.
    pub findings: Vec<Finding>,
    /// What the enforced gates of the other environments that the release names would say today.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub would_be: BTreeMap<EnvName, Verdict>,
    /// The emergency by which review was passed over: the verdict is no pass, and the artifact may go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// The entries of earlier emergencies whose commits this decision proved to be reviewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followed_up: Vec<u64>,
    /// The same of emergencies in logs that this one goes on from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub followed_up_earlier: BTreeMap<Origin, Vec<u64>>,
}

impl Decision {
    /// The range of commits that it passed with, if it proved two-party review: a release that does not enforce review, or a
    /// lenient gate, proves none.
    #[must_use]
    pub fn proved(&self) -> Option<&SourceRange> {
        let proved = |rule: &RuleOutcome| {
            rule.id.as_str().starts_with("two-party-review@")
                && rule.stage == Stage::Enforce
                && rule.verdict == Some(Verdict::Pass)
        };
        let range = self.source.as_ref().filter(|_| self.verdict == Verdict::Pass)?;
        self.rules.iter().any(proved).then_some(range)
    }

    /// The exceptions that it needed.
    pub fn excepted(&self) -> impl Iterator<Item = &ExceptionId> {
        let findings = self.findings.iter().chain(self.rules.iter().flat_map(|rule| &rule.findings));
        findings.filter_map(|finding| finding.exception.as_ref().map(|note| &note.id))
    }
}

/// An emergency, as a decision used it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BreakGlass {
    /// The exceptions that were needed.
    pub exceptions: Vec<ExceptionId>,
    /// When what was let through has to be reviewed.
    pub follow_up: Time,
}

/// What was asked of the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Request {
    /// The artifact's digest: what is promoted, whatever it is called.
    pub subject: Sha256,
    /// Its name, for people.
    pub subject_name: String,
    /// Where it is to go.
    pub environment: EnvName,
    /// The decision's time.
    pub time: Time,
    /// The semantics of evaluation.
    pub engine: String,
    /// The gate that decides, by its key; where it signs as an identity, by the key of its certificate.
    pub gate: KeyId,
    /// What that certificate shows; absent where the gate has a key of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_identity: Option<ShownIdentity>,
    /// The tool that it ran, recorded as told.
    pub tool: Tool,
}

/// The tool that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its binary.
    pub digest: Sha256,
}

/// What the decision rests on, by digest. Absent is absent: no default stands in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Inputs {
    /// The trust document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<TrustRef>,
    /// The digest of trust as it was given from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_digest_given: Option<Sha256>,
    /// The log, as far as it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogRef>,
    /// The least checkpoint, as it was given from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_checkpoint: Option<LogRef>,
    /// The log's checkpoint as witnesses cosigned it for this decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<Sha256>,
    /// The active release, and the entry that made it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ActivePolicy>,
    /// For each other environment that the active release names: the release that is active there, if there is one. What
    /// `wouldBe` says was judged by these; where this is absent, by the release that is active here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elsewhere: BTreeMap<EnvName, Option<ActivePolicy>>,
    /// What `countersign.lock` expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// Everything that was handed in, complete: the gate's own index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Vec<EvidenceRef>>,
    /// The captures of forges' answers that the evidence rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captures: Vec<Sha256>,
    /// The git evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Sha256>,
}

/// Trust by version and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrustRef {
    /// Its version.
    pub version: u64,
    /// The digest of its canonical JSON.
    pub digest: Sha256,
    /// The file as it was signed, in the evidence store.
    pub document: Sha256,
}

/// A log as far as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogRef {
    /// Which log.
    pub origin: Origin,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Sha256,
}

impl LogRef {
    /// How far it had come when it was seen before, and how far it, or the one that goes on from it, has come.
    #[must_use]
    pub fn grown_to(&self, now: &Self) -> String {
        if self.origin == now.origin {
            return format!("from {} to {} entries", self.size, now.size);
        }
        format!("from {} entries of {} to {} of {}", self.size, self.origin, now.size, now.origin)
    }
}

/// The release that is active, and since which entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActivePolicy {
    /// The release.
    pub policy: PolicyRef,
    /// The index of the activation's entry.
    pub entry: u64,
    /// The log of that entry, where it is one that this log goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Origin>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvidenceRef {
    /// The digest of the signed document.
    pub digest: Sha256,
    /// What it says it is; absent if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Whether it speaks against something, by its own words, where that is written down: it is of reviews and results of
    /// tests, so that it can still be told when a piece is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
}

/// What a piece of evidence speaks against.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Against {
    /// Nothing: it agrees, or passed.
    Nothing,
    /// Changes of this repository.
    Changes(Uri),
}

/// Where an artifact comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceRange {
    /// The repository.
    pub repository: Uri,
    /// The branch.
    #[serde(rename = "ref")]
    pub target_ref: RefName,
    /// The commit that was built.
    pub revision: Oid,
    /// What was promoted before, or the configured start: where the range begins.
    pub start: Oid,
    /// How many commits lie between.
    pub commits: u64,
    /// The tag that was built, and the object that it named then: it stays there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagRef>,
    /// The heads of the changes that were proved, each with the commit with which it had landed: none lands twice.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub landings: BTreeMap<Oid, Oid>,
}

/// A tag, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TagRef {
    /// Its full name.
    pub name: RefName,
    /// What it names: a tag object, or the commit itself where it is lightweight.
    pub object: Oid,
}

/// How one rule came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleOutcome {
    /// Which rule.
    pub id: RuleId,
    /// Its stage in this environment, at the decision's time.
    pub stage: Stage,
    /// The stage that comes next, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Step>,
    /// Its outcome; absent if it was off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Its findings, where they do not decide: in stage monitor or warn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}
