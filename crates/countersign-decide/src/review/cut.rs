//! A branch that was cut from another: how far both are the same line of commits.
//!
//! Cutting a release branch at a state of main changes nothing that was reviewed for main, so it needs no review. Taking
//! content of main over in any other way does: a review is for one branch. What tells them apart is main's own line: a commit
//! that main itself stood at was cut, and every other one was put onto this branch.

use super::Question;
use super::changes::optional;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::{Oid, SourceError, graph};
use countersign_core::ids::RefName;

/// How many commits of this branch's line, from its oldest on, the other branch stood at as well.
pub(super) fn length(question: &Question<'_>, line: &[Oid], findings: &mut Vec<Finding>) -> Result<usize, SourceError> {
    let Some(branch) = question.cut_from else { return Ok(0) };
    let source = question.history.objects();
    let tip = match question.history.facts().cut_from {
        Some(tip) if optional(source.commit(&tip))?.is_some() => tip,
        tip => {
            findings.push(not_seen(question, branch, tip));
            return Ok(0);
        }
    };
    let theirs = graph::range(source, &tip, &question.start)?;
    let theirs = graph::line(source, &theirs, &question.start, &tip)?;
    Ok(line.iter().zip(&theirs).take_while(|(ours, theirs)| ours == theirs).count())
}

/// Without that branch nobody can tell what was cut, nor what was rejected there.
fn not_seen(question: &Question<'_>, branch: &RefName, tip: Option<Oid>) -> Finding {
    let name = branch.as_str().strip_prefix("refs/heads/").unwrap_or(branch.as_str());
    Finding::new(codes::HISTORY_OBJECT_MISSING, format!("{branch} is not there, from which this branch was cut"))
        .at(question.repository.to_string())
        .expected(format!("the branch from which {} was cut", question.target_ref), question.by)
        .found(tip.map_or_else(|| "no such branch".to_owned(), |tip| format!("commit {tip} is missing")))
        .help(format!("git fetch origin {name}:{branch}"))
}
