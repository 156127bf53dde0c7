//! What the operator of gate and log does, who holds both keys and signs everything anew. With a checkpoint that was kept
//! elsewhere none of it goes unseen; without one, what decisions rest on still has to fit.

use super::Case;
use super::stage::{Stage, decision_at, entry, entry_at, redecide, restate, set_entry, waiver};
use crate::world::{World, policy_toml};
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::exit::Exit;
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::trust::Trust;
use countersign_sign::{KeyKind, SigningKey};
use countersign_verify::exception::subjects_of;
use std::collections::BTreeMap;
use std::sync::Arc;

const ROLLED: &str = "log-rolled-back";
const FORKED: &str = "log-forked";
const SPLIT: &str = "log-split-view";
const DIFFERS: &str = "decision-differs";

#[expect(clippy::too_many_lines, reason = "one line a case")]
pub(super) fn all() -> Vec<Case> {
    let case = |id, what, code, item, play| Case { id, what, verdict: Fail, exit: Exit::Untrusted, code, item, play };
    vec![
        case("O01", "the last entry is dropped, and the log signed anew", ROLLED, "log", |s| {
            s.operator(true, |w| drop(w.entries.pop()))
        }),
        case("O02", "a refusal is dropped, and the log signed anew", FORKED, "log", |s| {
            s.operator(true, |w| drop(w.entries.remove(entry::REFUSED)))
        }),
        case("O03", "a refusal is dropped, and nobody kept a checkpoint", FORKED, "log entry 6", |s| {
            s.operator(false, |w| drop(w.entries.remove(entry::REFUSED)))
        }),
        case("O04", "two decisions change places", "log-time-reversed", "log entry", |s| {
            s.by_hand(true, |w| w.entries.swap(entry::FIRST, entry::REFUSED))
        }),
        case("O05", "an entry is there twice", FORKED, "log entry 5", |s| {
            s.operator(false, |w| w.entries.insert(entry::FIRST, w.entries[entry::FIRST].clone()))
        }),
        case("O06", "a decision's entry is back-dated", "log-entry-malformed", "log entry 5", |s| {
            s.operator(false, |w| {
                let mut late = entry_at(w, entry::REFUSED);
                late.time = entry_at(w, entry::FIRST).time;
                set_entry(w, entry::REFUSED, &late);
            })
        }),
        case("O07", "a decision and its entry are back-dated and signed anew", SPLIT, "log", |s| {
            s.operator(true, |w| back_date(w, entry::NEXT_DAY))
        }),
        case("O08", "a decision is back-dated to before what it rests on", "log-time-reversed", "log entry 8", |s| {
            s.by_hand(false, |w| {
                let time = entry_at(w, entry::FIRST).time.plus(-7200);
                redecide(w, entry::NEXT_DAY, |decision| decision.request.time = time);
            })
        }),
        case("O09", "an exception is back-dated to before the refusal", SPLIT, "log", |s| {
            s.operator(true, |w| {
                w.entries.swap(entry::REFUSED, entry::EXCEPTION);
                let mut first = entry_at(w, entry::REFUSED);
                first.time = entry_at(w, entry::EXCEPTION).time;
                set_entry(w, entry::REFUSED, &first);
                restate(w, entry::REFUSED);
            })
        }),
        case("O10", "a refusal becomes a pass, signed by the gate", DIFFERS, "log entry 5", |s| {
            s.operator(false, |w| {
                redecide(w, entry::REFUSED, |decision| {
                    decision.verdict = Pass;
                    decision.authorised = true;
                });
                restate(w, entry::EXCEPTION);
            })
        }),
        case("O11", "a decision is about another artifact", DIFFERS, "log entry 9", |s| {
            s.operator(false, |w| {
                redecide(w, entry::LAST, |decision| decision.request.subject = Sha256::of(b"malware"));
            })
        }),
        case("O12", "a decision hides a finding", DIFFERS, "log entry 5", |s| {
            s.operator(false, |w| {
                redecide(w, entry::REFUSED, |decision| decision.findings.clear());
                restate(w, entry::EXCEPTION);
            })
        }),
        case("O13", "a decision leaves out that an exception was needed", DIFFERS, "log entry 7", |s| {
            s.operator(false, |w| {
                redecide(w, entry::EXCEPTED, |decision| {
                    decision.findings.retain(|finding| finding.exception.is_none());
                    for rule in &mut decision.rules {
                        rule.findings.retain(|finding| finding.exception.is_none());
                    }
                });
                restate(w, entry::NEXT_DAY);
            })
        }),
        case("O14", "a decision says that its gate was not enforced", DIFFERS, "log entry 5", |s| {
            s.operator(false, |w| {
                redecide(w, entry::REFUSED, |decision| {
                    decision.enforced = false;
                    decision.authorised = true;
                });
                restate(w, entry::EXCEPTION);
            })
        }),
        case("O15", "a decision is signed by a key that is no gate's", "signer-unknown", "log entry 9", |s| {
            s.operator(false, |w| {
                let other = Arc::new(SigningKey::generate(KeyKind::Ed25519).expect("random bytes"));
                let gate = std::mem::replace(&mut w.gate, other);
                let key = w.gate.public().id();
                redecide(w, entry::LAST, |decision| decision.request.gate = key);
                w.gate = gate;
            })
        }),
        case("O16", "a decision is signed with the builder's key", "signer-not-allowed", "log entry 9", |s| {
            s.operator(false, |w| {
                let builder = Arc::clone(&w.builder);
                let gate = std::mem::replace(&mut w.gate, builder);
                let key = w.gate.public().id();
                redecide(w, entry::LAST, |decision| decision.request.gate = key);
                w.gate = gate;
            })
        }),
        case("O17", "an approval is bound to another change", DIFFERS, "log entry 9", |s| {
            s.operator(false, |w| rebind(w, "ben", ReviewDecision::Approve))
        }),
        case("O18", "an approval is taken from the list of evidence", DIFFERS, "log entry 9", |s| {
            s.operator(false, |w| {
                redecide(w, entry::LAST, |decision| {
                    if let Some(index) = &mut decision.inputs.evidence {
                        index.retain(|reference| reference.kind != Some(Kind::Review));
                    }
                });
            })
        }),
        case("O19", "git's objects are those of another promotion", DIFFERS, "log entry 9", |s| {
            s.operator(false, |w| {
                let git = decision_at(w, entry::NEXT_DAY).inputs.git;
                redecide(w, entry::LAST, |decision| decision.inputs.git = git);
            })
        }),
        case(
            "O20",
            "a promotion is missing from the chain, and those after it say otherwise",
            "audit-unreconciled",
            "log entry 8",
            |s| {
                s.operator(false, |w| {
                    w.entries.remove(entry::NEXT_DAY);
                    restate(w, entry::NEXT_DAY);
                })
            },
        ),
        case(
            "O21",
            "a promotion is missing from the chain, and the next was decided otherwise",
            DIFFERS,
            "log entry 8",
            |s| {
                s.operator(false, |w| {
                    w.entries.remove(entry::NEXT_DAY);
                    restate(w, entry::NEXT_DAY);
                })
            },
        ),
        case("O22", "a summary is that of another decision", "subject-mismatch", "summary", |s| {
            s.operator(false, |w| {
                let passed = entry_at(w, entry::FIRST).statements[1];
                let mut refused = entry_at(w, entry::REFUSED);
                refused.statements[1] = passed;
                set_entry(w, entry::REFUSED, &refused);
                restate(w, entry::EXCEPTION);
            })
        }),
        case("O23", "a decision is recorded as something else", FORKED, "log entry 7", |s| {
            s.operator(false, |w| {
                let mut hidden = entry_at(w, entry::REFUSED);
                hidden.kind = Kind::ManualEvidence;
                set_entry(w, entry::REFUSED, &hidden);
            })
        }),
        case("O24", "an exception is widened to every artifact of a range", DIFFERS, "log entry 7", |s| {
            s.operator(false, |w| widened(w, &["cy"]))
        }),
        case("O25", "an exception is widened, and one person alone approves", DIFFERS, "log entry 7", |s| {
            s.operator(false, |w| widened(w, &["cy", "ada"]))
        }),
        case("O26", "an exception is taken out of the log", DIFFERS, "log entry 6", |s| {
            s.operator(false, |w| {
                w.entries.remove(entry::EXCEPTION);
                restate(w, entry::EXCEPTION);
            })
        }),
        case(
            "O27",
            "a weaker release that one person approved takes the place of the active one",
            "policy-unapproved",
            "log entry 1",
            |s| s.operator(false, |w| swap_policy(w, &["ada"])),
        ),
        case("O28", "another release than the one that the activation names", "policy-malformed", "log entry 1", |s| {
            s.operator(false, swap_release_alone)
        }),
        case("O29", "trust that one person signed takes the place of the recorded one", "trust-quorum", "", |s| {
            s.by_hand(false, |w| swap_trust(w, &["ada"], true))
        }),
        case(
            "O30",
            "trust with another key for a person, signed by the right quorum",
            "trust-digest-mismatch",
            "log entry 3",
            |s| s.by_hand(false, |w| swap_trust(w, &["ada", "ben"], false)),
        ),
        case("O31", "the log begins anew at the next day", ROLLED, "log", |s| {
            s.by_hand(true, |w| drop(w.entries.drain(entry::FIRST..entry::NEXT_DAY)))
        }),
        case("O32", "two histories: the auditor's checkpoint is of the other one", FORKED, "log", |s| {
            s.operator(true, |w| {
                w.entries.truncate(entry::LAST);
                w.now = entry_at(w, entry::NEXT_DAY).time.plus(60);
                drop(w.promote_next(77));
                drop(w.promote_next(78));
            })
        }),
        case("O33", "a time that lies before the entry before it", "log-time-reversed", "log entry 9", |s| {
            s.by_hand(true, |w| {
                let mut last = entry_at(w, entry::LAST);
                last.time = entry_at(w, entry::FIRST).time;
                set_entry(w, entry::LAST, &last);
            })
        }),
        case("O34", "an entry that names no document", "log-entry-malformed", "log entry 9", |s| {
            s.by_hand(true, |w| {
                let last: Entry = entry_at(w, entry::LAST);
                let text = String::from_utf8(last.to_bytes().expect("an entry")).expect("text");
                let start = text.find("\"statements\":[").expect("statements") + "\"statements\":[".len();
                let end = start + text[start..].find(']').expect("an end");
                w.entries[entry::LAST] = format!("{}{}", &text[..start], &text[end..]).into_bytes();
            })
        }),
        case("O35", "a decision made on another log", FORKED, "log entry 9", |s| {
            s.operator(false, |w| {
                redecide(w, entry::LAST, |decision| {
                    if let Some(log) = &mut decision.inputs.log {
                        log.root = Sha256::of(b"another");
                    }
                });
            })
        }),
        case("O37", "a summary says PASSED where the decision refused", DIFFERS, "log entry 5", |s| {
            s.operator(false, |w| {
                let mut refused = entry_at(w, entry::REFUSED);
                redecide(w, entry::REFUSED, |decision| {
                    decision.verdict = Pass;
                    decision.authorised = true;
                });
                refused.statements[1] = entry_at(w, entry::REFUSED).statements[1];
                set_entry(w, entry::REFUSED, &refused);
                restate(w, entry::EXCEPTION);
            })
        }),
        Case {
            id: "O36",
            what: "a log without a decision",
            verdict: Indeterminate,
            exit: Exit::Indeterminate,
            code: "decision-missing",
            item: "",
            play: |s| s.operator(false, |w| w.entries.truncate(entry::FIRST)),
        },
    ]
}

fn back_date(world: &mut World, index: usize) {
    let time = entry_at(world, index).time.plus(-3600);
    redecide(world, index, |decision| decision.request.time = time);
    restate(world, index + 1);
}

/// The last decision lists an approval of another head in place of the one that was given.
fn rebind(world: &mut World, person: &str, says: ReviewDecision) {
    let before = decision_at(world, entry::NEXT_DAY).source.expect("a source");
    let review = world.review(person, &before.start, &before.revision, says);
    let other = world.shelf.put(&review);
    redecide(world, entry::LAST, |decision| {
        let index = decision.inputs.evidence.as_mut().expect("an index");
        let reviews: Vec<usize> = (0..index.len()).filter(|i| index[*i].kind == Some(Kind::Review)).collect();
        for i in reviews {
            index[i].digest = other;
        }
        index.sort();
        index.dedup();
    });
}

/// The exception covers commits in place of one artifact, signed by these.
fn widened(world: &mut World, signers: &[&str]) {
    let subject = decision_at(world, entry::EXCEPTED).request.subject;
    let mut wide = waiver(world, subject);
    wide.created = entry_at(world, entry::EXCEPTION).time;
    wide.covers = countersign_core::exception::Covers::Range(countersign_core::exception::Range {
        start: decision_at(world, entry::FIRST).source.expect("a source").revision,
        end: None,
        commits: 90,
    });
    let statement = Statement::new(Kind::Exception, subjects_of(&wide), &wide).expect("a statement");
    let payload = Sha256::of(&statement.to_bytes().expect("canonical"));
    let document = world.lines(&statement, signers);
    let mut recorded = entry_at(world, entry::EXCEPTION);
    recorded.subjects = vec![payload];
    recorded.statements = vec![world.shelf.put(&document)];
    set_entry(world, entry::EXCEPTION, &recorded);
    restate(world, entry::EXCEPTED);
}

fn weaker(world: &World) -> Manifest {
    let start = decision_at(world, entry::FIRST).source.expect("a source").start;
    let text = policy_toml(&start).replace("least = 2", "least = 0");
    Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), text.into_bytes())])).expect("a policy")
}

/// The first activation is of a weaker release, which these approved.
fn swap_policy(world: &mut World, approvers: &[&str]) {
    let manifest = weaker(world);
    let release = world.release(&manifest, approvers);
    let digest = world.shelf.put(&release);
    let at = entry_at(world, 1);
    let mut scratch = world.clone();
    scratch.entries.clear();
    scratch.now = at.time;
    scratch.activate(&manifest, &release, "production", &["ada"], None, None);
    world.shelf = scratch.shelf.clone();
    world.entries[1].clone_from(&scratch.entries[0]);
    assert!(world.shelf.0.contains_key(&digest));
    restate(world, entry::FIRST);
}

/// The entry keeps its activation, and names another release beside it.
fn swap_release_alone(world: &mut World) {
    let manifest = weaker(world);
    let release = world.release(&manifest, &["ada", "ben"]);
    let mut first = entry_at(world, 1);
    first.evidence[0] = world.shelf.put(&release);
    set_entry(world, 1, &first);
    restate(world, entry::FIRST);
}

/// The recorded trust is another document of the same version, signed by these.
fn swap_trust(world: &mut World, signers: &[&str], same: bool) {
    let mut other = world.clone();
    if !same {
        let key = Arc::new(SigningKey::generate(KeyKind::Ed25519).expect("random bytes"));
        other.people.insert("cy", key);
    }
    let mut first = Stage::trust_before(world);
    std::mem::swap(&mut other.trust_digest, &mut first);
    let trust = Trust::from_toml(other.trust_toml(2).as_bytes()).expect("trust");
    let digest = trust.digest().expect("a digest");
    let statement = Statement::new(Kind::Trust, vec![Subject::sha256("trust", &digest)], &trust).expect("a statement");
    let document = world.lines(&statement, signers);
    let mut recorded = entry_at(world, entry::TRUST);
    recorded.subjects = vec![digest];
    recorded.statements = vec![world.shelf.put(&document)];
    set_entry(world, entry::TRUST, &recorded);
    restate(world, entry::FIRST);
}
