//! What GitHub told as it happened: deliveries in the order of their arrival.

use super::pull::{Pull, Who};
use super::reviews::Review;
use super::timeline::Told;
use crate::forge::build::People;
use crate::forge::order::{Happened, Move};
use crate::forge::read::{Node, Stamp, body};
use crate::forge::watch::{Absence, Watch, unbroken};
use crate::forge::{Capture, Exchange, ForgeError, webhook};
use crate::git::oid::Oid;
use crate::statement::change_review::{EventKind, Part, ReviewState, Shortfall};
use crate::time::Time;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What deliveries tell of one pull request.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub told: Told,
    pub moves: Vec<Move>,
    pub reviews: BTreeMap<u64, Review>,
    /// The newest state of the pull request.
    pub pull: Option<Pull>,
    /// The head when it was opened, if that was seen.
    opened: Option<Oid>,
    landed: bool,
    pub shortfalls: Vec<Shortfall>,
    /// Whether there is any delivery.
    pub any: bool,
    /// What can have been missed, by when deliveries came.
    watch: Watch,
}

impl Live {
    pub(super) fn read(capture: &Capture, people: &mut People) -> Result<Self, ForgeError> {
        let mut live = Self::default();
        let mut seen: BTreeMap<&str, &[u8]> = BTreeMap::new();
        let mut pushes: Vec<(usize, &Exchange, Value)> = Vec::new();
        for (exchange, bytes) in capture.answers() {
            if let Some(absence) = Absence::read(exchange, bytes)? {
                live.watch.absent(absence, live.pull.is_some(), !pushes.is_empty(), live.landed);
                continue;
            }
            let Some((guid, event)) = webhook::delivery(&exchange.name) else { continue };
            live.any = true;
            if let Some(before) = seen.insert(guid, bytes) {
                if before != bytes {
                    let why = "one delivery came twice, with different contents".to_owned();
                    live.shortfalls.push(Shortfall { what: Part::Events, why });
                }
                continue;
            }
            let name = exchange.name.as_str();
            let value = body(name, bytes)?;
            if event == "push" {
                pushes.push((live.told.happened.len(), exchange, value));
                continue;
            }
            let at = live.delivery(event, Node::new(name, &value), capture, people)?;
            live.watch.arrived(exchange, at);
        }
        for (place, exchange, value) in &pushes {
            let at = live.push(*place, Node::new(&exchange.name, value), people)?;
            live.watch.arrived(exchange, at);
        }
        live.moves.sort_by_key(|moved| moved.at.map(Stamp::second));
        Ok(live)
    }

    fn delivery(
        &mut self,
        event: &str,
        node: Node<'_>,
        capture: &Capture,
        people: &mut People,
    ) -> Result<Option<Stamp>, ForgeError> {
        if !matches!(event, "pull_request" | "pull_request_review") {
            return Ok(None);
        }
        let pull = Pull::read(node.need("pull_request")?, &capture.head)?;
        let action = node.text("action")?;
        let sender = Who::read(node.get("sender")?)?;
        for who in pull.assignees.iter().chain([&pull.opener, &sender]) {
            people.learn(who.account, who.kind);
        }
        let at = if event == "pull_request" {
            self.pull_request(action, node, &pull, &sender)?
        } else {
            self.review(action, node.need("review")?, &pull, &sender, people)?
        };
        // A delivery about a review has fewer fields; what is newer counts, and of two of one moment the later one.
        if self.pull.as_ref().is_none_or(|known| known.updated_at <= pull.updated_at) {
            self.pull = Some(pull);
        }
        Ok(at)
    }

    /// When it happened, of what is an event.
    fn pull_request(
        &mut self,
        action: &str,
        node: Node<'_>,
        pull: &Pull,
        sender: &Who,
    ) -> Result<Option<Stamp>, ForgeError> {
        let what = match action {
            "opened" => {
                self.opened = Some(pull.head);
                EventKind::Opened
            }
            "edited" if node.need("changes")?.get("base")?.is_some() => EventKind::Retargeted,
            "closed" if pull.merged_at.is_some() => {
                self.landed = true;
                EventKind::Merged
            }
            "closed" => EventKind::Closed,
            "reopened" => EventKind::Reopened,
            "enqueued" => EventKind::Queued,
            "assigned" => {
                self.told.asked.extend(sender.account);
                self.told.asked.extend(pull.assignees.iter().filter_map(|who| who.account));
                return Ok(None);
            }
            "synchronize" => {
                // Both are upper bounds of when the push came; the lower one is nearer.
                let at = pull.updated_at.into_iter().chain(pull.pushed_at).min();
                let (before, after) = (node.oid_or_zero("before")?, node.oid_or_zero("after")?);
                self.moved(Move {
                    at,
                    account: sender.account,
                    before,
                    after,
                    forced: true,
                    seen_after: self.told.happened.len(),
                });
                return Ok(at);
            }
            _ => return Ok(None),
        };
        let at = if what == EventKind::Opened {
            Some(pull.created_at)
        } else if what == EventKind::Merged {
            pull.merged_at
        } else {
            pull.updated_at
        };
        self.told.happened.push(Happened { at, account: sender.account, what });
        Ok(at)
    }

    fn review(
        &mut self,
        action: &str,
        node: Node<'_>,
        pull: &Pull,
        sender: &Who,
        people: &mut People,
    ) -> Result<Option<Stamp>, ForgeError> {
        let Some(mut review) = Review::read(node, people)? else { return Ok(None) };
        let id = review.it.id;
        let (what, at, account) = match action {
            "submitted" => (EventKind::Reviewed { review: id }, review.at, review.it.account),
            "dismissed" => (EventKind::Dismissed { review: id }, pull.updated_at, sender.account),
            _ => return Ok(None),
        };
        if action == "submitted" {
            self.told.reviewed.insert(id);
        } else {
            review.it.state = ReviewState::Dismissed;
        }
        self.told.happened.push(Happened { at, account, what });
        match self.reviews.get_mut(&id) {
            // The commit is the one that was told first.
            Some(known) if action == "dismissed" => known.it.state = ReviewState::Dismissed,
            Some(_) => {}
            None => {
                self.reviews.insert(id, review);
            }
        }
        Ok(at)
    }

    /// A push to the head branch. Pushes come for every branch, and only of repositories that deliver.
    fn push(&mut self, place: usize, node: Node<'_>, people: &mut People) -> Result<Option<Stamp>, ForgeError> {
        let Some(pull) = &self.pull else { return Ok(None) };
        let repository = node.need("repository")?;
        let here = pull.head_repository.as_ref().is_some_and(|(id, _)| repository.number("id").is_ok_and(|n| n == *id));
        if !here || node.text("ref")? != format!("refs/heads/{}", pull.head_branch) {
            return Ok(None);
        }
        let sender = Who::read(node.get("sender")?)?;
        people.learn(sender.account, sender.kind);
        let at = repository
            .opt_number("pushed_at")?
            .and_then(|seconds| Time::from_unix(i64::try_from(seconds).ok()?).ok())
            .map(Stamp::whole);
        self.moved(Move {
            at,
            account: sender.account,
            before: node.oid_or_zero("before")?,
            after: node.oid_or_zero("after")?,
            forced: node.opt_flag("forced")?.unwrap_or(true),
            seen_after: place,
        });
        Ok(at)
    }

    /// One push is told twice: to the branch, and to the pull request.
    fn moved(&mut self, moved: Move) {
        let near = |other: &Move| {
            (other.before, other.after) == (moved.before, moved.after)
                && other.at.zip(moved.at).is_none_or(|(a, b)| a.second().since(b.second()).unsigned_abs() <= 60)
        };
        match self.moves.iter_mut().find(|other| near(other)) {
            Some(known) => {
                known.at = known.at.into_iter().chain(moved.at).min();
                known.forced &= moved.forced;
                known.seen_after = known.seen_after.max(moved.seen_after);
                if known.account != moved.account {
                    known.account = None;
                }
            }
            None => self.moves.push(moved),
        }
    }

    /// What must have been delivered and was not, and what can have been missed.
    pub(super) fn gaps(&self, pull: &Pull, reviews: &[Review], moves_listed: bool) -> Vec<String> {
        let landed = pull.merged_at.map(Stamp::second);
        let mut gaps = self.watch.gaps(pull.created_at.second(), landed, moves_listed);
        match self.opened {
            None => gaps.push("the opening".to_owned()),
            Some(opened) => {
                let in_time = |moved: &&Move| moved.at.zip(landed).is_none_or(|(at, landed)| at.second() <= landed);
                let moves: Vec<_> =
                    self.moves.iter().filter(in_time).map(|moved| (moved.before, moved.after)).collect();
                if !unbroken(opened, &moves, pull.head) {
                    gaps.push("a move of the head".to_owned());
                }
            }
        }
        if pull.merged_at.is_some() && !self.landed {
            gaps.push("the landing".to_owned());
        }
        let told: BTreeSet<u64> = self.reviews.keys().copied().collect();
        for review in reviews.iter().filter(|review| review.it.state != ReviewState::Commented) {
            let id = review.it.id;
            let set_aside = review.it.state == ReviewState::Dismissed
                && self.reviews.get(&id).is_some_and(|seen| seen.it.state != ReviewState::Dismissed);
            if !told.contains(&id) || !self.told.reviewed.contains(&id) {
                gaps.push(format!("review {id}"));
            }
            if set_aside {
                gaps.push(format!("the dismissal of review {id}"));
            }
        }
        gaps
    }
}
