//! Files with what people say of what rules found: one signed statement a line, each by one person. The measurement of a
//! rule and the sample of a backtest read them alike.

use crate::document::read_statement;
use crate::quorum::{self, Cosigned, Judges};
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::ids::PersonId;
use countersign_core::statement::Kind;
use countersign_core::statement::adjudication::Adjudication;
use countersign_core::time::Time;
use countersign_core::trust::{ROLE_POLICY, Trust};

/// What one line says.
#[derive(Debug, Clone)]
pub struct Said {
    /// It.
    pub labels: Adjudication,
    /// Who says it: a policy approver; `None` where it is somebody whose word does not count, with why.
    pub by: Result<PersonId, String>,
}

/// Reads a file with labels. A line that does not hold is left to the caller.
pub fn read(
    bytes: &[u8],
    (trust, newest): (&Trust, &Trust),
    at: Time,
    place: &str,
) -> Result<Vec<Result<Said, Vec<Finding>>>, Vec<Finding>> {
    let wrong = |what: String| vec![Finding::new(codes::ADJUDICATION_UNAGREED, what).at(place)];
    let documents = Signed::parse_lines(bytes).map_err(|error| {
        let code = if error.code() == codes::NO_STATEMENTS { codes::ADJUDICATION_UNAGREED } else { error.code() };
        vec![Finding::new(code, error.to_string()).at(place)]
    })?;
    let role = trust.role(ROLE_POLICY).ok_or_else(|| wrong(format!("trust has no role `{ROLE_POLICY}`")))?;
    let judges = Judges { role, trust, newest };
    let roots = Signed::roots_among(bytes);
    let lines = (1_usize..).zip(documents);
    let said = |(number, (_, signed))| said((signed, &roots), judges, at, &format!("{place}, line {number}"));
    Ok(lines.map(said).collect())
}

fn said(
    (signed, roots): (Signed, &[Vec<u8>]),
    judges: Judges<'_>,
    at: Time,
    place: &str,
) -> Result<Said, Vec<Finding>> {
    let wrong = |what: String| vec![Finding::new(codes::ADJUDICATION_UNAGREED, what).at(place)];
    let statement = read_statement(&signed, place)?;
    let kind = Kind::Adjudication;
    if statement.kind() != Some(kind) {
        return Err(vec![
            Finding::new(codes::PREDICATE_MISMATCH, format!("this is not a statement of kind {}", kind.word()))
                .at(place)
                .expected(kind.predicate_type(), "the command")
                .found(statement.predicate_type.as_str()),
        ]);
    }
    let labels: Adjudication = statement.predicate_as(kind).map_err(|error| wrong(error.to_string()))?;
    if labels.labels.is_empty() || !labels.labels.iter().all(|label| statement.is_about(&label.decision)) {
        return Err(wrong("a label is about a decision that the statement is not about".to_owned()));
    }
    let digest = Sha256::of(&signed.payload);
    let cosigned = Cosigned { statement, documents: vec![signed], roots: roots.to_vec(), digest };
    let counted = quorum::count(&cosigned, kind, judges, at, place);
    if !counted.problems.is_empty() {
        return Err(counted.problems);
    }
    let by = counted.persons.into_keys().next();
    Ok(Said { labels, by: by.ok_or_else(|| counted.notes.into_iter().next().unwrap_or_default()) })
}
