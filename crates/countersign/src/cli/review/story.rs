//! A proof in words: a table of commits, and below it the story of each change, in lines that fit a terminal.

use countersign_core::finding::Class;
use countersign_core::git::Oid;
use countersign_decide::review::{ChangeRow, CommitRow, ForeignRow};
use countersign_flow::output::{ReviewExplained, ReviewProved};
use countersign_report::text;

/// Where lines are broken.
const WIDE: usize = 100;
/// How much of a subject a table shows.
const SUBJECT: usize = 30;
/// How much of what a diff hides is told of one change.
const HIDDEN: usize = 10;
/// How many records of other tools are told of.
const OTHERS: usize = 40;

/// The whole range.
pub(super) fn of_range(proved: &ReviewProved) -> String {
    let row = |commit: &CommitRow| {
        let change = proved.changes.iter().find(|change| Some(change.head) == commit.change);
        vec![
            short(&commit.commit),
            text::shortened(&commit.subject, SUBJECT),
            change.map_or_else(|| "none".to_owned(), |change| short(&change.head)),
            commit.strategy.map_or_else(|| "-".to_owned(), |strategy| strategy.to_string()),
            change.map_or_else(|| "-".to_owned(), approvals),
            change.and_then(|change| change.tier).map_or_else(|| "-".to_owned(), |tier| tier.to_string()),
        ]
    };
    let heading = ["commit", "subject", "change", "landed by", "approvals", "tier"];
    let mut out = text::table(&heading, &proved.commits.iter().map(row).collect::<Vec<_>>());
    for change in &proved.changes {
        out.push('\n');
        out.push_str(&text::wrapped("", &format!("change {}  \"{}\"", short(&change.head), change.subject), WIDE));
        out.push_str(&of_change(change));
    }
    out.push_str(&of_others(&proved.foreign));
    if !proved.findings.is_empty() {
        out.push('\n');
        out.push_str(&text::findings(&proved.findings));
    }
    out.push_str(&format!("\n{}\n", proved.verdict));
    out
}

/// One commit.
pub(super) fn of_commit(explained: &ReviewExplained) -> String {
    let subject = explained.subject.as_deref().unwrap_or_default();
    let mut out = text::wrapped("", &format!("commit {}  \"{subject}\"", explained.commit), WIDE);
    match &explained.change {
        Some(change) => {
            let whole = format!("change {}  \"{}\", {} commit(s)", change.head, change.subject, change.commits);
            out.push_str(&text::wrapped("  belongs to   ", &whole, WIDE));
            out.push_str(&of_change(change));
        }
        None => out.push_str("  belongs to   no change that anybody agreed to\n"),
    }
    out.push_str(&of_others(&explained.foreign));
    if !explained.findings.is_empty() {
        out.push('\n');
        out.push_str(&text::findings(&explained.findings));
    }
    let missing = explained.findings.iter().filter(|finding| finding.class != Class::Note).count();
    out.push_str(&format!("\n{}", explained.verdict));
    out.push_str(&match missing {
        0 => ": nothing is missing for this commit\n".to_owned(),
        n => format!(": {n} finding(s) stand in its way\n"),
    });
    if explained.elsewhere > 0 {
        out.push_str(&format!("other commits of the range have {} finding(s) of their own\n", explained.elsewhere));
    }
    for next in &explained.next {
        out.push_str(&text::wrapped("next: ", next, WIDE));
    }
    out
}

/// How a change landed, and who agreed.
fn of_change(change: &ChangeRow) -> String {
    let mut out = text::wrapped("  landed       ", &format!("by {} as {}", change.strategy, change.landed), WIDE);
    out.push_str(&text::wrapped("  tree proof   ", &change.proof, WIDE));
    let authors = change.authors.iter().map(|author| {
        let who = author.person.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        format!("{who}: {}", author.seen)
    });
    out.push_str(&below("  authors      ", authors));
    out.push_str(&text::wrapped("  approvals    ", &approvals(change), WIDE));
    let reviews = change.reviews.iter().map(|review| match &review.why_not {
        None => format!("{} {}: counted", review.who(), review.decision),
        Some(why) => format!("{} {}: not counted, {why}", review.who(), review.decision),
    });
    out.push_str(&below("  reviews      ", reviews));
    let tier = change.tier.map_or_else(|| "none".to_owned(), |tier| tier.to_string());
    out.push_str(&text::wrapped("  tier         ", &tier, WIDE));
    let mut hidden: Vec<String> = change.hidden.iter().take(HIDDEN).map(ToString::to_string).collect();
    if change.hidden.len() > HIDDEN {
        hidden.push(format!("and {} more", change.hidden.len().saturating_sub(HIDDEN)));
    }
    if !hidden.is_empty() {
        out.push_str(&below("  a diff hides ", hidden.into_iter()));
    }
    out
}

/// What other tools recorded; nothing if there is nothing.
fn of_others(rows: &[ForeignRow]) -> String {
    let mut out = String::new();
    if rows.is_empty() {
        return out;
    }
    out.push_str("\nwritten by others\n");
    for row in rows.iter().take(OTHERS) {
        let commit = row.commit.as_ref().map(|commit| format!("{}  ", short(commit))).unwrap_or_default();
        out.push_str(&text::wrapped("  ", &format!("{commit}{}: {}", row.kind, row.says), WIDE));
        out.push_str(&text::wrapped("    at         ", &row.place, WIDE));
        out.push_str(&text::wrapped("    signed by  ", &row.signed_by, WIDE));
        let counted = row.why_not.as_ref().map_or_else(|| "counted".to_owned(), |why| format!("not counted: {why}"));
        out.push_str(&text::wrapped("    ", &counted, WIDE));
    }
    if rows.len() > OTHERS {
        out.push_str(&format!("  and {} more; --format json has them all\n", rows.len().saturating_sub(OTHERS)));
    }
    out
}

/// Values below each other beside a label; `none` if there are none.
fn below(label: &str, values: impl Iterator<Item = String>) -> String {
    let mut out = String::new();
    for value in values {
        let first = if out.is_empty() { label.to_owned() } else { " ".repeat(label.len()) };
        out.push_str(&text::wrapped(&first, &value, WIDE));
    }
    if out.is_empty() { text::wrapped(label, "none", WIDE) } else { out }
}

fn approvals(change: &ChangeRow) -> String {
    let counted = change.reviews.iter().filter(|review| review.counted).count();
    format!("{counted} of {} needed", change.needed)
}

fn short(id: &Oid) -> String {
    id.hex().chars().take(12).collect()
}
