//! The summary beside a decision: the statement that the decision makes, to the byte. Those who deploy read it by its subject
//! and its fields, so that one more of either is something that no gate has judged.

use crate::compare::is_of_another_version;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::later;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_decide::summary::{resource_uri, summarise};
use countersign_verify::document::SignerName;
use countersign_verify::gate::verify_by_gate;
use countersign_verify::log::Promoted;
use countersign_verify::vsa::verify_signed_vsa;
use countersign_verify::{Blobs, LogState};

const PLACE: &str = "summary";

/// What is wrong with the summary that was recorded with a decision, signed by the same gate.
pub(super) fn summary_of(index: u64, recorded: &Promoted, state: &LogState, blobs: &dyn Blobs) -> Vec<Finding> {
    let content = &recorded.content;
    let fault = |what: &str| vec![Finding::new(codes::DECISION_DIFFERS, what).at(PLACE)];
    let entry = usize::try_from(index).ok().and_then(|i| state.entries().get(i));
    let Some(named) = entry.and_then(|entry| entry.statements.get(1)) else {
        return fault("the entry names no summary beside its decision");
    };
    let Some(bytes) = blobs.blob(named) else {
        let finding = Finding::new(codes::PACKAGE_EVIDENCE_MISSING, "the decision's summary is missing or altered");
        return vec![finding.at(PLACE)];
    };
    let SignerName::Gate(gate) = &recorded.decision.signed_by().owner else {
        return fault("the decision was not signed by a gate");
    };
    let Some(view) = state.at(index) else { return fault("the entry lies beyond the log") };
    let (Ok(expected), Ok(resource)) =
        (summarise(content, gate, recorded.decision.document()), resource_uri(&content.request.environment))
    else {
        return fault("the decision makes no summary");
    };
    let signed = match Signed::parse_blob(&bytes) {
        Ok(signed) => signed,
        Err(error) => return vec![Finding::new(error.code(), error.to_string()).at(PLACE)],
    };
    let subject = &content.request.subject;
    let subjects = vec![Subject::sha256(&content.request.subject_name, subject)];
    let Ok(statement) = Statement::new(Kind::Vsa, subjects, &expected).and_then(|statement| statement.to_bytes())
    else {
        return fault("the decision makes no summary");
    };
    // To the byte what the decision makes, and by its gate: there is nothing else to look at.
    if signed.payload == statement {
        let by = verify_by_gate(&signed, view.trust(), blobs, recorded.time, PLACE);
        if by.is_ok_and(|summary| summary.signed_by().owner == recorded.decision.signed_by().owner) {
            return Vec::new();
        }
    }
    let by = (view.trust(), blobs);
    let found = match verify_signed_vsa(&signed, subject, &resource, None, by, (recorded.time, PLACE)) {
        Err(findings) => return findings,
        Ok(found) => found,
    };
    if found != expected {
        return fault("the summary is not the one that the decision makes");
    }
    if signed.payload == statement {
        return Vec::new();
    }
    differs(&signed, &statement, is_of_another_version(content))
}

/// The same fields, and something besides. Only another version may have written a field that this one does not know, and then
/// nobody can tell here what it says.
fn differs(signed: &Signed, expected: &[u8], other_version: bool) -> Vec<Finding> {
    let read = |payload: &[u8]| Statement::parse(payload).ok();
    let (Some(found), Some(makes)) = (read(&signed.payload), read(expected)) else {
        return vec![Finding::new(codes::DECISION_DIFFERS, "the summary does not parse").at(PLACE)];
    };
    if found.subjects != makes.subjects {
        let named = |statement: &Statement| {
            let one = |subject: &Subject| serde_json::to_string(subject).unwrap_or_default();
            statement.subjects.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let what = "the summary names its artifact otherwise than the decision does";
        let finding = Finding::new(codes::DECISION_DIFFERS, what).at(PLACE);
        return vec![finding.expected(named(&makes), "the decision").found(named(&found))];
    }
    let names = |statement: &Statement| -> Vec<String> {
        statement.predicate.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    };
    let known = names(&makes);
    let more: Vec<String> = names(&found).into_iter().filter(|name| !known.contains(name)).collect();
    let more = if more.is_empty() { "a field beside or within another".to_owned() } else { more.join(", ") };
    if other_version {
        let known = Kind::Vsa.predicate_type();
        return vec![later::finding("summary", PLACE, known, &more, None)];
    }
    let what = "the summary says more than the decision makes it say";
    vec![Finding::new(codes::DECISION_DIFFERS, what).at(PLACE).found(more)]
}
