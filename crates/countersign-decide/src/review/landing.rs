//! How a commit of the branch came to be there: each way in turn, and the tree has to agree.

use super::Question;
use super::Strategy;
use super::advice;
use super::changes::{Changes, optional};
use super::rows::subject;
use countersign_core::codes;
use countersign_core::finding::{Code, Finding};
use countersign_core::git::content::changed;
use countersign_core::git::merge::{Merge, RULE, Reason, Why, merge_trees};
use countersign_core::git::reach::Reach;
use countersign_core::git::{Commit, ObjectSource, Oid, SourceError};
use std::collections::BTreeSet;

/// One change, landed.
#[derive(Debug)]
pub(super) struct Landing {
    /// The head that was reviewed.
    pub head: Oid,
    /// The commit of the branch with which it had landed.
    pub landed: Oid,
    /// The branch's tip right before it.
    pub before: Oid,
    /// How.
    pub strategy: Strategy,
    /// How many commits of the branch it takes.
    pub length: usize,
    /// Every commit of the range that belongs to it.
    pub commits: Vec<Oid>,
    /// The commits whose authors wrote it.
    pub authored: Vec<Oid>,
    /// What the tree's proof rests on.
    pub proof: String,
}

/// A commit of the branch that nothing explains.
#[derive(Debug)]
pub(super) struct Unexplained {
    /// Why.
    pub finding: Finding,
    /// The commits of the range that came with it.
    pub commits: Vec<Oid>,
}

/// Why a way does not explain a commit.
enum Doubt {
    /// The rule makes another tree than this commit has.
    OtherTree {
        /// What it makes.
        expected: Oid,
        /// The commit.
        landed: Oid,
    },
    /// A commit of the change has nothing on the branch that it could have become.
    NotLanded(Oid),
    /// The rule does not say.
    Unproven(Code, String),
}

/// A landing that is doubted: where it stands on the branch, and which change it would be of.
struct Doubtful {
    /// The first commit of the branch that it would take.
    first: Oid,
    /// The last one.
    last: Oid,
    /// The branch's tip right before it.
    before: Oid,
    /// The head that was approved.
    head: Oid,
}

/// Explains the commit at `chain[at]`, by a change that was approved and has not landed yet.
pub(super) fn explain(
    question: &Question<'_>,
    chain: &[Oid],
    at: usize,
    changes: &mut Changes<'_>,
) -> Result<Result<Landing, Unexplained>, SourceError> {
    let source = question.history.objects();
    let Some(landed) = chain.get(at) else { return Err(SourceError::Missing { id: question.candidate }) };
    let commit = source.commit(landed)?;
    let before = at.checked_sub(1).and_then(|last| chain.get(last)).copied().unwrap_or(question.start);
    // The branch may be any of a merge's parents: what it stood at is known from the line that was walked.
    let others: Vec<Oid> = commit.parents.iter().filter(|parent| **parent != before).copied().collect();
    if let Some(landing) = fast_forward(source, chain, at, before, changes)? {
        changes.land(landing.head);
        return Ok(Ok(landing));
    }
    let explained = match others.as_slice() {
        [] => single(question, chain, at, before, changes)?,
        [head] => by_merge(question, landed, &commit, before, *head, changes)?,
        several => {
            let title = subject(source, landed)?;
            let what = format!("a merge of more than two lines has no proof: \"{title}\"");
            let mut finding = Finding::new(codes::TREE_UNPROVEN, what)
                .at(format!("commit {landed}"))
                .expected("merges of two", question.by)
                .found(format!("{before}, the branch, merged with"));
            for head in several {
                let approved = if changes.known(head) { "approved" } else { "not approved" };
                finding = finding.found(format!("{head}, {approved}"));
            }
            let sign = advice::sign(question, landed, &before);
            let finding = finding.help(format!("merge them one by one, or have the merge itself reviewed: {sign}"));
            Err(Unexplained { finding, commits: changes.reach().range(source, landed, &before)? })
        }
    };
    if let Ok(landing) = &explained {
        changes.land(landing.head);
    }
    Ok(explained)
}

/// The branch was moved to a head that was reviewed: the landed commits are those that were agreed to.
fn fast_forward(
    source: &dyn ObjectSource,
    chain: &[Oid],
    at: usize,
    before: Oid,
    changes: &Changes<'_>,
) -> Result<Option<Landing>, SourceError> {
    for end in changes.heads_from(at) {
        let Some(head) = chain.get(end).filter(|head| !changes.has_landed(head)) else { continue };
        if changes.beyond(head, at) {
            continue;
        }
        let commits = changes.reach().range(source, head, &before)?;
        if !changes.shown(source, head, &before, &commits)? {
            continue;
        }
        return Ok(Some(Landing {
            head: *head,
            landed: *head,
            before,
            strategy: Strategy::FastForward,
            length: end.saturating_sub(at).saturating_add(1),
            authored: commits.clone(),
            commits,
            proof: "the landed commits are those that were reviewed".to_owned(),
        }));
    }
    Ok(None)
}

fn by_merge(
    question: &Question<'_>,
    landed: &Oid,
    commit: &Commit,
    before: Oid,
    head: Oid,
    changes: &Changes<'_>,
) -> Result<Result<Landing, Unexplained>, SourceError> {
    let source = question.history.objects();
    let commits = changes.reach().range(source, landed, &before)?;
    if !changes.known(&head) {
        let what = "a merge of a head that nobody approved";
        let mut unexplained = unreviewed(question, changes, &head, &before, commits, what)?;
        // The walk follows the start. Where that came in from the side, what it takes for the branch is the side.
        if before == question.start && commit.parents.first() == Some(&head) {
            let target = question.target_ref;
            let side = format!("the start {before} came to {target} with merge {landed}, as its second parent");
            let help = format!(
                "if {before} was a side branch, start at a commit that {target} itself stood at: `git merge-base {before} \
                 {head}` names one; and otherwise {}",
                unexplained.finding.help.clone().unwrap_or_default()
            );
            unexplained.finding = unexplained.finding.found(side).help(help);
        }
        return Ok(Err(unexplained));
    }
    if changes.has_landed(&head) {
        let what = "a merge of a head that had landed before: agreeing once is not agreeing again";
        return Ok(Err(unreviewed(question, changes, landed, &before, commits, what)?));
    }
    match merge_onto(source, changes.reach(), &before, &head, landed)? {
        Ok(()) => Ok(Ok(Landing {
            head,
            landed: *landed,
            before,
            strategy: Strategy::Merge,
            length: 1,
            authored: changes.reach().range(source, &head, &before)?,
            commits,
            proof: format!("tree {} is the merge by rule {RULE}", commit.tree),
        })),
        Err(doubt) => {
            let place = Doubtful { first: *landed, last: *landed, before, head };
            let finding = doubted(question, &place, doubt, codes::MERGE_TREE_MISMATCH)?;
            Ok(Err(Unexplained { finding, commits }))
        }
    }
}

/// One parent: a squash, the first of a rebase's commits, or a push past review.
fn single(
    question: &Question<'_>,
    chain: &[Oid],
    at: usize,
    before: Oid,
    changes: &mut Changes<'_>,
) -> Result<Result<Landing, Unexplained>, SourceError> {
    let source = question.history.objects();
    let Some(landed) = chain.get(at).copied() else { return Err(SourceError::Missing { id: before }) };
    let tree = source.commit(&landed)?.tree;
    let touched = paths(source, &source.commit(&before)?.tree, &tree)?;
    let mut nearest: Option<(Doubtful, Doubt, Code)> = None;
    for head in changes.candidates(source, &landed, at, &touched)? {
        let Some(line) = line_of(source, changes.reach(), &before, &head)? else { continue };
        // What its reviewers were shown on a later base is not what landed here, but perhaps what landed after it.
        if !changes.shown(source, &head, &before, &line)? {
            continue;
        }
        match replayed(source, chain, at, before, &line)? {
            Ok(length) => {
                let commits: Vec<Oid> = chain.iter().skip(at).take(length).copied().collect();
                return Ok(Ok(Landing {
                    head,
                    landed: commits.last().copied().unwrap_or(landed),
                    before,
                    strategy: if length > 1 { Strategy::Rebase } else { Strategy::Squash },
                    length,
                    commits,
                    authored: line,
                    proof: format!("each tree is its counterpart's change, merged by rule {RULE}"),
                }));
            }
            Err(doubt) => match merge_onto(source, changes.reach(), &before, &head, &landed)? {
                Ok(()) => {
                    return Ok(Ok(Landing {
                        head,
                        landed,
                        before,
                        strategy: Strategy::Squash,
                        length: 1,
                        commits: vec![landed],
                        authored: line,
                        proof: format!("tree {tree} is the merge by rule {RULE}"),
                    }));
                }
                Err(squash) => {
                    let (doubt, code, last) =
                        match same_end(source, changes.reach(), chain, at, before, &head, line.len())? {
                            Some(end) => (doubt, codes::REBASE_MISMATCH, end),
                            None => (squash, codes::SQUASH_TREE_MISMATCH, landed),
                        };
                    let better = matches!(doubt, Doubt::Unproven(..));
                    if nearest.is_none() || better {
                        nearest = Some((Doubtful { first: landed, last, before, head }, doubt, code));
                    }
                }
            },
        }
    }
    match nearest {
        None => {
            Ok(Err(unreviewed(question, changes, &landed, &before, vec![landed], "a commit that nobody approved")?))
        }
        Some((place, doubt, code)) => {
            let finding = doubted(question, &place, doubt, code)?;
            Ok(Err(Unexplained { finding, commits: vec![landed] }))
        }
    }
}

/// The paths that differ between two trees.
fn paths(source: &dyn ObjectSource, before: &Oid, after: &Oid) -> Result<BTreeSet<Vec<u8>>, SourceError> {
    Ok(changed(source, Some(before), after)?.into_iter().map(|one| one.path).collect())
}

/// The commits of a change since it left the branch, oldest first; `None` if its head is not in the evidence, or the
/// branch has it already.
fn line_of(
    source: &dyn ObjectSource,
    reach: &Reach,
    before: &Oid,
    head: &Oid,
) -> Result<Option<Vec<Oid>>, SourceError> {
    if optional(source.commit(head))?.is_none() {
        return Ok(None);
    }
    let commits = reach.range(source, head, before)?;
    Ok((!commits.is_empty()).then_some(commits))
}

/// A rebase: each landed commit, in order, is its counterpart's change on top of the one before. Gives how many.
fn replayed(
    source: &dyn ObjectSource,
    chain: &[Oid],
    at: usize,
    before: Oid,
    line: &[Oid],
) -> Result<Result<usize, Doubt>, SourceError> {
    let mut ours = before;
    for counterpart in line {
        if source.commit(counterpart)?.parents.len() != 1 {
            let why = format!("commit {counterpart} of the change is a merge, which a rebase flattens");
            return Ok(Err(Doubt::Unproven(codes::TREE_UNPROVEN, why)));
        }
    }
    for (counterpart, landed) in line.iter().zip(chain.iter().skip(at).map(Some).chain(std::iter::repeat(None))) {
        let theirs = source.commit(counterpart)?;
        let [parent] = theirs.parents.as_slice() else { return Ok(Err(Doubt::NotLanded(*counterpart))) };
        let Some(landed) = landed else { return Ok(Err(Doubt::NotLanded(*counterpart))) };
        let commit = source.commit(landed)?;
        if commit.parents != [ours] {
            return Ok(Err(Doubt::NotLanded(*counterpart)));
        }
        let base = source.commit(parent)?.tree;
        let onto = source.commit(&ours)?.tree;
        match merge_trees(source, Some(&base), &onto, &theirs.tree)? {
            Merge::Clean { tree, .. } if tree == commit.tree => ours = *landed,
            Merge::Clean { tree, .. } => return Ok(Err(Doubt::OtherTree { expected: tree, landed: *landed })),
            Merge::Unproven { reasons } => return Ok(Err(unproven(&reasons))),
        }
    }
    Ok(Ok(line.len()))
}

/// The later commit of the branch that ends with the tree that the whole change would have made, if there is one: then it
/// was a rebase whose steps are not those that were reviewed.
fn same_end(
    source: &dyn ObjectSource,
    reach: &Reach,
    chain: &[Oid],
    at: usize,
    before: Oid,
    head: &Oid,
    length: usize,
) -> Result<Option<Oid>, SourceError> {
    let Ok(expected) = merged_tree(source, reach, &before, head)? else { return Ok(None) };
    // A rebase makes at most one commit for each of the change's.
    for later in chain.iter().skip(at.saturating_add(1)).take(length) {
        if source.commit(later)?.tree == expected {
            return Ok(Some(*later));
        }
    }
    Ok(None)
}

/// Whether the merge of the branch and a head, by the rule, is the tree of this commit.
fn merge_onto(
    source: &dyn ObjectSource,
    reach: &Reach,
    before: &Oid,
    head: &Oid,
    landed: &Oid,
) -> Result<Result<(), Doubt>, SourceError> {
    Ok(match merged_tree(source, reach, before, head)? {
        Err(doubt) => Err(doubt),
        Ok(tree) if tree == source.commit(landed)?.tree => Ok(()),
        Ok(tree) => Err(Doubt::OtherTree { expected: tree, landed: *landed }),
    })
}

/// The tree that landing a head on this state of the branch makes, where the rule says.
pub(super) fn merged(
    source: &dyn ObjectSource,
    reach: &Reach,
    before: &Oid,
    head: &Oid,
) -> Result<Option<Oid>, SourceError> {
    Ok(merged_tree(source, reach, before, head)?.ok())
}

fn merged_tree(
    source: &dyn ObjectSource,
    reach: &Reach,
    before: &Oid,
    head: &Oid,
) -> Result<Result<Oid, Doubt>, SourceError> {
    let bases = reach.merge_bases(source, before, head)?;
    let base = match bases.as_slice() {
        [base] => source.commit(base)?.tree,
        [] => return Ok(Err(Doubt::Unproven(codes::MERGE_BASES, "the two sides have no commit in common".to_owned()))),
        several => {
            let shown: Vec<String> = several.iter().take(3).map(ToString::to_string).collect();
            let why = format!("the two sides have {} merge bases: {}", several.len(), shown.join(", "));
            return Ok(Err(Doubt::Unproven(codes::MERGE_BASES, why)));
        }
    };
    let ours = source.commit(before)?.tree;
    let theirs = source.commit(head)?.tree;
    Ok(match merge_trees(source, Some(&base), &ours, &theirs)? {
        Merge::Clean { tree, .. } => Ok(tree),
        Merge::Unproven { reasons } => Err(unproven(&reasons)),
    })
}

fn unproven(reasons: &[Reason]) -> Doubt {
    let code = if reasons.iter().any(|reason| reason.why == Why::Attributes) {
        codes::MERGE_ATTRIBUTE
    } else {
        codes::TREE_UNPROVEN
    };
    let shown: Vec<String> = reasons.iter().take(3).map(ToString::to_string).collect();
    Doubt::Unproven(code, shown.join("; "))
}

/// What a mismatch is called.
const OTHER: &str = "what landed is not what was approved";

fn doubted(question: &Question<'_>, place: &Doubtful, doubt: Doubt, mismatch: Code) -> Result<Finding, SourceError> {
    let source = question.history.objects();
    let Doubtful { first, last, before, head } = place;
    let title = subject(source, first)?;
    let sign = advice::sign(question, last, before);
    let finding = |code, what: &str| {
        Finding::new(code, format!("{what}: \"{title}\""))
            .at(format!("commit {first}"))
            .at(format!("approved head {head}"))
    };
    let steps =
        format!("`git range-diff {before}..{head} {before}..{last}` compares them; have what landed reviewed: {sign}");
    Ok(match doubt {
        Doubt::OtherTree { expected, landed } => {
            let found = source.commit(&landed)?.tree;
            let help = if mismatch == codes::REBASE_MISMATCH {
                steps
            } else {
                let compare = advice::compare(before, head, &landed);
                format!("{compare} shows what differs; have what landed reviewed: {sign}")
            };
            finding(mismatch, OTHER)
                .expected(format!("tree {expected}, by merge rule {RULE}"), question.by)
                .found(format!("tree {found} of commit {landed}"))
                .help(help)
        }
        Doubt::NotLanded(counterpart) => finding(mismatch, OTHER)
            .expected(format!("commit {counterpart} of the change, in its place"), question.by)
            .found("no commit that it could have become")
            .help(steps),
        Doubt::Unproven(code, why) => finding(code, "how this landed cannot be proved")
            .expected(format!("a merge that rule {RULE} can make"), question.by)
            .found(why)
            .help(format!("have what landed reviewed itself: {sign}")),
    })
}

fn unreviewed(
    question: &Question<'_>,
    changes: &Changes<'_>,
    commit: &Oid,
    before: &Oid,
    commits: Vec<Oid>,
    what: &str,
) -> Result<Unexplained, SourceError> {
    let source = question.history.objects();
    let needed = question.parameters.reviewers_beyond_author.saturating_add(1);
    let title = subject(source, commit)?;
    let authors = super::authors::of(question, changes.reach(), &commits, commit, &[], None)?.rows;
    let mut finding = Finding::new(codes::REVIEW_MISSING, format!("{what}: \"{title}\""))
        .at(format!("commit {commit}"))
        .expected(format!("{needed} trusted persons agreed"), question.by);
    let known: BTreeSet<_> = authors.iter().filter_map(|author| author.person.as_ref()).collect();
    finding = finding.found(format!("{}  {}", known.len(), describe(&authors)));
    for claim in super::rows::claimed(source, &commits)? {
        finding = finding.found(claim);
    }
    Ok(Unexplained {
        finding: finding.help(format!("ask a reviewer to run {}", advice::sign(question, commit, before))),
        commits,
    })
}

/// Authors in words.
pub(super) fn describe(authors: &[super::AuthorRow]) -> String {
    let words: Vec<String> = authors
        .iter()
        .map(|author| {
            let who = author.person.as_ref().map_or_else(|| "unknown author".to_owned(), ToString::to_string);
            format!("{who} ({})", author.seen)
        })
        .collect();
    words.join(", ")
}
