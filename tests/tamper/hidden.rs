//! What an operator with the gate's and the log's keys does to have a promotion in the log, with the log's proof of it, and in no
//! list; or to have the gate's signature on what no gate has judged.

use super::Case;
use super::stage::{Stage, decision_at, entry, entry_at, pack, restate, set_entry};
use crate::world::{ORIGIN, World};
use countersign_core::bundle::Signed;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::Verdict::{Fail, Indeterminate};
use countersign_core::ids::{EnvName, Origin, PersonId};
use countersign_core::json;
use countersign_core::statement::erasure::Erasure;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_flow::audit::{How, Scope};
use countersign_sign::sign_payload;
use serde_json::{Value, json};

const MALFORMED: &str = "log-entry-malformed";
const DIFFERS: &str = "decision-differs";
const SUBJECT: &str = "subject-mismatch";

#[expect(clippy::too_many_lines, reason = "one line a case")]
pub(super) fn all() -> Vec<Case> {
    let case = |id, what, code, item, play| Case { id, what, verdict: Fail, exit: Exit::Untrusted, code, item, play };
    vec![
        case("O40", "a promotion is recorded as an SBOM", MALFORMED, "log entry 9", |s| {
            s.operator(false, |w| recorded_as(w, Kind::Sbom))
        }),
        case("O41", "the same, and only proofs are looked at", MALFORMED, "log entry 9", |s| {
            let mut world = s.world.clone();
            recorded_as(&mut world, Kind::Sbom);
            s.check_by(&pack(&world, &Scope::default()), false, How::Quick)
        }),
        case("O42", "a promotion's summary is recorded by itself", MALFORMED, "log entry 9", |s| {
            s.operator(false, |w| alone(w, Kind::Vsa, 1))
        }),
        case("O43", "a decision is recorded by itself as evidence by hand", MALFORMED, "log entry 9", |s| {
            s.operator(false, |w| alone(w, Kind::ManualEvidence, 0))
        }),
        case("O44", "a decision stands beside another one in its entry", MALFORMED, "log entry 8", |s| {
            s.operator(false, |w| {
                let hidden = entry_at(w, entry::LAST).statements[0];
                drop(w.entries.pop());
                let mut last = entry_at(w, entry::NEXT_DAY);
                last.statements.push(hidden);
                set_entry(w, entry::NEXT_DAY, &last);
            })
        }),
        case("O45", "a promotion lies in the evidence of an activation", MALFORMED, "log entry 1", |s| {
            s.operator(false, |w| {
                let hidden = entry_at(w, entry::LAST).statements;
                drop(w.entries.pop());
                let mut first = entry_at(w, 1);
                first.evidence.extend(hidden);
                set_entry(w, 1, &first);
                restate(w, entry::FIRST);
            })
        }),
        case("O46", "a promotion lies in the evidence of another one's entry", MALFORMED, "log entry 8", |s| {
            s.operator(false, |w| {
                let hidden = entry_at(w, entry::LAST).statements;
                drop(w.entries.pop());
                let mut last = entry_at(w, entry::NEXT_DAY);
                last.evidence.extend(hidden);
                set_entry(w, entry::NEXT_DAY, &last);
            })
        }),
        case(
            "O47",
            "a decision is handed in as evidence, and recorded nowhere",
            "decision-unrecorded",
            "log entry 9",
            |s| s.operator(false, |w| handed_in(w, 0)),
        ),
        case(
            "O48",
            "a summary is handed in as evidence, and recorded nowhere",
            "decision-unrecorded",
            "log entry 9",
            |s| s.operator(false, |w| handed_in(w, 1)),
        ),
        case("O49", "an exception that is none", MALFORMED, "log entry 10", |s| {
            s.operator(false, |w| garbage(w, Kind::Exception))
        }),
        case("O50", "a review that is none", MALFORMED, "log entry 10", |s| {
            s.operator(false, |w| garbage(w, Kind::Review))
        }),
        case("O51", "the end of an exception that names the exception itself", MALFORMED, "log entry 10", |s| {
            s.operator(false, |w| {
                let granted = entry_at(w, entry::EXCEPTION);
                w.append(Kind::ExceptionEnd, granted.environment, granted.subjects, granted.statements, Vec::new());
            })
        }),
        case("O52", "a summary is about another artifact besides", SUBJECT, "log entry 9", |s| {
            s.operator(false, |w| summary(w, |said| push(said, other())))
        }),
        case("O53", "a summary is about another artifact first", SUBJECT, "log entry 9", |s| {
            s.operator(false, |w| {
                summary(w, |said| {
                    let judged = said["subject"][0].clone();
                    said["subject"] = json!([other(), judged]);
                });
            })
        }),
        case("O54", "a summary gives its artifact another digest besides", SUBJECT, "log entry 9", |s| {
            s.operator(false, |w| summary(w, |said| said["subject"][0]["digest"]["sha512"] = "c".repeat(128).into()))
        }),
        case("O55", "a summary gives its artifact another name", DIFFERS, "log entry 9", |s| {
            s.operator(false, |w| summary(w, |said| said["subject"][0]["name"] = "evil".into()))
        }),
        case("O56", "a summary says levels of dependencies", DIFFERS, "log entry 9", |s| {
            s.operator(false, |w| {
                summary(w, |said| said["predicate"]["dependencyLevels"] = json!({"SLSA_BUILD_LEVEL_3": 1}));
            })
        }),
        case("O57", "a summary has a field beside its predicate", DIFFERS, "log entry 9", |s| {
            s.operator(false, |w| summary(w, |said| said["also"] = json!({"subject": [other()]})))
        }),
        case("O58", "a decision is about another artifact besides", MALFORMED, "log entry 9", |s| {
            s.operator(false, |w| decision(w, |said| push(said, other())))
        }),
        case(
            "O59",
            "a decision gives its artifact another name than the one asked for",
            MALFORMED,
            "log entry 9",
            |s| s.operator(false, |w| decision(w, |said| said["subject"][0]["name"] = "evil".into())),
        ),
        case("O60", "a decision's entry names no summary", MALFORMED, "log entry 9", |s| {
            s.operator(false, |w| {
                let mut last = entry_at(w, entry::LAST);
                last.statements.truncate(1);
                set_entry(w, entry::LAST, &last);
            })
        }),
        case("O61", "a decision is its own summary", MALFORMED, "log entry 9", |s| {
            s.operator(false, |w| {
                let mut last = entry_at(w, entry::LAST);
                last.statements[1] = last.statements[0];
                set_entry(w, entry::LAST, &last);
            })
        }),
        case("O62", "a decision's entry says that a person acted", MALFORMED, "log entry 9", |s| {
            s.operator(false, |w| acted(w, entry::LAST, &["cy"]))
        }),
        case("O63", "an activation says that another person activated", MALFORMED, "log entry 1", |s| {
            s.operator(false, |w| {
                acted(w, 1, &["ben"]);
                restate(w, entry::FIRST);
            })
        }),
        case("O64", "an exception names nobody of those who approved it", MALFORMED, "log entry 6", |s| {
            s.operator(false, |w| {
                acted(w, entry::EXCEPTION, &["cy"]);
                restate(w, entry::EXCEPTED);
            })
        }),
        Case {
            id: "O65",
            what: "a promotion is recorded as evidence by hand, and erased",
            verdict: Indeterminate,
            exit: Exit::Indeterminate,
            code: "evidence-withheld",
            item: "log entry 9",
            play: |s| {
                s.operator(false, |w| {
                    alone(w, Kind::ManualEvidence, 0);
                    erased(w, entry::LAST);
                })
            },
        },
        case("O66", "a promotion is recorded as an SBOM, and erased", MALFORMED, "log entry 9", |s| {
            s.operator(false, |w| {
                alone(w, Kind::Sbom, 0);
                erased(w, entry::LAST);
            })
        }),
        case("O67", "an exception is erased", MALFORMED, "log entry 6", |s| {
            s.operator(false, |w| erased(w, entry::EXCEPTION))
        }),
    ]
}

/// The newest promotion, under another kind of entry.
fn recorded_as(world: &mut World, kind: Kind) {
    let mut last = entry_at(world, entry::LAST);
    last.kind = kind;
    set_entry(world, entry::LAST, &last);
}

/// One of its two statements alone.
fn alone(world: &mut World, kind: Kind, which: usize) {
    let mut last = entry_at(world, entry::LAST);
    (last.kind, last.statements, last.evidence) = (kind, vec![last.statements[which]], Vec::new());
    if kind == Kind::ManualEvidence {
        last.environment = None;
    }
    set_entry(world, entry::LAST, &last);
}

/// An entry says that these acted.
fn acted(world: &mut World, index: usize, persons: &[&str]) {
    let mut entry = entry_at(world, index);
    entry.persons = persons.iter().map(|id| PersonId::new(id).expect("a person")).collect();
    set_entry(world, index, &entry);
}

/// An approver signs that an entry's first document is erased, and it is gone.
fn erased(world: &mut World, index: usize) {
    let digest = entry_at(world, index).statements[0];
    let erasure = Erasure {
        log: Origin::new(ORIGIN).expect("an origin"),
        erased: digest,
        reason: "asked for by whom it names".to_owned(),
        owner: PersonId::new("ada").expect("a person"),
        at: world.now,
    };
    let subject = vec![Subject::sha256("evidence", &digest)];
    let statement = Statement::new(Kind::Erasure, subject, &erasure).expect("a statement");
    let signed = world.lines(&statement, &["ada"]);
    let document = world.shelf.put(&signed);
    world.append(Kind::Erasure, None, vec![digest], vec![document], Vec::new());
    drop(world.shelf.0.remove(&digest));
}

/// The newest promotion is none of the log's; a refusal in its place lists one of its statements.
fn handed_in(world: &mut World, which: usize) {
    let hidden = entry_at(world, entry::LAST).statements[which];
    drop(world.entries.pop());
    let document = world.shelf.0[&hidden].clone();
    let (_, landed) = world.land(90);
    let artifact = Sha256::of(b"another");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    documents.push(document);
    let arguments = world.arguments(&artifact, "production", documents);
    let decided = arguments.decide();
    world.record(&arguments, &decided);
}

fn garbage(world: &mut World, kind: Kind) {
    let document = world.shelf.put(b"{\"garbage\":1}");
    let environment = EnvName::new("production").expect("a name");
    world.append(kind, Some(environment), vec![Sha256::of(b"what")], vec![document], Vec::new());
}

fn other() -> Value {
    json!({"digest": {"sha256": "a".repeat(64)}, "name": "other"})
}

fn push(statement: &mut Value, subject: Value) {
    statement["subject"].as_array_mut().expect("subjects").push(subject);
}

/// A document of the newest promotion, changed and signed by its gate.
fn signed(world: &mut World, which: usize, change: impl FnOnce(&mut Value)) -> Sha256 {
    let digest = entry_at(world, entry::LAST).statements[which];
    let payload = Signed::parse(&world.shelf.0[&digest]).expect("a bundle").payload;
    let mut statement: Value = json::parse_as(&payload).expect("a statement");
    change(&mut statement);
    let signed = sign_payload(&json::canonical(&statement).expect("canonical"), &world.gate).expect("signed");
    world.shelf.put(&signed)
}

fn summary(world: &mut World, change: impl FnOnce(&mut Value)) {
    let mut last = entry_at(world, entry::LAST);
    last.statements[1] = signed(world, 1, change);
    set_entry(world, entry::LAST, &last);
}

/// The decision, with a summary that follows it.
fn decision(world: &mut World, change: impl FnOnce(&mut Value)) {
    let mut last = entry_at(world, entry::LAST);
    let before = last.statements[0].hex();
    last.statements[0] = signed(world, 0, change);
    let after = last.statements[0].hex();
    last.statements[1] = signed(world, 1, |statement| {
        let text = statement.to_string().replace(&before, &after);
        *statement = serde_json::from_str(&text).expect("a statement");
    });
    assert!(decision_at(world, entry::LAST).authorised);
    set_entry(world, entry::LAST, &last);
}

impl Stage {
    /// A package in which this kind of entry names the newest promotion.
    #[must_use]
    pub fn recorded_as(&self, kind: Kind) -> Vec<u8> {
        // Our own program packs no log whose newest trust is none.
        self.put_in_by_hand(|world| recorded_as(world, kind))
    }
}
