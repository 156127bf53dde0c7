//! The whole chain of one deployment: what changed and who agreed, how it was built and looked at, by which policy it was
//! judged, and what the log says. As text, and as a picture.

use super::facts::{Facts, Known, change_class, service_of};
use super::kept::Kept;
use super::table::Proof;
use crate::error::FlowError;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::ids::EnvName;
use countersign_core::statement::Kind;
use countersign_core::statement::provenance::Provenance;
use countersign_core::statement::test_result::TestResult;
use countersign_core::statement::vulns::Vulns;
use countersign_core::time::Time;
use countersign_decide::review::{self, ChangeRow, Question};
use countersign_report::picture::Picture;
use countersign_verify::forge::verify_changes;
use countersign_verify::{Evidence, History};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Link {
    /// Its place: change, review, build, looked-at, policy, decision.
    pub stage: &'static str,
    /// What it is.
    pub what: String,
    /// Who stands behind it.
    pub who: String,
    /// When, where somebody attests it.
    pub when: String,
    /// More about it.
    pub detail: Vec<String>,
    /// The documents that say so.
    pub documents: Vec<Sha256>,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Chain {
    /// What the decision rests on in the log.
    pub proof: Proof,
    /// When it was decided.
    pub time: Time,
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: EnvName,
    /// The artifact's name.
    pub artifact: String,
    /// Its digest.
    pub digest: Sha256,
    /// What the gate said.
    pub verdict: Verdict,
    /// Whether it let the artifact go.
    pub authorised: bool,
    /// How the change reached its environment.
    pub class: &'static str,
    /// The links, from the change to the decision.
    pub links: Vec<Link>,
    /// What the package does not show of it.
    pub missing: Vec<String>,
}

/// The stages in their order, with what they are called.
const STAGES: [(&str, &str); 6] = [
    ("change", "changes"),
    ("review", "agreement"),
    ("build", "build"),
    ("looked-at", "tests and scans"),
    ("policy", "policy"),
    ("decision", "decision"),
];

impl Chain {
    /// As a picture.
    #[must_use]
    pub fn picture(&self) -> Picture {
        let mut picture = Picture::new(format!("{} to {}: {}", self.artifact, self.environment, self.verdict));
        for (stage, heading) in STAGES {
            let links = self.links.iter().filter(|link| link.stage == stage);
            let boxes = links
                .map(|link| {
                    let lines = [link.what.clone(), link.who.clone(), link.when.clone()];
                    lines.into_iter().chain(link.detail.iter().cloned()).filter(|line| !line.is_empty()).collect()
                })
                .collect();
            picture.column(heading, boxes);
        }
        picture
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!(
            "{}  {}  to {}\n{}, {}, entry {} of the log at {}\n",
            self.artifact, self.digest, self.environment, self.verdict, self.class, self.proof.entry, self.time
        );
        for (stage, heading) in STAGES {
            out.push_str(&format!("\n{heading}\n"));
            let mut none = true;
            for link in self.links.iter().filter(|link| link.stage == stage) {
                none = false;
                let parts = [link.what.as_str(), link.who.as_str(), link.when.as_str()];
                let parts: Vec<String> =
                    parts.into_iter().filter(|part| !part.is_empty()).map(countersign_report::escape::plain).collect();
                out.push_str(&format!("  {}\n", parts.join("  ")));
                for line in &link.detail {
                    out.push_str(&format!("      {}\n", countersign_report::escape::plain(line)));
                }
                for document in &link.documents {
                    out.push_str(&format!("      {document}\n"));
                }
            }
            if none {
                out.push_str("  none\n");
            }
        }
        for missing in &self.missing {
            out.push_str(&format!("\nnot shown: {missing}\n"));
        }
        out
    }
}

/// The chain of what `id` names.
pub(super) fn of(facts: &Facts<'_>, id: &str) -> Result<Chain, FlowError> {
    find(facts, id).map(|found| chain(facts, &found))
}

/// The decision of a log entry, or the newest one about an artifact or a commit.
fn find(facts: &Facts<'_>, id: &str) -> Result<Arc<Known>, FlowError> {
    let none = || {
        FlowError::Usage(format!(
            "no decision of the package is named {id}: give the index of its log entry, or 6 digits or more of the artifact's digest or of the commit"
        ))
    };
    if let Ok(entry) = id.parse::<u64>()
        && let Some(found) = facts.decisions.iter().find(|one| one.entry == entry)
    {
        return Ok(Arc::clone(found));
    }
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    if hex.len() < 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(none());
    }
    let named = |decision: &Kept| {
        decision.request.subject.hex().starts_with(hex)
            || decision.source.as_ref().is_some_and(|source| source.revision.hex().starts_with(hex))
    };
    let found: Vec<&Arc<Known>> = facts.decisions.iter().filter(|one| named(&one.content)).collect();
    let subjects: BTreeSet<Sha256> = found.iter().map(|one| one.content.request.subject).collect();
    if subjects.len() > 1 {
        return Err(FlowError::Usage(format!("{id} names {} artifacts: give more digits", subjects.len())));
    }
    let authorised = found.iter().rev().find(|one| one.content.authorised);
    authorised.or_else(|| found.last()).map(|one| Arc::clone(one)).ok_or_else(none)
}

/// What a decision rests on, verified again by the trust of its time.
#[derive(Debug)]
pub(super) struct Rests {
    pub(super) evidence: Evidence,
    /// Documents that the package does not hold.
    pub(super) missing: Vec<Sha256>,
}

pub(super) fn rests(facts: &Facts<'_>, promoted: &Known) -> Rests {
    let (mut documents, mut missing) = (Vec::new(), Vec::new());
    for reference in promoted.content.inputs.evidence.iter().flatten() {
        match facts.blobs.blob(&reference.digest) {
            Some(bytes) => documents.push(bytes),
            None => missing.push(reference.digest),
        }
    }
    let view = facts.state.at(promoted.entry).unwrap_or_else(|| facts.state.now());
    Rests { evidence: Evidence::verify(&documents, view.trust(), promoted.content.request.time), missing }
}

/// The changes of a decision's range with their authors and reviews, proved again. `None` where git's objects are not there.
pub(super) fn changes(facts: &Facts<'_>, promoted: &Known, evidence: &Evidence) -> Option<Vec<ChangeRow>> {
    let decision = &promoted.content;
    let range = decision.source.as_ref()?;
    let bytes = decision.inputs.git.and_then(|digest| facts.blobs.blob(&digest))?;
    let git = GitEvidence::parse(&bytes).ok()?;
    let view = facts.state.at(promoted.entry)?;
    let policy = decision.inputs.policy.as_ref()?;
    let active = facts.activation(policy)?;
    let rules = &active.release.manifest().rules;
    let rule = rules.iter().find(|rule| rule.id.as_str().starts_with("two-party-review@"))?;
    let parameters = review::Parameters::read(&rule.parameters).ok()?;
    let recorded = verify_changes(evidence, view.trust(), facts.blobs).changes;
    let outcome = review::prove(&Question {
        history: &History::of(&git),
        trust: view.trust(),
        reviews: evidence.of_kind(Kind::Review).collect(),
        changes: &recorded,
        against: &[],
        repository: &range.repository,
        target_ref: &range.target_ref,
        cut_from: None,
        candidate: range.revision,
        start: range.start,
        landed: &BTreeMap::new(),
        tags: &[],
        at: decision.request.time,
        parameters: &parameters,
        by: "the policy",
    });
    Some(outcome.changes)
}

pub(super) fn chain(facts: &Facts<'_>, promoted: &Known) -> Chain {
    let decision = &promoted.content;
    let rests = rests(facts, promoted);
    let (mut links, mut missing) = (Vec::new(), Vec::new());
    match (changes(facts, promoted, &rests.evidence), &decision.source) {
        (Some(changes), _) => {
            for change in &changes {
                links.extend(change_links(change));
            }
        }
        (None, Some(range)) => {
            missing.push("git's objects, from which the changes and their authors are proved".to_owned());
            links.push(Link {
                stage: "change",
                what: format!("{} commits up to {}", range.commits, range.revision),
                who: range.repository.to_string(),
                when: String::new(),
                detail: vec![format!("after {}", range.start)],
                documents: Vec::new(),
            });
        }
        (None, None) => missing.push("a proved source: the decision has none".to_owned()),
    }
    links.extend(evidence_links(&rests.evidence));
    if !rests.missing.is_empty() {
        missing.push(format!("{} documents that the decision lists and the package leaves out", rests.missing.len()));
    }
    links.extend(policy_link(facts, decision));
    links.push(decision_link(facts, promoted));
    missing.push("whether it was deployed: no collector brings what runs".to_owned());
    Chain {
        proof: facts.proof(promoted.entry),
        time: promoted.time,
        service: service_of(decision),
        environment: (*decision.request.environment).clone(),
        artifact: decision.request.subject_name.to_string(),
        digest: decision.request.subject,
        verdict: decision.verdict,
        authorised: decision.authorised,
        class: change_class(decision),
        links,
        missing,
    }
}

/// Who wrote a change, in words.
pub(super) fn authors(change: &ChangeRow) -> String {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for author in &change.authors {
        names.insert(author.person.as_ref().map_or_else(|| format!("unknown ({})", author.seen), ToString::to_string));
    }
    if names.is_empty() { "unknown".to_owned() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
}

/// Who agreed to a change, in words.
pub(super) fn reviewers(change: &ChangeRow) -> String {
    let counted: Vec<String> =
        change.reviews.iter().filter(|review| review.counted).map(|r| format!("{} ({})", r.who(), r.tier)).collect();
    counted.join(", ")
}

fn change_links(change: &ChangeRow) -> [Link; 2] {
    let short = |oid: &countersign_core::git::Oid| oid.hex().chars().take(12).collect::<String>();
    let first = Link {
        stage: "change",
        what: format!("{} {}", short(&change.head), change.subject),
        who: format!("by {}", authors(change)),
        when: change.landed_at.map(|at| at.to_string()).unwrap_or_default(),
        detail: vec![format!("{} commits, landed as {}", change.commits, short(&change.landed))],
        documents: Vec::new(),
    };
    let others = change
        .reviews
        .iter()
        .filter(|review| !review.counted)
        .map(|review| format!("not counted: {}, {}", review.who(), review.why_not.clone().unwrap_or_default()));
    let second = Link {
        stage: "review",
        what: short(&change.head),
        who: match reviewers(change) {
            names if names.is_empty() => "nobody".to_owned(),
            names => names,
        },
        when: String::new(),
        detail: std::iter::once(format!("{} needed", change.needed)).chain(others).collect(),
        documents: Vec::new(),
    };
    [first, second]
}

fn evidence_links(evidence: &Evidence) -> Vec<Link> {
    let mut out = Vec::new();
    for statement in evidence.statements() {
        let Some(kind) = statement.value().kind() else { continue };
        let said = statement.value();
        let (stage, what, when, detail) = match kind {
            Kind::Provenance => {
                let read = said.predicate_as::<Provenance>(kind).ok();
                let materials = read.as_ref().map_or(0, |p| p.build_definition.resolved_dependencies.len());
                ("build", "provenance".to_owned(), String::new(), vec![format!("{materials} resolved dependencies")])
            }
            Kind::Sbom => ("build", "SBOM".to_owned(), String::new(), Vec::new()),
            Kind::TestResult => {
                let read = said.predicate_as::<TestResult>(kind).ok();
                let words = read.map_or("unreadable", |result| if result.failed() { "failed" } else { "passed" });
                ("looked-at", format!("tests {words}"), String::new(), Vec::new())
            }
            Kind::Vulns => {
                let read = said.predicate_as::<Vulns>(kind).ok();
                let found = read.as_ref().map_or(0, |scan| scan.scanner.result.len());
                let when = read.map(|scan| scan.metadata.scan_finished_on.as_str().to_owned()).unwrap_or_default();
                ("looked-at", format!("scan: {found} vulnerabilities"), when, Vec::new())
            }
            Kind::Vex | Kind::SecretScan | Kind::ConfigSnapshot | Kind::IacPlan => {
                ("looked-at", kind.word().to_owned(), String::new(), Vec::new())
            }
            Kind::ChangeReview | Kind::ForgeWatch | Kind::SourceProvenance => {
                ("review", format!("record: {}", kind.word()), String::new(), Vec::new())
            }
            Kind::Vsa
            | Kind::Review
            | Kind::Trust
            | Kind::PolicyRelease
            | Kind::PolicyActivation
            | Kind::PromotionDecision
            | Kind::Adjudication
            | Kind::ManualEvidence
            | Kind::Exception
            | Kind::ExceptionEnd
            | Kind::Erasure
            | Kind::LogShard => continue,
        };
        out.push(Link {
            stage,
            what,
            who: statement.signed_by().owner.describe(),
            when,
            detail,
            documents: vec![*statement.document()],
        });
    }
    out
}

fn policy_link(facts: &Facts<'_>, decision: &Kept) -> Option<Link> {
    let policy = decision.inputs.policy.as_ref()?;
    let active = facts.activation(policy);
    let people = |all: &BTreeSet<countersign_core::ids::PersonId>| {
        all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    Some(Link {
        stage: "policy",
        what: format!("{} version {}", policy.policy.uri, policy.policy.version),
        who: active.map_or_else(String::new, |active| format!("approved by {}", people(active.release.approvers()))),
        when: active.map(|active| active.time.to_string()).unwrap_or_default(),
        detail: active
            .map(|active| format!("active since {}, by {}", active.since(), people(&active.activators)))
            .into_iter()
            .chain(active.map(|active| format!("tests: {}", super::population::tests_words(facts, active))))
            .chain(active.into_iter().flat_map(|active| facts.tests(active)).map(|test| {
                format!("{}  {}{}", test.path, test.digest, if test.here { "" } else { " (not in the package)" })
            }))
            .collect(),
        documents: active.map(|active| vec![*active.release.document(), active.document]).unwrap_or_default(),
    })
}

fn decision_link(facts: &Facts<'_>, promoted: &Known) -> Link {
    let decision = &promoted.content;
    let mut detail: Vec<String> = decision
        .rules
        .iter()
        .filter_map(|rule| Some(format!("{}: {} ({})", rule.id, rule.verdict?, rule.stage)))
        .collect();
    if let Some(glass) = &decision.break_glass {
        detail.push(format!("emergency, to be reviewed before {}", glass.follow_up));
    }
    Link {
        stage: "decision",
        what: format!("{}, {}", decision.verdict, if decision.authorised { "authorised" } else { "not authorised" }),
        who: promoted.by.to_string(),
        when: promoted.time.to_string(),
        detail,
        documents: facts.proof(promoted.entry).documents,
    }
}
