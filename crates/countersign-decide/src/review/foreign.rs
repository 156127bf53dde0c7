//! What other tools recorded in the repository, judged by our trust alone: gittuf's attestations that a branch may move, its
//! log of who moved it, and what other verifiers claim of commits. All of it is shown. Only what gittuf recorded can count,
//! and only where the policy asks for it: as T1, since none of it names the repository or the commit that was looked at.

mod read;

use super::Question;
use super::Strategy;
use super::authors::Authors;
use super::changes::{Changes, Signed};
use super::landing::{Landing, Unexplained};
use super::parameters::ForeignReviews;
use super::rows::{ForeignKind, ForeignRow, NotCounted, ReviewRow, WhyNot};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::{ObjectSource, Oid, SourceError, graph};
use countersign_core::ids::PersonId;
use countersign_core::statement::review::{ReviewDecision, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// What other tools recorded of a range.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Whether any of it may count.
    counts: bool,
    rows: Vec<ForeignRow>,
    agreements: Vec<Agreement>,
    /// The agreements to each move: from a commit, to a tree.
    moves: BTreeMap<(Oid, Oid), Vec<usize>>,
    /// For each commit, whoever brought it by gittuf's log; `None` among them is somebody whom nobody can name.
    uploads: BTreeMap<Oid, BTreeSet<Option<PersonId>>>,
}

/// A person's agreement that the branch moves from a commit to a tree.
#[derive(Debug)]
struct Agreement {
    row: usize,
    person: PersonId,
    /// The account on a forge, if an app of trust says so and not the person.
    account: Option<String>,
}

/// What came of counting.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub rows: Vec<ReviewRow>,
    pub findings: Vec<Finding>,
    /// Whether an app's word of a forge was among what counted.
    pub by_app: bool,
}

impl Others {
    /// Reads what there is. What cannot be read counts for nothing, and says so.
    pub(super) fn read(question: &Question<'_>, chain: &[Oid], range: &[Oid]) -> Self {
        let mut out = Self { counts: question.parameters.foreign_reviews == ForeignReviews::Count, ..Self::default() };
        read::all(question, chain, range, &mut out);
        out
    }

    /// Whoever brought a commit by gittuf's log, where that is one person whom trust knows.
    pub(super) fn uploader(&self, commit: &Oid) -> Option<&PersonId> {
        let by = self.uploads.get(commit)?;
        match (by.len(), by.first()) {
            (1, Some(person)) => person.as_ref(),
            _ => None,
        }
    }

    /// Whether the log may name uploaders: it shows as much as T1.
    pub(super) fn names_uploaders(&self, question: &Question<'_>) -> bool {
        self.counts && question.parameters.least_tier <= Tier::T1
    }

    /// The landing of a commit that nothing of ours explains, if somebody agreed to this very move, and nothing came with it
    /// that has another tree than the one that was agreed to.
    pub(super) fn landing(
        &mut self,
        question: &Question<'_>,
        landed: &Oid,
        unexplained: &Unexplained,
        changes: &Changes<'_>,
    ) -> Result<Option<Landing>, SourceError> {
        // A change that is known and landed otherwise than it was approved is no move of its own.
        let explained = unexplained.finding.code != codes::REVIEW_MISSING || changes.lands_with(landed);
        if !self.counts {
            return Ok(None);
        }
        let source = question.history.objects();
        let commit = source.commit(landed)?;
        let (before, head) = match commit.parents.as_slice() {
            [before] => (*before, *landed),
            [before, head] => (*before, *head),
            _ => return Ok(None),
        };
        let Some(agreed) = self.moves.get(&(before, commit.tree)) else { return Ok(None) };
        let commits = graph::range(source, landed, &before)?;
        let why_not = if explained {
            Some("what landed is a known change, and not as it was approved".to_owned())
        } else if changes.has_landed(&head) {
            Some("its head had landed before".to_owned())
        } else {
            beyond(source, &commits, &commit.tree)?
        };
        if let Some(why) = why_not {
            for row in agreed.iter().filter_map(|at| Some(self.agreements.get(*at)?.row)) {
                if let Some(row) = self.rows.get_mut(row) {
                    row.why_not = Some(why.clone());
                }
            }
            return Ok(None);
        }
        Ok(Some(Landing {
            head,
            landed: *landed,
            before,
            strategy: if head == *landed { Strategy::FastForward } else { Strategy::Merge },
            length: 1,
            authored: graph::range(source, &head, &before)?,
            commits,
            proof: format!("tree {} on {before} is the move that was agreed to", commit.tree),
        }))
    }

    /// Counts the agreements to a landing, by `add`, which says whether a person is new.
    pub(super) fn count(
        &mut self,
        question: &Question<'_>,
        landing: &Landing,
        authors: &Authors,
        changes: &Changes<'_>,
        add: &mut dyn FnMut(&PersonId) -> bool,
    ) -> Result<Counted, SourceError> {
        let mut out = Counted::default();
        let source = question.history.objects();
        let tree = source.commit(&landing.landed)?.tree;
        let Some(agreed) = self.moves.get(&(landing.before, tree)).cloned().filter(|_| self.counts) else {
            return Ok(out);
        };
        let beyond = beyond(source, &landing.commits, &tree)?;
        // Whoever signed anything against these very files, on whatever commit, has not agreed to them.
        let against = changes.against(&landing.head, &tree);
        let withdrawn = |why: &str| Some(WhyNot::new(NotCounted::Withdrawn, why));
        for at in agreed {
            let Some(agreement) = self.agreements.get(at) else { continue };
            let person = &agreement.person;
            let said = |decision| against.iter().any(|s| s.person == *person && s.review.decision == decision);
            let mut why_not = match (authors.excluding(person), &beyond) {
                (Some(author), _) => Some(WhyNot::author(author)),
                (None, Some(beyond)) => Some(WhyNot::new(NotCounted::NotOfThis, beyond.as_str())),
                (None, None) if said(ReviewDecision::Revoke) => withdrawn("the approval was revoked"),
                (None, None) if said(ReviewDecision::Reject) => withdrawn("the same person rejected it as well"),
                (None, None) => None,
            };
            let counted = why_not.is_none() && add(person);
            if why_not.is_none() && !counted {
                why_not = Some(WhyNot::again());
            }
            out.by_app |= counted && agreement.account.is_some();
            out.rows.push(ReviewRow {
                person: Some(person.clone()),
                account: agreement.account.clone(),
                decision: ReviewDecision::Approve,
                tier: Tier::T1,
                counted,
                reason: why_not.as_ref().map(|why| why.reason),
                why_not: why_not.as_ref().map(|why| why.text.clone()),
            });
            if let Some(row) = self.rows.get_mut(agreement.row) {
                row.commit = Some(landing.landed);
                row.counted = counted;
                row.why_not = why_not.map(|why| why.text);
            }
        }
        // A landing that only this explains is held against everything that was said of its files.
        let ours = changes.known(&landing.head);
        let rejected =
            |s: &&&Signed| s.review.decision == ReviewDecision::Reject && s.review.head_commit != landing.head;
        for signed in against.iter().filter(|_| !ours).filter(rejected) {
            let place = format!("change {}", landing.head);
            out.findings.push(super::approvals::rejected(question, &signed.person.to_string(), &place));
        }
        Ok(out)
    }

    /// The rows, and a note for each that was asked for and does not count.
    pub(super) fn finish(mut self, findings: &mut Vec<Finding>) -> Vec<ForeignRow> {
        for row in self.rows.iter_mut().filter(|row| !row.counted && row.why_not.is_none()) {
            row.why_not = Some("no change that landed is this move".to_owned());
        }
        for row in self.rows.iter().filter(|row| self.counts && row.kind.can_count() && !row.counted) {
            let mut finding = Finding::new(codes::FOREIGN_NOT_COUNTED, "what another tool recorded does not count");
            if let Some(commit) = row.commit {
                finding = finding.at(format!("commit {commit}"));
            }
            finding = finding.at(row.place.as_str()).found(format!("{}, by {}", row.says, row.signed_by));
            findings.push(finding.found(row.why_not.as_deref().unwrap_or_default()));
        }
        self.rows
    }
}

/// A row that says nothing yet.
fn row(kind: ForeignKind, place: &str, commit: Option<Oid>) -> ForeignRow {
    ForeignRow {
        kind,
        place: place.to_owned(),
        commit,
        says: "nothing that is read".to_owned(),
        signed_by: "nobody that trust knows".to_owned(),
        counted: false,
        why_not: None,
    }
}

/// What else came with a landing than the one tree that was agreed to: nobody who signed that tree has seen it.
fn beyond(source: &dyn ObjectSource, commits: &[Oid], tree: &Oid) -> Result<Option<String>, SourceError> {
    for commit in commits {
        let other = source.commit(commit)?.tree;
        if other != *tree {
            return Ok(Some(format!("commit {commit} came with it, with tree {other}, of which it says nothing")));
        }
    }
    Ok(None)
}
