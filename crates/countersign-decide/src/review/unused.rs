//! What was agreed to and explains nothing that landed: said beside a refusal, since it is often what somebody meant.

use super::Question;
use super::changes::{Changes, optional};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::{Oid, SourceError, graph};
use std::collections::BTreeSet;

/// How many are named.
const NAMED: usize = 10;

/// One note for all approved heads that did not land; none if there is no such head.
pub(super) fn of(
    question: &Question<'_>,
    changes: &Changes<'_>,
    within: &BTreeSet<&Oid>,
) -> Result<Option<Finding>, SourceError> {
    let waiting = changes.waiting();
    if waiting.is_empty() {
        return Ok(None);
    }
    let many =
        if waiting.len() == 1 { "one approved head".to_owned() } else { format!("{} approved heads", waiting.len()) };
    let mut finding = Finding::new(codes::REVIEW_NOT_COUNTED, format!("{many} did not land as approved"))
        .at(format!("{} of {}", question.target_ref, question.repository));
    for head in waiting.iter().take(NAMED) {
        finding = finding.found(format!("{head}: {}", why(question, changes, within, head)?));
    }
    if waiting.len() > NAMED {
        finding = finding.found("and others");
    }
    Ok(Some(finding))
}

fn why(
    question: &Question<'_>,
    changes: &Changes<'_>,
    within: &BTreeSet<&Oid>,
    head: &Oid,
) -> Result<&'static str, SourceError> {
    let source = question.history.objects();
    let bases = changes.bases(head);
    // A base on the branch itself hides nothing: what lies before it landed by itself.
    if bases.iter().any(|base| within.contains(base) && !changes.on_the_line(base)) {
        return Ok("its base is one of the commits that landed, so the reviewer was not shown all of them");
    }
    if within.contains(head) {
        for commit in within {
            let parents = source.commit(commit)?.parents;
            if parents.len() > 1 && parents.contains(head) {
                return Ok("the merge that brought it is not what it makes on the branch");
            }
        }
        return Ok("it landed with commits that came after the approval");
    }
    for base in &bases {
        // A base that is not in the evidence is not on the branch either.
        if optional(graph::is_ancestor(source, base, &question.candidate))? != Some(true) {
            return Ok("its base is not on the branch, so the reviewer was not shown what lies before it");
        }
    }
    Ok("no commit of the range is what it makes on the branch")
}
