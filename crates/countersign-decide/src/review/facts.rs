//! What has to be true of the repository before its history says anything.

use super::Question;
use super::changes::optional;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::evidence::Unsound;
use countersign_core::git::{SourceError, graph};

/// Replace refs, grafts, shallow clones, and evidence about something else.
pub(super) fn check(question: &Question<'_>) -> Vec<Finding> {
    let facts = question.history.facts();
    let place = question.repository.to_string();
    let mut findings = Vec::new();
    if facts.shallow {
        findings.push(
            Finding::new(codes::HISTORY_SHALLOW, "the repository is a shallow or partial clone: history is missing")
                .at(place.as_str())
                .expected("the whole history", question.by)
                .found("shallow")
                .help("git fetch --unshallow"),
        );
    }
    if !facts.replace_refs.is_empty() || facts.grafts {
        let mut finding = Finding::new(
            codes::HISTORY_REPLACED,
            "the repository has replace refs or grafts: what git shows is not what was committed",
        )
        .at(place.as_str())
        .expected("none", question.by);
        for name in &facts.replace_refs {
            finding = finding.found(name.to_string());
        }
        if facts.grafts {
            finding = finding.found("info/grafts");
        }
        findings.push(finding.help("use a clone without them: `git replace -d`, and remove info/grafts"));
    }
    if facts.repository != *question.repository || facts.candidate != question.candidate {
        findings.push(
            Finding::new(codes::SOURCE_MISMATCH, "the git evidence is about something else")
                .at(place)
                .expected(format!("{} of {}", question.candidate, question.repository), question.by)
                .found(format!("{} of {}", facts.candidate, facts.repository)),
        );
    }
    findings.extend(facts.unsound.iter().map(|(id, why)| {
        let (code, what) = match why {
            Unsound::Collision => (codes::HISTORY_COLLISION, "an object carries the marks of a SHA-1 collision"),
            Unsound::OtherBytes => (codes::HISTORY_MALFORMED, "an object's bytes are those of another object"),
        };
        Finding::new(code, what)
            .at(format!("object {id} of {}", question.repository))
            .expected("bytes whose hash is the object's id, made by no collision attack", question.by)
            .help("do not use this clone: compare it with another one, and find out where the object came from")
    }));
    findings
}

/// The range does not go forward.
pub(super) fn rewritten(question: &Question<'_>) -> Result<Finding, SourceError> {
    let source = question.history.objects();
    let part = optional(graph::merge_bases(source, &question.start, &question.candidate))?.unwrap_or_default();
    let found = match part.as_slice() {
        [] => "another history: no commit in common".to_owned(),
        [last, ..] => format!("another line of history, which parts at {last}"),
    };
    let finding =
        Finding::new(codes::HISTORY_REWRITTEN, "the last promoted revision is not an ancestor of the candidate")
            .at(format!("commit {}", question.candidate))
            .expected(format!("a descendant of {}", question.start), question.by)
            .found(found);
    Ok(finding.help(
        "promote a revision that goes on from the last one; a rewritten branch needs a new start in the policy, and a \
         release branch one of its own: where it was cut",
    ))
}

/// The range has no commit.
pub(super) fn empty(question: &Question<'_>) -> Finding {
    Finding::new(codes::RANGE_EMPTY, "there is no commit to review: the candidate is where the range begins")
        .at(format!("commit {}", question.candidate))
        .expected(format!("at least one commit after {}", question.start), question.by)
        .found("none")
}

/// An object could not be had.
pub(super) fn unreadable(error: &SourceError) -> Finding {
    let code = if matches!(error, SourceError::Collision { .. }) {
        codes::HISTORY_COLLISION
    } else if matches!(
        error,
        SourceError::Mismatch { .. }
            | SourceError::Kind { .. }
            | SourceError::Malformed { .. }
            | SourceError::Format { .. }
    ) {
        codes::HISTORY_MALFORMED
    } else {
        codes::HISTORY_OBJECT_MISSING
    };
    Finding::new(code, error.to_string())
        .at("git evidence")
        .help("run the gate on a full clone that has the reviewed heads: `git fetch` the reviewed branches")
}
