//! What stands: neither the keys of gate and log, nor leaving something out, nor an older decision undoes what the log and
//! trust say.

use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Code, Verdict, exit_of, verdict_of};
use countersign_core::git::{ObjectSource as _, Oid};
use countersign_core::ids::{EnvName, RefName};
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::review::ReviewDecision;
use countersign_flow::audit::{self, AuditReport, OutsideTrust};
use countersign_flow::outside::{TrustFile, kept_before};
use countersign_flow::place::Place;
use countersign_flow::verify_artifact::promoted_to;
use countersign_flow::{FlowError, keep};
use countersign_record::log::LogError;
use countersign_tests::world::{Arguments, BRANCH, REPOSITORY, World, policy_toml};
use std::collections::BTreeMap;

fn has(decision: &Decision, code: Code) -> bool {
    decision.findings.iter().any(|finding| finding.code == code)
}

fn decide(world: &mut World, arguments: &Arguments) -> Decision {
    let decision = arguments.decide();
    world.record(arguments, &decision);
    decision
}

/// An artifact built from the tip, with these documents besides.
fn ask(world: &World, name: &str, environment: &str, mut more: Vec<Vec<u8>>) -> Arguments {
    let artifact = Sha256::of(name.as_bytes());
    let mut documents = world.built(&artifact, &world.tip, "clean", 3).to_vec();
    documents.append(&mut more);
    world.arguments(&artifact, environment, documents)
}

fn approved(world: &World, base: &Oid, head: &Oid) -> Vec<Vec<u8>> {
    ["ada", "ben"].map(|who| world.review(who, base, head, ReviewDecision::Approve)).to_vec()
}

/// The next version of the world's policy.
fn next_policy(world: &World, version: u64, change: impl FnOnce(String) -> String) -> Manifest {
    let text = policy_toml(&world.start).replace("version = 1", &format!("version = {version}"));
    let files = BTreeMap::from([(SOURCE_FILE.to_owned(), change(text).into_bytes())]);
    Manifest::close(&files).expect("a policy")
}

fn activate(world: &mut World, manifest: &Manifest, environment: &str, approvers: &[&str]) {
    let release = world.release(manifest, approvers);
    let replaces = Some(world.pin.digest);
    world.activate(manifest, &release, environment, &approvers[..1], replaces, None);
}

fn audited(world: &World) -> AuditReport {
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store(folder.path());
    let bytes = audit::export(&Place::new(folder.path())).expect("a package").bytes;
    let trust = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    audit::verify(&bytes, Some(trust), Some(&world.checkpoint())).expect("checked")
}

#[test]
fn a_change_that_landed_once_does_not_land_again_with_the_old_reviews() {
    let mut world = World::new();
    let start = world.tip;
    let tree = |world: &World, id: &Oid| world.objects.commit(id).expect("a commit").tree;
    let (head, _) = world.land(1);
    let (with, without) = (tree(&world, &head), tree(&world, &start));
    world.tip = world.commit_tree(&with, &[start], "squash of the feature");
    let old = approved(&world, &start, &head);
    let first = ask(&world, "one", "production", old.clone());
    assert_eq!(decide(&mut world, &first).verdict, Verdict::Pass);

    let landed = world.tip;
    let revert = world.commit_tree(&without, &[landed], "revert the feature");
    world.tip = revert;
    world.waiting.push(revert);
    let reviews = approved(&world, &landed, &revert);
    let second = ask(&world, "two", "production", reviews);
    assert_eq!(decide(&mut world, &second).verdict, Verdict::Pass);

    for parents in [vec![revert], vec![revert, head]] {
        world.tip = world.commit_tree(&with, &parents, "the feature again");
        world.waiting.push(head);
        let third = ask(&world, "three", "production", old.clone()).decide();
        assert!(third.verdict == Verdict::Fail && has(&third, codes::REVIEW_MISSING), "{:#?}", third.findings);
    }
}

#[test]
fn a_gate_that_is_not_enforced_forgives_rules_and_nothing_else() {
    let mut world = World::new();
    world.land(1);
    let honest = ask(&world, "one", "staging", Vec::new());
    let let_through = honest.decide();
    assert!(let_through.authorised && let_through.verdict != Verdict::Pass);
    let flaws: [fn(&mut Arguments); 6] = [
        |a| a.trust_digest = None,
        |a| a.trust_digest = Some(Sha256::of(b"another")),
        |a| a.pin = None,
        |a| a.least.as_mut().expect("a checkpoint").size += 5,
        |a| a.checkpoint.as_mut().expect("a checkpoint")[20] ^= 1,
        |a| a.request.time = "2029-01-01T00:00:00Z".parse().expect("a time"),
    ];
    for (n, flaw) in flaws.iter().enumerate() {
        let mut arguments = honest.clone();
        flaw(&mut arguments);
        let decision = arguments.decide();
        assert!(!decision.authorised, "flaw {n}: {:#?}", decision.findings);
    }
}

#[test]
fn a_release_below_trusts_floor_does_not_let_go_of_the_gate() {
    let mut world = World::new();
    let lenient = next_policy(&world, 2, |text| {
        text.replace("[environments.production]\nenforced = true", "[environments.production]\nenforced = false")
    });
    activate(&mut world, &lenient, "production", &["ada", "ben"]);
    world.pin.version = 2;
    world.pin.digest = lenient.digest().expect("a digest");
    world.land(1);
    let decision = ask(&world, "one", "production", Vec::new()).decide();
    assert!(has(&decision, codes::POLICY_BELOW_FLOOR) && !decision.authorised, "{:#?}", decision.findings);
}

#[test]
fn a_decision_on_the_log_as_it_was_before_a_stricter_release_is_found_by_the_auditor_and_moves_nothing() {
    let mut world = World::new();
    let base = world.tip;
    let (head, _) = world.land(1);
    let reviews = approved(&world, &base, &head);
    let arguments = ask(&world, "one", "production", reviews);
    let early = arguments.decide();
    assert_eq!(early.verdict, Verdict::Pass);
    let strict = next_policy(&world, 2, |text| text.replace("beyond_author = 1", "beyond_author = 3"));
    activate(&mut world, &strict, "production", &["ada", "ben"]);
    world.record(&arguments, &early);
    let report = audited(&world);
    assert_eq!(verdict_of(&report.findings), Verdict::Fail);
    assert!(report.findings.iter().any(|finding| finding.code == codes::LOG_FORKED), "{:#?}", report.findings);
}

#[test]
fn a_trust_document_that_follows_another_one_than_the_logs_does_not_count() {
    for (line, instead) in [("previous", "# previous"), ("previous = \"sha256:", "previous = \"sha256:0")] {
        let mut world = World::new();
        let toml = world.trust_toml(2).replace(line, instead);
        // One digit more at the front and one less at the end: the digest of another document.
        let end = format!("{}\"\nnot_before", world.trust_digest.hex().get(63..).expect("hexadecimal"));
        let toml = if instead.ends_with('0') { toml.replace(&end, "\"\nnot_before") } else { toml };
        world.trust_from_now_on(&toml, &["ada", "ben"]);
        world.land(1);
        let decision = ask(&world, "one", "production", Vec::new()).decide();
        assert!(has(&decision, codes::TRUST_MALFORMED) && !decision.authorised, "{:#?}", decision.findings);
    }
}

#[test]
fn keys_that_trust_has_withdrawn_since_approve_and_activate_nothing() {
    let mut world = World::new();
    let line = world.people["ben"].public().to_openssh();
    let withdrawn = world.trust_toml(2).replace(
        &format!("{{ key = \"{line}\" }}"),
        &format!("{{ key = \"{line}\", compromised_since = \"2026-11-01T00:00:00Z\" }}"),
    );
    let withdrawn = withdrawn.replacen("persons = [\"ada\", \"ben\"]", "persons = [\"ada\", \"cy\"]", 1);
    world.trust_from_now_on(&withdrawn, &["ada", "ben", "cy"]);
    let next = next_policy(&world, 2, |text| text);
    activate(&mut world, &next, "production", &["ada", "ben"]);
    world.pin.version = 2;
    world.pin.digest = next.digest().expect("a digest");
    world.land(1);
    let decision = ask(&world, "one", "production", Vec::new()).decide();
    assert!(has(&decision, codes::POLICY_UNAPPROVED) && !decision.authorised, "{:#?}", decision.findings);
}

#[test]
fn a_rejection_that_the_log_has_seen_does_not_go_away_by_leaving_it_out() {
    let mut world = World::new();
    let base = world.tip;
    let (head, _) = world.land(1);
    let approvals = approved(&world, &base, &head);
    let rejection = world.review("cy", &base, &head, ReviewDecision::Reject);
    let mut with = approvals.clone();
    with.push(rejection);
    let first = ask(&world, "one", "production", with);
    assert!(has(&decide(&mut world, &first), codes::REVIEW_REJECTED));

    let mut second = ask(&world, "one", "production", approvals);
    let decision = decide(&mut world, &second);
    assert!(has(&decision, codes::REVIEW_REJECTED) && decision.verdict == Verdict::Fail, "{:#?}", decision.findings);
    let report = audited(&world);
    assert_eq!(exit_of(&report.findings), countersign_core::exit::Exit::Ok, "{:#?}", report.findings);

    second.checkpoint = Some(world.checkpoint());
    second.entries.clone_from(&world.entries);
    second.request.time = world.now;
    let gone = first.documents.iter().find(|document| !second.documents.contains(document)).expect("the rejection");
    second.shelf = world.shelf.clone();
    second.shelf.0.remove(&Sha256::of(gone));
    let decision = second.decide();
    assert!(has(&decision, codes::EVIDENCE_WITHHELD) && decision.verdict != Verdict::Pass);
}

#[test]
fn a_decision_that_is_lost_is_not_said_to_be_a_policy_without_a_start() {
    let mut world = World::new();
    let decision = world.promote_next(1);
    assert_eq!(decision.verdict, Verdict::Pass);
    let (base, (head, _)) = (world.tip, world.land(2));
    let mut next = ask(&world, "two", "production", approved(&world, &base, &head));
    let before = Entry::parse(world.entries.last().expect("its entry")).expect("an entry");
    next.shelf.0.remove(before.statement().expect("the decision")).expect("was there");
    let decision = next.decide();
    let unknown = decision.findings.iter().find(|finding| finding.code == codes::START_UNKNOWN).expect("no start");
    assert!(unknown.what.contains("a decision before does not hold or is not there"), "{unknown:#?}");
    assert!(!unknown.help.as_deref().unwrap_or_default().contains("policy.toml"), "{unknown:#?}");
}

#[test]
fn of_two_provenances_that_say_otherwise_the_worse_one_counts_also_from_the_log() {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let reviews = approved(&world, &base, &head);
    let artifact = Sha256::of(b"one");
    let [clean, sbom] = world.built(&artifact, &landed, "clean", 3);
    let [dirty, _] = world.built(&artifact, &landed, "dirty", 3);
    let both = [vec![clean.clone(), dirty, sbom.clone()], reviews.clone()].concat();
    let asked = world.arguments(&artifact, "production", both);
    let decision = decide(&mut world, &asked);
    assert!(has(&decision, codes::SOURCE_DIRTY) && decision.verdict == Verdict::Fail, "{:#?}", decision.findings);
    let alone = world.arguments(&artifact, "production", [vec![clean, sbom], reviews].concat());
    let decision = decide(&mut world, &alone);
    assert!(has(&decision, codes::SOURCE_DIRTY) && decision.verdict == Verdict::Fail, "{:#?}", decision.findings);
    // Nobody who builds these bytes once more would get out of it: it is said where it comes from, and what leads out.
    let dirty = decision.findings.iter().find(|finding| finding.code == codes::SOURCE_DIRTY).unwrap();
    let entry = world.entries.len() - 2;
    assert!(dirty.found.iter().any(|line| line.contains(&format!("log entry {entry} has it"))), "{dirty:#?}");
    assert!(dirty.help.as_ref().unwrap().contains("no evidence takes that back for these bytes"), "{dirty:#?}");
}

#[test]
fn a_pass_that_did_not_prove_review_does_not_move_where_the_range_begins() {
    let mut world = World::new();
    let start = world.start;
    let only_watched = next_policy(&world, 2, |text| {
        let at = text.find("two-party-review@1").expect("the rule");
        let (before, after) = text.split_at(at);
        format!("{before}{}", after.replacen("production = \"enforce\"", "production = \"monitor\"", 1))
    });
    let lax = world.trust_toml(2).replace("enforced_rules = [\"two-party-review@1\"]", "enforced_rules = []");
    let lax = lax.replacen("review_tier = \"T3\"", "review_tier = \"T0\"", 1);
    world.trust_from_now_on(&lax, &["ada", "ben"]);
    activate(&mut world, &only_watched, "production", &["ada", "ben"]);
    world.pin.version = 2;
    world.pin.digest = only_watched.digest().expect("a digest");
    world.land(1);
    let unreviewed = ask(&world, "one", "production", Vec::new());
    assert_eq!(decide(&mut world, &unreviewed).verdict, Verdict::Pass);
    world.start = start;

    let enforcing = next_policy(&world, 3, |text| text);
    let release = world.release(&enforcing, &["ada", "ben"]);
    world.overrides = ["two-party-review@1".parse().expect("a rule")].into();
    let (replaces, reason) = (Some(world.pin.digest), Some("review is asked for again"));
    world.activate(&enforcing, &release, "production", &["ada", "ben"], replaces, reason);
    world.pin.version = 3;
    world.pin.digest = enforcing.digest().expect("a digest");
    let base = world.tip;
    let (head, _) = world.land(2);
    let reviews = approved(&world, &base, &head);
    let decision = ask(&world, "two", "production", reviews).decide();
    assert_eq!(decision.source.as_ref().map(|source| source.start), Some(start));
    assert!(has(&decision, codes::REVIEW_MISSING), "{:#?}", decision.findings);
}

#[test]
fn a_return_to_an_older_release_does_not_let_a_rewritten_branch_through() {
    let mut world = World::new();
    let promote = |world: &mut World, number: usize| {
        let base = world.tip;
        let (head, _) = world.land(number);
        let reviews = approved(world, &base, &head);
        let arguments = ask(world, &format!("artifact {number}"), "production", reviews);
        assert_eq!(decide(world, &arguments).verdict, Verdict::Pass);
        arguments
    };
    let one = promote(&mut world, 1);
    let tip = world.tip;
    promote(&mut world, 2);
    let two = world.tip;
    let mut again = one.clone();
    again.request.time = world.now;
    again.checkpoint = Some(world.checkpoint());
    again.entries.clone_from(&world.entries);
    again.shelf = world.shelf.clone();
    assert_eq!(decide(&mut world, &again).verdict, Verdict::Pass);
    // The branch is made to go on from release one, without what release two had.
    world.tip = tip;
    world.start = two;
    let (head, _) = world.land(3);
    let reviews = approved(&world, &tip, &head);
    let decision = ask(&world, "artifact 3", "production", reviews).decide();
    assert!(has(&decision, codes::HISTORY_REWRITTEN), "{:#?}", decision.findings);
}

#[test]
fn the_record_says_so_when_the_release_has_expired_or_evidence_is_gone() {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store(&folder.path().join("store"));
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let (trust, least) = (file("trust", &world.trust), file("least", &world.checkpoint()));
    let artifact = Sha256::of(b"artifact 1");
    let environment = EnvName::new("production").expect("an environment");
    let ask = |at: &str| {
        let at = at.parse().expect("a time");
        let trust = TrustFile::read(&trust, Some(world.trust_digest), at).expect("trust");
        let place = Place::new(&folder.path().join("store"));
        let checked = promoted_to(&artifact, &environment, &trust, &place, Some(&least), at).expect("checked");
        checked.findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(ask("2026-12-01T00:00:00Z"), Vec::<Code>::new());
    assert!(ask("2028-01-02T00:00:00Z").contains(&codes::POLICY_EXPIRED));
    let newest = world.entries.last().expect("an entry");
    let entry: Entry = serde_json::from_slice(newest).expect("an entry");
    let named = entry.statements.first().expect("the signed decision");
    let hex = named.hex();
    std::fs::remove_file(find(&folder.path().join("store"), hex.get(2..).expect("hexadecimal"))).expect("removed");
    let found = ask("2026-12-01T00:00:00Z");
    assert!(!found.is_empty(), "a document of the record is gone");
}

#[test]
fn what_was_kept_before_a_store_was_fetched_counts_and_not_what_a_gate_keeps_after_it() {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let folder = tempfile::tempdir().expect("a folder");
    let (store, trust, least) = (folder.path().join("store"), folder.path().join("trust"), folder.path().join("least"));
    world.write_store(&store);
    std::fs::write(&trust, &world.trust).expect("written");
    let older = world.checkpoint();
    std::fs::write(&least, &older).expect("written");
    let none = folder.path().join("none");
    let before = kept_before(&[Some(least.as_path()), None, Some(none.as_path()), Some(folder.path())]);
    assert_eq!(before.keys().collect::<Vec<_>>(), [&least, &none], "a folder is left to whoever reads it");
    // The copy of the store that was fetched stays as it is; another gate goes further.
    assert_eq!(world.promote_next(2).verdict, Verdict::Pass);
    std::fs::write(&least, world.checkpoint()).expect("written");
    let at = world.now.plus(60);
    let trust = TrustFile::read(&trust, Some(world.trust_digest), at).expect("trust");
    let (artifact, environment) = (Sha256::of(b"artifact 1"), EnvName::new("production").expect("an environment"));
    let ask = |place: &Place| {
        let checked = promoted_to(&artifact, &environment, &trust, place, Some(&least), at).expect("checked");
        checked.findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(ask(&Place::new(&store)), [codes::LOG_ROLLED_BACK], "a log that is behind is still told");
    assert_eq!(ask(&Place::new(&store).with_kept(before.clone())), Vec::<Code>::new());
    // Whoever writes fetches the store once more: only what was kept before that shows that the log was set back.
    let write =
        |before: BTreeMap<_, _>| keep::may_replace(Some(&least), &[&Place::new(&store).with_kept_to_write(before)]);
    let outrun = write(before.clone());
    assert!(matches!(outrun, Err(FlowError::Log(LogError::Outrun { .. }))), "{outrun:?}");
    let promised = kept_before(&[Some(least.as_path())]);
    // Nor does it help to put an older one there meanwhile, or to empty the file.
    for since in [world.checkpoint(), older.clone(), b"\n".to_vec()] {
        std::fs::write(&least, since).expect("written");
        let Err(FlowError::Refused(findings)) = write(promised.clone()) else { panic!() };
        assert_eq!(findings[0].code, codes::LOG_ROLLED_BACK);
    }
    std::fs::write(&least, &older).expect("written");
    write(before).expect("the log goes on from it");
}

#[test]
fn what_a_fork_puts_where_a_checkpoint_is_kept_takes_nothing_back_of_what_was_kept_before_the_store_was_fetched() {
    let (mut world, mut fork) = (World::new(), World::new());
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    fork.promote_next(2);
    let folder = tempfile::tempdir().expect("a folder");
    let (store, least) = (folder.path().join("store"), folder.path().join("least"));
    fork.write_store(&store);
    std::fs::write(&least, world.checkpoint()).expect("written");
    let before = kept_before(&[Some(least.as_path())]);
    let forked = fork.checkpoint();
    fork.promote_next(3);
    let [mut other, longer] = [forked.clone(), fork.checkpoint()];
    other.splice(..1, *b"other.");
    for since in [world.checkpoint(), forked, longer, other, b"no checkpoint".to_vec(), Vec::new()] {
        std::fs::write(&least, since).expect("written");
        let place = Place::new(&store).with_kept_to_write(before.clone());
        let Err(FlowError::Refused(findings)) = keep::may_replace(Some(&least), &[&place]) else { panic!() };
        assert_eq!(findings[0].code, codes::LOG_FORKED);
        let Err(FlowError::Refused(findings)) = keep::goes_on_from_least(Some(&least), None, &place) else { panic!() };
        assert_eq!(findings[0].code, codes::LOG_FORKED);
    }
}

fn find(folder: &std::path::Path, end: &str) -> std::path::PathBuf {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                return path;
            }
        }
    }
    panic!("no file ends in {end}");
}

#[test]
fn a_package_that_leaves_out_the_end_is_found_with_a_checkpoint_from_elsewhere_and_noted_without() {
    let mut world = World::new();
    world.promote_next(1);
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store(folder.path());
    let early = audit::export(&Place::new(folder.path())).expect("a package").bytes;
    world.promote_next(2);
    let trust = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let code = |least: Option<&[u8]>| {
        let report = audit::verify(&early, Some(trust), least).expect("checked");
        report.findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(code(Some(&world.checkpoint())), [codes::LOG_ROLLED_BACK]);
    assert_eq!(code(None), [codes::LOG_END_UNPROVEN]);
}

#[test]
fn a_tag_that_was_promoted_from_one_branch_may_not_move_on_another() {
    let mut world = World::new();
    let ask_tagged = |world: &mut World, number: usize| {
        let base = world.tip;
        let (head, landed) = world.land(number);
        let name = format!("refs/tags/v1.{number}");
        world.tags.insert(RefName::new(&name).expect("a ref"), landed);
        let artifact = Sha256::of(name.as_bytes());
        let mut documents = world.built_from(&format!("{REPOSITORY}@{name}"), &artifact, &landed, "clean", 3).to_vec();
        documents.extend(approved(world, &base, &head));
        (artifact, documents)
    };
    let (artifact, documents) = ask_tagged(&mut world, 1);
    let first = world.arguments(&artifact, "production", documents);
    assert_eq!(decide(&mut world, &first).verdict, Verdict::Pass);

    let next = next_policy(&world, 2, |text| text.replace(BRANCH, "refs/heads/release-1.x"));
    activate(&mut world, &next, "production", &["ada", "ben"]);
    world.pin.version = 2;
    world.pin.digest = next.digest().expect("a digest");
    let (artifact, documents) = ask_tagged(&mut world, 2);
    let unmoved = world.arguments(&artifact, "production", documents.clone()).decide();
    assert!(!has(&unmoved, codes::TAG_MOVED), "{:#?}", unmoved.findings);
    world.tags.insert(RefName::new("refs/tags/v1.1").expect("a ref"), world.tip);
    let moved = world.arguments(&artifact, "production", documents).decide();
    assert!(has(&moved, codes::TAG_MOVED), "{:#?}", moved.findings);
}

#[test]
fn an_approval_of_an_earlier_head_is_said_to_be_one_whether_or_not_its_base_is_part_of_the_range() {
    let mut world = World::new();
    let start = world.tip;
    let (first, base) = world.land(1);
    let head = world.land_series(3, 2);
    let earlier = *world.objects.commit(&head).unwrap().parents.first().unwrap();
    let documents = [approved(&world, &start, &first), approved(&world, &base, &earlier)].concat();
    let decision = ask(&world, "app", "production", documents).decide();
    let note = decision.findings.iter().find(|finding| finding.code == codes::REVIEW_NOT_COUNTED).unwrap();
    assert!(
        note.found.iter().any(|line| line.contains("it landed with commits that came after the approval")),
        "{note:#?}"
    );
}
