//! What a package says of witnesses: that those which trust wants have cosigned a checkpoint that holds each decision that
//! authorised something.

use super::LOG;
use crate::witness::Lines;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::time::Time;
use countersign_record::log::{CHECKPOINT, COSIGNED};
use countersign_verify::witnessed::{Age, asks_for_witnesses, witnessed, witnessed_still};
use countersign_verify::{LogState, VerifiedTrust};

/// What came of it.
pub(super) struct Seen {
    /// What was found.
    pub(super) findings: Vec<Finding>,
    /// Who has cosigned, in words. `None` where trust asks nobody: then nothing holds, whatever lies there.
    pub(super) words: Option<String>,
}

/// Looks at the log's own checkpoint and at the one that witnesses cosigned.
pub(super) fn check(
    (checkpoint, cosigned): (&[u8], Option<&[u8]>),
    state: &LogState,
    outside: &VerifiedTrust,
    decided: &[(u64, EnvName)],
    at: Time,
) -> Seen {
    let path = format!("{LOG}{COSIGNED}");
    let lines = Lines::of(state, outside);
    let mut findings = lines.findings(checkpoint, &format!("{LOG}{CHECKPOINT}"), codes::PACKAGE_FILE_ALTERED);
    let mut words = Vec::new();
    let mut asked = false;
    if let Some(bytes) = cosigned {
        // Whether or not anybody was asked for: it is a checkpoint of this log that somebody cosigned, or it does not belong here.
        findings.extend(lines.cosigned(bytes, (state, outside, at), &path, codes::PACKAGE_FILE_ALTERED));
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
    Seen { findings, words: asked.then(|| words.join("; ")) }
}
