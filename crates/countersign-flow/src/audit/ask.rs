//! Questions asked of a package: each answer names its rows with what proves them, says how completeness was established,
//! and says what is missing.

use super::earlier::EARLIER;
use super::facts::{Facts, Window};
use super::open::{CONTINUES, Opened, Opening};
use super::population::{self, Population};
use super::questions::{self, Question};
use super::reconcile::{self, Reconciliation};
use super::sample::{self, Sample};
use super::show::{self, Chain};
use super::table::Table;
use super::verify::AuditReport;
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::entry::place_of;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, Verdict, exit_of, verdict_of};
use countersign_core::ids::Origin;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use serde::Serialize;

/// What is asked for beside the question.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Of which part of the record.
    pub window: Window,
    /// Of which log entries.
    pub items: Vec<u64>,
    /// A sample of how many.
    pub n: Option<usize>,
    /// Drawn by this seed.
    pub seed: Option<String>,
    /// At which time.
    pub at: Option<Time>,
}

/// What a question is asked of.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) ask: &'a Ask,
    pub(super) opened: &'a Opened,
    /// What was found when the package was opened.
    pub(super) basis: &'a AuditReport,
}

impl Asked<'_> {
    /// Whether a decision of this log was run again when the package was verified: outside of the part that it was made for, a
    /// decision says what its gate claims. A package of facts alone says already that none was.
    pub(super) fn ran_again(&self, entry: u64) -> bool {
        self.opened.facts_only() || self.opened.wants(entry)
    }

    /// How far decisions were run again when the package was verified, where that is not all of them.
    pub(super) fn not_run_again(&self) -> Option<&str> {
        let not_run = |finding: &&Finding| finding.code == codes::DECISIONS_NOT_RUN && finding.at == ["decisions"];
        self.basis.findings.iter().find(not_run).map(|finding| finding.what.as_str())
    }

    /// Whether all decisions of an earlier log were run again when the package was verified: from that log's own package.
    pub(super) fn proves(&self, log: &Origin) -> bool {
        let place = format!("log {log}");
        let not_run = [codes::LOG_EARLIER_UNAUDITED, codes::PACKAGE_SCOPED, codes::DECISIONS_NOT_RUN];
        let open = |finding: &Finding| not_run.contains(&finding.code) && finding.at.first() == Some(&place);
        // Where a package was opened and not verified, nothing was looked at, and nothing is said of it.
        self.basis.checks.iter().any(|check| check.id == EARLIER) && !self.basis.findings.iter().any(open)
    }

    /// The logs before this one whose decisions nobody ran again.
    pub(super) fn unproved(&self) -> Vec<&Origin> {
        let earlier = self.facts.state.now().chain().skip(1).map(|log| log.origin());
        earlier.filter(|log| !self.proves(log)).collect()
    }
}

/// A question, as it is listed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuestionRow {
    /// Its number.
    pub id: &'static str,
    /// What it asks.
    pub asks: &'static str,
    /// What it is answered from.
    pub from: &'static str,
    /// What it needs of who asks.
    pub takes: &'static str,
    /// Evidence that no collector brings: with any, the answer is INDETERMINATE.
    pub not_collected: Vec<&'static str>,
}

/// The questions.
#[must_use]
pub fn questions() -> Vec<QuestionRow> {
    questions::ALL.iter().map(row_of).collect()
}

fn row_of(question: &Question) -> QuestionRow {
    QuestionRow {
        id: question.id,
        asks: question.asks,
        from: question.from,
        takes: question.takes,
        not_collected: question.absent.to_vec(),
    }
}

/// An answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answered {
    /// The question.
    pub question: QuestionRow,
    /// PASS: answered. FAIL: answered, with exceptions that an auditor would list. INDETERMINATE: evidence is missing.
    pub verdict: Verdict,
    /// The log that it was answered from.
    pub log: LogRef,
    /// The part of the record, in words.
    pub filter: String,
    /// How completeness was established.
    pub completeness: String,
    /// The rows, with what proves each.
    pub table: Table,
    /// What is to be said beside them.
    pub notes: Vec<String>,
    /// What is missing.
    pub missing: Vec<String>,
    /// What was found: exceptions, missing evidence, and what did not hold when the package was opened.
    pub findings: Vec<Finding>,
    /// How the run ends.
    pub exit: Exit,
}

/// An opened package that answers.
#[derive(Debug)]
pub struct Asking<'a> {
    opened: &'a Opened,
    basis: &'a AuditReport,
}

impl AuditReport {
    /// Whether nothing from outside shows how far the log had come: none was kept, or what was kept is of before, or the log does
    /// not go on from it.
    pub(super) fn end_unproven(&self) -> bool {
        self.kept.is_none() || self.findings.iter().any(|finding| finding.code == codes::LOG_END_UNPROVEN)
    }

    /// Whether a checkpoint from elsewhere was given, whatever came of it.
    pub(super) fn was_held_against_a_checkpoint(&self) -> bool {
        self.checks.iter().any(|check| check.id == CONTINUES)
    }
}

impl<'a> Asking<'a> {
    /// Of a package that could be opened; else what was wrong with it.
    pub fn of(opening: &'a Opening) -> Result<Self, FlowError> {
        match &opening.opened {
            Some(opened) => Ok(Self { opened, basis: &opening.report }),
            None => Err(FlowError::Refused(opening.report.findings.clone())),
        }
    }

    /// What did not hold when the package was opened, and what was noted.
    #[must_use]
    pub fn basis(&self) -> &AuditReport {
        self.basis
    }

    /// Whether nothing from outside shows how far the log had come: then nothing here is known to be complete.
    #[must_use]
    pub fn end_unproven(&self) -> bool {
        self.basis.end_unproven()
    }

    /// Whether the log has a decision at each of these entries: what it never had, nobody who is audited can bring.
    fn are_decisions(&self, items: &[u64]) -> Result<(), FlowError> {
        let entries = self.opened.state.entries();
        let wrong = |item: &u64| match usize::try_from(*item).ok().and_then(|item| entries.get(item)) {
            None => Some(format!("--item {item}: the log has {} entries, numbered from 0", entries.len())),
            Some(entry) if entry.kind == Kind::PromotionDecision => None,
            Some(entry) => Some(format!("--item {item}: log entry {item} is no decision, but {}", entry.kind.word())),
        };
        items.iter().find_map(wrong).map_or(Ok(()), |wrong| Err(FlowError::Usage(wrong)))
    }

    /// How completeness was established, and that it was not as far as the log's end goes.
    fn as_far(&self, established: String) -> String {
        let kept = match self.basis.kept {
            _ if !self.end_unproven() => return established,
            None if self.basis.was_held_against_a_checkpoint() => {
                "the log does not go on from the checkpoint that was given".to_owned()
            }
            None => "no checkpoint from elsewhere was given (--least-checkpoint)".to_owned(),
            Some(kept) => format!("the checkpoint that was given has {kept} entries"),
        };
        format!("{established}; that nothing is missing at the log's end is NOT proved: {kept}")
    }

    fn facts(&self, window: &Window) -> Facts<'a> {
        self.opened.facts(self.part(window))
    }

    /// The part that is asked for: of a package that was made for a part of the record it is that one, unless another is named.
    fn part(&self, window: &Window) -> Window {
        if window.is_all() { self.opened.scope.window.clone() } else { window.clone() }
    }

    /// What was found when the package was verified, less that the log has no decision: who asks for decisions is told that
    /// there is none, and evidence by hand or the trust of a log is there without one.
    fn bearing(&self) -> impl Iterator<Item = Finding> + use<'a> {
        self.basis.findings.iter().filter(|finding| finding.code != codes::DECISION_MISSING).cloned()
    }

    /// Findings that bear on every answer.
    fn found(&self, window: &Window) -> Vec<Finding> {
        let within = self.opened.scope.window.holds(&self.part(window));
        self.bearing().chain(beyond(within)).collect()
    }

    /// Answers a question.
    pub fn answer(&self, id: &str, ask: &Ask) -> Result<Answered, FlowError> {
        let question = questions::find(id).ok_or_else(|| {
            FlowError::Usage(format!("there is no question {id}: `countersign audit ask` lists them"))
        })?;
        self.are_decisions(&ask.items)?;
        let ask = &Ask { window: self.part(&ask.window), ..ask.clone() };
        let asked = Asked { facts: self.facts(&ask.window), ask, opened: self.opened, basis: self.basis };
        let mut part = (question.answer)(&asked);
        let mut findings = self.found(&ask.window);
        findings.extend(asked.facts.broken.iter().chain(&asked.facts.doubts).cloned());
        findings.append(&mut part.findings);
        let absent = |what: &str| {
            let what = format!("{} is not answered whole. Missing: {what}", question.id);
            Finding::new(codes::AUDIT_EVIDENCE_ABSENT, what).at(question.id)
        };
        let mut missing: Vec<String> =
            question.absent.iter().map(|what| (*what).to_owned()).chain(part.missing).collect();
        findings.extend(missing.iter().map(|what| absent(what)));
        findings.extend(part.asker.iter().map(|(what, help)| absent(what).help(*help)));
        missing.extend(part.asker.into_iter().map(|(what, _)| what));
        let here = part.deviations.into_iter().map(|(entry, why)| (place_of(entry, None), why));
        for (place, why) in here.chain(part.deviations_at) {
            let what = format!("{}: {why}", question.id);
            findings.push(Finding::new(codes::AUDIT_DEVIATION, what).at(place));
        }
        Ok(Answered {
            question: row_of(question),
            verdict: verdict_of(&findings),
            log: asked.facts.log(),
            filter: asked.facts.window_words(),
            completeness: self.as_far(part.completeness.unwrap_or_else(|| asked.facts.completeness())),
            table: part.table,
            notes: part.notes.into_iter().chain(extent(&asked)).chain(erased(&asked.facts)).collect(),
            missing,
            exit: exit_of(&findings),
            findings,
        })
    }

    /// The lists that there are.
    #[must_use]
    pub fn populations(&self, window: &Window) -> (Vec<Population>, Vec<Finding>) {
        let facts = self.facts(window);
        let all: Vec<Population> = population::ALL.iter().map(|made| population::make(made, &facts)).collect();
        let empty = population::empty(&all);
        (all, self.found(window).into_iter().chain(facts.broken).chain(facts.doubts).chain(empty).collect())
    }

    /// One list.
    pub fn population(&self, name: &str, window: &Window) -> Result<(Population, Vec<Finding>), FlowError> {
        let Some(made) = population::find(name) else {
            let names: Vec<&str> = population::ALL.iter().map(|made| made.name).collect();
            return Err(FlowError::Usage(format!("there is no list `{name}`: there are {}", names.join(", "))));
        };
        let facts = self.facts(window);
        let population = population::make(made, &facts);
        let empty = population::empty(std::slice::from_ref(&population));
        Ok((population, self.found(window).into_iter().chain(facts.broken).chain(facts.doubts).chain(empty).collect()))
    }

    /// A sample. Drawn of nothing it is INDETERMINATE.
    #[must_use]
    pub fn sample(&self, n: usize, seed: &str, window: &Window) -> (Sample, Vec<Finding>) {
        let facts = self.facts(window);
        let sample = sample::draw(&facts, n, seed);
        let mut findings = self.found(window);
        findings.extend(population::nothing_in("deployments", sample.table.rows.is_empty()));
        (sample, findings.into_iter().chain(facts.broken).chain(facts.doubts).collect())
    }

    /// The chain of one deployment: by the index of its entry, by the artifact's digest, or by a commit.
    pub fn show(&self, id: &str) -> Result<(Chain, Vec<Finding>), FlowError> {
        // Whatever it is, it is looked for in all that the package has.
        let facts = self.opened.facts(Window::default());
        let (chain, found) = show::of(&facts, id)?;
        // Whether it is of the part that the package was made for: what is beyond was not run again.
        let within = self.opened.wants(chain.proof.entry);
        let basis = self.bearing().chain(beyond(within));
        Ok((chain, basis.chain(found).chain(facts.broken.iter().cloned()).collect()))
    }

    /// The sources of completeness, held against each other. Where there is no promotion, they say nothing, and that is
    /// INDETERMINATE.
    #[must_use]
    pub fn reconcile(&self, window: &Window) -> (Reconciliation, Vec<Finding>) {
        let facts = self.facts(window);
        let reconciliation = reconcile::of(&facts, &|entry| self.opened.facts_only() || self.opened.wants(entry));
        let empty = population::nothing_in("deployments", reconciliation.deployments == 0);
        let findings = self.found(window).into_iter().chain(reconciliation.findings());
        let findings = findings.chain(facts.doubts).chain(empty).collect();
        (reconciliation, findings)
    }

    /// The report for people, as a page.
    pub fn report(&self, ask: &Ask) -> Result<(String, Vec<Finding>), FlowError> {
        super::report::page(self, ask)
    }

    pub(super) fn opened(&self) -> &'a Opened {
        self.opened
    }
}

/// What the package holds of what it was not made for: nothing proves that.
fn beyond(within: bool) -> Option<Finding> {
    let what = "the package was made for a narrower part of the record: nothing beyond it is proved here";
    let help = "ask for that part alone, or take a package that `countersign audit export` made for more";
    (!within).then(|| Finding::new(codes::AUDIT_EVIDENCE_ABSENT, what).at("scope").help(help))
}

/// How far the log reaches beside the window: logs that it goes on from have packages of their own, and of what came before the
/// first entry of all of them, or after its newest one, it says nothing.
fn extent(asked: &Asked<'_>) -> Vec<String> {
    let (facts, mut out) = (&asked.facts, Vec::new());
    let earlier: Vec<String> =
        facts.state.now().chain().skip(1).map(|log| log.reference().origin.to_string()).collect();
    if !earlier.is_empty() {
        let earlier = earlier.join(", ");
        out.push(format!(
            "of this log alone, but for what was open when it began (Q06, Q10): what {earlier} says, which it goes on from, is in its own package"
        ));
    }
    let unproved: Vec<String> = asked.unproved().into_iter().map(ToString::to_string).collect();
    if !unproved.is_empty() {
        out.push(format!(
            "what is said of {} is as its decisions say, which were not all run again here: its whole package, given with --earlier, shows it",
            unproved.join(", ")
        ));
    }
    let begun = facts.state.now().chain().filter_map(|log| log.entries().first()).map(|entry| entry.time).min();
    if let Some((begun, from)) = begun.zip(facts.window.from).filter(|(begun, from)| from < begun) {
        out.push(format!("the log begins at {begun}: of the time from {from} to then it says nothing"));
    }
    let newest = facts.state.entries().last().map(|entry| entry.time);
    if let Some((newest, to)) = newest.zip(facts.window.to).filter(|(newest, to)| newest < to) {
        out.push(format!("the newest entry of the log is of {newest}: of the time from then to {to} it says nothing"));
    }
    out
}

/// That something was erased bears on every answer: what rests on it nobody can see any more.
fn erased(facts: &Facts<'_>) -> Option<String> {
    let erased = &facts.gathered.erased;
    let entries: std::collections::BTreeSet<&str> = erased.values().map(String::as_str).collect();
    let entries: Vec<&str> = entries.into_iter().collect();
    let what = if erased.len() == 1 { "1 document was".to_owned() } else { format!("{} documents were", erased.len()) };
    (!erased.is_empty())
        .then(|| format!("{what} erased, as {} says: what was in it is withheld", entries.join(" and ")))
}

/// Answers one question of an opening: see [`Asking::answer`].
pub fn ask(opening: &Opening, id: &str, ask: &Ask) -> Result<Answered, FlowError> {
    Asking::of(opening)?.answer(id, ask)
}
