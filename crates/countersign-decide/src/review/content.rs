//! What the diff of a landed change hides. The reviewer may have missed it; the policy says what of it blocks.

use super::Question;
use super::landing::Landing;
use super::rows::subject;
use countersign_core::codes;
use countersign_core::finding::{Code, Finding};
use countersign_core::git::SourceError;
use countersign_core::git::content::{Hidden, HiddenKind, Look, changed};
use std::collections::BTreeSet;

/// How many of a kind are listed with a finding; the row of the change has all.
const LISTED: usize = 20;

/// Looks into the tree that landed, against the one that it landed on.
pub(super) fn of(
    question: &Question<'_>,
    landing: &Landing,
    look: &mut Look<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Hidden>, SourceError> {
    let source = question.history.objects();
    let (before, after) = (source.commit(&landing.before)?.tree, source.commit(&landing.landed)?.tree);
    let mut hidden = Vec::new();
    for file in changed(source, Some(&before), &after)? {
        hidden.extend(look.hidden(&file)?);
    }
    let blocking = &question.parameters.hidden_content;
    let (refused, noted): (Vec<&Hidden>, Vec<&Hidden>) =
        hidden.iter().partition(|hidden| blocks(blocking, hidden.kind));
    for (code, all) in [(codes::HIDDEN_CONTENT_REFUSED, refused), (codes::HIDDEN_CONTENT, noted)] {
        if !all.is_empty() {
            findings.push(said(question, landing, code, &all)?);
        }
    }
    Ok(hidden)
}

/// A file that was not read may hold whatever can be in a file.
fn blocks(blocking: &BTreeSet<HiddenKind>, kind: HiddenKind) -> bool {
    blocking.contains(&kind) || (kind == HiddenKind::Unread && blocking.iter().any(|kind| kind.is_in_bytes()))
}

fn said(question: &Question<'_>, landing: &Landing, code: Code, all: &[&Hidden]) -> Result<Finding, SourceError> {
    let title = subject(question.history.objects(), &landing.head)?;
    let kinds: BTreeSet<&str> = all.iter().map(|hidden| hidden.kind.as_str()).collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    let what = format!("the change holds what a diff does not show ({}): \"{title}\"", kinds.join(", "));
    let mut finding = Finding::new(code, what).at(format!("change {}", landing.head));
    if code == codes::HIDDEN_CONTENT_REFUSED {
        let blocking: Vec<&str> = question.parameters.hidden_content.iter().map(|kind| kind.as_str()).collect();
        finding = finding
            .expected(format!("none of: {}", blocking.join(", ")), question.by)
            .help("take it out in a change of its own, have that reviewed, and start after it");
    } else if all.iter().any(|hidden| hidden.kind == HiddenKind::Submodule) {
        finding = finding.help(
            "the commits of a submodule are another repository's: prove the review of those there, up to the commit that is \
             named here",
        );
    }
    for hidden in all.iter().take(LISTED) {
        finding = finding.found(hidden.to_string());
    }
    if all.len() > LISTED {
        finding = finding.found(format!("and {} more", all.len().saturating_sub(LISTED)));
    }
    Ok(finding)
}
