//! The whole chain of one deployment: what changed and who agreed, how it was built and looked at, by which policy it was
//! judged, and what the log says. As text, and as a picture.

use super::about::{About, IsAbout, Subjects, of_what};
use super::agreed::{self, Agreement, Unagreed, authors, reviewers};
use super::facts::{Facts, Known, change_class, service_of};
use super::kept::Kept;
use super::table::Proof;
use crate::error::FlowError;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::git::Oid;
use countersign_core::ids::EnvName;
use countersign_core::statement::Kind;
use countersign_core::statement::provenance::Provenance;
use countersign_core::statement::review::Review;
use countersign_core::statement::test_result::TestResult;
use countersign_core::statement::vulns::Vulns;
use countersign_core::time::Time;
use countersign_decide::review::ChangeRow;
use countersign_report::picture::Picture;
use countersign_verify::Evidence;
use serde::Serialize;
use std::collections::BTreeSet;
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
    /// The other decisions about the same artifact: what is said of it by digest or commit is said of all of them.
    pub others: Vec<Other>,
    /// What the package does not show of it.
    pub missing: Vec<String>,
}

/// Another decision about the artifact of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Other {
    /// Its log entry.
    pub entry: u64,
    /// When.
    pub time: Time,
    /// For which environment.
    pub environment: EnvName,
    /// What the gate said.
    pub verdict: Verdict,
    /// Whether it let the artifact go.
    pub authorised: bool,
    /// How the change reached its environment.
    pub class: &'static str,
}

impl Other {
    fn of(known: &Known) -> Self {
        let decision = &known.content;
        Self {
            entry: known.entry,
            time: known.time,
            environment: (*decision.request.environment).clone(),
            verdict: decision.verdict,
            authorised: decision.authorised,
            class: change_class(decision),
        }
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { entry, time, environment, verdict, class, .. } = self;
        format!("entry {entry}  {time}  to {environment}  {verdict}, {class}")
    }
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
            countersign_report::escape::plain(&self.artifact),
            self.digest,
            self.environment,
            self.verdict,
            self.class,
            self.proof.entry,
            self.time
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
        if !self.others.is_empty() {
            out.push_str("\nother decisions about this artifact\n");
            for other in &self.others {
                out.push_str(&format!("  {}\n", other.words()));
            }
        }
        for missing in &self.missing {
            out.push_str(&format!("\nnot shown: {}\n", countersign_report::escape::plain(missing)));
        }
        out
    }
}

/// The chain of what `id` names, and what is to be said of it: by digest or commit, of every decision about that artifact.
pub(super) fn of(facts: &Facts<'_>, id: &str) -> Result<(Chain, Vec<Finding>), FlowError> {
    let (found, one) = find(facts, id)?;
    let (mut shown, mut findings) = chain(facts, &found);
    let subject = found.content.request.subject;
    let others =
        facts.decisions.iter().filter(|other| other.content.request.subject == subject && other.entry != found.entry);
    for other in others {
        shown.others.push(Other::of(other));
        if one == Named::Artifact {
            findings.extend(chain(facts, other).1);
        }
    }
    Ok((shown, findings))
}

/// What was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// One decision, by its entry.
    Decision,
    /// An artifact, by its digest or commit.
    Artifact,
}

/// The decision of a log entry, or the newest one about an artifact or a commit.
fn find(facts: &Facts<'_>, id: &str) -> Result<(Arc<Known>, Named), FlowError> {
    let none = || {
        FlowError::Usage(format!(
            "no decision of the package is named {id}: give the index of its log entry, or 6 digits or more of the artifact's digest or of the commit"
        ))
    };
    if let Ok(entry) = id.parse::<u64>()
        && let Some(found) = facts.decisions.iter().find(|one| one.entry == entry)
    {
        return Ok((Arc::clone(found), Named::Decision));
    }
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    if hex.len() < 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(none());
    }
    // Digits are the same in capitals.
    let hex = hex.to_ascii_lowercase();
    let commits = &facts.told().commits;
    let named = |one: &Known| {
        let proved = one.content.source.as_ref().map(|source| source.revision);
        let commit = proved.or_else(|| commits.get(&one.entry).copied());
        one.content.request.subject.hex().starts_with(&hex)
            || commit.is_some_and(|commit| commit.hex().starts_with(&hex))
    };
    let found: Vec<&Arc<Known>> = facts.decisions.iter().filter(|one| named(one)).collect();
    let subjects: BTreeSet<Sha256> = found.iter().map(|one| one.content.request.subject).collect();
    if subjects.len() > 1 {
        return Err(FlowError::Usage(format!("{id} names {} artifacts: give more digits", subjects.len())));
    }
    let authorised = found.iter().rev().find(|one| one.content.authorised);
    let newest = authorised.or_else(|| found.last()).map(|one| Arc::clone(one)).ok_or_else(none)?;
    Ok((newest, Named::Artifact))
}

fn chain(facts: &Facts<'_>, promoted: &Known) -> (Chain, Vec<Finding>) {
    let decision = &promoted.content;
    let rests = agreed::rests(facts, promoted);
    let (mut links, mut missing) = (Vec::new(), Vec::new());
    let changes = agreed::changes(facts, promoted, &rests.evidence);
    let agreement = agreed::agreement(promoted, &rests, changes.as_ref());
    match (&changes, &decision.source) {
        (Some(changes), _) => {
            let hidden = rests.hides_agreement();
            links.extend(changes.rows.iter().flat_map(|change| change_links(change, hidden)));
            links.extend(changes.without.iter().map(|one| unagreed_link(one, hidden)));
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
    links.extend(agreement_link(&agreement));
    links.extend(evidence_links(&rests.evidence, &About::of(decision, &rests.evidence)));
    missing.extend(agreed::lacking_words(&rests.lacking));
    links.extend(policy_link(facts, decision));
    links.push(decision_link(facts, promoted));
    missing.push("whether it was deployed: no collector brings what runs".to_owned());
    let found = agreed::findings(promoted, &rests, &agreement);
    let chain = Chain {
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
        others: Vec::new(),
        missing,
    };
    (chain, found)
}

/// A commit that belongs to no change that anybody agreed to, as far as that can be told.
fn unagreed_link(one: &Unagreed, hidden: Option<&str>) -> Link {
    let said = match hidden {
        None => "nobody is shown to have agreed to it".to_owned(),
        Some(why) => format!("whether anybody agreed to it cannot be told: {why}"),
    };
    Link {
        stage: "change",
        what: format!("{} {}", short(&one.commit), one.subject),
        who: format!("by {}", one.author),
        when: String::new(),
        detail: vec![said],
        documents: Vec::new(),
    }
}

/// That there is no agreement, or that the package does not show it; where it does, each change says who.
fn agreement_link(agreement: &Agreement) -> Option<Link> {
    let (what, why) = match agreement {
        Agreement::Shown => return None,
        Agreement::Without(why) => ("not to every change", why),
        Agreement::NotShown(why) => ("not shown", why),
    };
    Some(Link {
        stage: "review",
        what: what.to_owned(),
        who: String::new(),
        when: String::new(),
        detail: vec![why.clone()],
        documents: Vec::new(),
    })
}

fn short(oid: &Oid) -> String {
    oid.hex().chars().take(12).collect()
}

fn change_links(change: &ChangeRow, hidden: Option<&str>) -> [Link; 2] {
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
    let counted = change.reviews.iter().filter(|review| review.counted).count();
    let second = Link {
        stage: "review",
        what: short(&change.head),
        who: if hidden.is_some() && counted == 0 { "not shown".to_owned() } else { reviewers(change) },
        when: String::new(),
        detail: std::iter::once(format!("{} needed", change.needed))
            .chain(others)
            .chain(hidden.map(|why| format!("whether others agreed cannot be told: {why}")))
            .collect(),
        documents: Vec::new(),
    };
    [first, second]
}

/// The statements that were handed in. One about something else is shown as that, and does not say whether anything was looked at.
fn evidence_links(evidence: &Evidence, about: &About) -> Vec<Link> {
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
            Kind::Review => {
                let read = said.predicate_as::<Review>(kind).ok();
                let of = read.map(|review| format!("{} {}", review.decision, short(&review.head_commit)));
                ("review", "record: review".to_owned(), String::new(), of.into_iter().collect())
            }
            Kind::ChangeReview | Kind::ForgeWatch | Kind::SourceProvenance => {
                ("review", format!("record: {}", kind.word()), String::new(), Vec::new())
            }
            Kind::Vsa
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
        let (what, when, detail) = match of_this(kind, &Subjects::of(said), about) {
            IsAbout::This => (what, when, detail),
            IsAbout::Other => {
                let what = format!("{} about another {}: it counts for nothing here", kind.word(), of_what(kind));
                (what, String::new(), Vec::new())
            }
            IsAbout::Unknown => {
                let why = "not known what it is about, since no provenance here says of which commit this was built";
                (format!("{}: {why}", kind.word()), String::new(), Vec::new())
            }
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

/// Whether a statement is about what the decision is about. Reviews are of changes, and are held against those.
fn of_this(kind: Kind, subjects: &Subjects, about: &About) -> IsAbout {
    let of_changes = [Kind::Review, Kind::ChangeReview, Kind::ForgeWatch, Kind::SourceProvenance];
    if of_changes.contains(&kind) { IsAbout::This } else { about.has(kind, subjects) }
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
