//! The page of a package, `index.html`: what is in it, for people. It says nothing that was checked: it is made from the
//! log, and made again by who verifies.

use super::facts::Facts;
use super::population::Population;
use super::questions;
use super::scope::{LeftOut, Scope};
use countersign_report::pages::Page;

/// The most rows of a list that are on the page; the CSV beside it has all.
pub(super) const ROWS: usize = 200;

/// The page.
pub(super) fn of_package(facts: &Facts<'_>, scope: &Scope, left_out: &LeftOut, populations: &[Population]) -> String {
    let log = facts.log();
    let mut page = Page::new(format!("Audit package of {}", log.origin));
    page.text(
        "This page lists what the package holds. It proves nothing by itself: give the file to the program, with a trust \
         document and a checkpoint of the log that you got elsewhere.",
    );
    page.text("countersign audit verify THIS-FILE --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint FILE");
    page.facts([
        ("log", log.origin.to_string()),
        ("entries", log.size.to_string()),
        ("root", log.root.to_string()),
        ("profile", scope.profile.to_string()),
        ("window", facts.window_words()),
        ("entries of the window", format!("{}..{}", facts.range.start, facts.range.end)),
        ("left out", left_out_words(left_out)),
    ]);
    page.heading("Lists");
    let rows = populations.iter().map(|one| {
        let header = &one.header;
        vec![
            header.name.to_owned(),
            header.rows.to_string(),
            header.row.to_owned(),
            header.how.to_owned(),
            header.limits_hit.join("; "),
        ]
    });
    page.table(["list", "rows", "a row is", "how it was made", "limits hit"], rows.collect());
    for (name, heading) in [
        ("deployments", "Promotions that were authorised"),
        ("policy-activations", "Policy releases in force"),
        ("exceptions", "Exceptions"),
    ] {
        let Some(one) = populations.iter().find(|one| one.header.name == name) else { continue };
        page.heading(heading);
        newest(&mut page, one);
    }
    let mut tests = Vec::new();
    for active in facts.activations_in_force() {
        let reference = active.release.reference();
        for test in facts.tests(active) {
            tests.push(vec![
                format!("{}@{}", reference.uri, reference.version),
                active.activation.environment.to_string(),
                test.path.to_owned(),
                test.digest.to_string(),
                if test.here { "in the package" } else { "by digest alone" }.to_owned(),
            ]);
        }
    }
    if !tests.is_empty() {
        page.heading("Tests of these releases");
        page.table(["release", "environment", "file", "digest", "where"], tests);
    }
    page.heading("Questions that the package answers");
    page.text("countersign audit ask QUESTION THIS-FILE --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint FILE");
    let questions = questions::ALL
        .iter()
        .map(|one| vec![one.id.to_owned(), one.asks.to_owned(), one.from.to_owned(), one.absent.join("; ")]);
    page.table(["question", "asks", "answered from", "not collected"], questions.collect());
    page.render()
}

/// What was left out, in words.
pub(super) fn left_out_words(left_out: &LeftOut) -> String {
    if left_out.documents == 0 {
        return "nothing".to_owned();
    }
    format!("{} documents that the log names, of entries {}", left_out.documents, left_out.entries.join(", "))
}

/// The newest rows of a list.
pub(super) fn newest(page: &mut Page, one: &Population) {
    let rows = &one.table.rows;
    let skipped = rows.len().saturating_sub(ROWS);
    if one.header.rows > u64::try_from(ROWS).unwrap_or(u64::MAX) {
        page.text(format!("The newest {ROWS} of {}; populations/{}.csv has all.", one.header.rows, one.header.name));
    }
    let columns = one.table.columns.iter().copied().chain(["log entry"]);
    let shown =
        rows.iter().skip(skipped).map(|row| row.cells.iter().cloned().chain([row.proof.entry_words()]).collect());
    page.table(columns, shown.collect());
}
