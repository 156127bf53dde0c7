//! The timeline of a pull request: GitHub's own order of what happened to it. Its entries for commits are sorted by dates
//! that whoever commits can choose, so they are left out.

use super::pull::Who;
use crate::forge::ForgeError;
use crate::forge::build::People;
use crate::forge::order::{Happened, Move};
use crate::forge::read::{Node, Stamp};
use crate::git::oid::Oid;
use crate::statement::change_review::{EventKind, ReviewState};
use std::collections::BTreeSet;

/// Seconds within which two lists of GitHub speak of the same push.
const SAME_PUSH: i64 = 60;
/// Seconds before a landing within which leaving the queue is part of the landing.
const LEAVING: i64 = 60;

/// What a timeline, or a run of deliveries, tells in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub happened: Vec<Happened>,
    /// Forced pushes: how many events came before each, and the commit that is named with it.
    pub forced: Vec<(usize, Happened, Option<Oid>)>,
    /// Whoever asked a robot for something, or was given it.
    pub asked: Vec<u64>,
    /// Reviews that it tells of.
    pub reviewed: BTreeSet<u64>,
    left_queue: Option<Stamp>,
}

impl Told {
    pub(super) fn read(items: &[Node<'_>], people: &mut People) -> Result<Self, ForgeError> {
        let mut told = Self::default();
        for item in items {
            told.add(*item, people)?;
        }
        told.drop_closing();
        Ok(told)
    }

    fn add(&mut self, item: Node<'_>, people: &mut People) -> Result<(), ForgeError> {
        let Some(event) = item.opt_text("event")? else { return Ok(()) };
        let what = match event {
            "reviewed" => {
                if state(item)?.is_none() {
                    return Ok(());
                }
                let review = item.number("id")?;
                self.reviewed.insert(review);
                let at = item.opt_stamp("submitted_at")?;
                let who = learned(item.get("user")?, people)?;
                self.happened.push(Happened { at, account: who.account, what: EventKind::Reviewed { review } });
                return Ok(());
            }
            "review_dismissed" => EventKind::Dismissed { review: item.need("dismissed_review")?.number("review_id")? },
            "base_ref_changed" | "automatic_base_change_succeeded" => EventKind::Retargeted,
            "merged" => EventKind::Merged,
            "closed" => EventKind::Closed,
            "reopened" => EventKind::Reopened,
            "added_to_merge_queue" => EventKind::Queued,
            "removed_from_merge_queue" => {
                self.left_queue = item.opt_stamp("created_at")?;
                return Ok(());
            }
            "head_ref_force_pushed" => EventKind::Moved { before: None, after: None, forced: true },
            "assigned" => {
                for key in ["assignee", "assigner", "actor"] {
                    self.asked.extend(learned(item.get(key)?, people)?.account);
                }
                return Ok(());
            }
            other if other.starts_with("copilot_") => {
                self.asked.extend(learned(item.get("actor")?, people)?.account);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let who = learned(item.get("actor")?, people)?;
        let happened = Happened { at: item.opt_stamp("created_at")?, account: who.account, what };
        if let EventKind::Moved { .. } = happened.what {
            self.forced.push((self.happened.len(), happened, item.opt_oid("commit_id")?));
        } else {
            self.happened.push(happened);
        }
        Ok(())
    }

    /// GitHub closes what it lands, in the same second: that is one event.
    fn drop_closing(&mut self) {
        let landed = self.landed();
        self.happened.retain(|event| event.what != EventKind::Closed || landed.is_none() || event.at != landed);
    }

    pub(super) fn landed(&self) -> Option<Stamp> {
        self.happened.iter().find(|event| event.what == EventKind::Merged).and_then(|event| event.at)
    }

    /// Whether it landed out of a queue.
    pub(super) fn queued(&self) -> bool {
        let queued = self.happened.iter().rev().find(|event| event.what == EventKind::Queued).map(|event| event.at);
        let (Some(queued), Some(landed)) = (queued, self.landed()) else { return false };
        !self.left_queue.is_some_and(|left| {
            queued.is_none_or(|queued| left >= queued) && landed.second().since(left.second()) > LEAVING
        })
    }

    /// Gives the forced pushes of this list to the moves of the other; what is left over is a push that the other list
    /// does not have.
    pub(super) fn match_forced(&mut self, moves: &mut [Move]) -> Vec<(usize, Happened)> {
        let mut taken = BTreeSet::new();
        let mut left = Vec::new();
        for (place, happened, commit) in std::mem::take(&mut self.forced) {
            let same = |moved: &Move| {
                let near = moved
                    .at
                    .zip(happened.at)
                    .is_some_and(|(a, b)| a.second().since(b.second()).unsigned_abs() <= SAME_PUSH.unsigned_abs());
                moved.forced && near && moved.account == happened.account
            };
            let by_commit = |moved: &Move| same(moved) && commit.is_some() && moved.after == commit;
            let found = moves
                .iter()
                .enumerate()
                .position(|(n, moved)| !taken.contains(&n) && by_commit(moved))
                .or_else(|| moves.iter().enumerate().position(|(n, moved)| !taken.contains(&n) && same(moved)));
            match found.and_then(|n| moves.get_mut(n).map(|moved| (n, moved))) {
                Some((n, moved)) => {
                    taken.insert(n);
                    moved.seen_after = moved.seen_after.max(place);
                }
                None => left.push((place, happened)),
            }
        }
        left
    }
}

fn learned(node: Option<Node<'_>>, people: &mut People) -> Result<Who, ForgeError> {
    let who = Who::read(node)?;
    people.learn(who.account, who.kind);
    Ok(who)
}

/// What a review says; `None` for one that is not handed in yet, or of a kind that did not exist when this was written.
pub(super) fn state(review: Node<'_>) -> Result<Option<ReviewState>, ForgeError> {
    Ok(match review.text("state")?.to_ascii_lowercase().as_str() {
        "approved" => Some(ReviewState::Approved),
        "changes_requested" => Some(ReviewState::ChangesRequested),
        "commented" => Some(ReviewState::Commented),
        "dismissed" => Some(ReviewState::Dismissed),
        "pending" => None,
        other => return Err(review.fail(format!("a review's `state` is `{}`", other.escape_debug()))),
    })
}
