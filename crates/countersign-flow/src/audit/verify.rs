//! Checking a package: form, log, trust, every signature at its time, every decision run again, every list made again.

use super::again::{Looking, lacking};
use super::earlier;
use super::facts::decisions;
use super::open::{ALONE, NOTHING, Opened, TWO, derived_again, open_beside};
use super::reconcile;
use super::records;
use super::scope::{Day, Days, Form, Rule, Scope, carried_days, named};
use super::{EVIDENCE, LOG, LeftOut, shard, witnesses};
use crate::erasure;
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Check, Finding, Verdict, verdict_of};
use countersign_core::ids::EnvName;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_record::log::{CHECKPOINT, COSIGNED};
use countersign_record::package::Source;
use countersign_verify::{Blobs, LogState};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

/// That the files hold that follow from the rest.
pub(super) const DERIVED: &str = "lists, releases, page and text are what the log makes them";
/// That the documents are those of the log.
pub(super) const DOCUMENTS: &str = "every document is one that the log names, in the file of its day";

/// What came of checking a package.
#[derive(Debug, Default)]
pub struct AuditReport {
    /// The log as far as the package has it.
    pub log: Option<LogRef>,
    /// What the package says it holds.
    pub scope: Option<Scope>,
    /// What it leaves out, where that was worked out.
    pub left_out: Option<LeftOut>,
    /// Every decision that was run again, in the log's order.
    pub decisions: Vec<DecisionRow>,
    /// How many entries the log has in the checkpoint that was kept elsewhere, if it goes on from one.
    pub kept: Option<u64>,
    /// The checklist.
    pub checks: Vec<Check>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum How {
    /// All of it.
    #[default]
    Full,
    /// Proofs alone: form, digests, the log, trust and activations. No decision is read.
    Quick,
    /// All of it, but of the decisions only so many are run again, spread evenly over the log. Every statement's signature is
    /// checked all the same.
    Sample(usize),
}

/// One decision of the log.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecisionRow {
    /// The log entry.
    pub entry: u64,
    /// When.
    pub time: Time,
    /// For which environment.
    pub environment: EnvName,
    /// About which artifact.
    pub subject: Sha256,
    /// Its name, for people.
    pub subject_name: String,
    /// What it said.
    pub verdict: Verdict,
    /// Whether it authorised the promotion.
    pub authorised: bool,
    /// By which version of the policy.
    pub policy_version: Option<u64>,
    /// Whether it came out the same when it was run again.
    pub same_again: bool,
    /// Whether it was not run again, since evidence that it rests on was erased, as the log records.
    pub withheld: bool,
}

/// Trust as the auditor has it: from outside the package.
#[derive(Debug, Clone, Copy)]
pub struct OutsideTrust<'a> {
    /// The signed trust document.
    pub bytes: &'a [u8],
    /// Its digest, from elsewhere again.
    pub digest: Option<&'a Sha256>,
}

/// Checks a package in memory. Without trust from outside only its inner consistency is checked, and the report says so.
/// `least` is a checkpoint of the log that was kept elsewhere: without it nobody can tell whether the package leaves out
/// the end.
pub fn verify(bytes: &[u8], outside: Option<OutsideTrust<'_>>, least: Option<&[u8]>) -> Result<AuditReport, FlowError> {
    verify_source(Box::new(Cursor::new(bytes.to_vec())), outside, least, How::Full)
}

/// Checks a package, which is read piece by piece.
pub fn verify_source(
    source: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
    how: How,
) -> Result<AuditReport, FlowError> {
    verify_with_earlier(source, outside, least, Vec::new(), how)
}

/// The same, with the packages of the logs that its log goes on from, the newest first.
pub fn verify_with_earlier(
    source: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
    packages: Vec<Box<dyn Source>>,
    how: How,
) -> Result<AuditReport, FlowError> {
    verify_opened(source, outside, least, packages, how).map(|(report, _)| report)
}

/// The same, and gives the package as it was opened, if it could be: facts can be kept of it.
pub fn verify_opened(
    source: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
    packages: Vec<Box<dyn Source>>,
    how: How,
) -> Result<(AuditReport, Option<Opened>), FlowError> {
    let opening = open_beside(source, outside, least, held(how, if packages.is_empty() { ALONE } else { TWO }))?;
    let mut report = opening.report;
    if let Some(opened) = &opening.opened {
        check(opened, packages, how, &mut report)?;
    }
    Ok((report, opening.opened))
}

/// Where proofs alone are looked at, hardly a document is read again, and none is worth its memory.
const fn held(how: How, at_once: u64) -> u64 {
    match how {
        How::Quick => NOTHING,
        How::Sample(_) | How::Full => at_once,
    }
}

/// The same of a package that is checked while another is open.
pub(super) fn verify_beside(
    source: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
    how: How,
) -> Result<AuditReport, FlowError> {
    let opening = open_beside(source, outside, least, held(how, TWO))?;
    let mut report = opening.report;
    if let Some(opened) = &opening.opened {
        check(opened, Vec::new(), how, &mut report)?;
    }
    Ok(report)
}

/// Everything that is checked once a package is open.
fn check(opened: &Opened, packages: Vec<Box<dyn Source>>, how: How, report: &mut AuditReport) -> Result<(), FlowError> {
    earlier::check(opened, packages, how, report)?;
    let decisions = decisions(&opened.state).count();
    if how == How::Quick {
        let what = format!("{decisions} decisions were not run again, and no list was made again: --quick");
        report.skipped(what);
        return Ok(());
    }
    let looked = Looking::at(opened, how, report);
    let ran = Ran { again: looked.again, later: looked.later };
    report.decisions = looked.rows;
    report.findings.extend(looked.findings);
    report.findings.extend(other_words(&looked.other_words));
    if let Some(signed) = looked.statements {
        let words = signed.words();
        report.line("statements", signed.findings, words);
    }
    let (recorded, known) = records::check(opened);
    report.line("decisions-recorded", recorded, format!("{known} decisions, each by an entry with its one summary"));
    let (derived, findings) = derived_again(opened)?;
    // A package holds the decisions of earlier logs for what they left open, whatever is asked of it afterwards.
    let _read = opened.facts(super::Window::default()).carried();
    report.line("package-lists", findings, DERIVED);
    report.line("package-documents", strays(opened, how), DOCUMENTS);
    let facts = opened.facts(opened.scope.window.clone());
    let decided: Vec<(u64, EnvName)> =
        facts.deployments().map(|known| (known.entry, (*known.content.request.environment).clone())).collect();
    let checkpoint = opened.package.file(&format!("{LOG}{CHECKPOINT}"))?.unwrap_or_default();
    let cosigned = opened.package.file(&format!("{LOG}{COSIGNED}"))?;
    let files = (checkpoint.as_slice(), cosigned.as_deref());
    let seen = witnesses::check(files, &opened.state, &opened.trust, &decided, opened.at);
    match seen.words {
        Some(words) => report.line("log-witnessed", seen.findings, words),
        // Where nobody was asked there is no line of what holds.
        None if verdict_of(&seen.findings) != Verdict::Pass => report.line("log-witnessed", seen.findings, ""),
        None => report.findings.extend(seen.findings),
    }
    // Of every entry, within the window or not: the documents of all of them are here, and questions look back.
    // They differ by their places: each is held against what was found so far, and not against one another.
    let known = report.findings.len();
    for finding in opened.gathered().broken.values().flatten() {
        if !report.findings.get(..known).unwrap_or_default().contains(finding) {
            report.findings.push(finding.clone());
        }
    }
    let reconciled = reconcile::of(&facts, &|entry| opened.facts_only() || opened.wants(entry));
    let mut unaccounted = reconciled.findings();
    unaccounted.extend(facts.unplaced());
    report.line("deployments", unaccounted, reconciled.words());
    report.left_out = Some(derived.left_out.clone());
    report.summary(decisions, ran, opened, how);
    Ok(())
}

/// How many decisions were to be run again, and of how many of these a later version made the record.
#[derive(Clone, Copy)]
struct Ran {
    again: usize,
    later: usize,
}

/// How many places are named where there are many.
const PLACES: usize = 10;

/// That decisions of another version came out the same, in other words. Those words are printed nowhere.
fn other_words(entries: &[u64]) -> Option<Finding> {
    let what = format!(
        "{} decisions were recorded by another version, which put the same in other words: answers and lists say it in the words of this one",
        entries.len()
    );
    let finding = Finding::new(codes::DECISION_OTHER_WORDS, what).at("decisions");
    let named = entries.iter().take(PLACES).fold(finding, |finding, entry| finding.at(format!("log entry {entry}")));
    (!entries.is_empty()).then_some(named)
}

/// Documents that nothing names, or that lie in another file than the log's order says; and those that the scope promises and
/// that are not there.
pub(super) fn strays(opened: &Opened, how: How) -> Vec<Finding> {
    const NONE: (Day, u32) = (Day::MAX, u32::MAX);
    let (state, package, gathered) = (&opened.state, &opened.package, opened.gathered());
    // By the documents' places in the package: the day and the entry that first name each, and whether the scope takes it in.
    let mut first = vec![NONE; package.count()];
    let mut kept = vec![false; package.count()];
    let mut missing: BTreeSet<Sha256> = BTreeSet::new();
    let rule = Rule::of(&opened.scope, opened.form(), state, gathered);
    for named in named(state, gathered, package) {
        for place in named.all().filter_map(|digest| package.place(digest)) {
            if let Some(first) = first.get_mut(place).filter(|first| **first == NONE) {
                *first = (named.day, u32::try_from(named.entry).unwrap_or(u32::MAX));
            }
        }
        for digest in rule.keeps(&named) {
            match package.place(digest).and_then(|place| kept.get_mut(place)) {
                Some(kept) => *kept = true,
                None => drop(missing.insert(*digest)),
            }
        }
    }
    let days = Days::of(state);
    let carried = carried_days(state, package);
    let altered = |digest: &Sha256, place: &str, what: &str| {
        Finding::new(codes::PACKAGE_FILE_ALTERED, what).at(place).at(format!("document {digest}"))
    };
    let mut findings = Vec::new();
    // What decisions name that cannot be read here, nobody can tell: neither that nothing names it, nor which day it is of.
    let (unread, mut unplaced) = (gathered.unread(), 0_usize);
    let mut in_order = Vec::with_capacity(package.count());
    for ((digest, place, length, asked), (first, kept)) in package.documents().zip(first.iter().zip(kept)) {
        let (day, entry) = match *first {
            NONE => (carried.get(digest).map(AsRef::as_ref), 0),
            (day, entry) => (Some(days.name(day)), entry),
        };
        let Some(day) = day else {
            if unread {
                unplaced = unplaced.saturating_add(1);
            } else {
                findings.push(altered(digest, place, "nothing in the log names this document"));
            }
            continue;
        };
        in_order.push((day, entry, digest, place, length));
        if gathered.erased.contains_key(digest) {
            findings.push(altered(digest, place, "the log says that this document was erased"));
        } else if unread {
            unplaced = unplaced.saturating_add(usize::from(!kept && !asked));
        } else if place.strip_prefix(EVIDENCE).and_then(shard::day_of) != Some(day) {
            findings.push(altered(digest, place, "this document lies in the file of another day"));
        } else if how == How::Full && !kept && !asked {
            findings.push(altered(digest, place, "this document is not one that the package's scope takes in"));
        }
    }
    if unplaced > 0 {
        let what = format!(
            "{unplaced} documents are named by nothing that can be read here: a later version made what may name them"
        );
        findings.push(Finding::new(codes::RECORD_LATER, what).at(EVIDENCE));
    }
    if findings.is_empty() && missing.is_empty() && !unread {
        // What is wrong with a document moves others as well: where something is, this says nothing more.
        in_order.sort_unstable();
        for day in in_order.chunk_by(|(one, ..), (other, ..)| one == other) {
            let mut cut = shard::Cut::default();
            let misplaced = |(day, _, digest, place, length): &(&str, u32, &Sha256, &str, usize)| {
                let name = shard::file_name(day, cut.next(*length));
                (place.strip_prefix(EVIDENCE) != Some(&name)).then(|| {
                    altered(digest, place, "this document lies in another file of its day than the log's order says")
                        .expected(format!("{EVIDENCE}{name}"), "the order of the log")
                })
            };
            findings.extend(day.iter().find_map(misplaced));
        }
    }
    for digest in missing {
        let what = "the scope of the package takes in a document that is not there";
        findings.push(Finding::new(codes::PACKAGE_EVIDENCE_MISSING, what).at(format!("document {digest}")));
    }
    // Where the part begins with this log nobody looks at what was before.
    if opened.form() == Form::Now && opened.scope.window.range(state.entries()).end > 0 {
        findings.extend(lacking(state, package).map(|(place, digest)| {
            let what = "the decision that an entry of an earlier log records is not there";
            Finding::new(codes::PACKAGE_EVIDENCE_MISSING, what).at(place).at(format!("document {digest}"))
        }));
    }
    findings
}

impl AuditReport {
    /// What was not done, because nobody asked for it or because it cannot be done. It forbids a pass.
    fn skipped(&mut self, what: String) {
        self.line("decisions", vec![Finding::new(codes::DECISIONS_NOT_RUN, what).at("decisions")], "");
    }

    /// What came of the decisions as a whole.
    fn summary(&mut self, all: usize, Ran { again, later }: Ran, opened: &Opened, how: How) {
        if all == 0 {
            let finding =
                Finding::new(codes::DECISION_MISSING, "the log records no decision: there is nothing to prove")
                    .at("log");
            self.line("decisions", vec![finding], "");
            return;
        }
        let count = |which: &dyn Fn(u64) -> bool| {
            let entries = (0_u64..).zip(opened.state.entries());
            entries.filter(|(index, entry)| entry.kind == Kind::PromotionDecision && which(*index)).count()
        };
        let (wanted, of_part) = (count(&|index| opened.wants(index)), count(&|index| opened.of_part(index)));
        if opened.facts_only() {
            return self.skipped(format!(
                "none of {wanted} decisions was run again: the package holds facts only, and their raw evidence is elsewhere"
            ));
        }
        if again == 0 && how == How::Sample(0) {
            return self.skipped(format!("none of {wanted} decisions was run again: --sample 0"));
        }
        if of_part == 0 {
            let beside = if again == 0 {
                String::new()
            } else {
                format!(" ({again} beside it, which reviewed emergencies, were run again)")
            };
            let what = format!("none of {all} decisions is proved: none is in the package's scope{beside}");
            let help = "`countersign audit export` with another --from, --to, --service or --environment takes some in";
            let finding = Finding::new(codes::DECISIONS_NOT_RUN, what).at("decisions").help(help);
            return self.line("decisions", vec![finding], "");
        }
        let withheld = self.decisions.iter().filter(|row| row.withheld).count();
        let different = self.decisions.iter().filter(|row| !row.same_again && !row.withheld).count();
        let unread = again.saturating_sub(self.decisions.len()).saturating_sub(later);
        let verdict = match (different, unread, withheld, later) {
            (0, 0, 0, 0) => Verdict::Pass,
            (0, 0, _, _) => Verdict::Indeterminate,
            _ => Verdict::Fail,
        };
        let ran = again.saturating_sub(withheld).saturating_sub(later);
        let mut detail = format!("{ran} run again, {different} come out otherwise");
        if later > 0 {
            detail.push_str(&format!(", {later} were made by a later version and cannot be"));
        }
        if withheld > 0 {
            let lacking = self.findings.iter().any(|finding| finding.code == codes::PACKAGE_EVIDENCE_MISSING);
            let why = if lacking { "was erased, or is not in the package" } else { "was erased" };
            detail.push_str(&format!(", {withheld} rest on evidence that {why}"));
        }
        if unread > 0 {
            detail.push_str(&format!(", {unread} do not hold"));
        }
        let outside = all.saturating_sub(of_part);
        if outside > 0 {
            let beside = match wanted.saturating_sub(of_part) {
                0 => String::new(),
                beside => format!(", of which {beside} that reviewed emergencies are run again"),
            };
            detail.push_str(&format!("; {outside} of the log lie outside of the package's scope{beside}"));
            let what = format!("{outside} of {all} decisions of the log lie outside of the package's scope{beside}");
            self.findings.push(Finding::new(codes::PACKAGE_SCOPED, what).at("scope"));
        }
        self.checks.push(Check::new("decisions", verdict, detail));
        if let How::Sample(_) = how
            && again < wanted
        {
            self.skipped(format!("{again} of {wanted} decisions were run again: --sample"));
        }
    }

    pub(super) fn line(&mut self, id: &str, findings: Vec<Finding>, holds: impl Into<String>) {
        let refusal = findings.iter().find(|finding| finding.class.blocks());
        let detail = refusal.map_or_else(|| holds.into(), |finding| finding.what.clone());
        self.checks.push(Check::new(id, verdict_of(&findings), detail));
        self.findings.extend(findings);
    }

    /// What the log says is erased, and the package does not have.
    pub(super) fn withheld(&mut self, state: &LogState, blobs: &dyn Blobs) -> BTreeMap<Sha256, String> {
        let (erased, findings) = state.erasures(blobs);
        let all = state.erased_in_chain(blobs).into_iter().map(|(digest, by)| (digest, by.place));
        let withheld: BTreeMap<Sha256, String> = all.filter(|(digest, _)| blobs.blob(digest).is_none()).collect();
        // What an earlier log says is erased is said here of the decisions that name it, and of no other.
        let own = || withheld.iter().filter(|(digest, _)| erased.contains_key(digest));
        if own().next().is_some() || !findings.is_empty() {
            let mut all: Vec<Finding> = own().map(|(digest, by)| erasure::withheld(digest, by)).collect();
            all.extend(findings.into_iter().filter(|finding| !self.findings.contains(finding)));
            self.line("evidence-erased", all, "");
        }
        withheld
    }
}
