//! A proof as a table, one line a commit: the change that it belongs to, who wrote that and how each was seen, who agreed and
//! who does not count with the reason in a word, the tier, and what is known of the tree. A line fits a terminal: what is
//! longer ends in an ellipsis, and stands in full below the table and in JSON.

use countersign_core::git::Oid;
use countersign_core::ids::PersonId;
use countersign_core::statement::review::Tier;
use countersign_decide::review::{ChangeRow, CommitRow, ReviewRow};
use countersign_report::text;
use std::collections::{BTreeMap, BTreeSet};

/// The columns that a line takes at most.
const WIDE: usize = 100;
/// What is left to the first line of a commit's message at least, and at most.
const SUBJECT: (usize, usize) = (8, 30);
/// The columns that give way, by their place: subject, authors and approvals.
const GIVING: [usize; 3] = [1, 4, 5];

/// The table.
pub(super) fn of_commits(commits: &[CommitRow], changes: &[ChangeRow]) -> String {
    let heading = ["commit", "subject", "change", "landed", "authors", "approvals", "tier", "tree"];
    let by_head: BTreeMap<&Oid, &ChangeRow> = changes.iter().map(|change| (&change.head, change)).collect();
    let mut rows: Vec<Vec<String>> = commits
        .iter()
        .map(|commit| row(commit, commit.change.as_ref().and_then(|head| by_head.get(head)).copied()))
        .collect();
    let needs = |n: usize| {
        let cells = rows.iter().filter_map(|row| row.get(n)).map(String::as_str).chain(heading.get(n).copied());
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let fixed: usize = (0..heading.len()).filter(|n| !GIVING.contains(n)).map(needs).sum();
    let gaps = heading.len().saturating_sub(1).saturating_mul(2);
    let room = WIDE.saturating_sub(fixed.saturating_add(gaps));
    let [subject, authors, approvals] = GIVING.map(needs);
    // Who agreed comes first, then who wrote it, and the message has what is left.
    let approvals = approvals.min(room.saturating_sub(SUBJECT.0.saturating_add(authors.min(room / 3))));
    let authors = authors.min(room.saturating_sub(SUBJECT.0.saturating_add(approvals)));
    let subject = subject.min(SUBJECT.1).min(room.saturating_sub(authors.saturating_add(approvals)));
    for row in &mut rows {
        for (n, wide) in GIVING.into_iter().zip([subject, authors, approvals]) {
            if let Some(cell) = row.get_mut(n) {
                *cell = text::shortened(cell, wide);
            }
        }
    }
    text::table(&heading, &rows)
}

/// How many approvals count, of those that are needed. Of more than are needed there is no "of".
pub(super) fn count(change: &ChangeRow) -> String {
    let (counted, needed) = (change.reviews.iter().filter(|review| review.counted).count(), change.needed);
    let beyond = u32::try_from(counted).is_ok_and(|counted| counted > needed);
    if beyond { format!("{counted} ({needed} needed)") } else { format!("{counted} of {needed}") }
}

fn row(commit: &CommitRow, change: Option<&ChangeRow>) -> Vec<String> {
    let none = || "-".to_owned();
    vec![
        name(&commit.commit),
        commit.subject.clone(),
        change.map_or_else(|| "none".to_owned(), |change| name(&change.head)),
        commit.strategy.map_or_else(none, |strategy| strategy.to_string()),
        change.map_or_else(none, authors),
        change.map_or_else(none, approvals),
        change.and_then(|change| change.tier).map_or_else(none, |tier| tier.to_string()),
        commit.tree.map_or_else(none, |tree| tree.as_str().to_owned()),
    ]
}

/// As much of an id as a line has room for: what git shows of one.
fn name(id: &Oid) -> String {
    id.hex().chars().take(7).collect()
}

/// `ada(signature), ?(unsigned)`: each person once, with every way in which she was seen.
fn authors(change: &ChangeRow) -> String {
    let mut seen: BTreeMap<Option<&PersonId>, BTreeSet<&str>> = BTreeMap::new();
    for author in &change.authors {
        seen.entry(author.person.as_ref()).or_default().insert(author.by.as_str());
    }
    // Those whom nobody knows come last.
    let (known, unknown): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(person, _)| person.is_some());
    let words = known.into_iter().chain(unknown).map(|(person, by)| {
        let who = person.map_or("?", PersonId::as_str);
        format!("{who}({})", by.into_iter().collect::<Vec<_>>().join("+"))
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// `1 of 1: ben; not: cy(author)`: how many count of those that are needed, who they are, and who does not count and why.
fn approvals(change: &ChangeRow) -> String {
    let strongest = change.tier;
    let (yes, no): (Vec<&ReviewRow>, Vec<&ReviewRow>) = change.reviews.iter().partition(|review| review.counted);
    let mut out = count(change);
    let names: Vec<String> = yes.iter().map(|review| who(review, strongest)).collect();
    if !names.is_empty() {
        out.push_str(&format!(": {}", names.join(", ")));
    }
    let names: BTreeSet<String> = no
        .iter()
        .map(|review| format!("{}({})", review.who(), review.reason.map_or("unclear", |reason| reason.as_str())))
        .collect();
    if !names.is_empty() {
        out.push_str(&format!("; not: {}", names.into_iter().collect::<Vec<_>>().join(", ")));
    }
    out
}

/// Who, and by which tier where that is not the change's.
fn who(review: &ReviewRow, tier: Option<Tier>) -> String {
    if Some(review.tier) == tier { review.who() } else { format!("{} {}", review.who(), review.tier) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::git::ObjectFormat;
    use countersign_core::statement::review::ReviewDecision;
    use countersign_core::statement::source::{Lapses, Strategy};
    use countersign_decide::review::{AuthorRow, NotCounted, Sighting, TreeProof};

    fn id(byte: u8) -> Oid {
        Oid::from_bytes(ObjectFormat::Sha1, &[byte; 20]).unwrap()
    }

    fn person(name: &str) -> PersonId {
        PersonId::new(name).unwrap()
    }

    fn review(name: &str, tier: Tier, reason: Option<NotCounted>) -> ReviewRow {
        ReviewRow {
            person: Some(person(name)),
            account: None,
            decision: ReviewDecision::Approve,
            tier,
            counted: reason.is_none(),
            why_not: reason.map(|_| "at length".to_owned()),
            reason,
        }
    }

    fn change(head: u8, authors: Vec<AuthorRow>, reviews: Vec<ReviewRow>) -> ChangeRow {
        ChangeRow {
            head: id(head),
            subject: "a change".to_owned(),
            before: id(0),
            landed: id(head),
            landed_at: None,
            strategy: Strategy::Merge,
            proof: "a proof".to_owned(),
            commits: 1,
            authors,
            reviews,
            needed: 1,
            tier: Some(Tier::T3),
            hidden: Vec::new(),
            lapses: Lapses::default(),
        }
    }

    fn author(name: &str, by: Sighting) -> AuthorRow {
        AuthorRow { person: Some(person(name)), seen: "at length".to_owned(), by }
    }

    fn commit(byte: u8, change: Option<u8>, tree: Option<TreeProof>) -> CommitRow {
        CommitRow {
            commit: id(byte),
            subject: "lib: a first line that is longer than what a table has room for".to_owned(),
            change: change.map(id),
            strategy: change.map(|_| Strategy::Merge),
            tree,
        }
    }

    #[test]
    fn a_line_says_who_wrote_it_who_agreed_who_does_not_count_and_what_is_known_of_the_tree() {
        let unknown = AuthorRow { person: None, seen: "at length".to_owned(), by: Sighting::Unsigned };
        let first = change(
            7,
            vec![author("ada", Sighting::Signature), author("ada", Sighting::Text)],
            vec![review("ben", Tier::T3, None), review("ada", Tier::T3, Some(NotCounted::Author))],
        );
        let second = change(8, vec![unknown], vec![review("ben", Tier::T3, None), review("cy", Tier::T1, None)]);
        let rows = [
            commit(1, Some(7), Some(TreeProof::Proven)),
            commit(2, Some(8), Some(TreeProof::Landed)),
            commit(3, None, Some(TreeProof::Unproven)),
            commit(4, None, None),
        ];
        let expected = [
            "commit   subject  change   landed  authors             approvals                     tier  tree",
            "0101010  lib: a…  0707070  merge   ada(signature+tex…  1 of 1: ben; not: ada(autho…  T3    proven",
            "0202020  lib: a…  0808080  merge   ?(unsigned)         2 (1 needed): ben, cy T1      T3    landed",
            "0303030  lib: a…  none     -       -                   -                             -     unproven",
            "0404040  lib: a…  none     -       -                   -                             -     -",
        ];
        let found = of_commits(&rows, &[first, second]);
        assert_eq!(found.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_line_with_many_reviews_is_no_wider_than_a_terminal_and_ends_in_an_ellipsis() {
        let many: Vec<ReviewRow> = (0..30)
            .map(|n| review(&format!("reviewer-{n}"), Tier::T3, (n > 2).then_some(NotCounted::NotTrusted)))
            .collect();
        let writers = (0..9).map(|n| author(&format!("author-{n}"), Sighting::Forge)).collect();
        let table = of_commits(&[commit(1, Some(7), Some(TreeProof::Proven))], &[change(7, writers, many)]);
        let line = table.lines().nth(1).unwrap();
        assert!(line.contains("3 (1 needed): reviewer-0, ") && line.contains('\u{2026}'), "{line}");
        assert!(table.lines().all(|line| line.chars().count() <= WIDE), "{table}");
    }
}
