//! The report for people: what was checked, what was found, the lists, every question with its answer. One page, to be
//! printed.

use super::ask::{Answered, Ask, Asking};
use super::page::{ROWS, newest};
use super::questions;
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::finding::{Finding, Verdict, verdict_of};
use countersign_report::pages::Page;

/// The most rows of an answer that are on the page.
const SHOWN: usize = 25;
/// The most findings of an answer that are beside it.
const FOUND: usize = 5;

/// The page, and everything that was found.
pub(super) fn page(asking: &Asking<'_>, ask: &Ask) -> Result<(String, Vec<Finding>), FlowError> {
    let answers: Vec<Answered> =
        questions::ALL.iter().map(|question| asking.answer(question.id, ask)).collect::<Result<_, _>>()?;
    let (populations, basis) = asking.populations(&ask.window);
    let (reconciliation, mut found) = asking.reconcile(&ask.window);
    found.extend(said(&answers));
    let state = &asking.opened().state;
    let log = state.now().reference();
    let mut page = Page::new(format!("Audit report of {}", log.origin));
    page.facts([
        ("log", log.origin.to_string()),
        ("entries", log.size.to_string()),
        ("root", log.root.to_string()),
        ("profile of the package", asking.opened().scope.profile.to_string()),
        ("opened", verdict_of(&basis).to_string()),
    ]);
    page.text(
        "Opening a package checks its form, its documents, its log and its trust. Decisions are run again by `countersign \
         audit verify`, whose verdict belongs to this report.",
    );
    page.heading("What was checked");
    let checks = &asking.basis().checks;
    let rows = checks.iter().map(|check| vec![check.id.clone(), check.verdict.to_string(), check.detail.clone()]);
    page.table(["check", "verdict", "detail"], rows.collect());
    page.heading("What was found");
    findings(&mut page, &found);
    page.heading("Completeness");
    page.text(reconciliation.words());
    let rows = reconciliation.sources.iter().map(|row| {
        vec![
            row.source.to_owned(),
            row.state.to_string(),
            row.accounts_for.to_string(),
            row.detail.clone(),
            row.unexplained.join("; "),
            row.shows.to_owned(),
        ]
    });
    page.table(["source", "state", "accounts for", "detail", "unexplained", "would show"], rows.collect());
    page.heading("Questions");
    let rows = answers.iter().map(|one| {
        vec![
            one.question.id.to_owned(),
            one.question.asks.to_owned(),
            one.verdict.to_string(),
            one.table.rows.len().to_string(),
            one.missing.iter().cloned().chain(why(one)).collect::<Vec<_>>().join("; "),
        ]
    });
    page.table(["question", "asks", "answer", "rows", "missing, or found"], rows.collect());
    for name in ["deployments", "policy-activations", "exceptions", "trust"] {
        let Some(one) = populations.iter().find(|one| one.header.name == name) else { continue };
        page.heading(format!("List: {name}"));
        page.text(format!("{}. {} rows; CSV {}", one.header.how, one.header.rows, one.header.csv));
        newest(&mut page, one);
    }
    for one in &answers {
        answer(&mut page, one, asking.end_unproven());
    }
    Ok((page.render(), found))
}

/// What the answers say that is no pass: the page is no better than what is on it.
fn said(answers: &[Answered]) -> Vec<Finding> {
    let that_are = |verdict: Verdict| {
        let ids: Vec<&str> = answers.iter().filter(|one| one.verdict == verdict).map(|one| one.question.id).collect();
        (!ids.is_empty()).then_some(ids)
    };
    let failed = that_are(Verdict::Fail).map(|ids| {
        let what = format!("{} of {} answers are FAIL", ids.len(), answers.len());
        Finding::new(codes::AUDIT_DEVIATION, what).at(ids.join(", ")).help("the page says of each what it lists")
    });
    let lacking = that_are(Verdict::Indeterminate).map(|ids| {
        let what = format!("{} of {} answers are INDETERMINATE", ids.len(), answers.len());
        let help = "the page says of each what is missing, also where nobody collects it yet";
        Finding::new(codes::AUDIT_EVIDENCE_ABSENT, what).at(ids.join(", ")).help(help)
    });
    failed.into_iter().chain(lacking).collect()
}

fn findings(page: &mut Page, found: &[Finding]) {
    let rows = found
        .iter()
        .take(ROWS)
        .map(|one| vec![one.code.to_string(), one.class.word().to_owned(), one.what.clone(), one.at.join(", ")]);
    page.table(["code", "class", "what", "where"], rows.collect());
    if found.len() > ROWS {
        page.text(format!("{} more", found.len().saturating_sub(ROWS)));
    }
}

/// Why an answer is no pass, beside what is missing: some of it, and how much there is.
fn why(one: &Answered) -> Vec<String> {
    let absent = |found: &Finding| found.code == codes::AUDIT_EVIDENCE_ABSENT && found.at == [one.question.id];
    let found: Vec<&Finding> = one.findings.iter().filter(|one| one.class.blocks() && !absent(one)).collect();
    let words = |one: &&Finding| format!("{} ({})", one.what, one.at.join(", "));
    let more = found.len().saturating_sub(FOUND);
    found.iter().take(FOUND).map(words).chain((more > 0).then(|| format!("{more} more"))).collect()
}

fn answer(page: &mut Page, one: &Answered, end_unproven: bool) {
    page.heading(format!("{}: {}", one.question.id, one.question.asks));
    let complete = if end_unproven { "as far as the log goes here" } else { "complete" };
    page.facts([
        ("answer", one.verdict.to_string()),
        ("from", one.question.from.to_owned()),
        (complete, one.completeness.clone()),
        ("filter", one.filter.clone()),
    ]);
    let missing = one.missing.iter().map(|what| format!("missing: {what}"));
    let found = why(one).into_iter().map(|what| format!("found: {what}"));
    let said: Vec<String> = missing.chain(one.notes.clone()).chain(found).collect();
    if !said.is_empty() {
        page.list(said);
    }
    let skipped = one.table.rows.len().saturating_sub(SHOWN);
    if skipped > 0 {
        page.text(format!(
            "The newest {SHOWN} of {}; `countersign audit ask {}` has all.",
            one.table.rows.len(),
            one.question.id
        ));
    }
    if one.table.columns.is_empty() {
        return;
    }
    let columns = one.table.columns.iter().copied().chain(["log entry"]);
    let rows = one
        .table
        .rows
        .iter()
        .skip(skipped)
        .map(|row| row.cells.iter().cloned().chain([row.proof.entry_words()]).collect());
    page.table(columns, rows.collect());
}
