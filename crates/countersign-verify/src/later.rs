//! What a later version signed: read where it can be, and else told from what is malformed. It is never taken for something
//! that it is not, and never passed over.

use countersign_core::decision::Decision;
use countersign_core::finding::Finding;
use countersign_core::json::JsonError;
use countersign_core::later;
use countersign_core::statement::{Kind, Payload, Stated as _, StatementError};

/// Why a signed statement was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// A later version made it.
    Later(Finding),
    /// It is not of the form that it says.
    Malformed(StatementError),
}

/// What a signed decision says: first which form it has, then what that form holds. A field or a word that this form did not have
/// is of a later version as well: fields are added, and codes and kinds.
pub(crate) fn read_decision(statement: &Payload<'_>, place: &str) -> Result<Decision, Unread> {
    let (known, named) = (Kind::PromotionDecision.predicate_type(), statement.predicate_type().as_str());
    let later =
        |found: &str| Unread::Later(later::finding("decision", place, known, found, made_by(statement).as_deref()));
    if later::is_later(named, known) {
        return Err(later(named));
    }
    statement.predicate_as(Kind::PromotionDecision).map_err(|error| {
        if let StatementError::Json(JsonError::Unknown(found)) = &error {
            return later(found);
        }
        Unread::Malformed(error)
    })
}

/// The version that made it, by its own words, where those stand where they stand now.
fn made_by(statement: &Payload<'_>) -> Option<String> {
    let said = statement.predicate().ok()?;
    said.pointer("/request/tool/version").and_then(|version| version.as_str()).map(ToOwned::to_owned)
}
