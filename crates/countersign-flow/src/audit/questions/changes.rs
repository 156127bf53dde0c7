//! Questions about single promotions: the list, the sample, the chain of an item, review.

use super::super::about::{About, IsAbout, Subjects};
use super::super::agreed::{self, Agreement, Changes, Lacking, Rests, authors, reviewers};
use super::super::ask::Asked;
use super::super::facts::{Known, findings, service_of};
use super::super::population;
use super::super::reconcile;
use super::super::sample;
use super::super::table::Table;
use super::Part;
use countersign_core::codes;
use countersign_core::finding::{Class, Code, Verdict};
use countersign_core::policy::Stage;
use countersign_core::statement::Kind;
use countersign_core::statement::test_result::TestResult;
use std::sync::Arc;

/// How many items are looked at where nobody says which: as many as an auditor draws by habit.
const ITEMS: usize = 25;

/// Q01.
pub(super) fn deployments(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(population::named("deployments", &asked.facts));
    let reconciled = reconcile::of(&asked.facts, &|entry| asked.ran_again(entry));
    for row in &reconciled.sources {
        part.notes.push(format!("{}: {}, {}", row.source, row.state, row.detail));
    }
    for row in reconciled.sources.iter().filter(|row| row.state == reconcile::SourceState::Broken) {
        part.deviations.extend(row.unexplained.iter().map(|what| (entry_of(what), what.clone())));
    }
    part.missing.extend(reconciled.sources.iter().flat_map(|row| row.withheld.iter().cloned()));
    part.notes.push("a row is a promotion that was authorised: that it was deployed, and that nothing else was, only runtime snapshots could show".to_owned());
    if part.table.rows.is_empty() {
        part.missing.push("authorised promotion in the window".to_owned());
    }
    part.completeness = Some(format!("{}; {}", asked.facts.completeness(), reconciled.words()));
    part
}

fn entry_of(text: &str) -> u64 {
    text.strip_prefix("log entry ")
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .unwrap_or_default()
}

/// Q02.
pub(super) fn sample(asked: &Asked<'_>) -> Part {
    let Some(seed) = &asked.ask.seed else {
        let mut part = Part::default();
        part.asker.push(("a seed".to_owned(), "give a seed of your own with --seed, and a size with --n"));
        return part;
    };
    let drawn = sample::draw(&asked.facts, asked.ask.n.unwrap_or(ITEMS), seed);
    let left_out = drawn.left_out();
    let mut part = Part::of(drawn.table).note(drawn.method);
    part.notes.extend(left_out);
    for stratum in &drawn.strata {
        part.notes.push(format!(
            "{} of {}: {}, {}, {}",
            stratum.drawn, stratum.rows, stratum.service, stratum.environment, stratum.class
        ));
    }
    if part.table.rows.is_empty() {
        part.missing.push("authorised promotion to draw from".to_owned());
    }
    part.completeness = Some(format!("drawn from {} rows; {}", drawn.population, asked.facts.completeness()));
    part
}

/// The items that are asked for, or a sample of them; nothing where there is no seed to draw one by.
fn chosen(asked: &Asked<'_>) -> Option<(Vec<Arc<Known>>, String)> {
    let by_entry = |entries: &[u64]| {
        asked.facts.decisions.iter().filter(|one| entries.contains(&one.entry)).cloned().collect::<Vec<_>>()
    };
    if !asked.ask.items.is_empty() {
        return Some((by_entry(&asked.ask.items), "the items that were asked for".to_owned()));
    }
    let seed = asked.ask.seed.clone().unwrap_or_default();
    let drawn = sample::draw(&asked.facts, asked.ask.n.unwrap_or(ITEMS), &seed);
    let entries: Vec<u64> = drawn.table.rows.iter().map(|row| row.proof.entry).collect();
    if u64::try_from(entries.len()).is_ok_and(|all| all == drawn.population) {
        return Some((by_entry(&entries), format!("all of {}", drawn.population)));
    }
    // Of a sample by a seed that everybody knows, whoever is audited knows the items beforehand.
    asked.ask.seed.as_ref()?;
    let left_out = drawn.left_out().map(|what| format!("; {what}")).unwrap_or_default();
    let how = format!("a sample of {} of {} by the seed {seed:?}{left_out}", entries.len(), drawn.population);
    Some((by_entry(&entries), how))
}

/// Q03.
pub(super) fn items(asked: &Asked<'_>) -> Part {
    let Some((items, how)) = chosen(asked) else {
        let help = "give a seed of your own with --seed, and a size with --n; or name items with --item";
        return Part { asker: vec![("a seed, or items".to_owned(), help)], ..Part::default() };
    };
    let mut table = Table::new(&[
        "decided",
        "service",
        "environment",
        "digest",
        "change",
        "authors",
        "reviewers",
        "tests",
        "scans",
        "builder",
        "gate",
        "approved before",
    ]);
    let mut part = Part::default().note(how);
    for entry in asked.ask.items.iter().filter(|entry| !items.iter().any(|one| one.entry == **entry)) {
        part.missing.push(format!("decision at log entry {entry}"));
    }
    for promoted in &items {
        let decision = &promoted.content;
        let rests = agreed::rests(&asked.facts, promoted);
        let changes = agreed::changes(&asked.facts, promoted, &rests.evidence);
        let agreement = agreed::agreement(promoted, &rests, changes.as_ref());
        let place = format!("log entry {}", promoted.entry);
        part.missing.extend(agreed::lacking_words(&rests.lacking).into_iter().map(|what| format!("{place}: {what}")));
        let before = match &agreement {
            _ if !decision.authorised => "nothing went out".to_owned(),
            Agreement::Shown => "every signature that counted existed when the gate decided".to_owned(),
            Agreement::Without(why) => {
                part.deviations.push((promoted.entry, agreed::went_without(promoted, why)));
                format!("NO: {why}")
            }
            Agreement::NotShown(why) => {
                if rests.lacking.is_empty() {
                    part.missing.push(format!("{place}: {why}"));
                }
                format!("not shown: {why}")
            }
        };
        let [tests, scans, builders] = looked_at(&rests, &About::of(decision, &rests.evidence));
        for [change, authors, reviewers] in change_cells(promoted, &rests, changes.as_ref(), &agreement) {
            let cells = vec![
                promoted.time.to_string(),
                service_of(decision),
                decision.request.environment.to_string(),
                decision.request.subject.to_string(),
                change,
                authors,
                reviewers,
                tests.clone(),
                scans.clone(),
                builders.clone(),
                promoted.by.to_string(),
                before.clone(),
            ];
            let mut proof = asked.facts.proof(promoted.entry);
            proof.documents.extend(rests.evidence.statements().map(|one| *one.document()));
            table.push(cells, proof);
        }
    }
    if table.rows.is_empty() && part.missing.is_empty() {
        part.missing.push("item in the window".to_owned());
    }
    part.table = table;
    part
}

/// What is not there is said.
fn or_none(cell: String) -> String {
    if cell.is_empty() { "none".to_owned() } else { cell }
}

/// Tests, scans and builders of a decision: what there is, and how many of them the package does not show.
fn looked_at(rests: &Rests, about: &About) -> [String; 3] {
    // What is about something else says nothing of this one.
    let is_of = |kind: Kind, of: IsAbout| {
        let all = rests.evidence.of_kind(kind);
        all.filter(move |one| about.has(kind, &Subjects::of(one.value())) == of)
    };
    let of_kind = |kind: Kind| is_of(kind, IsAbout::This);
    let tests = of_kind(Kind::TestResult)
        .filter_map(|one| one.value().predicate_as::<TestResult>(Kind::TestResult).ok())
        .map(|result| if result.failed() { "failed" } else { "passed" }.to_owned());
    let scans = of_kind(Kind::Vulns).count().saturating_add(of_kind(Kind::SecretScan).count());
    let builders = of_kind(Kind::Provenance).map(|one| one.signed_by().owner.describe());
    let and_lacking = |mut cells: Vec<String>, kinds: &[Kind]| {
        let unknown = kinds.iter().map(|kind| is_of(*kind, IsAbout::Unknown).count()).fold(0, usize::saturating_add);
        cells.extend((unknown > 0).then(|| format!("{unknown} not known of which commit")));
        let gone: Vec<_> =
            rests.lacking.iter().filter(|one| one.kind.is_some_and(|kind| kinds.contains(&kind))).collect();
        let withheld = gone.iter().filter(|one| one.erased.is_some()).count();
        let left_out = gone.len().saturating_sub(withheld);
        cells.extend((withheld > 0).then(|| format!("{withheld} withheld")));
        cells.extend((left_out > 0).then(|| format!("{left_out} not in the package")));
        cells.join(", ")
    };
    [
        or_none(and_lacking(tests.collect(), &[Kind::TestResult])),
        and_lacking(vec![scans.to_string()], &[Kind::Vulns, Kind::SecretScan]),
        or_none(and_lacking(builders.collect(), &[Kind::Provenance])),
    ]
}

/// A row a change: what changed, who wrote it, who agreed. No cell is blank: what is not there is said.
fn change_cells(promoted: &Known, rests: &Rests, changes: Option<&Changes>, agreement: &Agreement) -> Vec<[String; 3]> {
    let nobody = match agreement {
        Agreement::NotShown(_) if rests.lacking.iter().any(Lacking::is_withheld_agreement) => "withheld",
        Agreement::NotShown(_) => "not shown",
        Agreement::Shown | Agreement::Without(_) => "nobody",
    };
    let Some(changes) = changes else {
        let change = promoted.content.source.as_ref().map_or_else(
            || "no source was proved".to_owned(),
            |range| format!("{} commits up to {}", range.commits, range.revision),
        );
        return vec![[change, "not shown".to_owned(), "not shown".to_owned()]];
    };
    let agreed = changes.rows.iter().map(|one| [one.head.to_string(), authors(one), reviewers(one)]);
    let without = changes.without.iter().map(|one| [one.commit.to_string(), one.author.clone(), nobody.to_owned()]);
    let all: Vec<[String; 3]> = agreed.chain(without).collect();
    if all.is_empty() { vec![["no change".to_owned(), "nobody".to_owned(), "nobody".to_owned()]] } else { all }
}

/// Codes that say that somebody went past review.
const PAST: &[Code] = &[
    codes::REVIEW_MISSING,
    codes::MERGE_TREE_MISMATCH,
    codes::SQUASH_TREE_MISMATCH,
    codes::REBASE_MISMATCH,
    codes::BREAK_GLASS,
];

fn review_rule(promoted: &Known) -> Option<(&countersign_core::decision::RuleOutcome, Verdict)> {
    let rules = promoted.content.rules.iter();
    let mut all = rules.filter(|rule| rule.id.as_str().starts_with("two-party-review@"));
    all.next().and_then(|rule| Some((rule, rule.verdict?)))
}

/// Q04.
pub(super) fn self_review(asked: &Asked<'_>) -> Part {
    let mut part =
        Part::of(Table::new(&["time", "service", "environment", "rule", "stage", "outcome", "what was found"]));
    for promoted in asked.facts.deployments() {
        let decision = &promoted.content;
        let said: Vec<String> = findings(decision)
            .filter(|finding| PAST.contains(&finding.code) && finding.class != Class::Note)
            .map(|finding| finding.what.clone())
            .collect();
        let (rule, stage, outcome) = match review_rule(promoted) {
            Some((rule, verdict)) => (rule.id.to_string(), rule.stage.to_string(), verdict.to_string()),
            None => ("none".to_owned(), String::new(), "not evaluated".to_owned()),
        };
        let held = review_rule(promoted).is_some_and(|(rule, verdict)| {
            verdict == Verdict::Pass && rule.stage == Stage::Enforce && decision.break_glass.is_none()
        });
        if !held {
            let why = format!(
                "{} went to {} and review by two persons was not enforced and proved",
                decision.request.subject_name, decision.request.environment
            );
            part.deviations.push((promoted.entry, why));
        }
        let cells = vec![
            promoted.time.to_string(),
            service_of(decision),
            decision.request.environment.to_string(),
            rule,
            stage,
            outcome,
            said.join("; "),
        ];
        part.table.push(cells, asked.facts.proof(promoted.entry));
    }
    if part.table.rows.is_empty() {
        part.missing.push("authorised promotion in the window".to_owned());
    }
    let again = match asked.not_run_again() {
        None => "each of these outcomes was run again from the evidence, where nothing below says otherwise".to_owned(),
        Some(what) => format!("these outcomes are as the gates recorded them: {what}"),
    };
    part.note("where the rule passes, every change of the range was agreed to by trusted persons beyond its authors; an author, a co-author, a robot or the same person twice does not count, and an author that nobody knows costs one approval more")
        .note(again)
}

/// Q05.
pub(super) fn past_review(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&["time", "service", "environment", "authorised", "code", "what", "where"]));
    for promoted in &asked.facts.decisions {
        let decision = &promoted.content;
        for finding in findings(decision).filter(|finding| PAST.contains(&finding.code)) {
            let cells = vec![
                promoted.time.to_string(),
                service_of(decision),
                decision.request.environment.to_string(),
                if decision.authorised { "yes" } else { "no" }.to_owned(),
                finding.code.to_string(),
                finding.what.clone(),
                finding.at.join(", "),
            ];
            part.table.push(cells, asked.facts.proof(promoted.entry));
            if decision.authorised {
                let (artifact, environment) = (&decision.request.subject_name, &decision.request.environment);
                let why = format!("{artifact} went to {environment} although: {}", finding.what);
                part.deviations.push((promoted.entry, why));
            }
        }
    }
    let reconciled = reconcile::of(&asked.facts, &|entry| asked.ran_again(entry));
    for row in &reconciled.sources {
        part.notes.push(format!("{}: {}, {}", row.source, row.state, row.detail));
    }
    part.note("a push past review that never reached a gate is in no decision")
}
