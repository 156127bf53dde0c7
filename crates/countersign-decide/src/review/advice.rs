//! What to type next: command lines that do what a finding asks for, with everything that they need.

use super::Question;
use countersign_core::digest::Sha256;
use countersign_core::git::Oid;
use countersign_core::ids::PersonId;

/// What has a reviewer sign `head` as a change of the branch as it was at `base`. Without the base it would be compared with
/// the branch as it is now, which has the change already; and without the target it would be signed for main.
pub(super) fn sign(question: &Question<'_>, head: &Oid, base: &Oid) -> String {
    let target = question.target_ref.as_str();
    let target = if target == "refs/heads/main" { String::new() } else { format!(" --target {target}") };
    format!("`countersign review sign {head} --base {base}{target} --key KEY`")
}

/// What has whoever rejected a change settle that: with a later one that mends it or takes it back.
pub(super) fn settle(question: &Question<'_>, person: &PersonId, rejections: &[Sha256]) -> String {
    let target = question.target_ref.as_str();
    let target = if target == "refs/heads/main" { String::new() } else { format!(" --target {target}") };
    let settles: Vec<String> = rejections.iter().map(|digest| format!(" --settles {digest}")).collect();
    let settles = settles.concat();
    format!(
        "settle it with {person}: land a change that mends it or takes it back, which {person} approves with \
         `countersign review sign CHANGE{target}{settles} --key KEY`"
    )
}

/// What shows the difference between what landed and the merge of what was approved, which no repository holds.
pub(super) fn compare(before: &Oid, head: &Oid, landed: &Oid) -> String {
    format!("`git diff $(git merge-tree --write-tree {before} {head}) {landed}`")
}
