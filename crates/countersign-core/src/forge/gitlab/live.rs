//! What GitLab told as it happened: deliveries in the order of their arrival. Its approvals have no number; a review is
//! numbered by the place of its delivery.

use super::request::Who;
use super::story::Told;
use crate::forge::order::{Happened, Move};
use crate::forge::read::{Node, Stamp, body};
use crate::forge::watch::{Absence, Watch, near, unbroken};
use crate::forge::{Capture, ForgeError, webhook};
use crate::git::oid::Oid;
use crate::ids::{RefName, Uri};
use crate::statement::change_review::{ChangeState, EventKind, ForgeReview, Part, ReviewState, Shortfall};
use crate::time::Time;
use std::collections::BTreeMap;

/// The state of a merge request in a delivery.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub id: u64,
    pub project: u64,
    pub url: Uri,
    pub opener: Option<u64>,
    pub state: ChangeState,
    pub created_at: Stamp,
    pub updated_at: Option<Stamp>,
    pub target: RefName,
    pub branch: String,
    pub head: Oid,
    pub head_branch: String,
    pub head_project: Option<u64>,
    pub result: Option<Oid>,
}

/// What deliveries tell of one merge request.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub told: Told,
    pub moves: Vec<Move>,
    pub seen: Option<Seen>,
    pub any: bool,
    pub shortfalls: Vec<Shortfall>,
    opened: Option<Oid>,
    landed: bool,
    /// What can have been missed, by when deliveries came.
    watch: Watch,
    /// Whose approvals were told, and when.
    approvals: Vec<(Option<u64>, Time)>,
}

impl Live {
    pub(super) fn read(capture: &Capture) -> Result<Self, ForgeError> {
        let mut live = Self::default();
        let mut known: BTreeMap<&str, &[u8]> = BTreeMap::new();
        let mut pushes = Vec::new();
        for (n, (exchange, bytes)) in capture.answers().enumerate() {
            if let Some(absence) = Absence::read(exchange, bytes)? {
                live.watch.absent(absence, live.seen.is_some(), !pushes.is_empty(), live.landed);
                continue;
            }
            let Some((guid, event)) = webhook::delivery(&exchange.name) else { continue };
            live.any = true;
            if let Some(before) = known.insert(guid, bytes) {
                if before != bytes {
                    let why = "one delivery came twice, with different contents".to_owned();
                    live.shortfalls.push(Shortfall { what: Part::Events, why });
                }
                continue;
            }
            let name = exchange.name.as_str();
            let value = body(name, bytes)?;
            let number = u64::try_from(n).unwrap_or(u64::MAX).saturating_add(1);
            match event {
                "Push Hook" => pushes.push((live.told.happened.len(), name, value)),
                "Merge Request Hook" => {
                    let before = live.told.reviews.len();
                    let at = live.delivery(Node::new(name, &value), number, capture)?;
                    live.watch.arrived(exchange, at);
                    if let Some(review) = live.told.reviews.get(before) {
                        live.approvals.push((review.account, exchange.at));
                    }
                }
                _ => {}
            }
        }
        for (place, name, value) in &pushes {
            live.push(*place, Node::new(name, value))?;
        }
        Ok(live)
    }

    /// Takes it in. Gives when it happened, where the delivery itself tells: an approval need not touch the request.
    fn delivery(&mut self, node: Node<'_>, number: u64, capture: &Capture) -> Result<Option<Stamp>, ForgeError> {
        let project = node.need("project")?;
        let of = node.need("object_attributes")?;
        let elsewhere = !project.text("path_with_namespace")?.eq_ignore_ascii_case(&capture.head.path);
        if of.number("iid")? != capture.head.change || elsewhere {
            return Err(node.fail("it is about another change"));
        }
        let seen = seen(of, project.number("id")?)?;
        let who = Who::read(node.get("user")?)?.account;
        let happened = |what| Happened { at: seen.updated_at, account: who, what };
        let mut told_at = seen.updated_at;
        match of.opt_text("action")?.unwrap_or_default() {
            "open" => {
                self.opened = Some(seen.head);
                told_at = Some(seen.created_at);
                self.told.happened.push(Happened { at: Some(seen.created_at), ..happened(EventKind::Opened) });
            }
            "close" => self.told.happened.push(happened(EventKind::Closed)),
            "reopen" => self.told.happened.push(happened(EventKind::Reopened)),
            "merge" => {
                self.landed = true;
                self.told.happened.push(happened(EventKind::Merged));
            }
            // The one says that this approval was still not enough, the other that it was.
            "approval" | "approved" => {
                told_at = None;
                self.told.reviewed(number, who, ReviewState::Approved, seen.updated_at, Some(seen.head));
            }
            "unapproval" | "unapproved" if of.opt_flag("system")?.unwrap_or(false) => {
                self.told.all_taken_back(seen.updated_at);
            }
            "unapproval" | "unapproved" => {
                told_at = None;
                self.told.taken_back(who, seen.updated_at);
            }
            "update" => {
                if let Some(changes) = node.get("changes")?
                    && changes.get("target_branch")?.is_some()
                {
                    self.told.happened.push(happened(EventKind::Retargeted));
                }
                if let Some(before) = of.opt_oid("oldrev")? {
                    self.moved(Move {
                        at: seen.updated_at,
                        account: who,
                        before: Some(before),
                        after: Some(seen.head),
                        forced: true,
                        seen_after: self.told.happened.len(),
                    });
                }
            }
            _ => told_at = None,
        }
        if self.seen.as_ref().is_none_or(|known| known.updated_at <= seen.updated_at) {
            self.seen = Some(seen);
        }
        Ok(told_at)
    }

    fn push(&mut self, place: usize, node: Node<'_>) -> Result<(), ForgeError> {
        let Some(seen) = &self.seen else { return Ok(()) };
        let here = Some(node.need("project")?.number("id")?) == seen.head_project;
        if !here || node.text("ref")? != format!("refs/heads/{}", seen.head_branch) {
            return Ok(());
        }
        let moved = Move {
            at: None,
            account: node.opt_number("user_id")?,
            before: node.oid_or_zero("before")?,
            after: node.oid_or_zero("after")?,
            forced: true,
            seen_after: place,
        };
        self.moved(moved);
        Ok(())
    }

    /// One push is told twice: to the branch, and to the merge request. A delivery about the branch has no time, and comes
    /// in the order of pushes; so a push that only it tells of is put before what it led to.
    fn moved(&mut self, moved: Move) {
        if let Some(known) =
            self.moves.iter_mut().find(|known| (known.before, known.after) == (moved.before, moved.after))
        {
            known.at = known.at.or(moved.at);
            known.seen_after = known.seen_after.max(moved.seen_after);
            if known.account != moved.account {
                known.account = None;
            }
            return;
        }
        let led_to = self.moves.iter().position(|known| known.before.is_some() && known.before == moved.after);
        let place = led_to.unwrap_or(self.moves.len());
        self.moves.insert(place, moved);
    }

    /// What must have been delivered and was not, and what can have been missed. An approval that the forge lists has to
    /// have been told when it was made.
    pub(super) fn gaps(&self, request: &super::Request, listed: &[ForgeReview], moves_listed: bool) -> Vec<String> {
        let merged = request.state == ChangeState::Merged;
        let landed = request.merged_at.map(Stamp::second);
        let mut gaps = self.watch.gaps(request.created_at.second(), landed.filter(|_| merged), moves_listed);
        match self.opened {
            None => gaps.push("the opening".to_owned()),
            Some(opened) => {
                let moves: Vec<_> = self.moves.iter().map(|moved| (moved.before, moved.after)).collect();
                if !unbroken(opened, &moves, request.head) {
                    gaps.push("a move of the head".to_owned());
                }
            }
        }
        for review in listed.iter().filter(|review| review.state == ReviewState::Approved) {
            let told = |(account, at): &(Option<u64>, Time)| {
                *account == review.account && review.submitted_at.is_none_or(|made| near(made, *at))
            };
            if review.account.is_none() || !self.approvals.iter().any(told) {
                gaps.push(format!("review {}", review.id));
            }
        }
        if merged && !self.landed {
            gaps.push("the landing".to_owned());
        }
        gaps
    }
}

fn seen(of: Node<'_>, project: u64) -> Result<Seen, ForgeError> {
    if of.number("target_project_id")? != project {
        return Err(of.fail("it is about another project"));
    }
    let head = of.need("last_commit")?.oid("id")?;
    let state = super::request::state(of, of.text("state")?)?;
    let landed = of.opt_oid("merge_commit_sha")?.or(of.opt_oid("squash_commit_sha")?).or(Some(head));
    Ok(Seen {
        id: of.number("id")?,
        project,
        url: of.uri("url")?,
        opener: of.opt_number("author_id")?,
        state,
        created_at: of.stamp("created_at")?,
        updated_at: of.opt_stamp("updated_at")?,
        target: of.branch("target_branch")?,
        branch: of.text("target_branch")?.to_owned(),
        head,
        head_branch: of.text("source_branch")?.to_owned(),
        head_project: of.opt_number("source_project_id")?,
        result: landed.filter(|_| state == ChangeState::Merged),
    })
}
