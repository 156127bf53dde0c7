//! What there is about each change: reviews that people signed, and what a forge recorded, by the head that they are about.

use super::{Heads, Question};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::content::changed;
use countersign_core::git::reach::Reach;
use countersign_core::git::{ObjectSource, Oid, SourceError, merge};
use countersign_core::ids::{PersonId, RefName};
use countersign_core::statement::Kind;
use countersign_core::statement::change_review::ChangeState;
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_verify::ForgeChange;
use countersign_verify::document::SignerName;
use std::collections::{BTreeMap, BTreeSet};

/// How many reviews for other branches are named.
const NAMED: usize = 20;

/// A review, with the person who signed it.
#[derive(Debug)]
pub(super) struct Signed {
    pub person: PersonId,
    pub review: Review,
    /// The document's digest.
    pub document: Sha256,
}

/// Reviews and forge records by head, and which heads have landed.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    reach: &'a Reach,
    by_head: BTreeMap<Oid, Vec<Signed>>,
    forge: BTreeMap<Oid, Vec<&'a ForgeChange>>,
    /// The heads that somebody signed against.
    opposed: BTreeSet<Oid>,
    /// What forges recorded, by the commit that they say it landed with.
    by_result: BTreeMap<Oid, Vec<&'a ForgeChange>>,
    landed: Heads<'a>,
    /// Where each commit of the branch's own line stands, oldest first.
    places: BTreeMap<Oid, usize>,
    /// The places of those that are heads of changes themselves.
    heads_there: BTreeSet<usize>,
    /// Heads by the paths that they touch: made when it is first needed.
    paths: Option<BTreeMap<Vec<u8>, BTreeSet<Oid>>>,
}

impl<'a> Changes<'a> {
    /// Reads everything that is about this repository and one of these branches. The rest is noted: it counts for nothing
    /// here; but for reviews of heads that have `landed` and count elsewhere, of which there is nothing to say.
    pub(super) fn read(
        question: &Question<'a>,
        reach: &'a Reach,
        branches: &[&RefName],
        (landed, counts): (&Heads<'a>, bool),
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut out = Self {
            reach,
            by_head: BTreeMap::new(),
            forge: BTreeMap::new(),
            opposed: BTreeSet::new(),
            by_result: BTreeMap::new(),
            landed: landed.clone(),
            places: BTreeMap::new(),
            heads_there: BTreeSet::new(),
            paths: None,
        };
        let mut elsewhere = Vec::new();
        let numbers = numbers(question);
        for verified in &question.reviews {
            let place = format!("review {}", verified.document());
            let review: Review = match verified.value().predicate_as(Kind::Review) {
                Ok(review) => review,
                Err(error) => {
                    findings.push(Finding::new(codes::STATEMENT_MALFORMED, error.to_string()).at(place));
                    continue;
                }
            };
            let SignerName::Person(person) = &verified.signed_by().owner else {
                findings.push(not_counted(
                    &place,
                    "it was not signed by a person",
                    &verified.signed_by().owner.describe(),
                ));
                continue;
            };
            if review.repository != *question.repository {
                findings.push(not_counted(&place, "it is about another repository", review.repository.as_str()));
            } else if let Some(known) = other_number(&numbers, review.forge_id.as_ref()) {
                findings.push(not_counted(&place, "it names another repository by the forge's number", &known));
            } else if !branches.contains(&&review.target_ref) {
                if counts && landed.contains(&review.head_commit) {
                    continue;
                }
                elsewhere.push((place, review.target_ref));
            } else if review.merge_rule != merge::RULE {
                findings.push(not_counted(&place, "it was made by another merge rule", &review.merge_rule.to_string()));
            } else {
                let signed = Signed { person: person.clone(), review, document: *verified.document() };
                if signed.review.decision != ReviewDecision::Approve {
                    out.opposed.insert(signed.review.head_commit);
                }
                out.by_head.entry(signed.review.head_commit).or_default().push(signed);
            }
        }
        findings.extend(for_others(&elsewhere));
        for reviews in out.by_head.values_mut() {
            reviews.sort_by(|a, b| {
                (&a.person, a.review.decision, &a.review.nonce).cmp(&(&b.person, b.review.decision, &b.review.nonce))
            });
        }
        for recorded in question.changes {
            let change = recorded.change();
            let place = format!("change review {}", recorded.document());
            let why_not = if change.repository.uri != *question.repository {
                Some(("it is about another repository", change.repository.uri.to_string()))
            } else if !branches.contains(&&change.target_ref) {
                Some(("the change was meant for another branch", change.target_ref.to_string()))
            } else if change.state != ChangeState::Merged {
                let state = if change.state == ChangeState::Open { "open" } else { "closed" };
                Some(("the change did not land", state.to_owned()))
            } else {
                None
            };
            match why_not {
                Some(_) if counts && landed.contains(&change.approved_head) => {}
                Some((why, found)) => findings.push(not_counted(&place, why, &found)),
                None => out.forge.entry(change.approved_head).or_default().push(recorded),
            }
        }
        for recorded in out.forge.values().flatten() {
            if let Some(landed) = recorded.change().result_commit {
                out.by_result.entry(landed).or_default().push(*recorded);
            }
        }
        out
    }

    /// What each state of the branch has.
    pub(super) const fn reach(&self) -> &'a Reach {
        self.reach
    }

    /// Learns the branch's own line of commits, oldest first.
    pub(super) fn walk_along(&mut self, chain: &[Oid]) {
        self.places = chain.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        self.heads_there = chain.iter().enumerate().filter(|(_, id)| self.known(id)).map(|(place, _)| place).collect();
    }

    /// Whether the branch's own line has this commit.
    pub(super) fn on_the_line(&self, commit: &Oid) -> bool {
        self.places.contains_key(commit)
    }

    /// The places from this one on at which the branch's own line has a head of a change.
    pub(super) fn heads_from(&self, place: usize) -> impl Iterator<Item = usize> {
        self.heads_there.range(place..).copied()
    }

    /// Whether all that reviewers were shown of a head lies beyond this place: then it says nothing about it.
    pub(super) fn beyond(&self, head: &Oid, place: usize) -> bool {
        let bases = self.bases(head);
        !bases.is_empty() && bases.iter().all(|base| self.places.get(base).is_some_and(|at| *at >= place))
    }

    /// Every review of a head.
    pub(super) fn about(&self, head: &Oid) -> Vec<&Signed> {
        self.by_head.get(head).into_iter().flatten().collect()
    }

    /// Heads that a person approved and says settle a rejection, less those that the person is against as well.
    pub(super) fn settling(&self, person: &PersonId, rejection: &Sha256) -> BTreeSet<Oid> {
        let own = |head: &Oid| self.about(head).into_iter().filter(|signed| signed.person == *person);
        let approves = |signed: &Signed| signed.review.decision == ReviewDecision::Approve;
        let settles = |signed: &Signed| signed.review.settles.contains(rejection);
        let heads = self.by_head.keys().filter(|head| own(head).all(approves) && own(head).any(settles));
        heads.copied().collect()
    }

    /// What people signed against a head, or against any head with these files.
    pub(super) fn against(&self, head: &Oid, tree: &Oid) -> Vec<&Signed> {
        let about = |signed: &&Signed| {
            let review = &signed.review;
            review.head_commit == *head || review.head_tree == *tree || review.merge_tree == Some(*tree)
        };
        let signed = self.opposed.iter().filter_map(|head| self.by_head.get(head)).flatten();
        signed.filter(|signed| signed.review.decision != ReviewDecision::Approve).filter(about).collect()
    }

    /// Whether a forge recorded that a change landed with this commit.
    pub(super) fn lands_with(&self, commit: &Oid) -> bool {
        self.by_result.contains_key(commit)
    }

    /// What forges recorded of changes that landed with this commit.
    pub(super) fn landed_with(&self, commit: &Oid) -> &[&'a ForgeChange] {
        self.by_result.get(commit).map(Vec::as_slice).unwrap_or_default()
    }

    /// What forges recorded of changes with this head.
    pub(super) fn recorded(&self, head: &Oid) -> &[&'a ForgeChange] {
        self.forge.get(head).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether this is the head of a change: somebody approved it, or a forge recorded that it landed.
    pub(super) fn known(&self, head: &Oid) -> bool {
        let approved = |signed: &&Signed| signed.review.decision == ReviewDecision::Approve;
        !self.recorded(head).is_empty() || self.about(head).iter().any(approved)
    }

    /// Heads of changes that have not landed yet and could be what this commit of the branch landed, since one of their
    /// commits touches one of the same paths. Those that a forge says landed with it come first.
    pub(super) fn candidates(
        &mut self,
        source: &dyn ObjectSource,
        landed: &Oid,
        place: usize,
        touched: &BTreeSet<Vec<u8>>,
    ) -> Result<Vec<Oid>, SourceError> {
        if self.paths.is_none() {
            self.paths = Some(self.index(source)?);
        }
        let near: BTreeSet<Oid> = match &self.paths {
            Some(paths) if !touched.is_empty() => {
                touched.iter().filter_map(|path| paths.get(path)).flatten().copied().collect()
            }
            _ => self.by_head.keys().chain(self.forge.keys()).copied().collect(),
        };
        let said = |head: &Oid| self.recorded(head).iter().any(|r| r.change().result_commit == Some(*landed));
        let waits = |head: &Oid| !self.landed.contains(head) && self.known(head) && !self.beyond(head, place);
        let waiting = near.into_iter().filter(waits);
        let (first, rest): (Vec<Oid>, Vec<Oid>) = waiting.partition(said);
        Ok(first.into_iter().chain(rest).collect())
    }

    /// The heads by the paths that their commits touch. A head that is not in the evidence can explain nothing.
    fn index(&self, source: &dyn ObjectSource) -> Result<BTreeMap<Vec<u8>, BTreeSet<Oid>>, SourceError> {
        let mut out: BTreeMap<Vec<u8>, BTreeSet<Oid>> = BTreeMap::new();
        let heads: BTreeSet<&Oid> = self.by_head.keys().chain(self.forge.keys()).collect();
        for head in heads.into_iter().filter(|head| self.known(head) && !self.landed.contains(head)) {
            for base in self.bases(head) {
                for commit in optional(self.reach.range(source, head, &base))?.unwrap_or_default() {
                    let commit = source.commit(&commit)?;
                    let parent = commit.parents.first().map(|parent| source.commit(parent)).transpose()?;
                    let before = parent.map(|parent| parent.tree);
                    for one in changed(source, before.as_ref(), &commit.tree)? {
                        out.entry(one.path).or_default().insert(*head);
                    }
                }
            }
        }
        Ok(out)
    }

    /// What those who approved a head were shown it on: everything between such a base and the head.
    pub(super) fn bases(&self, head: &Oid) -> BTreeSet<Oid> {
        let approved = |signed: &&Signed| signed.review.decision == ReviewDecision::Approve;
        let signed = self.by_head.get(head).into_iter().flatten().filter(approved);
        let recorded = self.recorded(head).iter().filter_map(|recorded| recorded.change().base_commit);
        signed.map(|signed| signed.review.base_commit).chain(recorded).collect()
    }

    /// Whether somebody who approved a head was shown all of these commits: none of them was in the base.
    pub(super) fn shown(
        &self,
        source: &dyn ObjectSource,
        head: &Oid,
        before: &Oid,
        commits: &[Oid],
    ) -> Result<bool, SourceError> {
        for base in self.bases(head) {
            let Some(had) = optional(self.reach.range(source, &base, before))? else { continue };
            if !commits.iter().any(|commit| had.contains(commit)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Heads that somebody approved, or that a forge says landed, and that explain no commit.
    pub(super) fn waiting(&self) -> BTreeSet<Oid> {
        let heads = self.by_head.keys().chain(self.forge.keys());
        heads.filter(|head| self.known(head) && !self.landed.contains(head)).copied().collect()
    }

    /// Whether a head has landed: it explains no other commit.
    pub(super) fn has_landed(&self, head: &Oid) -> bool {
        self.landed.contains(head)
    }

    /// Marks a head as landed: it explains no other commit.
    pub(super) fn land(&mut self, head: Oid) {
        self.landed.insert(head);
    }
}

/// A commit that may not be in the evidence: `None` if it is not, an error if it is there and does not hold.
pub(super) fn optional<T>(result: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(SourceError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reviews for other branches: in a repository with many of those there are many.
fn for_others(reviews: &[(String, RefName)]) -> Option<Finding> {
    let (first, branch) = reviews.first()?;
    if reviews.len() == 1 {
        return Some(not_counted(first, "it is about another branch", branch.as_str()));
    }
    let what = format!("{} reviews do not count: they are about other branches", reviews.len());
    let mut finding = Finding::new(codes::REVIEW_NOT_COUNTED, what);
    for (place, branch) in reviews.iter().take(NAMED) {
        finding = finding.found(format!("{branch}: {place}"));
    }
    Some(finding)
}

fn not_counted(place: &str, why: &str, found: &str) -> Finding {
    Finding::new(codes::REVIEW_NOT_COUNTED, format!("a review does not count: {why}")).at(place).found(found)
}

/// The numbers that forges' records of this repository give it.
fn numbers(question: &Question<'_>) -> BTreeSet<String> {
    let records = question.changes.iter().map(|recorded| &recorded.change().repository);
    records.filter(|repository| repository.uri == *question.repository).map(|r| r.id.to_string()).collect()
}

/// The number that a review gives the repository, where forges' records of the repository all give another.
fn other_number(known: &BTreeSet<String>, said: Option<&String>) -> Option<String> {
    said.filter(|said| !known.is_empty() && !known.contains(*said)).cloned()
}
