//! The reviews of a pull request, from the list and from deliveries.

use super::pull::Who;
use super::timeline::state;
use crate::forge::ForgeError;
use crate::forge::build::People;
use crate::forge::read::{Node, Stamp};
use crate::statement::change_review::{AccountKind, ForgeReview, ReviewState};
use std::collections::BTreeMap;

/// A review with what else is known of its author.
#[derive(Debug, Clone)]
pub(super) struct Review {
    pub it: ForgeReview,
    pub kind: AccountKind,
    pub login: Option<String>,
    pub at: Option<Stamp>,
}

impl Review {
    /// Reads one; `None` if it is not handed in yet.
    pub(super) fn read(item: Node<'_>, people: &mut People) -> Result<Option<Self>, ForgeError> {
        let Some(state) = state(item)? else { return Ok(None) };
        let who = Who::read(item.get("user")?)?;
        people.learn(who.account, who.kind);
        let at = item.opt_stamp("submitted_at")?;
        let review = ForgeReview {
            id: item.number("id")?,
            account: who.account,
            kind: AccountKind::Unknown,
            permission: None,
            state,
            reviewed_commit: item.opt_oid("commit_id")?,
            submitted_at: at.map(Stamp::second),
            superseded_by: None,
        };
        Ok(Some(Self { it: review, kind: who.kind, login: who.login, at }))
    }
}

/// The list with what was seen as it happened. The commit of a review is the one that was told when it was made: GitHub
/// shows an old review for a new head if that has the same patch. A review that was set aside stays so.
pub(super) fn joined(listed: Vec<Review>, seen: &BTreeMap<u64, Review>) -> Vec<Review> {
    let mut out = listed;
    for review in &mut out {
        if let Some(seen) = seen.get(&review.it.id) {
            review.it.reviewed_commit = seen.it.reviewed_commit;
            if seen.it.state == ReviewState::Dismissed {
                review.it.state = ReviewState::Dismissed;
            }
        }
    }
    let missing = |id: &u64| !out.iter().any(|review| review.it.id == *id);
    let more: Vec<Review> = seen.iter().filter(|(id, _)| missing(id)).map(|(_, review)| review.clone()).collect();
    out.extend(more);
    // By the server's time; in one second, in the order of the list, which is the order of the numbers.
    out.sort_by_key(|review| (review.at.map(Stamp::second), review.it.id));
    out
}
