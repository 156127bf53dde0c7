//! The erasure of one piece of evidence, such as one that names a person who has a right to be forgotten. The log goes on
//! to say that it was there, by its digest, and from this entry on why nobody can see it.

use crate::digest::Sha256;
use crate::ids::{Origin, PersonId};
use crate::limits;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The namespace of an SSH signature over it.
pub const NAMESPACE: &str = "evidence-erasure@countersign.dev";

/// The predicate `https://countersign.dev/evidence-erasure/v0.1`. Its subject is the piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Erasure {
    /// The log whose evidence it was.
    pub log: Origin,
    /// What was erased.
    pub erased: Sha256,
    /// Why, in a sentence that stays: it names nobody.
    pub reason: String,
    /// Who answers for it.
    pub owner: PersonId,
    /// When.
    pub at: Time,
}

impl Erasure {
    /// What is wrong with it, if something is.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        if self.reason.trim().is_empty() {
            Some("it gives no reason")
        } else if self.reason.len() > limits::EXCEPTION_TEXT_BYTES {
            Some("its reason is longer than one that is read")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_without_a_reason_or_with_a_book_is_none() {
        let of = |reason: &str| Erasure {
            log: Origin::new("example.com/log").unwrap(),
            erased: Sha256::of(b"x"),
            reason: reason.to_owned(),
            owner: PersonId::new("ada").unwrap(),
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        assert_eq!(of("asked for by whom it names").problem(), None);
        assert!(of(" ").problem().is_some() && of(&"x".repeat(5_000)).problem().is_some());
    }
}
