//! A proof in words: a table of commits, and below it the story of each change, in lines that fit a terminal.

use super::table;
use countersign_core::finding::Class;
use countersign_core::git::Oid;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::source::Control;
use countersign_decide::review::{ChangeRow, ForeignRow};
use countersign_flow::output::{ReviewExplained, ReviewProved};
use countersign_report::text;
use std::collections::BTreeSet;

/// Where lines are broken.
const WIDE: usize = 100;
/// How many records of other tools are told of.
const OTHERS: usize = 40;

/// The whole range.
/// `asked` says whether signed documents were asked for.
pub(super) fn of_range(proved: &ReviewProved, asked: bool) -> String {
    let mut out = String::new();
    if !proved.commits.is_empty() {
        out.push_str(&table::of_commits(&proved.commits, &proved.changes));
    }
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
    out.push('\n');
    out.push_str(&of_source(proved));
    out.push_str(&format!("\n{}\n", proved.verdict));
    match &proved.emitted {
        Some(emitted) => {
            let said = if emitted.passed { "PASSED" } else { "FAILED" };
            out.push_str(&format!("source provenance  {}\n", emitted.provenance));
            out.push_str(&format!("source summary     {}, which says {said}\n", emitted.summary));
        }
        None if asked => out.push_str("nothing was signed: there is no revision that was looked at\n"),
        None => {}
    }
    out
}

/// The level of the Source track, and since when each control has held.
fn of_source(proved: &ReviewProved) -> String {
    let source = &proved.source;
    let level = if source.level == 0 { "none".to_owned() } else { format!("SLSA_SOURCE_LEVEL_{}", source.level) };
    let mut out = text::wrapped("source level        ", &level, WIDE);
    if let Some(after) = &proved.after {
        let words = format!("{after}, which an earlier source statement is about");
        out.push_str(&text::wrapped("proved after        ", &words, WIDE));
    }
    let next = source.level.saturating_add(1);
    for why in &source.why_not_next {
        out.push_str(&text::wrapped(&format!("not level {next}         "), why, WIDE));
    }
    // Where nothing is shown for one reason, the reason stands above, once.
    let known = |why: &str| source.why_not_next.iter().any(|known| known == why);
    let nothing = |control: &Control| control.since.is_none() && control.lapse.as_ref().is_some_and(|l| known(&l.why));
    if source.controls.each().iter().all(|(_, control)| nothing(control)) {
        return out;
    }
    for (name, control) in source.controls.each() {
        let gap = control.lapse.as_ref().map_or_else(String::new, |lapse| format!(": {}", lapse.why));
        let held = match &control.since {
            Some(since) => {
                let time = since.time.map_or_else(String::new, |time| format!(", {time}"));
                let after = if gap.is_empty() { String::new() } else { format!(", after a gap{gap}") };
                format!("since {}{time}{after}", since.commit)
            }
            None => format!("not shown{gap}"),
        };
        out.push_str(&text::wrapped(&format!("{name:<20}"), &held, WIDE));
    }
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
        Some(why) if review.decision == ReviewDecision::Reject => {
            format!("{} {}: {why}", review.who(), review.decision)
        }
        Some(why) => format!("{} {}: not counted, {why}", review.who(), review.decision),
    });
    out.push_str(&below("  reviews      ", reviews));
    let tier = change.tier.map_or_else(|| "none".to_owned(), |tier| tier.to_string());
    out.push_str(&text::wrapped("  tier         ", &tier, WIDE));
    // What it is in full, a finding says.
    let hidden: BTreeSet<&str> = change.hidden.iter().map(|hidden| hidden.kind.as_str()).collect();
    if !hidden.is_empty() {
        let kinds = hidden.into_iter().collect::<Vec<_>>().join(", ");
        let words = format!("{} thing(s), told below: {kinds}", change.hidden.len());
        out.push_str(&text::wrapped("  a diff hides ", &words, WIDE));
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
    let count = table::count(change);
    if count.ends_with(')') { count } else { format!("{count} needed") }
}

fn short(id: &Oid) -> String {
    id.hex().chars().take(12).collect()
}
