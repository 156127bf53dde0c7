//! Two-party review, proved for every commit of a release: from the reviewers' own signatures, and from what forges
//! recorded of each change.
//!
//! The proof walks the branch from where it began to the candidate, explains how each commit landed (by fast-forward,
//! merge, squash or rebase of a head that was reviewed, its tree being what the published merge rule makes), and counts
//! the trusted persons who agreed to each change. A commit's header identifies nobody: an author is known by a signature
//! of hers, and whoever is not known costs one more approval. Nothing here reads anything but its arguments.

mod advice;
mod approvals;
mod authors;
mod binding;
mod changes;
mod content;
mod cut;
mod facts;
mod foreign;
mod landing;
mod opinions;
mod parameters;
pub mod prefix;
mod robots;
mod rows;
mod settings;
mod settled;
mod shown;
pub mod source_level;
mod tags;
mod unused;
mod uploads;

pub use countersign_core::statement::source::Strategy;
pub use parameters::{AgreedBefore, BaseDrift, ForeignReviews, ForgeRules, Parameters};
pub use rows::{AuthorRow, ChangeRow, CommitRow, ForeignKind, ForeignRow, NotCounted, ReviewRow, Sighting, TreeProof};
pub use source_level::SourceLevel;
pub use tags::BoundTag;

use approvals::Objection;
use changes::Changes;
use countersign_core::codes;
use countersign_core::finding::{Class, Finding};
use countersign_core::git::content::Look;
use countersign_core::git::reach::Reach;
use countersign_core::git::{Oid, SourceError, graph};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::Statement;
use countersign_core::statement::review::Tier;
use countersign_core::statement::source::Lapses;
use countersign_core::time::Time;
use countersign_verify::{ForgeChange, History, Verified, VerifiedTrust};
use foreign::Others;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is to be proved.
#[derive(Debug)]
pub struct Question<'a> {
    /// The repository, as it was observed, and its objects.
    pub history: &'a History<'a>,
    /// Trust.
    pub trust: &'a VerifiedTrust,
    /// Every review that there is, verified: approvals, rejections and revocations.
    pub reviews: Vec<&'a Verified<Statement>>,
    /// Every change that a forge recorded, checked.
    pub changes: &'a [ForgeChange],
    /// Records that are not handed in now, and in which somebody asked for changes: they keep back, and carry nothing.
    pub against: &'a [ForgeChange],
    /// The repository that reviews have to be about.
    pub repository: &'a Uri,
    /// The branch that reviews have to be about.
    pub target_ref: &'a RefName,
    /// The branch that it was cut from, as the policy says: as far as both are the same line of commits, reviews for that
    /// branch count as well.
    pub cut_from: Option<&'a RefName>,
    /// The commit that is to be promoted.
    pub candidate: Oid,
    /// The commit up to which everything is taken as it is.
    pub start: Oid,
    /// Heads that landed in earlier releases, each with the commit with which it had: they do not land again.
    pub landed: &'a dyn Landings,
    /// Tags that were bound to a commit, by what is handed in or by earlier decisions: they stay there.
    pub tags: &'a [BoundTag],
    /// The time at which keys have to count.
    pub at: Time,
    /// What is asked for.
    pub parameters: &'a Parameters,
    /// Who asks, for findings.
    pub by: &'a str,
}

/// Heads that landed, asked one by one: of a long log there are many, and of a range few matter.
pub trait Landings: fmt::Debug {
    /// The commit with which a head landed; none if it did not.
    fn landed(&self, head: &Oid) -> Option<Oid>;
}

impl Landings for BTreeMap<Oid, Oid> {
    fn landed(&self, head: &Oid) -> Option<Oid> {
        self.get(head).copied()
    }
}

/// The heads that have landed: by earlier releases, and by the walk so far.
#[derive(Debug, Clone)]
pub(crate) struct Heads<'a> {
    earlier: &'a dyn Landings,
    /// What lies in the range has not landed before it.
    within: &'a BTreeSet<&'a Oid>,
    now: BTreeSet<Oid>,
}

impl Heads<'_> {
    fn contains(&self, head: &Oid) -> bool {
        self.now.contains(head) || self.earlier.landed(head).is_some_and(|landed| !self.within.contains(&landed))
    }

    fn insert(&mut self, head: Oid) {
        self.now.insert(head);
    }
}

/// What was proved.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What does not hold, or cannot be told.
    pub findings: Vec<Finding>,
    /// One row for each commit of the range, oldest first.
    pub commits: Vec<CommitRow>,
    /// One row for each change that landed.
    pub changes: Vec<ChangeRow>,
    /// What other tools recorded of the range, as far as it was handed in.
    pub foreign: Vec<ForeignRow>,
    /// The weakest tier of evidence among the changes, if every commit belongs to one.
    pub tier: Option<Tier>,
    /// What the branch went through, oldest first: one a landing, and one a commit of the branch that nothing explains.
    pub stretches: Vec<Stretch>,
    /// Whether the branch leads from the start to the candidate, and every commit on the way was looked at.
    pub continuous: bool,
    /// Rejections that persons signed, each with the place of its change.
    objections: Vec<(usize, Objection)>,
}

/// What one step of the branch shows of the controls of the Source track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The first commit of the branch that it brought.
    pub first: Oid,
    /// When, by a record that was made at the time.
    pub at: Option<Time>,
    /// What is not shown.
    pub lapses: Lapses,
}

/// Proves that two trusted persons agreed to every commit after `start`, up to `candidate`.
#[must_use]
pub fn prove(question: &Question<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(error) = walk(question, &mut outcome) {
        outcome.findings.push(facts::unreadable(&error));
    }
    outcome
}

fn walk(question: &Question<'_>, outcome: &mut Outcome) -> Result<(), SourceError> {
    let source = question.history.objects();
    outcome.findings.extend(facts::check(question));
    let sound = outcome.findings.iter().all(|finding| finding.class == Class::Note);
    outcome.findings.extend(tags::check(question)?);
    if !graph::is_ancestor(source, &question.start, &question.candidate)? {
        outcome.findings.push(facts::rewritten(question)?);
        return Ok(());
    }
    let range = graph::range(source, &question.candidate, &question.start)?;
    if range.is_empty() {
        outcome.findings.push(facts::empty(question));
        return Ok(());
    }
    let chain = graph::line(source, &range, &question.start, &question.candidate)?;
    let oldest = chain.first().map(|id| source.commit(id)).transpose()?;
    let leads_back = oldest.is_some_and(|commit| commit.parents.contains(&question.start));
    let within: BTreeSet<&Oid> = range.iter().collect();
    let mut walk = Walk {
        within: &within,
        others: Others::read(question, &chain, &range),
        landed: Heads { earlier: question.landed, within: &within, now: BTreeSet::new() },
        covered: BTreeSet::new(),
        look: Look::new(source),
        at: 0,
    };
    let reach = Reach::new(source, &range, &chain, &question.start)?;
    let mut findings = Vec::new();
    let cut = cut::length(question, &chain, &mut findings)?;
    outcome.findings.append(&mut findings);
    if let (Some(branch), Some(line)) = (question.cut_from, chain.get(..cut)) {
        let changes =
            Changes::read(question, &reach, &[question.target_ref, branch], (&walk.landed, false), &mut findings);
        walk.along(question, line, changes, outcome)?;
    }
    let mut findings = Vec::new();
    let changes = Changes::read(question, &reach, &[question.target_ref], (&walk.landed, cut > 0), &mut findings);
    outcome.findings.append(&mut findings);
    walk.along(question, &chain, changes, outcome)?;
    outcome.foreign = walk.others.finish(&mut outcome.findings);
    let whole = outcome.close(&range, &walk.covered, question);
    outcome.continuous = sound && leads_back && whole;
    Ok(())
}

/// A walk along the branch, oldest commit first.
struct Walk<'a> {
    /// Every commit of the range.
    within: &'a BTreeSet<&'a Oid>,
    /// What other tools recorded.
    others: Others,
    /// The heads that have landed.
    landed: Heads<'a>,
    /// The commits that were explained, or said not to be.
    covered: BTreeSet<Oid>,
    look: Look<'a>,
    /// The place on the line that comes next.
    at: usize,
}

impl Walk<'_> {
    /// Explains every commit of a line from where the walk stands, by these changes.
    fn along(
        &mut self,
        question: &Question<'_>,
        line: &[Oid],
        mut changes: Changes<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), SourceError> {
        let source = question.history.objects();
        changes.walk_along(line);
        let mut unexplained = false;
        while self.at < line.len() {
            let mut explained = landing::explain(question, line, self.at, &mut changes)?;
            if let (Err(unexplained), Some(landed)) = (&explained, line.get(self.at))
                && let Some(landing) = self.others.landing(question, landed, unexplained, &changes)?
            {
                changes.land(landing.head);
                explained = Ok(landing);
            }
            match explained {
                Ok(landing) => {
                    self.covered.extend(landing.commits.iter().copied());
                    self.landed.insert(landing.head);
                    let first = line.get(self.at).copied().unwrap_or(landing.landed);
                    outcome.record(question, &landing, first, &changes, &mut self.others, &mut self.look)?;
                    self.at = self.at.saturating_add(landing.length);
                }
                Err(nothing) => {
                    let why = nothing.finding.what.clone();
                    let tree = TreeProof::of_finding(nothing.finding.code);
                    outcome.stretches.extend(line.get(self.at).map(|first| Stretch {
                        first: *first,
                        at: None,
                        lapses: Lapses::all(&why),
                    }));
                    outcome.findings.push(nothing.finding);
                    unexplained = true;
                    for commit in nothing.commits {
                        if self.covered.insert(commit) {
                            outcome.commits.push(CommitRow::unreviewed(commit, tree, source)?);
                        }
                    }
                    self.at = self.at.saturating_add(1);
                }
            }
        }
        settled::settle(&outcome.objections, &changes, &outcome.changes, &mut outcome.findings);
        if unexplained {
            outcome.findings.extend(unused::of(question, &changes, self.within)?);
        }
        Ok(())
    }
}

impl Outcome {
    /// Judges one landed change, and writes its rows.
    fn record(
        &mut self,
        question: &Question<'_>,
        landing: &landing::Landing,
        first: Oid,
        changes: &Changes<'_>,
        others: &mut Others,
        look: &mut Look<'_>,
    ) -> Result<(), SourceError> {
        let source = question.history.objects();
        // A record says where the change landed. One that says elsewhere is of another landing of the same head.
        let here = |recorded: &&ForgeChange| {
            recorded.change().result_commit.is_some_and(|landed| landing.commits.contains(&landed))
        };
        let (recorded, elsewhere): (Vec<&ForgeChange>, Vec<_>) =
            changes.recorded(&landing.head).iter().copied().partition(here);
        for other in elsewhere {
            let landed = other.change().result_commit.map_or_else(|| "nowhere".to_owned(), |id| id.to_string());
            self.findings.push(
                Finding::new(
                    codes::REVIEW_NOT_COUNTED,
                    "a change with this head landed elsewhere, and counts for that",
                )
                .at(format!("change review {}", other.document()))
                .expected(format!("landed with {}", landing.landed), "git's objects")
                .found(landed),
            );
        }
        let authors =
            authors::of(question, changes.reach(), &landing.authored, &landing.before, &recorded, Some(others))?;
        let judged = approvals::judge(question, landing, &authors, changes, &recorded, others)?;
        let noted = self.findings.len();
        self.findings.extend(judged.findings);
        let change = self.changes.len();
        let placed = |objection: Objection| (change, Objection { at: noted.saturating_add(objection.at), ..objection });
        self.objections.extend(judged.objections.into_iter().map(placed));
        let hidden = content::of(question, landing, look, &mut self.findings)?;
        let blocking = self.findings.iter().skip(noted).find(|finding| finding.class != Class::Note);
        let (landed_at, lapses) = shown::of(question, &recorded, judged.before_landing, blocking);
        for commit in &landing.commits {
            self.commits.push(CommitRow {
                commit: *commit,
                subject: rows::subject(source, commit)?,
                change: Some(landing.head),
                strategy: Some(landing.strategy),
                tree: Some(TreeProof::of(landing.strategy)),
            });
        }
        self.stretches.push(Stretch { first, at: landed_at, lapses: lapses.clone() });
        self.changes.push(ChangeRow {
            head: landing.head,
            subject: rows::subject(source, &landing.head)?,
            before: landing.before,
            landed: landing.landed,
            landed_at,
            strategy: landing.strategy,
            proof: landing.proof.clone(),
            commits: u64::try_from(landing.commits.len()).unwrap_or(u64::MAX),
            authors: authors.rows,
            reviews: judged.rows,
            needed: judged.needed,
            tier: judged.tier,
            hidden,
            lapses,
        });
        Ok(())
    }

    /// Every commit of the range has to belong to a change: one that was reached and not looked at is no proof.
    /// Gives whether none was missed.
    fn close(&mut self, range: &[Oid], covered: &BTreeSet<Oid>, question: &Question<'_>) -> bool {
        let missed: Vec<&Oid> = range.iter().filter(|commit| !covered.contains(*commit)).collect();
        if let Some(first) = missed.first() {
            self.findings.push(
                Finding::new(codes::REVIEW_MISSING, format!("commits that belong to no change: {}", missed.len()))
                    .at(format!("commit {first}"))
                    .expected("every commit in exactly one change", question.by),
            );
        } else {
            self.tier = self.changes.iter().map(|change| change.tier).min().flatten();
        }
        missed.is_empty()
    }
}
