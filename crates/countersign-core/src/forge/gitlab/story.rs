//! What happened to a merge request, in order. GitLab has no one list of it: the order of notes is the server's, states
//! come from a list of their own, and moves from the pushes to the project and from the versions that were compared.

use super::request::{Request, Who};
use crate::forge::ForgeError;
use crate::forge::order::{Happened, Move};
use crate::forge::pages::List;
use crate::forge::read::{Node, Stamp};
use crate::git::oid::Oid;
use crate::statement::change_review::{AccountKind, EventKind, ForgeReview, Part, ReviewState, Shortfall};
use std::collections::{BTreeMap, BTreeSet};

/// What notes and states tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub happened: Vec<Happened>,
    pub reviews: Vec<ForgeReview>,
}

impl Told {
    /// Reads the notes that the server wrote. What people write is a remark, whatever it says.
    pub(super) fn notes(&mut self, list: &List) -> Result<(), ForgeError> {
        for note in list.items()? {
            if !note.opt_flag("system")?.unwrap_or(false) {
                continue;
            }
            let body = note.text("body")?;
            let state = if body.starts_with("approved this merge request") {
                ReviewState::Approved
            } else if body.starts_with("requested changes") {
                ReviewState::ChangesRequested
            } else {
                self.other(note, body)?;
                continue;
            };
            let at = note.stamp("created_at")?;
            let who = Who::read(note.get("author")?)?;
            self.reviewed(note.number("id")?, who.account, state, Some(at), None);
        }
        Ok(())
    }

    pub(super) fn reviewed(
        &mut self,
        review: u64,
        account: Option<u64>,
        state: ReviewState,
        at: Option<Stamp>,
        commit: Option<Oid>,
    ) {
        self.happened.push(Happened { at, account, what: EventKind::Reviewed { review } });
        self.reviews.push(ForgeReview {
            id: review,
            account,
            kind: AccountKind::Unknown,
            permission: None,
            state,
            reviewed_commit: commit,
            submitted_at: at.map(Stamp::second),
            superseded_by: None,
        });
    }

    /// The server took approvals back, because of a push. It does not say whose, so it is everybody's.
    pub(super) fn all_taken_back(&mut self, at: Option<Stamp>) {
        let accounts: BTreeSet<Option<u64>> = self.reviews.iter().map(|review| review.account).collect();
        for account in accounts {
            self.taken_back(account, at);
        }
    }

    /// An approval that its author took back.
    pub(super) fn taken_back(&mut self, account: Option<u64>, at: Option<Stamp>) {
        let standing = |review: &&mut ForgeReview| {
            review.account == account && account.is_some() && review.state == ReviewState::Approved
        };
        for review in self.reviews.iter_mut().filter(standing) {
            review.state = ReviewState::Dismissed;
            let what = EventKind::Dismissed { review: review.id };
            self.happened.push(Happened { at, account, what });
        }
    }

    fn other(&mut self, note: Node<'_>, body: &str) -> Result<(), ForgeError> {
        let at = Some(note.stamp("created_at")?);
        let account = Who::read(note.get("author")?)?.account;
        let what = if body.starts_with("unapproved this merge request") {
            self.taken_back(account, at);
            return Ok(());
        } else if body.starts_with("changed") && body.contains("target branch") {
            EventKind::Retargeted
        } else if body.starts_with("started a merge train")
            || body.contains("added this merge request to the merge train")
        {
            EventKind::Queued
        } else {
            return Ok(());
        };
        self.happened.push(Happened { at, account, what });
        Ok(())
    }

    /// Reads the states, and puts everything into one order. At one moment the landing is first, so that nothing counts as
    /// before it that may not have been.
    pub(super) fn states(&mut self, list: &List) -> Result<(), ForgeError> {
        for item in list.items()? {
            let what = match item.text("state")? {
                "closed" => EventKind::Closed,
                "reopened" => EventKind::Reopened,
                "merged" => EventKind::Merged,
                _ => continue,
            };
            let account = Who::read(item.get("user")?)?.account;
            self.happened.push(Happened { at: Some(item.stamp("created_at")?), account, what });
        }
        self.happened.sort_by_key(|event| (event.at, event.what != EventKind::Merged));
        Ok(())
    }

    /// Holds what notes tell against the list of who approves in the end.
    pub(super) fn standing(&mut self, approved: &BTreeSet<u64>) -> Option<Shortfall> {
        let mut told = BTreeSet::new();
        for review in self.reviews.iter_mut().filter(|review| review.state == ReviewState::Approved) {
            match review.account {
                Some(account) if approved.contains(&account) => {
                    told.insert(account);
                }
                // The server took it back: a push did, or the account was deleted.
                _ => review.state = ReviewState::Dismissed,
            }
        }
        let missing = approved.iter().any(|account| !told.contains(account));
        let why = "an approval that stands is not among the notes, so that nobody can tell when it was made";
        missing.then(|| Shortfall { what: Part::Reviews, why: why.to_owned() })
    }
}

/// A push to the branch, with the name that its author shows.
pub(super) fn push(item: Node<'_>, branch: &str) -> Result<Option<(Move, Who)>, ForgeError> {
    let Some(push) = item.get("push_data")? else { return Ok(None) };
    if push.opt_text("ref")? != Some(branch) || push.opt_text("ref_type")? != Some("branch") {
        return Ok(None);
    }
    let (author, number) = (item.get("author")?, item.opt_number("author_id")?);
    let mut who = Who::read(author)?;
    // Some answers have only the number. Two that disagree name nobody.
    who.account = if author.is_none() { number } else { who.account.filter(|account| number == Some(*account)) };
    let (before, after) = (push.oid_or_zero("commit_from")?, push.oid_or_zero("commit_to")?);
    let action = push.text("action")?;
    let moved = Move {
        at: Some(item.stamp("created_at")?),
        account: who.account,
        before: before.filter(|_| action != "created"),
        after: after.filter(|_| action != "removed"),
        // GitLab does not tell a forced push from another.
        forced: true,
        seen_after: 0,
    };
    Ok(Some((moved, who)))
}

/// Whether a list of pushes goes back to where the branch was made, before the change was opened.
pub(super) fn goes_back(list: &List, request: &Request) -> Result<bool, ForgeError> {
    for item in list.items()? {
        if let Some((moved, _)) = push(item, &request.head_branch)?
            && moved.before.is_none()
            && moved.at.is_some_and(|at| at.second() <= request.created_at.second())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The moves: pushes, held against the versions that GitLab compared.
pub(super) fn moves(
    pushes: &List,
    versions: &List,
    request: &Request,
    names: &mut BTreeMap<u64, String>,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<(Vec<Move>, bool), ForgeError> {
    let mut moves = Vec::new();
    for item in pushes.items()?.into_iter().rev() {
        let Some((moved, who)) = push(item, &request.head_branch)? else { continue };
        if let (Some(account), Some(name)) = (who.account, who.name) {
            names.insert(account, name);
        }
        moves.push(moved);
    }
    let short = |why: &str| Shortfall { what: Part::Moves, why: why.to_owned() };
    let mut trouble = pushes.shortfall(Part::Moves, "pushes need read_api on the project of the source branch");
    trouble = trouble.or(pushes.repeats(Part::Moves, "id")?);
    trouble = trouble.or_else(|| versions.shortfall(Part::Moves, "versions need read_api"));
    trouble = trouble.or(versions.repeats(Part::Moves, "id")?);
    if trouble.is_none() && !moves.is_sorted_by_key(|moved| moved.at) {
        trouble = Some(short("the list of pushes is not in the order of time"));
    }
    let items = versions.items()?;
    if trouble.is_none() && items.first().map(|item| item.oid("head_commit_sha")).transpose()? != Some(request.head) {
        trouble = Some(short("the newest version is not of the newest commit"));
    }
    let mut at = 0;
    for item in items.into_iter().rev() {
        let (head, seen) = (item.oid("head_commit_sha")?, item.stamp("created_at")?);
        let found = moves.iter().skip(at).position(|moved| moved.after == Some(head)).map(|n| at.saturating_add(n));
        let Some(n) = found else {
            if !moves.iter().take(at.saturating_add(1)).any(|moved| moved.after == Some(head)) {
                trouble = trouble.or_else(|| Some(short("the list of pushes does not show every version")));
                let before = moves.last().and_then(|moved| moved.after);
                moves.push(Move {
                    at: Some(seen),
                    account: None,
                    before,
                    after: Some(head),
                    forced: true,
                    seen_after: 0,
                });
                at = moves.len();
            }
            continue;
        };
        at = n;
        // Until GitLab has compared a push, a page still shows the head before it: an approval in between is of that.
        if let Some(moved) = moves.get_mut(n)
            && moved.at.is_some_and(|pushed| pushed.second() >= request.created_at.second() && seen > pushed)
        {
            moved.at = Some(seen);
        }
    }
    let listed = trouble.is_none();
    shortfalls.extend(trouble);
    Ok((moves, listed))
}
