//! Who agreed to what a deployment holds: its changes proved again from git's objects and the reviews, what nobody agreed to,
//! and what the package cannot show of that. Nothing that is not there is taken for agreement.

use super::facts::{Facts, Known, change_class};
use crate::erasure;
use countersign_core::codes;
use countersign_core::decision::RuleOutcome;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::git::{ObjectSource as _, Oid};
use countersign_core::statement::Kind;
use countersign_decide::review::{self, ChangeRow, Question};
use countersign_verify::forge::verify_changes;
use countersign_verify::history::{CommitSigner, commit_signer};
use countersign_verify::{Evidence, History, VerifiedTrust};
use std::collections::{BTreeMap, BTreeSet};

/// What a decision rests on, verified again by the trust of its time.
#[derive(Debug)]
pub(super) struct Rests {
    pub(super) evidence: Evidence,
    /// What the package does not hold of it.
    pub(super) lacking: Vec<Lacking>,
}

/// A document that a decision rests on and that the package does not hold.
#[derive(Debug)]
pub(super) struct Lacking {
    pub(super) digest: Sha256,
    /// What it is, in words.
    what: &'static str,
    /// Its kind, where it is a statement.
    pub(super) kind: Option<Kind>,
    /// The log entry that says that it was erased, where one does.
    pub(super) erased: Option<String>,
}

impl Lacking {
    /// Whether agreement may rest on it: raw evidence always may.
    fn of_agreement(&self) -> bool {
        let other = [
            Kind::Provenance,
            Kind::Sbom,
            Kind::TestResult,
            Kind::Vulns,
            Kind::Vex,
            Kind::SecretScan,
            Kind::ConfigSnapshot,
            Kind::IacPlan,
        ];
        self.kind.is_none_or(|kind| !other.contains(&kind))
    }

    /// Whether agreement may rest on it, and it was erased.
    pub(super) fn is_withheld_agreement(&self) -> bool {
        self.erased.is_some() && self.of_agreement()
    }
}

impl Rests {
    /// Why it cannot be told who agreed where nobody is shown to have: agreement may be in what is not here.
    pub(super) fn hides_agreement(&self) -> Option<&'static str> {
        let mut hidden = self.lacking.iter().filter(|one| one.of_agreement());
        let first = hidden.next()?;
        let erased = first.erased.is_some() || hidden.any(|one| one.erased.is_some());
        Some(if erased { "evidence of it was erased" } else { "evidence of it is not in the package" })
    }
}

pub(super) fn rests(facts: &Facts<'_>, promoted: &Known) -> Rests {
    let inputs = &promoted.content.inputs;
    let (mut documents, mut lacking) = (Vec::new(), Vec::new());
    let mut lacks = |digest: &Sha256, what: &'static str, kind: Option<Kind>| {
        let erased = facts.gathered.erased.get(digest).cloned();
        lacking.push(Lacking { digest: *digest, what, kind, erased });
    };
    for reference in inputs.evidence.iter().flatten() {
        match facts.blobs.blob(&reference.digest) {
            Some(bytes) => documents.push(bytes),
            None => lacks(&reference.digest, reference.kind.map_or("document", |kind| kind.word()), reference.kind),
        }
    }
    for digest in inputs.git.iter().filter(|digest| facts.blobs.blob(digest).is_none()) {
        lacks(digest, "git-objects", None);
    }
    for digest in inputs.captures.iter().filter(|digest| facts.blobs.blob(digest).is_none()) {
        lacks(digest, "capture", None);
    }
    let view = facts.state.at(promoted.entry).unwrap_or_else(|| facts.state.now());
    Rests { evidence: Evidence::of(&documents, view.trust(), promoted.content.request.time), lacking }
}

/// What is lacking, in words: each document that was erased, and the others by what they are.
pub(super) fn lacking_words<'l>(lacking: impl IntoIterator<Item = &'l Lacking>) -> Vec<String> {
    let (mut out, mut others) = (Vec::new(), BTreeMap::<&str, u64>::new());
    for one in lacking {
        if let Some(by) = &one.erased {
            out.push(format!("withheld: {} {}, erased as {by} says", one.what, one.digest));
        } else {
            let count = others.entry(one.what).or_default();
            *count = count.saturating_add(1);
        }
    }
    if !others.is_empty() {
        let all: Vec<String> = others.into_iter().map(|(what, count)| format!("{count} {what}")).collect();
        out.push(format!("not in the package: {}", all.join(", ")));
    }
    out
}

/// The changes of a decision's range, and the commits of it that no agreed change holds.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) rows: Vec<ChangeRow>,
    pub(super) without: Vec<Unagreed>,
}

/// A commit that nobody agreed to, as far as the package shows.
#[derive(Debug)]
pub(super) struct Unagreed {
    pub(super) commit: Oid,
    pub(super) subject: String,
    pub(super) author: String,
}

/// Proved again. `None` where git's objects are not there, or no source was proved.
pub(super) fn changes(facts: &Facts<'_>, promoted: &Known, evidence: &Evidence) -> Option<Changes> {
    let decision = &promoted.content;
    let range = decision.source.as_ref()?;
    let bytes = decision.inputs.git.and_then(|digest| facts.blobs.blob(&digest))?;
    let git = GitEvidence::parse(&bytes).ok()?;
    let view = facts.state.at(promoted.entry)?;
    let manifest = decision.inputs.policy.as_ref().and_then(|policy| facts.activation(policy));
    let manifest = manifest.map(|active| active.release.manifest());
    let rule = manifest.and_then(|all| all.rules.iter().find(|rule| rule.id.as_str().starts_with(RULE)));
    // Where no release asks for review, it is shown as it would be looked at by default.
    let parameters = rule.map(|rule| rule.parameters.clone()).unwrap_or_default();
    let parameters = review::Parameters::read(&parameters).ok()?;
    let source = manifest.and_then(|all| {
        let here = |source: &&countersign_core::policy::Source| {
            source.repository == *range.repository && source.target_ref == *range.target_ref
        };
        all.sources.iter().find(here)
    });
    let recorded = verify_changes(evidence, view.trust(), facts.blobs).changes;
    let outcome = review::prove(&Question {
        history: &History::of(&git),
        trust: view.trust(),
        reviews: evidence.of_kind(Kind::Review).collect(),
        changes: &recorded,
        against: &[],
        repository: &range.repository,
        target_ref: &range.target_ref,
        cut_from: source.and_then(|source| source.cut_from.as_ref()),
        candidate: range.revision,
        start: range.start,
        landed: &BTreeMap::new(),
        tags: &[],
        at: decision.request.time,
        parameters: &parameters,
        by: "the policy",
    });
    let without = outcome.commits.into_iter().filter(|row| row.change.is_none()).map(|row| Unagreed {
        author: author_of(&git, &row.commit, view.trust(), promoted),
        commit: row.commit,
        subject: row.subject,
    });
    Some(Changes { without: without.collect(), rows: outcome.changes })
}

/// A header identifies nobody: the author is who signed, or not known.
fn author_of(git: &GitEvidence, commit: &Oid, trust: &VerifiedTrust, promoted: &Known) -> String {
    let Ok(commit) = git.objects.commit(commit) else { return "unknown".to_owned() };
    match commit_signer(&commit, trust, promoted.content.request.time) {
        CommitSigner::Person(person) => person.to_string(),
        CommitSigner::Unsigned => "unknown (not signed)".to_owned(),
        CommitSigner::Unknown(why) => format!("unknown ({why})"),
        CommitSigner::Broken(why) => format!("unknown (the signature does not hold: {why})"),
    }
}

/// Whether people agreed to all of what a decision is about.
#[derive(Debug)]
pub(super) enum Agreement {
    /// To every change of it, as the package shows.
    Shown,
    /// Not to all of it, as the decision itself says; and why it went all the same.
    Without(String),
    /// The decision says so, and the package does not show it.
    NotShown(String),
}

const RULE: &str = "two-party-review@";

pub(super) fn agreement(promoted: &Known, rests: &Rests, changes: Option<&Changes>) -> Agreement {
    let decision = &promoted.content;
    if let Some(glass) = &decision.break_glass {
        let ids: Vec<String> = glass.exceptions.iter().map(ToString::to_string).collect();
        return Agreement::Without(format!("an emergency ({}) passed over review", ids.join(", ")));
    }
    let outcome = |rule: &RuleOutcome| {
        (rule.verdict != Some(Verdict::Pass)).then(|| {
            let said = rule.verdict.map_or_else(|| "not evaluated".to_owned(), |verdict| verdict.to_string());
            format!("{} is {said} in stage {}: {}", rule.id, rule.stage, change_class(decision))
        })
    };
    match decision.rules.iter().find(|rule| rule.id.as_str().starts_with(RULE)).map(outcome) {
        None => return Agreement::Without("no rule asked for review".to_owned()),
        Some(Some(why)) => return Agreement::Without(why),
        Some(None) => {}
    }
    let lacking = lacking_words(rests.lacking.iter().filter(|one| one.of_agreement()));
    if !lacking.is_empty() {
        return Agreement::NotShown(lacking.join("; "));
    }
    let Some(changes) = changes else {
        return Agreement::NotShown("the changes cannot be proved from what the package holds".to_owned());
    };
    let short = |change: &&ChangeRow| {
        let counted = change.reviews.iter().filter(|review| review.counted).count();
        u32::try_from(counted).is_ok_and(|counted| counted < change.needed)
    };
    let commit = changes.rows.iter().find(short).map(|change| change.head);
    match commit.or_else(|| changes.without.first().map(|one| one.commit)) {
        Some(commit) => Agreement::NotShown(format!(
            "the decision says that enough persons agreed to {commit}, and the package does not show them; `countersign \
             audit verify` runs it again"
        )),
        None => Agreement::Shown,
    }
}

/// What is to be said of a deployment whose agreement is not there, or not all of its evidence.
pub(super) fn findings(promoted: &Known, rests: &Rests, agreement: &Agreement) -> Vec<Finding> {
    let decision = &promoted.content;
    let place = format!("log entry {}", promoted.entry);
    let mut out = Vec::new();
    match agreement {
        Agreement::Without(why) if decision.authorised => {
            out.push(Finding::new(codes::AUDIT_DEVIATION, went_without(promoted, why)).at(place.as_str()));
        }
        Agreement::NotShown(why) if rests.lacking.is_empty() => {
            out.push(Finding::new(codes::AUDIT_EVIDENCE_ABSENT, why.as_str()).at(place.as_str()));
        }
        Agreement::Shown | Agreement::Without(_) | Agreement::NotShown(_) => {}
    }
    let erased: Vec<Finding> = rests
        .lacking
        .iter()
        .filter_map(|one| Some(erasure::withheld(&one.digest, one.erased.as_deref()?).at(place.as_str())))
        .collect();
    out.extend(erased);
    for what in lacking_words(rests.lacking.iter().filter(|one| one.erased.is_none())) {
        out.push(Finding::new(codes::AUDIT_EVIDENCE_ABSENT, what).at(place.as_str()));
    }
    out
}

/// That something went out that nobody agreed to, in a sentence.
pub(super) fn went_without(promoted: &Known, why: &str) -> String {
    let request = &promoted.content.request;
    format!("{} went to {} without agreement to every change: {why}", request.subject_name, request.environment)
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
    if counted.is_empty() { "nobody".to_owned() } else { counted.join(", ") }
}
