//! What a package says of witnesses: that those which trust wants have cosigned a checkpoint that holds each decision that
//! authorised something.

use super::LOG;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::time::Time;
use countersign_record::log::COSIGNED;
use countersign_verify::log::kept_checkpoint;
use countersign_verify::witnessed::{Age, asks_for_witnesses, witnessed, witnessed_still};
use countersign_verify::{LogState, VerifiedTrust};

/// What came of it: what was found, and who has cosigned, in words. `None` where nobody was asked and nothing is there.
pub(super) fn check(
    cosigned: Option<&[u8]>,
    state: &LogState,
    outside: &VerifiedTrust,
    decided: &[(u64, EnvName)],
    at: Time,
) -> Option<(Vec<Finding>, String)> {
    let path = format!("{LOG}{COSIGNED}");
    let mut findings = Vec::new();
    let mut words = Vec::new();
    let mut asked = false;
    if let Some(bytes) = cosigned {
        // Whether or not anybody was asked for: it is a checkpoint of this log, or it does not belong here.
        let held =
            kept_checkpoint(bytes, &state.now(), outside.trust(), at).and_then(|log| state.now().continues(&log));
        findings.extend(held.err().map(|finding| finding.at(path.as_str())));
    }
    for (entry, environment) in decided {
        let Some(view) = state.at(*entry) else { continue };
        let trust = view.trust().trust();
        if !asks_for_witnesses(trust, environment) {
            continue;
        }
        asked = true;
        let place = format!("log entry {entry}");
        let shown = match cosigned {
            // By the trust of the time, as far as the auditor's still lets its witnesses count; or by the auditor's own.
            Some(bytes) => witnessed_still(bytes, trust, outside.trust(), environment, Age::Ever(at)).or_else(|said| {
                let own = asks_for_witnesses(outside.trust(), environment)
                    .then(|| witnessed(bytes, outside.trust(), environment, Age::Ever(at)));
                own.and_then(Result::ok).ok_or(said)
            }),
            None => {
                Err(Finding::new(codes::WITNESS_QUORUM_MISSING, "the package has no cosigned checkpoint")
                    .at(path.as_str()))
            }
        };
        match shown {
            Ok(shown) if shown.log.size > *entry => {
                let names = shown.witnesses.into_keys().collect::<Vec<_>>().join(", ");
                let said = format!("{} entries, cosigned by {names}", shown.log.size);
                if !words.contains(&said) {
                    words.push(said);
                }
            }
            Ok(shown) => findings.push(
                Finding::new(
                    codes::WITNESS_QUORUM_MISSING,
                    "the witnesses have not cosigned a log that holds this decision",
                )
                .at(place)
                .expected(format!("a cosigned checkpoint of more than {entry} entries"), "trust")
                .found(format!("one of {}", shown.log.size)),
            ),
            Err(finding) => findings.push(finding.at(place)),
        }
    }
    (asked || cosigned.is_some()).then(|| (findings, words.join("; ")))
}
