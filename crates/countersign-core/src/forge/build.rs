//! From what was read to the statement: who had a hand in it, which review replaces which, and what every answer was.

use super::order::{Story, ordered};
use super::{Capture, ForgeError};
use crate::digest::Sha256;
use crate::git::oid::Oid;
use crate::ids::{RefName, Uri};
use crate::statement::change_review::{
    AccountKind, AuthorRole, ChangeAuthor, ChangeName, ChangeReview, ChangeState, Event, EventKind, ForgeKind,
    ForgeRepository, ForgeReview, ForgeStrategy, Observed, RawEvidence, ReviewState, RuleSuite, RulesInForce,
    Shortfall,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the answer about the change itself says, on either forge.
#[derive(Debug)]
pub(super) struct Subject {
    pub repository: u64,
    pub id: u64,
    pub url: Uri,
    pub head_repository: Option<u64>,
    pub state: ChangeState,
    pub target_ref: RefName,
    pub base_commit: Option<Oid>,
    pub head: Oid,
    pub result: Option<Oid>,
    pub strategy: Option<ForgeStrategy>,
}

/// Accounts with what kind they are, and who had which hand in the change.
#[derive(Debug, Default)]
pub(super) struct People {
    kinds: BTreeMap<u64, AccountKind>,
    roles: BTreeMap<(AuthorRole, Option<u64>), BTreeSet<Oid>>,
}

impl People {
    /// What an answer says of an account. Two answers that disagree leave it open.
    pub(super) fn learn(&mut self, account: Option<u64>, kind: AccountKind) {
        let Some(account) = account.filter(|_| kind != AccountKind::Unknown) else { return };
        let known = self.kinds.entry(account).or_insert(kind);
        if *known != kind {
            *known = AccountKind::Unknown;
        }
    }

    pub(super) fn kind(&self, account: Option<u64>) -> AccountKind {
        account.and_then(|account| self.kinds.get(&account)).copied().unwrap_or(AccountKind::Unknown)
    }

    pub(super) fn add(&mut self, role: AuthorRole, account: Option<u64>, commit: Option<Oid>) {
        self.roles.entry((role, account)).or_default().extend(commit);
    }

    fn authors(&self) -> Vec<ChangeAuthor> {
        let author = |((role, account), commits): (&(AuthorRole, Option<u64>), &BTreeSet<Oid>)| ChangeAuthor {
            account: *account,
            kind: self.kind(*account),
            role: *role,
            commits: commits.iter().copied().collect(),
        };
        let mut authors: Vec<ChangeAuthor> = self.roles.iter().map(author).collect();
        authors.sort();
        authors
    }
}

/// Everything that was read.
#[derive(Debug)]
pub(super) struct Read<'a> {
    pub subject: Subject,
    pub people: People,
    /// In the forge's order.
    pub reviews: Vec<ForgeReview>,
    pub story: Story<'a>,
    pub rule_suite: Option<RuleSuite>,
    pub rules: Option<RulesInForce>,
    /// Deliveries that were missed, besides those that the capture names.
    pub gaps: Vec<String>,
    /// The moves that were delivered, of what was seen as it happened.
    pub delivered: Option<Vec<(Option<Oid>, Option<Oid>)>>,
    pub shortfalls: Vec<Shortfall>,
    /// How names of requests begin that hold somebody's login, and what is written instead.
    pub hidden: Vec<(String, String)>,
}

impl Read<'_> {
    /// The statement.
    pub(super) fn finish(mut self, capture: &Capture) -> Result<ChangeReview, ForgeError> {
        supersede(&mut self.reviews);
        for review in &mut self.reviews {
            review.kind = self.people.kind(review.account);
        }
        let (events, moves_complete) = ordered(&self.story);
        for event in &events {
            if let EventKind::Moved { before, after, .. } = event.what {
                self.people.add(AuthorRole::Pusher, event.account, None);
                if self.delivered.as_ref().is_some_and(|known| !known.contains(&(before, after))) {
                    let what = after.map_or_else(|| "a commit that is not said".to_owned(), |after| after.hex());
                    self.gaps.push(format!("the push of {what}"));
                }
            }
        }
        if capture.head.forge == ForgeKind::Gitlab {
            place_reviews(&mut self.reviews, &events);
        }
        self.shortfalls.sort();
        self.shortfalls.dedup();
        let mut gaps = capture.head.gaps.clone();
        gaps.append(&mut self.gaps);
        gaps.sort();
        gaps.dedup();
        let bytes = capture
            .encode()
            .map_err(|error| ForgeError::Answer { name: "the capture".to_owned(), why: error.to_string() })?;
        let head = &capture.head;
        Ok(ChangeReview {
            repository: ForgeRepository {
                uri: head.repository.clone(),
                forge: head.forge,
                host: head.host.clone(),
                id: self.subject.repository,
            },
            change: ChangeName {
                number: head.change,
                id: self.subject.id,
                url: self.subject.url,
                head_repository: self.subject.head_repository,
            },
            state: self.subject.state,
            target_ref: self.subject.target_ref,
            base_commit: self.subject.base_commit,
            approved_head: self.subject.head,
            result_commit: self.subject.result,
            strategy: self.subject.strategy,
            authors: self.people.authors(),
            reviews: self.reviews,
            events,
            moves_complete,
            rule_suite: self.rule_suite,
            rules: self.rules,
            observed: Observed { how: head.how, gaps },
            shortfalls: self.shortfalls,
            collected_at: head.collected_at,
            capture: Sha256::of(&bytes),
            raw_evidence: evidence(capture, &self.hidden),
        })
    }
}

/// GitLab shows an approval for no commit. It is of the head that the change had in the order of events.
fn place_reviews(reviews: &mut [ForgeReview], events: &[Event]) {
    let mut head = None;
    for event in events {
        match &event.what {
            EventKind::Moved { after, .. } => head = *after,
            EventKind::Reviewed { review } => {
                for review in reviews.iter_mut().filter(|r| r.id == *review && r.reviewed_commit.is_none()) {
                    review.reviewed_commit = head;
                }
            }
            EventKind::Opened
            | EventKind::Retargeted
            | EventKind::Dismissed { .. }
            | EventKind::Closed
            | EventKind::Reopened
            | EventKind::Queued
            | EventKind::Merged => {}
        }
    }
}

/// The last review of an account that has an opinion replaces its earlier ones, for good: setting it aside does not bring
/// an earlier one back.
fn supersede(reviews: &mut [ForgeReview]) {
    let mut latest: BTreeMap<u64, u64> = BTreeMap::new();
    for review in reviews.iter_mut().rev() {
        let Some(account) = review.account.filter(|_| review.state != ReviewState::Commented) else { continue };
        match latest.get(&account) {
            Some(later) => review.superseded_by = Some(*later),
            None => {
                latest.insert(account, review.id);
            }
        }
    }
}

/// The answers one by one. A login is somebody's personal data and can be renamed: where a request's name holds one, the
/// number stands in its place.
fn evidence(capture: &Capture, hidden: &[(String, String)]) -> Vec<RawEvidence> {
    let shown = |name: &str| {
        let known = hidden.iter().find_map(|(from, to)| Some(format!("{to}{}", name.strip_prefix(from.as_str())?)));
        let other =
            || name.split_once("/collaborators/").map(|(before, _)| format!("{before}/collaborators/(somebody)"));
        known.or_else(other).unwrap_or_else(|| name.to_owned())
    };
    capture
        .answers()
        .map(|(exchange, _)| RawEvidence { name: shown(&exchange.name), digest: exchange.digest })
        .collect()
}
