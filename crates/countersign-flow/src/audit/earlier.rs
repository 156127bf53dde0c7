//! The logs that a package's log goes on from. Their leaves are in the package, hashed to the roots that the later ones name,
//! and so is what the decisions of this log look at of theirs. Whether their own decisions hold, their own packages prove:
//! whoever has these hands them in, and each is checked to be the log that the next one names.

use super::open::Opened;
use super::verify::{AuditReport, How, OutsideTrust, verify_beside};
use crate::error::FlowError;
use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::finding::Finding;
use countersign_record::package::Source;
use countersign_verify::{Blobs as _, LogState, StateView};

/// The line of the checklist about the packages of earlier logs, which is there where one was given.
pub(super) const EARLIER: &str = "log-earlier";

/// What the log says of the one before it and of the one after it, in a line; `None` where it says nothing.
pub(super) fn line(state: &LogState) -> Option<String> {
    let view = state.now();
    let before: Vec<String> = view.chain().skip(1).map(|log| word(&log.reference())).collect();
    let mut parts = Vec::new();
    if let Some((first, more)) = before.split_first() {
        let all = std::iter::once(first).chain(more).cloned().collect::<Vec<_>>().join(", before that ");
        parts.push(format!("goes on from {all}; its entries are here, and hash to that root"));
    }
    if let Some(next) = view.closed_for() {
        parts.push(format!("closed; {next} goes on from it"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn word(log: &LogRef) -> String {
    format!("{} ({} entries, root {})", log.origin, log.size, log.root)
}

/// Checks the packages of the logs before, the newest first, and says which of them was not given.
pub(super) fn check(
    opened: &Opened,
    packages: Vec<Box<dyn Source>>,
    how: How,
    report: &mut AuditReport,
) -> Result<(), FlowError> {
    let before = opened.state.now().chain().skip(1).count();
    if packages.len() > before {
        let what = match before {
            0 => "--earlier: the package's log goes on from no other one: leave it away".to_owned(),
            _ => format!("--earlier: {} packages were given, and the log goes on from {before}", packages.len()),
        };
        return Err(FlowError::Usage(what));
    }
    let mut logs = opened.state.now().chain();
    let mut later = logs.next();
    let mut packages = packages.into_iter();
    for log in logs {
        let reference = log.reference();
        let place = format!("log {}", reference.origin);
        let Some(package) = packages.next() else {
            let decisions = log.decision_count();
            let what = format!("{decisions} decisions of an earlier log were not run again here");
            report.findings.push(
                Finding::new(codes::LOG_EARLIER_UNAUDITED, what)
                    .at(place)
                    .expected(word(&reference), "the log's first entry")
                    .help("give its package with --earlier"),
            );
            later = Some(log);
            continue;
        };
        let findings = one(opened, package, log, later, how)?;
        let part = [codes::PACKAGE_SCOPED, codes::DECISIONS_NOT_RUN];
        let but = if findings.iter().any(|finding| part.contains(&finding.code)) {
            ", but for decisions of it that were not run again"
        } else {
            ""
        };
        let holds = format!("{}: its package holds{but}, and is what this log goes on from", word(&reference));
        report.line(EARLIER, findings, holds);
        later = Some(log);
    }
    Ok(())
}

/// The package of one of them: under the trust that was in force at its end, which the later log records, and as far as the
/// later log says that it goes.
fn one(
    opened: &Opened,
    package: Box<dyn Source>,
    log: StateView<'_>,
    later: Option<StateView<'_>>,
    how: How,
) -> Result<Vec<Finding>, FlowError> {
    let reference = log.reference();
    let place = format!("log {}", reference.origin);
    let trust = opened.package.blob(log.trust().document()).map(Blob::into_bytes).unwrap_or_default();
    let outside = OutsideTrust { bytes: &trust, digest: Some(log.trust().digest()) };
    let end = later.and_then(|later| later.carried_checkpoint());
    let report = verify_beside(package, Some(outside), end, how)?;
    let mut findings: Vec<Finding> = report
        .findings
        .into_iter()
        // What lies before it again is asked for by itself.
        .filter(|finding| finding.code != codes::LOG_EARLIER_UNAUDITED)
        .map(|mut finding| {
            finding.at.insert(0, place.clone());
            finding
        })
        .collect();
    if report.log.as_ref() != Some(&reference) {
        let found = report.log.as_ref().map_or_else(|| "no log that holds".to_owned(), word);
        findings.push(
            Finding::new(codes::LOG_SHARD_INVALID, "the package is not that of the log that this one goes on from")
                .at(place)
                .expected(word(&reference), "the log's first entry")
                .found(found),
        );
    }
    Ok(findings)
}
