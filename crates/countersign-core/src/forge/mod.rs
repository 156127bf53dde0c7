//! What a forge says about a change, read without a network: the answers as they came ([`Capture`]), what still has to be
//! asked ([`plan`]), and what the answers amount to ([`derive()`]).
//!
//! All of it is a function of the captured bytes. So the collector that asks, the gate that decides and the auditor who
//! looks years later get the same [`ChangeReview`] from the same capture, and a collector that claims another one than
//! its own capture gives is found out. Nothing here believes that what is missing is empty: a list that was not read to
//! its end, an answer that was refused and a field that is hidden are shortfalls, each by itself.

mod build;
pub mod capture;
mod changes;
pub mod foreign;
mod github;
mod gitlab;
mod order;
mod pages;
mod read;
#[cfg(test)]
mod testing;
pub mod watch;
pub mod webhook;

pub use capture::{Capture, CaptureError, Exchange, Head};
pub use changes::{LinkedChange, changes_of, commit_changes_request};

use crate::statement::change_review::{ChangeReview, ForgeKind};

/// The requests that have still to be made, by their names (`GET /repos/…`), for the capture to be whole. Each depends on
/// nothing but the answers so far; when none is left, the capture is finished.
#[must_use]
pub fn plan(capture: &Capture) -> Vec<String> {
    match capture.head.forge {
        ForgeKind::Github => github::plan(capture),
        ForgeKind::Gitlab => gitlab::plan(capture),
    }
}

/// What the answers amount to.
pub fn derive(capture: &Capture) -> Result<ChangeReview, ForgeError> {
    match capture.head.forge {
        ForgeKind::Github => github::derive(capture),
        ForgeKind::Gitlab => gitlab::derive(capture),
    }
}

/// Why a capture does not amount to a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// The change itself was not answered, or refused.
    #[error("{name}: the change itself could not be read: {why}")]
    NoChange {
        /// What was asked.
        name: String,
        /// The status, or that nothing was asked.
        why: String,
    },
    /// An answer that is not what the forge's documentation says.
    #[error("{name}: {why}")]
    Answer {
        /// What was asked.
        name: String,
        /// What is wrong with the answer.
        why: String,
    },
}
