//! Checking a package: form, log, trust, every signature at its time, and every decision run again.

use super::export::evidence_path;
use super::index::{Index, readme};
use super::{EVIDENCE, INDEX, LOG, README, TRUST, witnesses};
use crate::backtest::read_report;
use crate::erasure;
use crate::error::FlowError;
use crate::replay;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Check, Finding, Verdict, verdict_of};
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::json;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_decide::summary::{resource_uri, summarise};
use countersign_record::log::PackageFiles;
use countersign_record::log::reader::LogReader;
use countersign_record::log::verify::verify_log;
use countersign_record::package;
use countersign_verify::document::SignerName;
use countersign_verify::log::{Promoted, signed_checkpoint};
use countersign_verify::policy::Activated;
use countersign_verify::trust::verify_trust;
use countersign_verify::vsa::verify_vsa;
use countersign_verify::{Blobs, LogState, VerifiedTrust};
use serde::Serialize;
use std::collections::BTreeMap;

/// What came of checking a package.
#[derive(Debug)]
pub struct AuditReport {
    /// The log as far as the package has it.
    pub log: Option<LogRef>,
    /// Every decision, in the log's order.
    pub decisions: Vec<DecisionRow>,
    /// The checklist.
    pub checks: Vec<Check>,
    /// What was found.
    pub findings: Vec<Finding>,
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
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

/// Checks a package. Without trust from outside only its inner consistency is checked, and the report says so. `least` is
/// a checkpoint of the log that was kept elsewhere: without it nobody can tell whether the package leaves out the end.
pub fn verify(bytes: &[u8], outside: Option<OutsideTrust<'_>>, least: Option<&[u8]>) -> Result<AuditReport, FlowError> {
    let mut report = AuditReport { log: None, decisions: Vec::new(), checks: Vec::new(), findings: Vec::new() };
    let files = match package::read(bytes) {
        Ok(files) => files,
        Err(error) => {
            let mut finding = Finding::new(codes::PACKAGE_MALFORMED, error.to_string());
            finding = finding.at(error.file().unwrap_or("the package").to_owned());
            report.line("package", vec![finding], "");
            return Ok(report);
        }
    };
    report.line("package", Vec::new(), format!("{} files, in the one form", files.len()));
    report.line("evidence", altered_evidence(&files), "every document is what its name says");
    let log_files = PackageFiles::new(&files, LOG);
    report.line("log-tiles", bad_tiles(&log_files), "every tile of every level is what the entries make it");
    let Some((checkpoint, entries)) = read_log(&log_files, &mut report) else { return Ok(report) };
    let blobs = PackageBlobs(&files);
    let Some(at) = newest_time(&entries) else {
        let finding =
            Finding::new(codes::DECISION_MISSING, "the log has no entry that can be read: there is nothing to prove");
        report.line("decisions", vec![finding], "");
        return Ok(report);
    };
    let Some(trust) = trust(&files, outside, at, &mut report) else { return Ok(report) };
    let opened = LogState::open(&checkpoint, &entries, &trust, &blobs, at);
    report.checks.extend(opened.checks);
    report.findings.extend(opened.findings);
    let Some(state) = opened.state else { return Ok(report) };
    let log = state.now().reference();
    report.line(
        "log-continues",
        continues(&state, least, &trust, at),
        "the log goes on from the checkpoint that was kept",
    );
    let derived = derived(&files, &log, &state)?;
    report.line("package-index", derived, "index and text are those of this log");
    let mut faults: Vec<Finding> = state.faults().map(|(_, finding)| finding.clone()).collect();
    faults.extend(overridden(&state));
    report.line("log-activations", faults, "every trust document and activation holds, by the trust of its time");
    let reports = backtests(&state, &blobs);
    if let Some((named, findings)) = reports {
        report.line("policy-backtests", findings, format!("{named} activation(s) name a report, which is here"));
    }
    report.log = Some(log);
    let withheld = report.withheld(&state, &blobs);
    for (index, entry) in (0_u64..).zip(state.entries()) {
        if entry.kind == Kind::PromotionDecision {
            report.decision(index, &state, &blobs, &withheld);
        }
    }
    let decided: Vec<(u64, EnvName)> =
        report.decisions.iter().filter(|row| row.authorised).map(|row| (row.entry, row.environment.clone())).collect();
    if let Some((findings, words)) = witnesses::check(&files, &state, &trust, &decided, at) {
        report.line("log-witnessed", findings, words);
    }
    let decisions = report.decisions.len();
    if decisions == 0 {
        let finding = Finding::new(codes::DECISION_MISSING, "the log records no decision: there is nothing to prove");
        report.line("decisions", vec![finding], "");
    } else {
        let withheld = report.decisions.iter().filter(|row| row.withheld).count();
        let different = report.decisions.iter().filter(|row| !row.same_again && !row.withheld).count();
        let verdict = match (different, withheld) {
            (0, 0) => Verdict::Pass,
            (0, _) => Verdict::Indeterminate,
            _ => Verdict::Fail,
        };
        let again = decisions.saturating_sub(withheld);
        let mut detail = format!("{again} run again, {different} come out otherwise");
        if withheld > 0 {
            detail = format!("{detail}, {withheld} rest on evidence that was erased");
        }
        report.checks.push(Check::new("decisions", verdict, detail));
    }
    Ok(report)
}

/// What approvers overrode, with their reason: nobody has to look for it.
fn overridden(state: &LogState) -> Vec<Finding> {
    let all = crate::policy::history(state, None);
    let one = |activated: &Activated| {
        let activation = &activated.activation;
        let version = activated.release.reference().version;
        let who: Vec<String> = activated.activators.iter().map(ToString::to_string).collect();
        let of =
            |id: &RuleId| {
                let what =
                    format!("for {}, release {version} overrode what is asked for rule {id}", activation.environment);
                Finding::new(codes::ROLLOUT_OVERRIDDEN, what)
                    .at(format!("log entry {}", activated.entry))
                    .found(format!("by {}: {}", who.join(", "), activation.reason.as_deref().unwrap_or("no reason")))
            };
        activation.overrides.iter().map(of).collect::<Vec<_>>()
    };
    all.iter().flat_map(one).collect()
}

/// The backtest's reports that approvals name: how many, and what is wrong with them. `None` where there are none.
fn backtests(state: &LogState, blobs: &dyn Blobs) -> Option<(usize, Vec<Finding>)> {
    let activations = crate::policy::history(state, None);
    let named = activations.iter().filter_map(|active| Some((active, *active.release.backtest()?)));
    let mut findings = Vec::new();
    let mut count = 0_usize;
    for (active, digest) in named {
        count = count.saturating_add(1);
        let place = format!("log entry {}", active.entry);
        let entry = usize::try_from(active.entry).ok().and_then(|index| state.entries().get(index));
        let recorded = entry.is_some_and(|entry| entry.evidence.contains(&digest));
        match blobs.blob(&digest).filter(|bytes| recorded && Sha256::of(bytes) == digest) {
            None => findings.push(
                Finding::new(codes::BACKTEST_MISSING, "the backtest's report that the approvals name is not here")
                    .at(place)
                    .expected(digest.to_string(), "the approvals of the release"),
            ),
            Some(bytes) => match read_report(&bytes, &active.release.reference().digest, &place) {
                Err(FlowError::Refused(more)) => findings.extend(more),
                Err(error) => findings.push(Finding::new(codes::BACKTEST_REPORT, error.to_string()).at(place)),
                Ok(_) => {}
            },
        }
    }
    (count > 0).then_some((count, findings))
}

/// The log goes on from what somebody else kept of it.
fn continues(state: &LogState, least: Option<&[u8]>, trust: &VerifiedTrust, at: Time) -> Vec<Finding> {
    let Some(least) = least else {
        return vec![
            Finding::new(codes::LOG_END_UNPROVEN, "nothing from outside says how far the log had come")
                .expected("a checkpoint kept elsewhere", "--least-checkpoint")
                .found("none: entries at the end could be missing from the package"),
        ];
    };
    match signed_checkpoint(least, trust.trust(), at) {
        Ok(least) => state.now().continues(&least).err().into_iter().collect(),
        Err(finding) => vec![finding],
    }
}

impl AuditReport {
    fn line(&mut self, id: &str, findings: Vec<Finding>, holds: impl Into<String>) {
        let refusal = findings.iter().find(|finding| finding.class.blocks());
        let detail = refusal.map_or_else(|| holds.into(), |finding| finding.what.clone());
        self.checks.push(Check::new(id, verdict_of(&findings), detail));
        self.findings.extend(findings);
    }

    /// What the log says is erased, and the package does not have.
    fn withheld(&mut self, state: &LogState, blobs: &dyn Blobs) -> BTreeMap<Sha256, u64> {
        let (erased, findings) = erasure::erasures(state, blobs);
        let erased = erased.into_iter().map(|(digest, (entry, _))| (digest, entry));
        let withheld: BTreeMap<Sha256, u64> = erased.filter(|(digest, _)| blobs.blob(digest).is_none()).collect();
        if !(withheld.is_empty() && findings.is_empty()) {
            let mut all: Vec<Finding> =
                withheld.iter().map(|(digest, entry)| erasure::withheld(digest, *entry)).collect();
            all.extend(findings);
            self.line("evidence-erased", all, "");
        }
        withheld
    }

    fn decision(&mut self, index: u64, state: &LogState, blobs: &dyn Blobs, withheld: &BTreeMap<Sha256, u64>) {
        let recorded = match state.now().decision(index, blobs) {
            Ok(recorded) => recorded,
            Err(findings) => return self.findings.extend(findings),
        };
        // What nobody can see any more is not run again: it would come out otherwise, and nobody altered it.
        let gone =
            erasure::named_by(&recorded.content).into_iter().find_map(|digest| Some((digest, *withheld.get(&digest)?)));
        let again = match gone {
            Some((digest, entry)) => Err(vec![erasure::withheld(&digest, entry)]),
            None => replay::decide_again(&recorded.content, state, blobs),
        };
        let mut findings = match again {
            Ok(again) => replay::difference(&recorded.content, &again).into_iter().collect(),
            Err(findings) => findings,
        };
        findings.extend(summary_of(index, &recorded, state, blobs));
        let content = &recorded.content;
        self.decisions.push(DecisionRow {
            entry: index,
            time: content.request.time,
            environment: content.request.environment.clone(),
            subject: content.request.subject,
            subject_name: content.request.subject_name.clone(),
            verdict: content.verdict,
            authorised: content.authorised,
            policy_version: content.inputs.policy.as_ref().map(|policy| policy.policy.version),
            same_again: findings.is_empty(),
            withheld: gone.is_some(),
        });
        let place = format!("log entry {index}");
        self.findings.extend(findings.into_iter().map(|mut finding| {
            finding.at.insert(0, place.clone());
            finding
        }));
    }
}

/// The summary that was recorded with a decision is the one that the decision makes, signed by the same gate.
fn summary_of(index: u64, recorded: &Promoted, state: &LogState, blobs: &dyn Blobs) -> Vec<Finding> {
    let content = &recorded.content;
    let fault = |what: String| vec![Finding::new(codes::DECISION_DIFFERS, what).at("summary")];
    let entry = usize::try_from(index).ok().and_then(|i| state.entries().get(i));
    let named = entry.and_then(|entry| entry.statements.get(1)).and_then(|digest| blobs.blob(digest));
    let Some(bytes) = named else {
        let finding = Finding::new(codes::PACKAGE_EVIDENCE_MISSING, "the decision's summary is missing or altered");
        return vec![finding.at("summary")];
    };
    let SignerName::Gate(gate) = &recorded.decision.signed_by().owner else {
        return fault("the decision was not signed by a gate".to_owned());
    };
    let Some(view) = state.at(index) else { return fault("the entry lies beyond the log".to_owned()) };
    let (Ok(expected), Ok(resource)) =
        (summarise(content, gate, recorded.decision.document()), resource_uri(&content.request.environment))
    else {
        return fault("the decision makes no summary".to_owned());
    };
    match verify_vsa(&bytes, &content.request.subject, &resource, None, view.trust(), recorded.time, "summary") {
        Err(findings) => findings,
        Ok((_, found)) if found == expected => Vec::new(),
        Ok(_) => fault("the summary is not the one that the decision makes".to_owned()),
    }
}

/// Trust from outside; without it, the newest in the package, for what that is worth.
fn trust(
    files: &BTreeMap<String, Vec<u8>>,
    outside: Option<OutsideTrust<'_>>,
    at: Time,
    report: &mut AuditReport,
) -> Option<VerifiedTrust> {
    let (bytes, given, inside) = match outside {
        Some(OutsideTrust { bytes, digest }) => (bytes, digest, false),
        None => (files.get(TRUST).map(Vec::as_slice).unwrap_or_default(), None, true),
    };
    let outcome = verify_trust(bytes, given, at);
    report.checks.extend(outcome.checks.into_iter().filter(|check| !inside || check.id != "trust-digest"));
    if inside {
        let finding = Finding::new(
            codes::INTERNAL_CONSISTENCY_ONLY,
            "internal consistency only: trust was taken from the package itself, and proves nothing by itself",
        )
        .expected("a trust document and its digest from elsewhere", "the auditor")
        .found(outcome.trust.as_ref().map_or_else(|| "none".to_owned(), |t| t.digest().to_string()))
        .help("countersign audit verify FILE --trust trust.sigstore.json --trust-digest sha256:…");
        report.checks.push(Check::new("trust-digest", Verdict::Indeterminate, "internal consistency only"));
        report.findings.push(finding);
    }
    let not_given = |finding: &Finding| inside && finding.code == codes::TRUST_DIGEST_NOT_GIVEN;
    report.findings.extend(outcome.findings.into_iter().filter(|finding| !not_given(finding)));
    outcome.trust
}

fn altered_evidence(files: &BTreeMap<String, Vec<u8>>) -> Vec<Finding> {
    let named = files.iter().filter(|(path, _)| path.starts_with(EVIDENCE));
    named
        .filter_map(|(path, bytes)| {
            let digest = Sha256::of(bytes);
            (evidence_path(&digest) != *path).then(|| {
                Finding::new(codes::PACKAGE_FILE_ALTERED, "a document is not what its name says")
                    .at(path.as_str())
                    .expected(path.strip_prefix(EVIDENCE).unwrap_or(path).replace('/', ""), "its name")
                    .found(digest.hex())
            })
        })
        .collect()
}

fn bad_tiles(files: &PackageFiles<'_>) -> Vec<Finding> {
    let altered = |path: &str, what: String| Finding::new(codes::LOG_TILE_MISMATCH, what).at(format!("{LOG}{path}"));
    match verify_log(files) {
        Err(error) => {
            vec![Finding::new(codes::LOG_CHECKPOINT_INVALID, error.to_string()).at(format!("{LOG}checkpoint"))]
        }
        Ok(outcome) => {
            let beyond =
                outcome.beyond.iter().map(|path| altered(path, "the checkpoint does not cover this file".to_owned()));
            outcome.bad.iter().map(|bad| altered(&bad.path, bad.wrong.to_string())).chain(beyond).collect()
        }
    }
}

type LogBytes = (Vec<u8>, Vec<Vec<u8>>);

fn read_log(files: &PackageFiles<'_>, report: &mut AuditReport) -> Option<LogBytes> {
    let read = LogReader::new(*files).and_then(|reader| {
        let size = reader.checkpoint().claim().size;
        let entries = reader.entries(0..size).collect::<Result<Vec<_>, _>>()?;
        Ok((reader.checkpoint().note().to_string().into_bytes(), entries))
    });
    match read {
        Ok(log) => Some(log),
        Err(error) => {
            report.line("log", vec![Finding::new(codes::LOG_CHECKPOINT_INVALID, error.to_string()).at(LOG)], "");
            None
        }
    }
}

/// Index and text are made from the rest; anything that is neither log, evidence nor one of them does not belong.
fn derived(files: &BTreeMap<String, Vec<u8>>, log: &LogRef, state: &LogState) -> Result<Vec<Finding>, FlowError> {
    let mut findings = Vec::new();
    let altered = |path: &str, what: &str| Finding::new(codes::PACKAGE_FILE_ALTERED, what).at(path);
    let index = json::canonical(&Index::of(files, log.clone(), state.entries()))?;
    for (path, expected) in [(INDEX, index), (README, readme(log).into_bytes())] {
        if files.get(path) != Some(&expected) {
            findings.push(altered(path, "this file is not what the rest of the package makes it"));
        }
    }
    let newest = state.entries().iter().rev().find(|entry| entry.kind == Kind::Trust).and_then(|e| e.statement());
    if files.get(TRUST).map(|bytes| Sha256::of(bytes)).as_ref() != newest {
        findings.push(altered(TRUST, "this is not the trust document that the log records last"));
    }
    for path in files.keys() {
        let known = [INDEX, README, TRUST].contains(&path.as_str());
        if !known && !path.starts_with(LOG) && !path.starts_with(EVIDENCE) {
            findings.push(altered(path, "this file does not belong into a package"));
        }
    }
    Ok(findings)
}

/// The log's own time: by it keys and trust are judged, however many years later this is run.
fn newest_time(entries: &[Vec<u8>]) -> Option<Time> {
    let newest = entries.last().and_then(|bytes| countersign_core::entry::Entry::parse(bytes).ok());
    newest.map(|entry| entry.time)
}

struct PackageBlobs<'a>(&'a BTreeMap<String, Vec<u8>>);

impl Blobs for PackageBlobs<'_> {
    fn blob(&self, digest: &Sha256) -> Option<Vec<u8>> {
        self.0.get(&evidence_path(digest)).cloned()
    }
}
