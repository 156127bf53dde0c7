//! P22, exceptions: every way to have one that nobody should have had, and the ones that people may have.
//!
//! The artifact is built from a tree with changes that were not committed, which `source-clean@1` refuses in production.

use super::{Case, Found, Ready};
use crate::world::{ORIGIN, REPOSITORY};
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::exception::{Category, Covers, EndAction, Exception, ExceptionEnd, Range};
use countersign_core::finding::Verdict::{Fail, Pass};
use countersign_core::ids::{EnvName, Origin, PersonId, RuleId, Uri};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement};
use countersign_verify::exception::{end_statement, subjects_of};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const DAY: i64 = 24 * 60 * 60;
const ALL: &[&str] = &["cy", "ada", "ben"];

#[expect(clippy::too_many_lines, reason = "one line a case")]
pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, play| Case { id, what, verdict, code, play };
    let attack = |what, code, play| case("P22", what, Fail, code, play);
    let honest = |what, play| case("+", what, Pass, "", play);
    vec![
        attack("an exception without an end", "exception-malformed", || raw(|e| drop(e.remove("expires")))),
        attack("an exception whose end is no date", "exception-malformed", || {
            raw(|e| drop(e.insert("expires".to_owned(), json!("2026-13-01T00:00:00Z"))))
        }),
        attack("an exception for every artifact", "exception-malformed", || {
            raw(|e| drop(e.insert("covers".to_owned(), json!({"subject": "*"}))))
        }),
        attack("an exception for every commit", "exception-wide", || with(|e, r| e.covers = range(r, 101), ALL)),
        attack("an exception that is over", "source-dirty", || later(31)),
        attack("an exception that runs longer than 90 days", "exception-dates", || {
            with(|e, _| e.expires = e.created.plus(91 * DAY), ALL)
        }),
        attack("an exception that runs longer than trust allows", "exception-dates", trust_allows_ten_days),
        attack("an exception that its requester approves", "exception-unapproved", || {
            with(|e, _| e.requester = person("ada"), &["ada", "ben"])
        }),
        attack("an exception that one person approved twice", "exception-unapproved", || {
            with(|_, _| {}, &["cy", "ada", "ada"])
        }),
        attack("an exception approved by somebody who may not", "exception-unapproved", || {
            with(|e, _| e.requester = person("ben"), &["ben", "ada", "cy"])
        }),
        attack("an exception that its requester did not sign", "exception-unapproved", || {
            with(|_, _| {}, &["ada", "ben"])
        }),
        attack("an exception that was altered after its approval", "signature-invalid", altered),
        attack("an exception approved with a key that was withdrawn since", "exception-unapproved", withdrawn),
        attack("an exception of another environment", "source-dirty", || {
            with(|e, _| e.environment = EnvName::new("staging").expect("a name"), ALL)
        }),
        attack("an exception of another service", "source-dirty", || {
            with(|e, _| e.repository = Uri::new("git+https://example.com/team/other").expect("a uri"), ALL)
        }),
        attack("an exception of another artifact", "source-dirty", || {
            with(|e, _| e.covers = Covers::Subject(Sha256::of(b"another")), ALL)
        }),
        attack("an exception of commits that ended before", "source-dirty", || {
            with(
                |e, r| {
                    let start = r.world.start;
                    e.covers = Covers::Range(Range { start, end: Some(start), commits: 5 });
                },
                ALL,
            )
        }),
        attack("an exception of fewer commits than there are", "source-dirty", || {
            with(|e, r| e.covers = range(r, 1), ALL)
        }),
        attack("an exception of another rule", "source-dirty", || with(|e, _| e.rule = rule("sbom-present@1"), ALL)),
        attack("an exception of another version of the rule", "source-dirty", || {
            with(|e, _| e.rule = rule("source-clean@2"), ALL)
        }),
        attack("an exception of another code", "source-dirty", || {
            with(|e, _| e.codes = BTreeSet::from([codes::SOURCE_MISSING]), ALL)
        }),
        attack("an exception from a signature", "exception-forbidden", || forbidden(codes::SIGNATURE_INVALID)),
        attack("an exception from the subject's digest", "exception-forbidden", || forbidden(codes::SUBJECT_MISMATCH)),
        attack("an exception from trust", "exception-forbidden", || forbidden(codes::TRUST_EXPIRED)),
        attack("an exception from the pin", "exception-forbidden", || forbidden(codes::PIN_MISMATCH)),
        attack("an exception from the log", "exception-forbidden", || forbidden(codes::LOG_ROLLED_BACK)),
        attack("an exception from evidence that is left out", "exception-forbidden", || {
            forbidden(codes::EVIDENCE_WITHHELD)
        }),
        attack("a pin that disagrees, beside an exception that counts", "pin-mismatch", pin_beside),
        attack("an exception from review that is no emergency", "exception-forbidden", || {
            with(|e, _| e.rule = rule("two-party-review@1"), ALL)
        }),
        attack("an emergency where trust names nobody for it", "role-unknown", emergency_without_role),
        attack("an emergency that one person approved", "exception-unapproved", || {
            let mut ready = unreviewed();
            let emergency = emergency(&ready);
            put(&mut ready, &emergency, &["cy", "ada"]);
            decided(&ready)
        }),
        attack("an exception that was revoked", "source-dirty", || ended(Keep::All, &["ada"], false)),
        attack("an exception that was revoked and appended once more", "source-dirty", || {
            ended(Keep::All, &["ada"], true)
        }),
        attack("an exception whose revocation was taken out of the store", "source-dirty", || {
            ended(Keep::NoEnd, &["ada"], false)
        }),
        attack("an exception that is taken out of the store", "source-dirty", || ended(Keep::Nothing, &[], false)),
        attack("an exception of another log", "exception-other-log", || {
            with(|e, _| e.log = Origin::new("example.com/other").expect("an origin"), ALL)
        }),
        attack("an exception that is handed in and is not in the log", "source-dirty", handed_in),
        attack("a decision's time set back to when an exception counted", "time-before-log", set_back),
        attack("review passed over in an emergency is no pass", "break-glass", || {
            let mut ready = unreviewed();
            let decision = broken_glass(&mut ready);
            assert!(decision.authorised && decision.break_glass.is_some(), "{:#?}", decision.findings);
            decision.into()
        }),
        attack("the next promotion after an emergency that nobody made up for in time", "follow-up-overdue", || {
            after_emergency(8, false, false)
        }),
        attack("the next promotion, without the reviews of the emergency", "review-missing", || {
            after_emergency(1, false, false)
        }),
        honest("an exception that two others approved", || with(|_, _| {}, ALL)),
        honest("an exception with another control", || {
            with(
                |e, _| {
                    e.category = Category::Mitigated;
                    e.control = Some("the file is made again and compared".to_owned());
                },
                ALL,
            )
        }),
        honest("an exception of the commits of this release", || with(|e, r| e.covers = range(r, 2), ALL)),
        honest("an exception of the very finding", || {
            with(|e, _| e.codes = BTreeSet::from([codes::SOURCE_DIRTY]), ALL)
        }),
        honest("an exception before its end", || later(29)),
        honest("the next promotion, with the reviews of the emergency", || after_emergency(1, true, false)),
        honest("the next promotion, late, with the reviews of the emergency", || after_emergency(8, true, false)),
        honest("the next promotion, after two persons made up for the emergency", || after_emergency(8, true, true)),
    ]
}

fn person(id: &str) -> PersonId {
    PersonId::new(id).expect("a person")
}

fn rule(id: &str) -> RuleId {
    RuleId::new(id).expect("a rule")
}

/// Commits after where the range begins.
fn range(ready: &Ready, commits: u32) -> Covers {
    Covers::Range(Range { start: ready.world.start, end: None, commits })
}

/// The trust document with roles for exceptions.
fn trust(ready: &Ready, version: u64) -> String {
    let roles = "[roles.exception-approvers]\npersons = [\"ada\", \"ben\"]\nthreshold = 2\n\
                 [roles.break-glass]\npersons = [\"ada\", \"ben\"]\nthreshold = 2\n[environments.production]\n";
    ready.world.trust_toml(version).replacen("[environments.production]\n", roles, 1)
}

/// A reviewed change, and an artifact built from a tree that was not clean.
fn dirty() -> Ready {
    let mut ready = Ready::new();
    let text = trust(&ready, 2);
    ready.world.trust_from_now_on(&text, &["ada", "ben"]);
    let built = ready.world.built(&ready.artifact, &ready.world.tip, "dirty", 3);
    ready.documents[0].clone_from(&built[0]);
    ready
}

/// A change that nobody reviewed, built from a clean tree.
fn unreviewed() -> Ready {
    let mut ready = Ready::new();
    let text = trust(&ready, 2);
    ready.world.trust_from_now_on(&text, &["ada", "ben"]);
    ready.documents.truncate(2);
    ready
}

/// The waiver that is asked for.
fn waiver(ready: &Ready) -> Exception {
    Exception {
        log: Origin::new(ORIGIN).expect("an origin"),
        category: Category::Waiver,
        control: None,
        rule: rule("source-clean@1"),
        codes: BTreeSet::new(),
        place: None,
        repository: Uri::new(REPOSITORY).expect("a uri"),
        environment: EnvName::new("production").expect("a name"),
        covers: Covers::Subject(ready.artifact),
        reason: "a file that the build makes".to_owned(),
        ticket: None,
        requester: person("cy"),
        created: ready.world.now,
        expires: ready.world.now.plus(30 * DAY),
        follow_up: None,
    }
}

fn emergency(ready: &Ready) -> Exception {
    Exception {
        category: Category::Emergency,
        rule: rule("two-party-review@1"),
        expires: ready.world.now.plus(DAY),
        follow_up: Some(ready.world.now.plus(7 * DAY)),
        reason: "production is down".to_owned(),
        ..waiver(ready)
    }
}

/// The statement of an exception, whatever its predicate says.
fn statement(exception: &Exception) -> Statement {
    Statement::new(Kind::Exception, subjects_of(exception), exception).expect("a statement")
}

fn record(ready: &mut Ready, kind: Kind, about: Sha256, document: &[u8]) -> Sha256 {
    let digest = ready.world.shelf.put(document);
    let environment = Some(EnvName::new("production").expect("a name"));
    ready.world.append(kind, environment, vec![about], vec![digest], Vec::new());
    digest
}

fn put_statement(ready: &mut Ready, statement: &Statement, signers: &[&str]) -> Sha256 {
    let payload = Sha256::of(&statement.to_bytes().expect("canonical"));
    let document = ready.world.lines(statement, signers);
    record(ready, Kind::Exception, payload, &document);
    payload
}

fn put(ready: &mut Ready, exception: &Exception, signers: &[&str]) -> Sha256 {
    let statement = statement(exception);
    let payload = Sha256::of(&statement.to_bytes().expect("canonical"));
    let document = ready.world.lines(&statement, signers);
    let digest = ready.world.shelf.put(&document);
    let environment = Some(exception.environment.clone());
    ready.world.append(Kind::Exception, environment, vec![payload], vec![digest], Vec::new());
    payload
}

/// What was found, with the reasons for which exceptions do not count.
fn found(decision: Decision) -> Found {
    let reasons: Vec<String> = decision
        .findings
        .iter()
        .filter(|finding| finding.code == codes::EXCEPTION_NOT_COUNTED)
        .flat_map(|finding| &finding.found)
        .filter_map(|line| line.split_once(':').map(|(code, _)| code.to_owned()))
        .collect();
    // An exception never makes a rule one that was shown to hold.
    let excepted = decision.findings.iter().any(|finding| finding.exception.is_some());
    let shown = |level: &String| level.starts_with("COUNTERSIGN_SOURCE_CLEAN");
    assert!(!(excepted && decision.levels.iter().any(shown)), "{:?}", decision.levels);
    let mut found = Found::from(decision);
    found.codes.extend(reasons);
    found
}

fn decided(ready: &Ready) -> Found {
    found(ready.arguments().decide())
}

fn with(change: impl Fn(&mut Exception, &Ready), signers: &[&str]) -> Found {
    let mut ready = dirty();
    let mut exception = waiver(&ready);
    change(&mut exception, &ready);
    put(&mut ready, &exception, signers);
    decided(&ready)
}

fn forbidden(code: countersign_core::finding::Code) -> Found {
    with(|exception, _| exception.codes = BTreeSet::from([code]), ALL)
}

/// A predicate that no type of ours could hold.
fn raw(change: impl Fn(&mut serde_json::Map<String, Value>)) -> Found {
    let mut ready = dirty();
    let mut statement = statement(&waiver(&ready));
    change(statement.predicate.as_object_mut().expect("an object"));
    put_statement(&mut ready, &statement, ALL);
    decided(&ready)
}

fn later(days: i64) -> Found {
    let mut ready = dirty();
    let exception = waiver(&ready);
    put(&mut ready, &exception, ALL);
    ready.world.now = ready.world.now.plus(days * DAY);
    decided(&ready)
}

fn trust_allows_ten_days() -> Found {
    let mut ready = dirty();
    let text = trust(&ready, 3).replacen("builder_level = 2\n", "builder_level = 2\nexception_days = 10\n", 1);
    ready.world.trust_from_now_on(&text, &["ada", "ben"]);
    let exception = waiver(&ready);
    put(&mut ready, &exception, ALL);
    decided(&ready)
}

/// The signatures of one exception around the payload of another.
fn altered() -> Found {
    let mut ready = dirty();
    let asked = Exception { covers: Covers::Subject(Sha256::of(b"another")), ..waiver(&ready) };
    let meant = waiver(&ready);
    let line = |exception: &Exception| {
        String::from_utf8(ready.world.lines(&statement(exception), ALL))
            .expect("JSON")
            .lines()
            .map(str::to_owned)
            .collect()
    };
    let (good, bad): (Vec<String>, Vec<String>) = (line(&asked), line(&meant));
    let payload = |text: &str| {
        let start = text.find("\"payload\":\"").expect("a payload") + "\"payload\":\"".len();
        (start, start + text[start..].find('"').expect("its end"))
    };
    let swapped: Vec<String> = good
        .iter()
        .zip(&bad)
        .map(|(good, bad)| {
            let ((a, b), (c, d)) = (payload(good), payload(bad));
            [&good[..a], &bad[c..d], &good[b..]].concat()
        })
        .collect();
    let about = Sha256::of(&statement(&meant).to_bytes().expect("canonical"));
    record(&mut ready, Kind::Exception, about, swapped.join("\n").as_bytes());
    decided(&ready)
}

fn withdrawn() -> Found {
    let mut ready = dirty();
    let exception = waiver(&ready);
    put(&mut ready, &exception, ALL);
    ready.world.now = ready.world.now.plus(3_600);
    let key = ready.world.people["ben"].public().to_openssh();
    let since = format!("{{ key = \"{key}\", compromised_since = \"2026-11-22T09:00:00Z\" }}");
    let text = trust(&ready, 3).replacen(&format!("{{ key = \"{key}\" }}"), &since, 1);
    let text = text.replacen("persons = [\"ada\", \"ben\"]", "persons = [\"ada\", \"cy\"]", 1);
    ready.world.trust_from_now_on(&text, &["ada", "ben", "cy"]);
    decided(&ready)
}

fn pin_beside() -> Found {
    let mut ready = dirty();
    let exception = waiver(&ready);
    put(&mut ready, &exception, ALL);
    ready.world.pin.digest = Sha256::of(b"another release");
    decided(&ready)
}

fn emergency_without_role() -> Found {
    let mut ready = unreviewed();
    let text = trust(&ready, 3);
    let start = text.find("[roles.break-glass]").expect("the role");
    let end = text.find("[environments.production]").expect("the environments");
    ready.world.trust_from_now_on(&[&text[..start], &text[end..]].concat(), &["ada", "ben"]);
    let emergency = emergency(&ready);
    put(&mut ready, &emergency, ALL);
    decided(&ready)
}

#[derive(Clone, Copy)]
enum Keep {
    All,
    NoEnd,
    Nothing,
}

fn end_of(ready: &Ready, exception: Sha256, action: EndAction) -> Statement {
    end_statement(&ExceptionEnd {
        log: Origin::new(ORIGIN).expect("an origin"),
        exception,
        action,
        reason: "not needed any more".to_owned(),
        at: ready.world.now,
    })
    .expect("a statement")
}

/// An exception, ended by these persons if there are any; with what is kept of both.
fn ended(keep: Keep, by: &[&str], again: bool) -> Found {
    let mut ready = dirty();
    let exception = waiver(&ready);
    let first = ready.world.entries.len();
    let digest = put(&mut ready, &exception, ALL);
    if !by.is_empty() {
        let end = ready.world.lines(&end_of(&ready, digest, EndAction::Revoke), by);
        let document = record(&mut ready, Kind::ExceptionEnd, digest, &end);
        if matches!(keep, Keep::NoEnd) {
            ready.world.shelf.0.remove(&document);
        }
    }
    if matches!(keep, Keep::Nothing) {
        let document = Sha256::of(&ready.world.lines(&statement(&exception), ALL));
        ready.world.shelf.0.remove(&document).expect("it was there");
    }
    if again {
        let entry = ready.world.entries[first].clone();
        ready.world.entries.push(entry);
    }
    decided(&ready)
}

fn handed_in() -> Found {
    let mut ready = dirty();
    let lines = ready.world.lines(&statement(&waiver(&ready)), ALL);
    ready.documents.extend(lines.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    decided(&ready)
}

/// The exception is over by the log's newest entry; the decision's time lies before that.
fn set_back() -> Found {
    let mut ready = dirty();
    let exception = Exception { expires: ready.world.now.plus(DAY), ..waiver(&ready) };
    put(&mut ready, &exception, ALL);
    let counted = ready.world.now.plus(60);
    ready.world.now = ready.world.now.plus(2 * DAY);
    let other = Exception { covers: Covers::Subject(Sha256::of(b"another")), ..waiver(&ready) };
    put(&mut ready, &other, ALL);
    let mut arguments = ready.arguments();
    arguments.request.time = counted;
    found(arguments.decide())
}

/// Breaks the glass, and records the decision.
fn broken_glass(ready: &mut Ready) -> Decision {
    let emergency = emergency(ready);
    put(ready, &emergency, ALL);
    let arguments = ready.arguments();
    let decision = arguments.decide();
    ready.world.record(&arguments, &decision);
    decision
}

/// The promotion of another, reviewed change so many days after an emergency: with the reviews of the emergency's change
/// or without, after two persons signed that it was made up for or not.
fn after_emergency(days: i64, reviews: bool, signed: bool) -> Found {
    let mut ready = unreviewed();
    let (base, head) = (ready.world.start, ready.world.waiting[0]);
    let decision = broken_glass(&mut ready);
    assert!(decision.authorised, "{:#?}", decision.findings);
    ready.world.now = ready.world.now.plus(days * DAY);
    if signed {
        let exception = Sha256::of(&statement(&emergency_at(&decision, &ready)).to_bytes().expect("canonical"));
        let end = ready.world.lines(&end_of(&ready, exception, EndAction::FollowUp), &["ada", "ben"]);
        record(&mut ready, Kind::ExceptionEnd, exception, &end);
    }
    let middle = ready.world.tip;
    let (next, landed) = ready.world.land(2);
    ready.artifact = Sha256::of(b"the next artifact");
    ready.documents = ready.world.built(&ready.artifact, &landed, "clean", 3).to_vec();
    for person in ["ada", "ben"] {
        ready.documents.push(ready.world.review(person, &middle, &next, ReviewDecision::Approve));
        if reviews {
            ready.documents.push(ready.world.review(person, &base, &head, ReviewDecision::Approve));
        }
    }
    let decision = ready.arguments().decide();
    let open = decision.findings.iter().any(|finding| finding.code == codes::FOLLOW_UP_OPEN);
    assert_eq!(open, !reviews && !signed && days < 7, "{:#?}", decision.findings);
    found(decision)
}

/// The emergency as it was asked for, at the time of the decision that used it.
fn emergency_at(decision: &Decision, ready: &Ready) -> Exception {
    let now = decision.request.time;
    Exception {
        created: now,
        expires: now.plus(DAY),
        follow_up: Some(now.plus(7 * DAY)),
        covers: Covers::Subject(decision.request.subject),
        ..emergency(ready)
    }
}
