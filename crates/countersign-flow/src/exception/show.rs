//! The exceptions of a log, as they stand at a time: read alone, so that anybody with trust can look.

use crate::error::FlowError;
use crate::output::{ExceptionList, ExceptionRow, ExceptionState};
use crate::outside::TrustFile;
use crate::place::{Place, StoreBlobs};
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of};
use countersign_core::ids::EnvName;
use countersign_core::limits;
use countersign_core::time::Time;
use countersign_decide::exceptions::state_of;
use countersign_verify::{LogState, Use, VerifiedException};

const DAY: i64 = 24 * 60 * 60;

/// Every exception, and what there is to say of those that were not ended.
pub fn list(
    trust: &TrustFile,
    place: &Place,
    environment: Option<&EnvName>,
    at: Time,
) -> Result<ExceptionList, FlowError> {
    all(trust, place, environment, at, DAY.saturating_mul(limits::EXCEPTION_SOON_DAYS))
}

/// Those that end within so many days. That there are some is an answer of its own: see its `exit`.
pub fn expiring(
    trust: &TrustFile,
    place: &Place,
    environment: Option<&EnvName>,
    at: Time,
    days: u32,
) -> Result<ExceptionList, FlowError> {
    let within = DAY.saturating_mul(i64::from(days));
    let mut list = all(trust, place, environment, at, within)?;
    list.exceptions.retain(|row| row.state == ExceptionState::Counts && row.exception.expires.since(at) <= within);
    list.findings
        .retain(|finding| finding.code == countersign_core::codes::EXCEPTION_EXPIRING || finding.class.blocks());
    if !list.exceptions.is_empty() {
        list.exit = list.exit.worse(Exit::Refused);
    }
    Ok(list)
}

fn all(
    trust: &TrustFile,
    place: &Place,
    environment: Option<&EnvName>,
    at: Time,
    soon: i64,
) -> Result<ExceptionList, FlowError> {
    let mut findings = trust.outcome.findings.clone();
    let mut exceptions = Vec::new();
    if let Some(verified) = &trust.outcome.trust {
        let (checkpoint, entries) = place.read_log()?;
        let blobs = StoreBlobs::new(place.store());
        let opened = LogState::open(&checkpoint, &entries, verified, &blobs, at);
        findings.extend(opened.findings);
        if let Some(state) = &opened.state {
            findings.extend(state.faults().map(|(_, finding)| finding.clone()));
            let view = state.now();
            let known = view.exceptions(&blobs);
            let uses = view.uses(&blobs);
            let wanted = |one: &VerifiedException| environment.is_none_or(|e| one.exception().environment == *e);
            let of = |one: &VerifiedException| uses.get(&one.id()).copied().unwrap_or_default();
            for one in known.held.iter().filter(|one| wanted(one)) {
                findings.extend(state_of(one, of(one), at, soon));
                let state = if one.counts_at(at) { ExceptionState::Counts } else { ExceptionState::Expired };
                exceptions.push(row(one, state, of(one), None));
            }
            for (one, by) in known.ended.iter().filter(|(one, _)| wanted(one)) {
                exceptions.push(row(one, ExceptionState::Ended, of(one), Some(*by)));
            }
            for row in &mut exceptions {
                row.followed_up = known.followed_up.contains_key(&row.id);
            }
            let named = |of: &Option<EnvName>| environment.is_none() || of.as_ref() == environment;
            let not_counted = known.not_counted.iter().filter(|(of, _)| named(of));
            findings.extend(not_counted.map(|(_, finding): &(_, Finding)| finding.clone()));
        }
        blobs.finish()?;
    }
    exceptions.sort_by_key(|row| (row.log.is_none(), row.entry));
    Ok(ExceptionList { exit: exit_of(&findings), exceptions, findings })
}

fn row(one: &VerifiedException, state: ExceptionState, used: Use, ended_by: Option<u64>) -> ExceptionRow {
    ExceptionRow {
        id: one.id(),
        state,
        exception: one.exception().clone(),
        approvers: one.approvers().iter().map(ToString::to_string).collect(),
        entry: one.recorded().0,
        log: one.log().cloned(),
        uses: used.decisions,
        newest_use: used.newest,
        ended_by,
        followed_up: false,
    }
}
