//! The cases.

use super::{Case, Found, Ready};
use crate::world::REPOSITORY;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::finding::{exit_of, verdict_of};
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
        case("P1", "the active release once more, under the same trust", Fail, "policy-rollback", p1_again),
        case("P1", "a renewal appended once more under a later trust", Fail, "policy-rollback", p1_renewal_replayed),
        case("P2", "the same version with other bytes", Fail, "policy-version-reused", p2),
        case("P3", "a release that nobody approved", Fail, "policy-unapproved", p3),
        case("P4", "a signature stripped from the evidence", Fail, "envelope-signatures", p4),
        case("P5", "a release that one person approved", Fail, "policy-unapproved", p5_one),
        case("P5", "a release that one person approved twice", Fail, "policy-unapproved", p5_twice),
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
        case("P30", "a rejection that is left out", Indeterminate, "evidence-withheld", p30),
        case("P32", "a lock that expects another release", Fail, "pin-mismatch", p32),
        case("P20", "a renewal by whom the next trust makes an approver", Fail, "policy-unapproved", p20_renewal),
        case("T1", "a next trust document that the old quorum did not sign", Fail, "trust-quorum", t1_quorum),
        case("T2", "a trust document of an older version", Fail, "trust-malformed", t2_older),
        case("T3", "trust from outside that is older than the recorded one", Fail, "trust-digest-mismatch", t3_stale),
        case("+", "a next trust document that both quorums signed", Pass, "", honest_rotation),
        case("+", "the active release once more, under the next trust", Pass, "", honest_renewal),
        case("+", "the release that two people approved", Pass, "", honest),
        case("+", "the next version", Pass, "", honest_next),
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

fn p1_again() -> Found {
    let mut ready = Ready::new();
    let one = ready.manifest(1, |t| t);
    ready.activate(&one, &["ada", "ben"], &["ada"], None);
    decided(&ready)
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
