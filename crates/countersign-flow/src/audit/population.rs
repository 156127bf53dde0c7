//! Populations: whole lists, each with how it was made, so that an auditor can make it again and knows that nothing is left
//! out. They are made from the log alone and made again from the package.

use super::facts::{Facts, change_class, findings, service_of};
use super::kept::Kept;
use super::page;
use super::table::{Rows, Sheet, Table};
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Class, Finding, Verdict};
use countersign_core::policy::Stage;
use countersign_core::statement::Kind;
use countersign_core::statement::manual_evidence::{LONGEST, ManualEvidence};
use countersign_verify::policy::Activated;
use serde::Serialize;
use std::collections::BTreeSet;

/// One kind of list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    pub(super) name: &'static str,
    /// What a row is.
    pub(super) row: &'static str,
    /// How it is made from the log.
    pub(super) how: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) make: fn(&Facts<'_>, &mut dyn Rows),
}

pub(super) const ALL: &[Made] = &[
    Made {
        name: "decisions",
        row: "a decision of a gate, whatever it said",
        how: "every log entry of kind promotion-decision in the window; the signed decision that the entry names was checked against the gate's key at the entry's time, and its fields are the columns",
        columns: DECISION,
        make: decisions,
    },
    Made {
        name: "deployments",
        row: "a promotion that a gate authorised",
        how: "the list `decisions`, less those that authorised nothing. That something was authorised and not deployed, or deployed without asking, this list cannot say",
        columns: DECISION,
        make: deployments,
    },
    Made {
        name: "exceptions",
        row: "an exception from a rule that was granted in the window or in force in it, or the end of one",
        how: "every log entry of kind exception or exception-end in the window, and every exception before it that had neither ended nor expired when it began; approvers were counted by the trust in force at the entry",
        columns: EXCEPTION,
        make: exceptions,
    },
    Made {
        name: "log",
        row: "an entry of the log",
        how: "every log entry in the window, as it stands",
        columns: ENTRY,
        make: entries,
    },
    Made {
        name: "manual-evidence",
        row: "something that a person attests by hand",
        how: "every log entry of kind manual-evidence in the window",
        columns: MANUAL,
        make: manual,
    },
    Made {
        name: "policy-activations",
        row: "a policy release made active for an environment, in the window or in force when it began",
        how: "every log entry of kind policy-activation up to the window's end, less those that another replaced before it began; approvers and activators were counted by the trust in force",
        columns: ACTIVATION,
        make: activations,
    },
    Made {
        name: "trust",
        row: "a version of the trust document",
        how: "every log entry of kind trust up to the window's end",
        columns: TRUST,
        make: trusts,
    },
];

/// How a list was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Header {
    /// The list's name.
    pub name: &'static str,
    /// What a row is.
    pub row: &'static str,
    /// How it was made.
    pub how: &'static str,
    /// The filter, in words.
    pub filter: String,
    /// The log, as far as it goes.
    pub log: LogRef,
    /// The first entry that was looked at.
    pub from_entry: u64,
    /// The entry behind the last.
    pub to_entry: u64,
    /// How many rows.
    pub rows: u64,
    /// SHA-256 of the list as CSV.
    pub csv: Sha256,
    /// What was hit: a bound, an entry that does not hold. Empty where the list is whole.
    pub limits_hit: Vec<String>,
    /// How completeness was established.
    pub completeness: String,
}

/// A list with its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Population {
    /// How it was made.
    pub header: Header,
    /// The rows.
    pub table: Table,
}

/// Makes one, with all of its rows.
pub(super) fn make(made: &Made, facts: &Facts<'_>) -> Population {
    let table = table(made, facts);
    let rows = u64::try_from(table.rows.len()).unwrap_or(u64::MAX);
    Population { header: header(made, facts, rows, Sha256::of(table.csv().as_bytes())), table }
}

/// Makes one with its newest rows alone, and its CSV if that is wanted: a year of all rows is not held.
pub(super) fn list(made: &Made, facts: &Facts<'_>, csv: bool) -> (Population, Option<Vec<u8>>) {
    let mut sheet = Sheet::new(made.columns, page::ROWS, csv);
    (made.make)(facts, &mut sheet);
    sheet.newest.keep_last(page::ROWS);
    let header = header(made, facts, sheet.rows, sheet.digest());
    (Population { header, table: sheet.newest }, sheet.csv)
}

/// Its rows.
pub(super) fn table(made: &Made, facts: &Facts<'_>) -> Table {
    let mut table = Table::new(made.columns);
    (made.make)(facts, &mut table);
    table
}

/// The rows of a list by its name; none of one that there is not.
pub(super) fn named(name: &str, facts: &Facts<'_>) -> Table {
    find(name).map(|made| table(made, facts)).unwrap_or_default()
}

/// The header of a list of so many rows, whose CSV has this digest.
pub(super) fn header(made: &Made, facts: &Facts<'_>, rows: u64, csv: Sha256) -> Header {
    Header {
        name: made.name,
        row: made.row,
        how: made.how,
        filter: facts.window_words(),
        log: facts.log(),
        from_entry: facts.range.start,
        to_entry: facts.range.end,
        rows,
        csv,
        limits_hit: facts.broken.iter().map(|finding| format!("{}: {}", finding.at.join(", "), finding.what)).collect(),
        completeness: facts.completeness(),
    }
}

/// Lists of which no record is without a row: an empty one says that the filter, or the package, is the wrong one.
const NEVER_EMPTY: [&str; 5] = ["decisions", "deployments", "log", "policy-activations", "trust"];

/// What is to be said of lists without a row: nothing was found, and nothing is no success.
pub(super) fn empty(all: &[Population]) -> Vec<Finding> {
    let never = all.iter().filter(|one| NEVER_EMPTY.contains(&one.header.name));
    never.filter_map(|one| nothing_in(one.header.name, one.header.rows == 0)).collect()
}

/// The same of one list, if it is empty.
pub(super) fn nothing_in(name: &str, is_empty: bool) -> Option<Finding> {
    let what = match name {
        "deployments" => "there is no authorised promotion in the part of the record that was asked for".to_owned(),
        _ => format!("the list `{name}` has no row in the part of the record that was asked for"),
    };
    is_empty.then(|| Finding::new(codes::AUDIT_EVIDENCE_ABSENT, what).at(name))
}

pub(super) fn find(name: &str) -> Option<&'static Made> {
    ALL.iter().find(|made| made.name == name)
}

const DECISION: &[&str] = &[
    "time",
    "service",
    "environment",
    "artifact",
    "digest",
    "verdict",
    "authorised",
    "class",
    "revision",
    "commits",
    "policy",
    "gate",
];

fn decision(facts: &Facts<'_>, table: &mut dyn Rows, entry: u64, decision: &Kept) {
    let source = decision.source.as_ref();
    let policy = decision.inputs.policy.as_ref();
    let cells = vec![
        decision.request.time.to_string(),
        service_of(decision),
        decision.request.environment.to_string(),
        decision.request.subject_name.to_string(),
        decision.request.subject.to_string(),
        decision.verdict.to_string(),
        if decision.authorised { "yes" } else { "no" }.to_owned(),
        change_class(decision).to_owned(),
        source.map_or_else(String::new, |source| source.revision.to_string()),
        source.map_or_else(String::new, |source| source.commits.to_string()),
        policy.map_or_else(String::new, |active| format!("{} version {}", active.policy.uri, active.policy.version)),
        decision.request.gate.to_string(),
    ];
    table.push(cells, facts.proof(entry));
}

fn decisions(facts: &Facts<'_>, table: &mut dyn Rows) {
    for promoted in &facts.decisions {
        decision(facts, table, promoted.entry, &promoted.content);
    }
}

fn deployments(facts: &Facts<'_>, table: &mut dyn Rows) {
    for promoted in facts.deployments() {
        decision(facts, table, promoted.entry, &promoted.content);
    }
}

/// The uses of an exception: entries of decisions in the window that needed it.
fn uses(facts: &Facts<'_>, id: &str) -> Vec<String> {
    facts.decisions.iter().filter(|one| needs(&one.content, id)).map(|one| one.entry.to_string()).collect()
}

/// Whether a decision needed an exception.
pub(super) fn needs(decision: &Kept, id: &str) -> bool {
    findings(decision).any(|finding| {
        finding.class == Class::Excepted && finding.exception.as_ref().is_some_and(|note| note.id.as_str() == id)
    }) || decision.break_glass.as_ref().is_some_and(|used| used.exceptions.iter().any(|one| one.as_str() == id))
}

/// The state of an entry about an exception that does not count.
pub(super) const NOT_COUNTED: &str = "does not count";
/// What an entry does that ends an exception although its document does not hold.
pub(super) const END_NOT_COUNTED: &str = "end that does not count";

const EXCEPTION: &[&str] = &[
    "time",
    "what",
    "id",
    "category",
    "rule",
    "environment",
    "covers",
    "requester",
    "approvers",
    "from",
    "until",
    "control",
    "reason",
    "uses",
    "state",
];

fn exceptions(facts: &Facts<'_>, table: &mut dyn Rows) {
    let view = facts.state.at(facts.range.end).unwrap_or_else(|| facts.state.now());
    let known = view.exceptions(facts.blobs);
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    let ended = known.ended.iter().map(|(one, by)| (one, Some(*by)));
    for (one, by) in known.held.iter().map(|one| (one, None)).chain(ended) {
        let exception = one.exception();
        // What an earlier log granted counts since the first entry of this one.
        let (entry, time) = one.recorded();
        let entry = if one.log().is_some() { 0 } else { entry };
        let wanted = facts.window.environments.is_empty() || facts.window.environments.contains(&exception.environment);
        if !wanted {
            continue;
        }
        let id = one.id();
        let approvers: Vec<String> = one.approvers().iter().map(ToString::to_string).collect();
        // It is over all the same: a revocation may not be undone by losing its document.
        let unfounded = by.is_some_and(|by| {
            let place = format!("log entry {by}");
            known.not_counted.iter().any(|(_, finding)| finding.at.contains(&place))
        });
        let state = match by {
            Some(0) => "over before this log began".to_owned(),
            Some(by) if unfounded => format!("ended by entry {by}, though its document does not hold"),
            Some(by) if known.followed_up.contains_key(&id) => format!("followed up and ended by entry {by}"),
            Some(by) => format!("ended by entry {by}"),
            None if facts.end().is_some_and(|end| end >= exception.expires) => "expired".to_owned(),
            None => "counts".to_owned(),
        };
        let cells = |when: String, what: &str| {
            vec![
                when,
                what.to_owned(),
                id.to_string(),
                exception.category.to_string(),
                exception.rule.to_string(),
                exception.environment.to_string(),
                exception.covers.to_string(),
                exception.requester.to_string(),
                approvers.join(" "),
                exception.created.to_string(),
                exception.expires.to_string(),
                exception.control.clone().unwrap_or_default(),
                exception.reason.clone(),
                uses(facts, id.as_str()).join(" "),
                state.clone(),
            ]
        };
        // What was granted before the window and still counted in it is excepted in it.
        let over = by.is_some_and(|by| by < facts.range.start)
            || facts.window.from.is_some_and(|from| exception.expires <= from);
        if facts.range.contains(&entry) || (entry < facts.range.start && !over) {
            rows.push((entry, cells(time.to_string(), "exception")));
        }
        if let Some(by) = by.filter(|by| facts.range.contains(by)) {
            let at = usize::try_from(by).ok().and_then(|i| facts.state.entries().get(i));
            let when = at.map_or_else(String::new, |entry| entry.time.to_string());
            rows.push((by, cells(when, if unfounded { END_NOT_COUNTED } else { "end" })));
        }
    }
    let listed: BTreeSet<u64> = rows.iter().map(|(entry, _)| *entry).collect();
    let width = EXCEPTION.len();
    for (index, entry) in facts.entries() {
        if matches!(entry.kind, Kind::Exception | Kind::ExceptionEnd) && !listed.contains(&index) {
            let environment = entry.environment.as_ref().map(ToString::to_string).unwrap_or_default();
            if !facts.window.environments.is_empty()
                && !facts.window.environments.iter().any(|e| e.as_str() == environment)
            {
                continue;
            }
            let mut cells = vec![String::new(); width];
            let known = [(0, entry.time.to_string()), (1, entry.kind.word().to_owned()), (5, environment)];
            for (place, text) in known {
                if let Some(cell) = cells.get_mut(place) {
                    *cell = text;
                }
            }
            if let Some(state) = cells.last_mut() {
                NOT_COUNTED.clone_into(state);
            }
            rows.push((index, cells));
        }
    }
    rows.sort();
    for (entry, cells) in rows {
        table.push(cells, facts.proof(entry));
    }
}

const ENTRY: &[&str] = &["time", "kind", "environment", "subjects", "persons"];

fn entries(facts: &Facts<'_>, table: &mut dyn Rows) {
    for (index, entry) in facts.entries() {
        let join = |all: Vec<String>| all.join(" ");
        let cells = vec![
            entry.time.to_string(),
            entry.kind.word().to_owned(),
            entry.environment.as_ref().map(ToString::to_string).unwrap_or_default(),
            join(entry.subjects.iter().map(ToString::to_string).collect()),
            join(entry.persons.iter().map(ToString::to_string).collect()),
        ];
        table.push(cells, facts.proof(index));
    }
}

const MANUAL: &[&str] = &["time", "owner", "controls", "statement", "as of", "valid until", "document", "state"];

fn manual(facts: &Facts<'_>, table: &mut dyn Rows) {
    for (index, entry) in facts.entries().filter(|(_, entry)| entry.kind == Kind::ManualEvidence) {
        let cells = match super::manual::read(facts, index, entry) {
            Ok(said) => attested(facts, entry, &said),
            Err(finding) => not_counted(entry, &finding),
        };
        table.push(cells, facts.proof(index));
    }
}

fn not_counted(entry: &Entry, why: &Finding) -> Vec<String> {
    let mut cells = vec![String::new(); MANUAL.len()];
    if let Some(first) = cells.first_mut() {
        *first = entry.time.to_string();
    }
    if let Some(last) = cells.last_mut() {
        *last = format!("does not count: {}", why.what);
    }
    cells
}

/// What people had attested before the window began, and counted then, or may have, where it was erased: the same rows, which the list
/// of the window does not have.
pub(super) fn attested_before(facts: &Facts<'_>, table: &mut Table) {
    let Some(from) = facts.window.from else { return };
    let before = facts.state.entries().iter().zip(0_u64..).take_while(|(entry, _)| entry.time < from);
    for (entry, index) in before.filter(|(entry, _)| entry.kind == Kind::ManualEvidence) {
        let gone = |digest: &Sha256| facts.gathered.erased.contains_key(digest);
        match super::manual::read(facts, index, entry) {
            Ok(said) if said.counts_at(from) => table.push(attested(facts, entry, &said), facts.proof(index)),
            Err(why) if from.since(entry.time) <= LONGEST && entry.statement().is_some_and(gone) => {
                table.push(not_counted(entry, &why), facts.proof(index));
            }
            Ok(_) | Err(_) => {}
        }
    }
}

fn attested(facts: &Facts<'_>, entry: &Entry, said: &ManualEvidence) -> Vec<String> {
    let controls: Vec<&str> = said.controls.iter().map(String::as_str).collect();
    let state = if facts.end().is_some_and(|end| said.counts_at(end)) { "counts" } else { "expired" };
    vec![
        entry.time.to_string(),
        said.owner.to_string(),
        controls.join(", "),
        said.statement.clone(),
        said.as_of.to_string(),
        said.valid_until.to_string(),
        said.document.to_string(),
        state.to_owned(),
    ]
}

const ACTIVATION: &[&str] = &[
    "time",
    "environment",
    "release",
    "version",
    "digest",
    "approvers",
    "activators",
    "replaces",
    "reason",
    "overrides",
    "rules enforced",
    "tests",
    "backtest",
];

fn activations(facts: &Facts<'_>, table: &mut dyn Rows) {
    for active in facts.activations_in_force() {
        let manifest = active.release.manifest();
        let reference = active.release.reference();
        let enforced = manifest
            .rules
            .iter()
            .filter(|rule| rule.stage_at(&active.activation.environment, active.time) == Stage::Enforce)
            .count();
        let people = |all: &BTreeSet<countersign_core::ids::PersonId>| {
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let cells = vec![
            active.time.to_string(),
            active.activation.environment.to_string(),
            reference.uri.to_string(),
            reference.version.to_string(),
            reference.digest.to_string(),
            people(active.release.approvers()),
            people(&active.activators),
            active.activation.replaces.as_ref().map(ToString::to_string).unwrap_or_default(),
            active.activation.reason.clone().unwrap_or_default(),
            active.activation.overrides.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            format!("{enforced} of {}", manifest.rules.len()),
            tests_words(facts, active),
            active.release.backtest().map(ToString::to_string).unwrap_or_default(),
        ];
        table.push(cells, facts.proof_of(active));
    }
}

/// The tests of a release, in words.
pub(super) fn tests_words(facts: &Facts<'_>, active: &Activated) -> String {
    let tests = facts.tests(active);
    let here = tests.iter().filter(|test| test.here).count();
    match (tests.len(), here) {
        (0, _) => "none".to_owned(),
        (all, 0) => format!("{all} files, by digest alone"),
        (all, here) => format!("{here} of {all} files in the package"),
    }
}

const TRUST: &[&str] =
    &["time", "version", "digest", "expires", "persons", "gates", "logs", "quorum", "keys that end or are compromised"];

fn trusts(facts: &Facts<'_>, table: &mut dyn Rows) {
    let until = facts.range.end;
    for (index, entry) in (0..until).zip(facts.state.entries()).filter(|(_, entry)| entry.kind == Kind::Trust) {
        let Some(view) = facts.state.at(index.saturating_add(1)) else { continue };
        let trust = view.trust().trust();
        let role = trust.roles.iter().find(|(name, _)| name.as_str() == countersign_core::trust::ROLE_TRUST);
        let limited: Vec<String> = trust
            .persons
            .iter()
            .flat_map(|person| person.keys.iter().map(move |key| (person.id.to_string(), key)))
            .filter_map(|(who, key)| {
                let end = key.valid_until.map(|time| format!("{who} until {time}"));
                end.or_else(|| key.compromised_since.map(|time| format!("{who} compromised since {time}")))
            })
            .collect();
        let cells = vec![
            entry.time.to_string(),
            trust.version.to_string(),
            view.trust().digest().to_string(),
            trust.expires.to_string(),
            trust.persons.iter().map(|person| person.id.to_string()).collect::<Vec<_>>().join(" "),
            trust.gates.iter().map(|gate| gate.id.to_string()).collect::<Vec<_>>().join(" "),
            trust.logs.iter().map(|log| log.origin.to_string()).collect::<Vec<_>>().join(" "),
            role.map_or_else(String::new, |(_, role)| {
                let people: Vec<String> = role.persons.iter().map(ToString::to_string).collect();
                format!("{} of {}", role.threshold, people.join(" "))
            }),
            limited.join("; "),
        ];
        table.push(cells, facts.proof(index));
    }
}

/// The rules that were watched over a decision and could not be judged.
pub(super) fn unjudged(decision: &Kept) -> impl Iterator<Item = String> {
    let watched = decision.rules.iter().filter(|rule| rule.stage != Stage::Enforce);
    watched.filter(|rule| rule.verdict == Some(Verdict::Indeterminate)).map(|rule| rule.id.to_string())
}

/// Whether a decision let something go although a rule did not hold.
pub(super) fn went_although(decision: &Kept) -> Vec<String> {
    let mut why = Vec::new();
    if decision.verdict != Verdict::Pass {
        why.push(format!("verdict {}", decision.verdict));
    }
    for rule in decision.rules.iter() {
        // One that is only watched and could not be judged did not fail: it is counted beside the list.
        let failed = match rule.verdict {
            Some(Verdict::Fail) => true,
            Some(Verdict::Indeterminate) => rule.stage == Stage::Enforce,
            Some(Verdict::Pass) | None => false,
        };
        if failed {
            why.push(format!("{} {} in stage {}", rule.id, rule.verdict.unwrap_or(Verdict::Fail), rule.stage));
        }
    }
    for finding in findings(decision).filter(|finding| finding.class == Class::Excepted) {
        let by = finding.exception.as_ref().map(|note| note.id.to_string()).unwrap_or_default();
        why.push(format!("{} excepted by {by}", finding.code));
    }
    why
}
