//! What the evidence shows of one landing beyond the review itself: that a record was made of it at the time, that the
//! branch's rules were in force, and that the agreement came before it. What is not shown is a lapse, with its reason.

use super::{Question, settings};
use countersign_core::finding::Finding;
use countersign_core::statement::change_review::{ChangeReview, EventKind};
use countersign_core::statement::review::Tier;
use countersign_core::statement::source::Lapses;
use countersign_core::time::Time;
use countersign_verify::ForgeChange;

/// How long after a landing a forge may be read for that to count as a record of the time. The specification asks for
/// records that are made when the branch moves, and gives no number.
pub const CONTEMPORANEOUS_SECONDS: i64 = 3600;

/// When a change landed, by a record that was made at the time, and what is not shown of it. `blocking` is a finding about
/// the change that blocks.
pub(super) fn of(
    question: &Question<'_>,
    recorded: &[&ForgeChange],
    before_landing: bool,
    blocking: Option<&Finding>,
) -> (Option<Time>, Lapses) {
    let mut landed_at = None;
    let mut why = "nothing recorded when the branch was moved, and by whom".to_owned();
    for record in recorded {
        match at_the_time(record) {
            Ok(at) => landed_at = Some(landed_at.map_or(at, |known: Time| known.min(at))),
            Err(lacks) => why = lacks,
        }
    }
    let provenance = landed_at.is_none().then_some(why);
    let blocked = blocking.map(|finding| finding.what.clone());
    let late = "nothing shows that two trusted persons agreed before it landed";
    let lapses = Lapses {
        technical_controls: rules(question, recorded, provenance.as_ref()),
        two_party_review: blocked.or_else(|| (!before_landing).then(|| late.to_owned())),
        provenance,
    };
    (landed_at, lapses)
}

/// When the change landed, if the record is whole and was made at the time.
fn at_the_time(record: &ForgeChange) -> Result<Time, String> {
    let change = record.change();
    if let Some(short) = change.shortfalls.iter().find(|short| !short.what.is_setting()) {
        return Err(format!("the record lacks a part: {}", short.why));
    }
    if !change.moves_complete {
        return Err("the record does not show every move of the head".to_owned());
    }
    let merged = change.events.iter().find(|event| event.what == EventKind::Merged);
    let (Some(at), Some(_)) = (merged.and_then(|event| event.at), merged.and_then(|event| event.account)) else {
        return Err("the record does not say when the branch was moved, and by whom".to_owned());
    };
    if record.tier() >= Tier::T2 {
        return Ok(at);
    }
    if change.collected_at >= at && change.collected_at <= at.plus(CONTEMPORANEOUS_SECONDS) {
        return Ok(at);
    }
    Err(format!("the forge was read at {}, for a landing at {at}: that is no record of the time", change.collected_at))
}

/// What speaks against the rules having been in force, whatever the policy asks of them.
fn rules(question: &Question<'_>, recorded: &[&ForgeChange], provenance: Option<&String>) -> Option<String> {
    if let Some(why) = provenance {
        return Some(format!("the branch's rules at the time are not known: {why}"));
    }
    recorded.iter().find_map(|record| {
        let change = record.change();
        let found = settings::rules(question, change).into_iter().next().map(|finding| finding.what);
        found.or_else(|| unsettled(change))
    })
}

/// Rules of which nobody can say since when they are as they are could have been others at the landing.
fn unsettled(change: &ChangeReview) -> Option<String> {
    let since = change.rules.as_ref().and_then(|rules| rules.changed_at);
    since.is_none().then(|| "the forge does not say since when the branch's rules are as they are".to_owned())
}
