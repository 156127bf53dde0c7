//! What to type next: command lines that do what a finding asks for, with everything that they need.

use super::Question;
use countersign_core::git::Oid;

/// What has a reviewer sign `head` as a change of the branch as it was at `base`. Without the base it would be compared with
/// the branch as it is now, which has the change already; and without the target it would be signed for main.
pub(super) fn sign(question: &Question<'_>, head: &Oid, base: &Oid) -> String {
    let target = question.target_ref.as_str();
    let target = if target == "refs/heads/main" { String::new() } else { format!(" --target {target}") };
    format!("`countersign review sign {head} --base {base}{target} --key KEY`")
}

/// What shows the difference between what landed and the merge of what was approved, which no repository holds.
pub(super) fn compare(before: &Oid, head: &Oid, landed: &Oid) -> String {
    format!("`git diff $(git merge-tree --write-tree {before} {head}) {landed}`")
}
