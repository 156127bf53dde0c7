//! The cases.

use super::{Case, Found, Ready};
use crate::world::REPOSITORY;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::finding::{exit_of, verdict_of};
use countersign_core::ids::Origin;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::review::ReviewDecision;
use countersign_flow::FlowError;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, play| Case { id, what, verdict, code, play };
    vec![
        case("P1", "rollback to an older release that is still signed", Fail, "policy-rollback", p1),
        case("P1", "an old activation appended once more", Fail, "policy-rollback", p1_replayed),
        case("P1", "an approved return appended once more, later", Fail, "activation-replayed", p1_return_replayed),
        case("P1", "a return signed before the active release became so", Fail, "activation-replayed", p1_return_kept),
        case("P1", "an activation that was signed for another log", Fail, "activation-other-log", p1_other_log),
        case("P1", "an activation that names no log, after one that does", Fail, "activation-other-log", p1_no_log),
        case("P1", "one without a log, older than this log", Fail, "activation-other-log", p1_older_than_the_log),
        case(
            "P1",
            "a renewal appended once more under a later trust",
            Fail,
            "activation-replayed",
            p1_renewal_replayed,
        ),
        case("P2", "the same version with other bytes", Fail, "policy-version-reused", p2),
        case("P3", "a release that nobody approved", Fail, "policy-unapproved", p3),
        case("P4", "a signature stripped from the evidence", Fail, "envelope-signatures", p4),
        case("P5", "a release that one person approved", Fail, "policy-unapproved", p5_one),
        case("P5", "a release that one person approved twice", Fail, "policy-unapproved", p5_twice),
        case("P5", "a release that its only author approves with one other", Fail, "policy-unapproved", p5_author),
        case("P5", "a release that leaves out who wrote it", Fail, "policy-authors", p5_authors_left_out),
        case("P5", "a release by an author whom nobody knows", Fail, "policy-authors", p5_author_unknown),
        case("P6", "a release that was edited after its approval", Fail, "signature-invalid", p6),
        case("P8", "an expired release", Fail, "policy-expired", p8),
        case("P9", "a release that is not valid yet", Fail, "policy-not-yet-valid", p9),
        case("P11", "a parameter that the rule does not know", Fail, "parameter-invalid", p11),
        case("P12", "a decision's time before the log's newest entry", Fail, "time-before-log", p12),
        case("P15", "a rule in stage monitor that fails shows no property", Pass, "", p15),
        case("P16", "a release without a rule, which is below the floor as well", Fail, "policy-empty", p16_empty),
        case("P16", "no evidence at all", Indeterminate, "no-statements", p16_nothing),
        case("P17", "a rule that this version does not have", Indeterminate, "policy-rule-unknown", p17),
        case("P18", "an environment that the release does not cover", Fail, "environment-unknown", p18_environment),
        case("P18", "a release of another repository", Fail, "policy-other-repository", p18_repository),
        case("P19", "a symbolic link in the policy folder", Fail, "path-unsafe", p19_link),
        case("P19", "an archive in the policy folder", Fail, "path-unsafe", p19_archive),
        case("P20", "an activation by somebody who is no approver", Fail, "policy-unapproved", p20),
        case("P21", "trust whose digest nobody gave from outside", Indeterminate, "trust-digest-not-given", p21_absent),
        case("P21", "trust of the repository's own making", Fail, "trust-digest-mismatch", p21_other),
        case("P27", "a manifest with a key twice", Fail, "policy-malformed", p27),
        case("P28", "a log that was set back", Fail, "log-rolled-back", p28_rewound),
        case("P28", "a log with another past", Fail, "log-split-view", p28_forked),
        case("P28", "a log that is gone", Indeterminate, "log-missing", p28_gone),
        case("P29", "a release that drops a rule below the floor", Fail, "policy-below-floor", p29_rule),
        case("P29", "a release that drops the builder's level below the floor", Fail, "policy-below-floor", p29_level),
        case("P29", "a release that switches the gate off", Fail, "policy-below-floor", p29_gate),
        case("P29", "a gate switched off under a floor without rules", Fail, "policy-below-floor", p29_floor_alone),
        case("P30", "a rejection that is left out", Indeterminate, "evidence-withheld", p30),
        case("P32", "a lock that expects another release", Fail, "pin-mismatch", p32),
        case("P20", "a renewal by whom the next trust makes an approver", Fail, "policy-unapproved", p20_renewal),
        case("T1", "a next trust document that the old quorum did not sign", Fail, "trust-quorum", t1_quorum),
        case("T2", "a trust document of an older version", Fail, "trust-malformed", t2_older),
        case("T3", "trust from outside that is older than the recorded one", Fail, "trust-digest-mismatch", t3_stale),
        case("+", "a next trust document that both quorums signed", Pass, "", honest_rotation),
        case("+", "the active release once more, under the next trust", Pass, "", honest_renewal),
        case("+", "the release that two people approved", Pass, "", honest),
        case("+", "the same release under a newer trust", Pass, "", honest_renewed),
        case("P1", "the same release once more under the same trust", Fail, "policy-rollback", p1_again),
        case("P20", "the same release under a newer trust, by no approver", Fail, "policy-unapproved", p20_renewed),
        case(
            "P26",
            "the same release, whose approver's key trust has withdrawn",
            Fail,
            "policy-unapproved",
            p26_renewed,
        ),
        case("+", "the next version", Pass, "", honest_next),
        case("+", "a release whose only author two others approved", Pass, "", honest_author),
        case("+", "a release that two wrote and approved", Pass, "", honest_authors),
        case("+", "a return to a release from before authors were named", Pass, "", honest_return_unnamed),
        case("+", "activations from before they named their log", Pass, "", honest_unnamed),
        case("+", "a return to an older version, by a quorum with a reason", Pass, "", honest_return),
    ]
}

fn decided(ready: &Ready) -> Found {
    ready.arguments().decide().into()
}

fn p1() -> Found {
    let mut ready = Ready::new();
    let (one, two) = (ready.manifest(1, |t| t), ready.manifest(2, |t| t));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    ready.activate(&one, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p1_replayed() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    let first = ready.world.entries[1].clone();
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    ready.world.entries.push(first);
    decided(&ready)
}

/// A quorum returned to version 1 once, and then to version 2: that it agreed to the first says nothing about now.
fn p1_return_replayed() -> Found {
    let mut ready = Ready::new();
    let (one, two) = (ready.manifest(1, |t| t), ready.manifest(2, |t| t.replace("least = 2", "least = 3")));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    ready.activate(&one, &["ada", "ben"], &["ada", "ben"], Some("version 2 refuses honest changes"));
    let back = ready.world.entries.last().expect("the return").clone();
    ready.activate(&two, &["ada", "ben"], &["ada", "ben"], Some("mended"));
    ready.world.entries.push(back);
    ready.world.pin.digest = one.digest().expect("a digest");
    ready.world.pin.version = 1;
    decided(&ready)
}

/// A return that a quorum signed and nobody recorded, kept until the release that it replaces is active once more.
fn p1_return_kept() -> Found {
    let mut ready = Ready::new();
    let (one, two) = (ready.manifest(1, |t| t), ready.manifest(2, |t| t.replace("least = 2", "least = 3")));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    ready.activate(&one, &["ada", "ben"], &["ada", "ben"], Some("kept"));
    let kept = Entry::parse(&ready.world.entries.pop().expect("the return")).expect("an entry");
    ready.world.pin.digest = two.digest().expect("a digest");
    let later = |ready: &mut Ready| ready.world.now = ready.world.now.plus(60);
    later(&mut ready);
    ready.activate(&one, &["ada", "ben"], &["ada", "ben"], Some("version 2 refuses honest changes"));
    later(&mut ready);
    ready.activate(&two, &["ada", "ben"], &["ada", "ben"], Some("mended"));
    later(&mut ready);
    ready.world.append(kept.kind, kept.environment, kept.subjects, kept.statements, kept.evidence);
    ready.world.pin.digest = one.digest().expect("a digest");
    ready.world.pin.version = 1;
    decided(&ready)
}

fn p1_other_log() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    ready.world.activations_name = Some(Origin::new("example.com/another").expect("an origin"));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p1_no_log() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    ready.world.activations_name = None;
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

/// The world's log with activations as they were before they named a log; the log may have begun after they were signed.
fn unnamed(begun_later: i64) -> Found {
    let mut ready = Ready::new();
    let one = ready.manifest(1, |t| t);
    let release = ready.world.release(&one, &["ada", "ben"]);
    ready.world.activations_name = None;
    ready.world.entries.truncate(1);
    ready.world.activate(&one, &release, "production", &["ada"], None, None);
    let times = |bytes: &Vec<u8>| {
        let mut entry = Entry::parse(bytes).expect("an entry");
        entry.time = entry.time.plus(begun_later);
        entry.to_bytes().expect("an entry")
    };
    ready.world.entries = ready.world.entries.iter().map(times).collect();
    ready.world.now = ready.world.now.plus(begun_later);
    ready.world.least = ready.world.log_ref();
    decided(&ready)
}

fn p1_older_than_the_log() -> Found {
    unnamed(60)
}

fn honest_unnamed() -> Found {
    unnamed(0)
}

/// The next trust, and the active release once more under it.
fn renewed(by: &[&str], edit: impl FnOnce(String) -> String) -> Ready {
    let mut ready = Ready::new();
    let next = edit(ready.world.trust_toml(2));
    ready.world.trust_from_now_on(&next, &["ada", "ben"]);
    let one = ready.manifest(1, |t| t);
    ready.activate(&one, &["ada", "ben"], by, None);
    ready
}

fn honest_renewal() -> Found {
    decided(&renewed(&["ada"], |trust| trust))
}

/// For the later trust nobody signed it.
fn p1_renewal_replayed() -> Found {
    let mut ready = renewed(&["ada"], |trust| trust);
    let renewal = ready.world.entries.last().expect("an entry").clone();
    let later = ready.world.trust_toml(3);
    ready.world.trust_from_now_on(&later, &["ada", "ben"]);
    ready.world.entries.push(renewal);
    decided(&ready)
}

/// cy is no approver by the trust of the active release, and one by the next.
fn p20_renewal() -> Found {
    let three = "persons = [\"ada\", \"ben\", \"cy\"]";
    let mut ready = renewed(&["ada"], |trust| trust.replace(three, "persons = [\"ada\", \"ben\"]"));
    let larger = ready.world.trust_toml(3);
    ready.world.trust_from_now_on(&larger, &["ada", "ben"]);
    let one = ready.manifest(1, |t| t);
    ready.activate(&one, &["ada", "ben"], &["cy"], None);
    decided(&ready)
}

fn p2() -> Found {
    let mut ready = Ready::new();
    let other = ready.manifest(1, |t| t.replace("least = 2", "least = 3"));
    ready.activate(&other, &["ada", "ben"], &["ada", "ben"], Some("a fix"));
    decided(&ready)
}

fn p3() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    ready.activate(&two, &[], &["ada"], None);
    decided(&ready)
}

fn p4() -> Found {
    let mut ready = Ready::new();
    let text = String::from_utf8(ready.documents[0].clone()).expect("JSON");
    let start = text.find("\"signatures\":[").expect("signatures") + "\"signatures\":[".len();
    let end = start + text[start..].find(']').expect("an end");
    ready.documents[0] = [&text[..start], &text[end..]].concat().into_bytes();
    decided(&ready)
}

fn p5_one() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    ready.activate(&two, &["ada"], &["ada"], None);
    decided(&ready)
}

fn p5_twice() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    ready.activate(&two, &["ada", "ada", "ada"], &["ada"], None);
    decided(&ready)
}

fn by(authors: &str) -> impl Fn(String) -> String {
    let line = format!("version = 2\nauthors = [{authors}]\n");
    move |text| text.replacen("version = 2\n", &line, 1)
}

fn p5_author() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, by("\"ada\""));
    ready.activate(&two, &["ada", "ben"], &["ben"], None);
    decided(&ready)
}

fn p5_authors_left_out() -> Found {
    let mut ready = Ready::new();
    let (two, three) = (ready.manifest(2, by("\"ada\"")), ready.manifest(3, |t| t));
    ready.activate(&two, &["ben", "cy"], &["ben"], None);
    ready.activate(&three, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p5_author_unknown() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, by("\"ada-2\""));
    ready.activate(&two, &["ada", "ben"], &["ben"], None);
    decided(&ready)
}

fn honest_author() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, by("\"ada\""));
    ready.activate(&two, &["ben", "cy"], &["ada"], None);
    decided(&ready)
}

fn honest_authors() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, by("\"ada\", \"ben\""));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn honest_return_unnamed() -> Found {
    let mut ready = Ready::new();
    let (one, two) = (ready.manifest(1, |t| t), ready.manifest(2, by("\"ada\"")));
    ready.activate(&two, &["ben", "cy"], &["ben"], None);
    ready.activate(&one, &["ada", "ben"], &["ada", "cy"], Some("version 2 refuses honest changes"));
    decided(&ready)
}

/// The payload of an approved release is exchanged, the signatures stay.
fn p6() -> Found {
    let mut ready = Ready::new();
    let approved = ready.manifest(2, |t| t);
    let edited = ready.manifest(2, |t| t.replace("least = 2", "least = 3"));
    let release = swapped(&ready, &approved, &edited);
    ready.activate_bytes(&edited, release.as_bytes(), &["ada"], None);
    decided(&ready)
}

/// The signatures that approvers made over one release, around the payload of another.
pub(super) fn swapped(ready: &Ready, approved: &Manifest, edited: &Manifest) -> String {
    let (good, bad) = (ready.world.release(approved, &["ada", "ben"]), ready.world.release(edited, &["cy", "cy"]));
    let field = |text: &str, name: &str| {
        let key = format!("\"{name}\":\"");
        let start = text.find(&key).expect("the field") + key.len();
        let end = start + text[start..].find('"').expect("its end");
        (start, end)
    };
    let swapped: Vec<String> = String::from_utf8(good)
        .expect("JSON")
        .lines()
        .zip(String::from_utf8(bad).expect("JSON").lines())
        .map(|(good, bad)| {
            let (a, b) = field(good, "payload");
            let (c, d) = field(bad, "payload");
            [&good[..a], &bad[c..d], &good[b..]].concat()
        })
        .collect();
    swapped.join("\n")
}

fn p8() -> Found {
    let mut arguments = Ready::new().arguments();
    arguments.request.time = "2028-01-01T00:00:00Z".parse().expect("a time");
    arguments.decide().into()
}

fn p9() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t.replace("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p11() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t.replace("reviewers_beyond_author", "reviewers_beyond_authors"));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p12() -> Found {
    let mut arguments = Ready::new().arguments();
    arguments.request.time = "2026-11-22T09:59:59Z".parse().expect("a time");
    arguments.decide().into()
}

fn p15() -> Found {
    let mut ready = Ready::new();
    let commit = ready.world.tip;
    let dirty = ready.world.built(&ready.artifact, &commit, "dirty", 3);
    ready.documents[0].clone_from(&dirty[0]);
    let monitored = ready.manifest(2, |t| {
        let at = t.find("source-clean@1").expect("the rule");
        let (before, after) = t.split_at(at);
        format!("{before}{}", after.replacen("production = \"enforce\"", "production = \"monitor\"", 1))
    });
    ready.activate(&monitored, &["ada", "ben"], &["ada"], None);
    let decision = ready.arguments().decide();
    let rule = decision.rules.iter().find(|rule| rule.id.as_str() == "source-clean@1").expect("the rule");
    assert_eq!(rule.verdict, Some(Fail), "the monitored rule fails, and the decision says so");
    assert!(!rule.findings.is_empty(), "its findings are in the decision");
    assert!(!decision.levels.iter().any(|level| level.contains("SOURCE_CLEAN")), "{:?}", decision.levels);
    assert!(decision.levels.iter().any(|level| level.contains("TWO_PARTY_REVIEW")), "{:?}", decision.levels);
    decision.into()
}

fn p16_empty() -> Found {
    let mut ready = Ready::new();
    let empty = ready.manifest(2, |t| {
        let rules = t.find("[[rules]]").expect("rules");
        format!("rules = []\n{}", &t[..rules])
    });
    ready.activate(&empty, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p16_nothing() -> Found {
    let mut ready = Ready::new();
    ready.documents.clear();
    decided(&ready)
}

fn p17() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t.replace("source-clean@1", "source-clean@9"));
    ready.world.overrides = ["source-clean@9".parse().expect("a rule")].into();
    ready.activate(&two, &["ada", "ben"], &["ada", "ben"], Some("the newest there is"));
    decided(&ready)
}

fn p18_environment() -> Found {
    let mut ready = Ready::new();
    let manifest = ready.manifest(1, |t| t);
    let release = ready.world.release(&manifest, &["ada", "ben"]);
    ready.world.activate(&manifest, &release, "canary", &["ada"], None, None);
    ready.world.arguments(&ready.artifact, "canary", ready.documents.clone()).decide().into()
}

fn p18_repository() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t.replace(REPOSITORY, "git+https://example.com/other"));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn built(fill: impl FnOnce(&Path)) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = Ready::new();
    let text = crate::world::policy_toml(&ready.world.start);
    std::fs::write(folder.path().join(SOURCE_FILE), text).expect("written");
    fill(folder.path());
    built_in(folder.path())
}

/// What `policy build` says of these files.
pub(super) fn built_of(files: &BTreeMap<String, Vec<u8>>) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, bytes) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    built_in(folder.path())
}

fn built_in(folder: &Path) -> Found {
    match countersign_flow::policy::build(folder) {
        Ok(_) => Found { verdict: Pass, codes: Vec::new(), levels: Vec::new() },
        Err(FlowError::Refused(findings)) => {
            assert!([1, 4].contains(&exit_of(&findings).code()), "{findings:#?}");
            let codes = findings.iter().map(|f| f.code.to_string()).collect();
            Found { verdict: verdict_of(&findings), codes, levels: Vec::new() }
        }
        Err(other) => panic!("{other}"),
    }
}

fn p19_link() -> Found {
    built(|folder| std::os::unix::fs::symlink("/etc/passwd", folder.join("data.json")).expect("a link"))
}

fn p19_archive() -> Found {
    built(|folder| std::fs::write(folder.join("more.zip"), b"PK").expect("written"))
}

/// The builder signs the activation: its key is in trust, and it is no approver.
fn p20() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    std::mem::swap(ready.world.people.get_mut("cy").expect("cy"), &mut ready.world.builder);
    ready.activate(&two, &["ada", "ben"], &["cy"], None);
    std::mem::swap(ready.world.people.get_mut("cy").expect("cy"), &mut ready.world.builder);
    decided(&ready)
}

fn p21_absent() -> Found {
    let mut arguments = Ready::new().arguments();
    arguments.trust_digest = None;
    arguments.decide().into()
}

fn p21_other() -> Found {
    let mut arguments = Ready::new().arguments();
    let other = crate::world::World::new();
    arguments.trust = other.trust;
    arguments.decide().into()
}

fn p27() -> Found {
    let ready = Ready::new();
    let bytes = ready.manifest(1, |t| t).to_bytes().expect("canonical");
    let twice = [b"{\"version\":1,", &bytes[1..]].concat();
    match Manifest::parse(&twice) {
        Ok(_) => Found { verdict: Pass, codes: Vec::new(), levels: Vec::new() },
        Err(error) => Found { verdict: Fail, codes: vec![error.code().to_string()], levels: Vec::new() },
    }
}

fn p28_rewound() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    let (before, pin) = (ready.world.entries.clone(), ready.world.pin.clone());
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    let least = ready.world.log_ref();
    ready.world.entries = before;
    ready.world.pin = pin;
    let mut arguments = ready.arguments();
    arguments.least = Some(least);
    arguments.decide().into()
}

fn p28_forked() -> Found {
    let ready = Ready::new();
    let mut arguments = ready.arguments();
    let LogRef { origin, size, .. } = ready.world.log_ref();
    arguments.least = Some(LogRef { origin, size, root: Sha256::of(b"another past") });
    arguments.decide().into()
}

fn p28_gone() -> Found {
    let mut arguments = Ready::new().arguments();
    arguments.checkpoint = None;
    arguments.entries.clear();
    arguments.decide().into()
}

fn p29_rule() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| {
        let at = t.find("two-party-review@1").expect("the rule");
        let (before, after) = t.split_at(at);
        format!("{before}{}", after.replacen("production = \"enforce\"", "production = \"warn\"", 1))
    });
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p29_level() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t.replace("least = 2", "least = 1"));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p29_gate() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t.replacen("enforced = true", "enforced = false", 1));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p29_floor_alone() -> Found {
    let mut ready = Ready::new();
    let next = ready.world.trust_toml(2).replacen("enforced_rules = [\"two-party-review@1\"]\n", "", 1);
    ready.world.trust_from_now_on(&next, &["ada", "ben"]);
    let two = ready.manifest(2, |t| t.replacen("enforced = true", "enforced = false", 1));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p30() -> Found {
    let mut ready = Ready::new();
    let (head, base) = (ready.world.waiting[0], ready.world.start);
    ready.documents.push(ready.world.review("cy", &base, &head, ReviewDecision::Reject));
    let mut arguments = ready.arguments();
    arguments.documents.pop();
    arguments.decide().into()
}

fn p32() -> Found {
    let mut arguments = Ready::new().arguments();
    arguments.pin.as_mut().expect("a pin").digest = Sha256::of(b"weaker");
    arguments.decide().into()
}

/// The next document makes cy and ben its quorum; ada, without whom the old one could do nothing, never signed.
fn t1_quorum() -> Found {
    let mut ready = Ready::new();
    let next = ready.world.trust_toml(2).replacen("persons = [\"ada\", \"ben\"]", "persons = [\"ben\", \"cy\"]", 1);
    ready.world.trust_from_now_on(&next, &["ben", "cy"]);
    decided(&ready)
}

fn t2_older() -> Found {
    let mut ready = Ready::new();
    let again = ready.world.trust_toml(1).replace("builder_level = 2", "builder_level = 1");
    ready.world.trust_from_now_on(&again, &["ada", "ben"]);
    decided(&ready)
}

fn t3_stale() -> Found {
    let mut ready = Ready::new();
    let (before, digest) = (ready.world.trust.clone(), ready.world.trust_digest);
    let next = ready.world.trust_toml(2);
    ready.world.trust_from_now_on(&next, &["ada", "ben"]);
    let mut arguments = ready.arguments();
    (arguments.trust, arguments.trust_digest) = (before, Some(digest));
    arguments.decide().into()
}

fn honest_rotation() -> Found {
    let mut ready = Ready::new();
    let next = ready.world.trust_toml(2).replacen("persons = [\"ada\", \"ben\"]", "persons = [\"ben\", \"cy\"]", 1);
    ready.world.trust_from_now_on(&next, &["ada", "ben", "cy"]);
    decided(&ready)
}

fn p1_again() -> Found {
    let mut ready = Ready::new();
    let one = ready.manifest(1, |t| t);
    ready.world.now = ready.world.now.plus(60);
    ready.activate(&one, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

/// The release that is active, activated once more after trust has a next version.
fn renewed(trust: impl Fn(&str) -> String, by: &str) -> Found {
    let mut ready = Ready::new();
    let one = ready.manifest(1, |t| t);
    let next = trust(&ready.world.trust_toml(2));
    ready.world.trust_from_now_on(&next, &["ada", "ben"]);
    ready.world.now = ready.world.now.plus(60);
    ready.activate(&one, &["ada", "ben"], &[by], None);
    decided(&ready)
}

fn honest_renewed() -> Found {
    renewed(str::to_owned, "cy")
}

/// The builder signs it: its key is in trust, and it is no approver.
fn p20_renewed() -> Found {
    let mut ready = Ready::new();
    let one = ready.manifest(1, |t| t);
    let next = ready.world.trust_toml(2);
    ready.world.trust_from_now_on(&next, &["ada", "ben"]);
    ready.world.now = ready.world.now.plus(60);
    std::mem::swap(ready.world.people.get_mut("cy").expect("cy"), &mut ready.world.builder);
    ready.activate(&one, &["ada", "ben"], &["cy"], None);
    std::mem::swap(ready.world.people.get_mut("cy").expect("cy"), &mut ready.world.builder);
    decided(&ready)
}

/// Trust lists another key for ben now: the approval that the old one signed counts no more.
fn p26_renewed() -> Found {
    let mut ready = Ready::new();
    let one = ready.manifest(1, |t| t);
    let release = ready.world.release(&one, &["ada", "ben"]);
    let next = ready.world.trust_toml(2);
    let line = |ready: &Ready, id: &str| ready.world.people[id].public().to_openssh();
    let other = Ready::new().world.people.remove("ben").expect("ben");
    let next = next.replace(&line(&ready, "ben"), &other.public().to_openssh());
    ready.world.people.insert("ben-2", other);
    ready.world.trust_from_now_on(&next, &["ada", "ben", "ben-2"]);
    ready.world.now = ready.world.now.plus(60);
    ready.activate_bytes(&one, &release, &["ada"], None);
    decided(&ready)
}

fn honest() -> Found {
    decided(&Ready::new())
}

fn honest_next() -> Found {
    let mut ready = Ready::new();
    let two = ready.manifest(2, |t| t);
    ready.activate(&two, &["ben", "cy"], &["cy"], None);
    decided(&ready)
}

fn honest_return() -> Found {
    let mut ready = Ready::new();
    let (one, two) = (ready.manifest(1, |t| t), ready.manifest(2, |t| t));
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    ready.activate(&one, &["ada", "ben"], &["ada", "cy"], Some("version 2 refuses honest changes"));
    decided(&ready)
}
