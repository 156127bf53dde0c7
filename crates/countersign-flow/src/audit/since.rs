//! What trust says since: keys that signed, and that the auditor's trust says were in foreign hands by then; and a log whose
//! key was lost after its end, so that somebody else could have signed another log of the same name.

use super::LOG;
use super::open::Opened;
use crate::erasure::named_by;
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::entry::{Entry, place_of};
use countersign_core::finding::Finding;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_record::log::{CHECKPOINT, COSIGNED};
use countersign_verify::document::compromised;
use countersign_verify::gate::compromised_identity;
use countersign_verify::log::signed_checkpoint;
use countersign_verify::witnessed::{Age, asks_for_witnesses, witnessed};
use countersign_verify::{Blobs as _, StateView};
use std::collections::BTreeSet;

/// What there is to say; `None` where the auditor's trust knows of no key that was lost.
pub(super) fn check(opened: &Opened, least: Option<&[u8]>) -> Result<Option<(Vec<Finding>, String)>, FlowError> {
    let later = opened.trust.trust();
    if !later.knows_of_compromise() {
        return Ok(None);
    }
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut logs: Vec<StateView<'_>> = opened.state.now().chain().collect();
    logs.reverse();
    let here = opened.state.now().reference().origin;
    for log in logs {
        let other = Some(log.reference().origin).filter(|origin| *origin != here);
        for (index, entry) in (0_u64..).zip(log.entries()) {
            let place = place_of(index, other.as_ref());
            if entry.kind == Kind::PromotionDecision
                && let Ok(promoted) = log.decision(index, &opened.package)
            {
                findings.extend(compromised_identity(&promoted.decision, later, &place));
            }
            for digest in signed_with(log, index, entry, opened) {
                if !seen.insert(digest) {
                    continue;
                }
                let Some(bytes) = opened.package.blob(&digest) else { continue };
                let place = format!("{place}, document {digest}");
                findings.extend(compromised(&bytes, later, entry.time, &place));
            }
        }
    }
    let documents = seen.len();
    findings.extend(earlier_keys(opened));
    findings.extend(log_key(opened, least)?);
    let words =
        format!("{documents} signed documents: none by a key that trust, version {}, says was lost", later.version);
    Ok(Some((findings, words)))
}

/// The documents that are signed under the trust of an entry: those that it records, and what its decision rests on.
fn signed_with(
    log: StateView<'_>,
    index: u64,
    entry: &Entry,
    opened: &Opened,
) -> BTreeSet<countersign_core::digest::Sha256> {
    let mut out: BTreeSet<_> = entry.statements.iter().copied().collect();
    if entry.kind == Kind::PolicyActivation {
        out.extend(entry.evidence.first());
    }
    if entry.kind == Kind::PromotionDecision
        && let Ok(promoted) = log.decision(index, &opened.package)
    {
        out.extend(named_by(&promoted.content));
    }
    out
}

/// The keys of the logs that this one goes on from, where they were lost before those ended. What came after their end
/// changes nothing: the later log names their roots.
fn earlier_keys(opened: &Opened) -> Vec<Finding> {
    let trust = opened.trust.trust();
    let mut findings = Vec::new();
    for later in opened.state.now().chain() {
        let (Some(earlier), Some(checkpoint)) = (later.earlier(), later.carried_checkpoint()) else { continue };
        let (origin, Some(end)) = (earlier.reference().origin, earlier.newest_time()) else { continue };
        if trust.log(&origin).is_some() {
            findings
                .extend(signed_checkpoint(checkpoint, trust, end).err().map(|found| found.at(format!("log {origin}"))));
        }
    }
    findings
}

/// The log's own key, where it was lost after the log's newest entry.
fn log_key(opened: &Opened, least: Option<&[u8]>) -> Result<Option<Finding>, FlowError> {
    let (trust, at) = (opened.trust.trust(), opened.at);
    let reference = opened.state.now().reference();
    let mut sound: Trust = trust.clone();
    let mut lost: Option<Time> = None;
    for log in sound.logs.iter_mut().filter(|log| log.origin == reference.origin) {
        lost = log.keys.iter().filter_map(|owned| owned.compromised_since).min();
        log.keys.retain(|owned| owned.compromised_since.is_none());
    }
    // Where it was lost before, the checkpoint itself does not hold, which is said already.
    let Some(lost) = lost.filter(|lost| *lost > at) else { return Ok(None) };
    let signed = opened.package.file(&format!("{LOG}{CHECKPOINT}"))?.unwrap_or_default();
    if signed_checkpoint(&signed, &sound, at).is_ok() {
        return Ok(None);
    }
    let kept = least.and_then(|least| signed_checkpoint(least, trust, at).ok());
    if kept.is_some_and(|kept| kept == reference) {
        return Ok(None);
    }
    if let Some(cosigned) = opened.package.file(&format!("{LOG}{COSIGNED}"))? {
        let asking = trust.environments.keys().filter(|name| asks_for_witnesses(trust, name));
        let shown = asking.filter_map(|name| witnessed(&cosigned, trust, name, Age::Ever(at)).ok());
        let mut before = shown.filter(|shown| shown.witnesses.values().all(|time| *time < lost));
        if before.any(|shown| shown.log == reference) {
            return Ok(None);
        }
    }
    Ok(Some(
        Finding::new(codes::LOG_KEY_LOST, "the key that signed the log's newest checkpoint was lost since")
            .at(format!("log {}", reference.origin))
            .expected(
                format!(
                    "a checkpoint of {} entries that was kept elsewhere, or cosigned before {lost}",
                    reference.size
                ),
                format!("trust, version {}", trust.version),
            )
            .found("neither"),
    ))
}
