//! What one part of the decisions amounts to, and how parts are put together: sums, and what came first by the log's order.

use super::report::{
    BacktestReport, Change, ChangedRow, Counts, NO_REPOSITORY, RuleRow, SCHEMA, ServiceRow, TOP, TopFinding,
    UnplayedRow, WasRow,
};
use super::sample::{Draw, SampledFinding, repository_of};
use super::{BacktestRequest, Played};
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::decision::{Decision, LogRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Finding, Verdict};
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::limits;
use countersign_core::policy::{Manifest, PolicyRef, Stage};
use countersign_core::time::Time;
use countersign_decide::ByRule;
use std::collections::{BTreeMap, BTreeSet};

/// What was counted so far.
#[derive(Debug)]
pub(super) struct Tally {
    total: Counts,
    services: BTreeMap<(String, EnvName), Counts>,
    rules: BTreeMap<(String, EnvName), RuleCount>,
    changed: BTreeMap<u64, ChangedRow>,
    unlisted: u64,
    unplayed: BTreeMap<Code, UnplayedRow>,
    top: BTreeMap<(Option<RuleId>, Code), Found>,
    draw: Draw,
}

#[derive(Debug, Default)]
struct RuleCount {
    was: BTreeMap<(RuleId, Stage), u64>,
    outcomes: BTreeMap<String, u64>,
    newly_broken: u64,
    newly_holds: u64,
    errors: u64,
    new_findings: u64,
}

#[derive(Debug)]
struct Found {
    what: String,
    first: u64,
    findings: u64,
    repositories: BTreeSet<String>,
}

fn up(count: &mut u64) {
    *count = count.saturating_add(1);
}

/// A rule's name without the number of its meaning: the next one answers for the same thing.
fn name_of(id: &RuleId) -> String {
    id.as_str().split_once('@').map_or(id.as_str(), |(name, _)| name).to_owned()
}

fn word(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(|| "absent".to_owned(), |verdict| verdict.to_string())
}

fn counts(finding: &Finding) -> bool {
    finding.class.blocks()
}

/// What makes a finding the same one as before: who expects it names the release, and plays no part.
type Same<'f> = (Code, &'f str, &'f [String], &'f [String]);

fn same_as(finding: &Finding) -> Same<'_> {
    (finding.code, &finding.what, &finding.at, &finding.found)
}

impl Tally {
    pub(super) const fn new(seed: u64, most: usize) -> Self {
        Self {
            total: Counts {
                seen: 0,
                same: 0,
                newly_refused: 0,
                newly_allowed: 0,
                refused_otherwise: 0,
                error: 0,
                not_replayable: 0,
            },
            services: BTreeMap::new(),
            rules: BTreeMap::new(),
            changed: BTreeMap::new(),
            unlisted: 0,
            unplayed: BTreeMap::new(),
            top: BTreeMap::new(),
            draw: Draw::new(seed, most),
        }
    }

    fn count(&mut self, repository: String, environment: &EnvName, change: Change) {
        self.total.add(change);
        self.services.entry((repository, environment.clone())).or_default().add(change);
    }

    /// A decision that could not be run again.
    pub(super) fn not_played(
        &mut self,
        entry: u64,
        environment: Option<&EnvName>,
        recorded: Option<&Decision>,
        why: &[Finding],
    ) {
        let repository = recorded.map_or_else(|| NO_REPOSITORY.to_owned(), repository_of);
        match environment {
            Some(environment) => self.count(repository, environment, Change::NotReplayable),
            None => self.total.add(Change::NotReplayable),
        }
        let (code, what) = match why.first() {
            Some(finding) => (finding.code, finding.what.clone()),
            None => (codes::PACKAGE_EVIDENCE_MISSING, "it could not be read".to_owned()),
        };
        let row = UnplayedRow { code, what, decisions: 1, first_entry: entry };
        self.unplayed.entry(code).and_modify(|known| merge_unplayed(known, &row)).or_insert(row);
    }

    /// A decision that was run again, under its own release and under the new one.
    pub(super) fn played(
        &mut self,
        entry: u64,
        document: &Sha256,
        recorded: &Decision,
        played: &Played,
    ) -> Result<(), FlowError> {
        let now = &played.now;
        let (change, mut because) = change_of(recorded, now, &played.now_by_rule);
        let environment = &recorded.request.environment;
        let source = if recorded.source.is_some() { recorded } else { now };
        let repository = repository_of(source);
        self.count(repository.clone(), environment, change);
        because.extend(self.by_rule(entry, document, source, recorded, played, &repository)?);
        if change != Change::Same {
            because.sort();
            because.dedup();
            let row = ChangedRow {
                entry,
                time: recorded.request.time,
                environment: environment.clone(),
                repository,
                subject: recorded.request.subject,
                subject_name: recorded.request.subject_name.clone(),
                change,
                was: recorded.verdict,
                now: now.verdict,
                because,
            };
            self.list(row);
        }
        Ok(())
    }

    fn list(&mut self, row: ChangedRow) {
        self.changed.insert(row.entry, row);
        if self.changed.len() > limits::BACKTEST_LISTED {
            self.changed.pop_last();
            up(&mut self.unlisted);
        }
    }

    /// Counts what each rule said and says; the enforced ones that newly do not hold.
    fn by_rule(
        &mut self,
        entry: u64,
        document: &Sha256,
        source: &Decision,
        recorded: &Decision,
        played: &Played,
        repository: &str,
    ) -> Result<Vec<String>, FlowError> {
        let environment = &recorded.request.environment;
        let mut because = Vec::new();
        let named = |decision: &Decision| -> BTreeMap<String, (RuleId, Stage, Option<Verdict>)> {
            decision.rules.iter().map(|r| (name_of(&r.id), (r.id.clone(), r.stage, r.verdict))).collect()
        };
        let (was, now) = (named(recorded), named(&played.now));
        let names: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
        for name in names {
            let (before, after) = (was.get(name), now.get(name));
            let row = self.rules.entry((name.clone(), environment.clone())).or_default();
            if let Some((id, stage, _)) = before {
                up(row.was.entry((id.clone(), *stage)).or_default());
            }
            let verdicts = (before.and_then(|b| b.2), after.and_then(|a| a.2));
            up(row.outcomes.entry(format!("{} -> {}", word(verdicts.0), word(verdicts.1))).or_default());
            let holds = |verdict: Option<Verdict>| verdict == Some(Verdict::Pass);
            if holds(verdicts.1) && verdicts.0.is_some() && !holds(verdicts.0) {
                up(&mut row.newly_holds);
            }
            let Some((id, stage, verdict)) = after else { continue };
            let nothing = Vec::new();
            let found = played.now_by_rule.get(id).unwrap_or(&nothing);
            if found.iter().any(|finding| finding.code == codes::RULE_ERROR) {
                up(&mut row.errors);
            }
            if verdict.is_some() && !holds(*verdict) && (verdicts.0.is_none() || holds(verdicts.0)) {
                up(&mut row.newly_broken);
                if *stage == Stage::Enforce {
                    because.push(format!("rule {id}"));
                }
            }
            let old = before.and_then(|(id, _, _)| played.was_by_rule.get(id)).unwrap_or(&nothing);
            let old: BTreeSet<Same<'_>> = old.iter().map(same_as).collect();
            for finding in
                found.iter().filter(|finding| counts(finding)).filter(|finding| !old.contains(&same_as(finding)))
            {
                up(&mut row.new_findings);
                let sampled = SampledFinding::of(source, document, entry, (id, *stage), finding)?;
                self.draw.add(sampled);
                merge_found(&mut self.top, (Some(id.clone()), finding.code), found_once(finding, entry, repository));
            }
        }
        Ok(because)
    }

    /// Takes in another part.
    pub(super) fn join(&mut self, other: Self) {
        self.total.join(&other.total);
        for (key, theirs) in other.services {
            self.services.entry(key).or_default().join(&theirs);
        }
        for (key, theirs) in other.rules {
            let mine = self.rules.entry(key).or_default();
            for (mine, theirs) in [
                (&mut mine.newly_broken, theirs.newly_broken),
                (&mut mine.newly_holds, theirs.newly_holds),
                (&mut mine.errors, theirs.errors),
                (&mut mine.new_findings, theirs.new_findings),
            ] {
                *mine = mine.saturating_add(theirs);
            }
            for (was, count) in theirs.was {
                let known = mine.was.entry(was).or_default();
                *known = known.saturating_add(count);
            }
            for (outcome, count) in theirs.outcomes {
                let known = mine.outcomes.entry(outcome).or_default();
                *known = known.saturating_add(count);
            }
        }
        self.unlisted = self.unlisted.saturating_add(other.unlisted);
        for row in other.changed.into_values() {
            self.list(row);
        }
        for (code, row) in other.unplayed {
            self.unplayed.entry(code).and_modify(|known| merge_unplayed(known, &row)).or_insert(row);
        }
        for (key, found) in other.top {
            merge_found(&mut self.top, key, found);
        }
        self.draw.join(other.draw);
    }

    /// The report, and what was drawn for the sample.
    pub(super) fn report(
        self,
        request: &BacktestRequest<'_>,
        release: PolicyRef,
        log: LogRef,
        since: Option<Time>,
    ) -> (BacktestReport, Draw) {
        let manifest = &request.manifest;
        let services = self.services.into_iter().map(|((repository, environment), decisions)| ServiceRow {
            repository,
            enforced: manifest.environments.get(&environment).map(|e| e.enforced),
            environment,
            decisions,
        });
        let rules = self.rules.into_iter().map(|((name, environment), row)| {
            rule_row(name, environment, row, manifest, request.stages_at.unwrap_or(request.at))
        });
        let mut top: Vec<TopFinding> = self
            .top
            .into_iter()
            .map(|((rule, code), found)| TopFinding {
                rule,
                code,
                what: found.what,
                findings: found.findings,
                repositories: u64::try_from(found.repositories.len()).unwrap_or(u64::MAX),
                first_entry: found.first,
            })
            .collect();
        top.sort_by(|a, b| b.findings.cmp(&a.findings).then_with(|| (&a.rule, a.code).cmp(&(&b.rule, b.code))));
        top.truncate(TOP);
        let report = BacktestReport {
            schema: SCHEMA.to_owned(),
            release,
            as_if: super::AS_IF.iter().map(|line| (*line).to_owned()).collect(),
            log,
            since,
            environment: request.environment.clone(),
            stages_at: request.stages_at,
            decisions: self.total,
            services: services.collect(),
            rules: rules.collect(),
            changed: self.changed.into_values().collect(),
            changed_unlisted: self.unlisted,
            not_replayable: self.unplayed.into_values().collect(),
            top_findings: top,
            new_findings: self.draw.of(),
        };
        (report, self.draw)
    }
}

fn rule_row(name: String, environment: EnvName, row: RuleCount, manifest: &Manifest, at: Time) -> RuleRow {
    let new = manifest.rules.iter().find(|rule| name_of(&rule.id) == name);
    RuleRow {
        rule: new.map(|rule| rule.id.clone()),
        stage: new.map(|rule| rule.stage_at(&environment, at)),
        name,
        environment,
        was: row.was.into_iter().map(|((rule, stage), decisions)| WasRow { rule, stage, decisions }).collect(),
        outcomes: row.outcomes,
        newly_broken: row.newly_broken,
        newly_holds: row.newly_holds,
        errors: row.errors,
        new_findings: row.new_findings,
    }
}

fn merge_unplayed(known: &mut UnplayedRow, other: &UnplayedRow) {
    known.decisions = known.decisions.saturating_add(other.decisions);
    if other.first_entry < known.first_entry {
        known.first_entry = other.first_entry;
        known.what.clone_from(&other.what);
    }
}

fn found_once(finding: &Finding, entry: u64, repository: &str) -> Found {
    let repositories = BTreeSet::from([repository.to_owned()]);
    Found { what: finding.what.clone(), first: entry, findings: 1, repositories }
}

fn merge_found(top: &mut BTreeMap<(Option<RuleId>, Code), Found>, key: (Option<RuleId>, Code), found: Found) {
    match top.entry(key) {
        std::collections::btree_map::Entry::Vacant(place) => drop(place.insert(found)),
        std::collections::btree_map::Entry::Occupied(mut place) => {
            let known = place.get_mut();
            known.findings = known.findings.saturating_add(found.findings);
            known.repositories.extend(found.repositories);
            if found.first < known.first {
                (known.first, known.what) = (found.first, found.what);
            }
        }
    }
}

/// How a decision comes out, and what of that is no rule's: the codes of checks that newly do not hold.
fn change_of(recorded: &Decision, now: &Decision, by_rule: &ByRule) -> (Change, Vec<String>) {
    let enforced = now.rules.iter().filter(|rule| rule.stage == Stage::Enforce);
    let failed = enforced
        .filter(|rule| by_rule.get(&rule.id).into_iter().flatten().any(|finding| finding.code == codes::RULE_ERROR));
    let failed: Vec<String> = failed.map(|rule| format!("rule {} gives no answer", rule.id)).collect();
    let before: BTreeSet<Same<'_>> = recorded.findings.iter().map(same_as).collect();
    let of_rules: BTreeSet<Same<'_>> = by_rule.values().flatten().map(same_as).collect();
    let new = now.findings.iter().filter(|finding| counts(finding));
    let new = new.filter(|finding| !before.contains(&same_as(finding)) && !of_rules.contains(&same_as(finding)));
    let because: Vec<String> = new.map(|finding| finding.code.to_string()).collect();
    let passes = |verdict| verdict == Verdict::Pass;
    let change = match (passes(recorded.verdict), passes(now.verdict)) {
        _ if recorded.verdict == now.verdict => Change::Same,
        (_, true) => Change::NewlyAllowed,
        _ if !failed.is_empty() => return (Change::Error, failed),
        (true, false) => Change::NewlyRefused,
        (false, false) => Change::RefusedOtherwise,
    };
    (change, because)
}
