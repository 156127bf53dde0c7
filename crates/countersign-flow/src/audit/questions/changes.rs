//! Questions about single promotions: the list, the sample, the chain of an item, review, emergencies.

use super::super::ask::Asked;
use super::super::facts::{Known, change_class, findings, service_of};
use super::super::population;
use super::super::reconcile;
use super::super::sample;
use super::super::show::{self, authors, reviewers};
use super::super::table::Table;
use super::Part;
use countersign_core::codes;
use countersign_core::exception::Category;
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
    let reconciled = reconcile::of(&asked.facts);
    for row in &reconciled.sources {
        part.notes.push(format!("{}: {}, {}", row.source, row.state, row.detail));
    }
    for row in reconciled.sources.iter().filter(|row| row.state == reconcile::SourceState::Broken) {
        part.deviations.extend(row.unexplained.iter().map(|what| (entry_of(what), what.clone())));
    }
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
        part.missing.push("seed: give one of your own with --seed, and a size with --n".to_owned());
        return part;
    };
    let drawn = sample::draw(&asked.facts, asked.ask.n.unwrap_or(ITEMS), seed);
    let mut part = Part::of(drawn.table).note(drawn.method);
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

/// The items that are asked for, or a sample of them; or what is missing to draw one.
fn chosen(asked: &Asked<'_>) -> Result<(Vec<Arc<Known>>, String), String> {
    let by_entry = |entries: &[u64]| {
        asked.facts.decisions.iter().filter(|one| entries.contains(&one.entry)).cloned().collect::<Vec<_>>()
    };
    if !asked.ask.items.is_empty() {
        return Ok((by_entry(&asked.ask.items), "the items that were asked for".to_owned()));
    }
    let seed = asked.ask.seed.clone().unwrap_or_default();
    let drawn = sample::draw(&asked.facts, asked.ask.n.unwrap_or(ITEMS), &seed);
    let entries: Vec<u64> = drawn.table.rows.iter().map(|row| row.proof.entry).collect();
    if u64::try_from(entries.len()).is_ok_and(|all| all == drawn.population) {
        return Ok((by_entry(&entries), format!("all of {}", drawn.population)));
    }
    // Of a sample by a seed that everybody knows, whoever is audited knows the items beforehand.
    if asked.ask.seed.is_none() {
        return Err("seed: give one of your own with --seed, and a size with --n; or name items with --item".to_owned());
    }
    let how = format!("a sample of {} of {} by the seed {seed:?}", entries.len(), drawn.population);
    Ok((by_entry(&entries), how))
}

/// Q03.
pub(super) fn items(asked: &Asked<'_>) -> Part {
    let (items, how) = match chosen(asked) {
        Ok(chosen) => chosen,
        Err(missing) => {
            let mut part = Part::default();
            part.missing.push(missing);
            return part;
        }
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
        let rests = show::rests(&asked.facts, promoted);
        let of_kind = |kind: Kind| rests.evidence.of_kind(kind).count();
        let tests: Vec<&str> = rests
            .evidence
            .of_kind(Kind::TestResult)
            .filter_map(|one| one.value().predicate_as::<TestResult>(Kind::TestResult).ok())
            .map(|result| if result.failed() { "failed" } else { "passed" })
            .collect();
        let builders: Vec<String> =
            rests.evidence.of_kind(Kind::Provenance).map(|one| one.signed_by().owner.describe()).collect();
        let scans = of_kind(Kind::Vulns).saturating_add(of_kind(Kind::SecretScan));
        let changes = show::changes(&asked.facts, promoted, &rests.evidence);
        if changes.is_none() && decision.authorised {
            part.missing
                .push(format!("git evidence of log entry {}: authors and reviewers are not shown", promoted.entry));
        }
        let lines = changes.unwrap_or_default();
        let rows: Vec<[String; 3]> = if lines.is_empty() {
            vec![[String::new(), String::new(), String::new()]]
        } else {
            lines.iter().map(|one| [one.head.to_string(), authors(one), reviewers(one)]).collect()
        };
        for [change, authors, reviewers] in rows {
            let cells = vec![
                promoted.time.to_string(),
                service_of(decision),
                decision.request.environment.to_string(),
                decision.request.subject.to_string(),
                change,
                authors,
                reviewers,
                tests.join(", "),
                scans.to_string(),
                builders.join(", "),
                promoted.by.to_string(),
                "every signature that counted existed when the gate decided".to_owned(),
            ];
            let mut proof = asked.facts.proof(promoted.entry);
            proof.documents.extend(rests.evidence.statements().map(|one| *one.document()));
            table.push(cells, proof);
        }
    }
    if table.rows.is_empty() && part.missing.is_empty() {
        part.missing.push("item in the window".to_owned());
    }
    part.notes.push("who asked for a change in a tracker, and who ran the deployment, is not collected".to_owned());
    part.table = table;
    part
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
    part.note("where the rule passes, every change of the range was agreed to by trusted persons beyond its authors; an author, a co-author, a robot or the same person twice does not count, and an author that nobody knows costs one approval more")
        .note("`audit verify` runs each of these outcomes again")
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
                let why = format!("{} was let through to {}", finding.what, decision.request.environment);
                part.deviations.push((promoted.entry, why));
            }
        }
    }
    let reconciled = reconcile::of(&asked.facts);
    for row in &reconciled.sources {
        part.notes.push(format!("{}: {}, {}", row.source, row.state, row.detail));
    }
    part.note("a push past review that never reached a gate is in no decision")
}

/// Q06.
pub(super) fn emergencies(asked: &Asked<'_>) -> Part {
    let mut part =
        Part::of(Table::new(&["time", "service", "environment", "artifact", "exceptions", "review until", "state"]));
    let view = asked.facts.state.at(asked.facts.range.end).unwrap_or_else(|| asked.facts.state.now());
    let known = view.exceptions(asked.facts.blobs);
    let now = view.newest_time();
    let followed: Vec<(u64, u64)> = asked
        .facts
        .all_decisions()
        .flat_map(|one| one.content.followed_up.iter().map(|entry| (*entry, one.entry)).collect::<Vec<_>>())
        .collect();
    for promoted in &asked.facts.decisions {
        let decision = &promoted.content;
        let Some(glass) = &decision.break_glass else { continue };
        let by = followed.iter().find(|(entry, _)| *entry == promoted.entry).map(|(_, by)| *by);
        let signed = glass.exceptions.iter().all(|id| known.followed_up.contains(id)) && !glass.exceptions.is_empty();
        let late = now.is_some_and(|now| now >= glass.follow_up);
        let state = match by {
            Some(by) => format!("reviewed, proved by entry {by}"),
            None if signed => "reviewed, as two persons sign".to_owned(),
            None if late => "OVERDUE".to_owned(),
            None => "open".to_owned(),
        };
        if by.is_none() && !signed && late {
            part.deviations.push((promoted.entry, format!("an emergency was not reviewed before {}", glass.follow_up)));
        }
        let cells = vec![
            promoted.time.to_string(),
            service_of(decision),
            decision.request.environment.to_string(),
            decision.request.subject_name.to_string(),
            glass.exceptions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            glass.follow_up.to_string(),
            state,
        ];
        part.table.push(cells, asked.facts.proof(promoted.entry));
    }
    let granted = known.held.iter().chain(known.ended.iter().map(|(one, _)| one));
    let granted = granted.filter(|one| one.exception().category == Category::Emergency).count();
    let classes = asked.facts.deployments().filter(|one| change_class(&one.content) == "emergency").count();
    part.note(format!("{granted} emergency exceptions in the log, {classes} promotions in the window used one"))
        .note("no row means that no decision of the window used an emergency")
}
