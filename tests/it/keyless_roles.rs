//! Roles that are filled by identities: a release of policy and a trust document, signed by certificates of an instance of
//! our own beside keys.

use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::ids::PersonId;
use countersign_core::policy::Manifest;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_tests::sigstore::{Fault, Faults, Instance, Who};
use countersign_tests::world::{World, policy_toml};
use countersign_verify::policy::verify_release;
use countersign_verify::trust::{verify_successor, verify_trust};
use std::collections::{BTreeMap, BTreeSet};

const GOOGLE: &str = "https://accounts.google.com";

/// People with keys, an instance, and trust by which ben signs with an identity as well.
struct Scene {
    world: World,
    instance: Instance,
    manifest: Manifest,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let files = BTreeMap::from([("policy.toml".to_owned(), policy_toml(&world.start).into_bytes())]);
        let instance = Instance::new(world.now);
        Self { manifest: Manifest::close(&files).unwrap(), instance, world }
    }

    fn later(&self) -> Time {
        self.world.now.plus(60)
    }

    /// Trust with ben's identity, with more said of it, and of this instance's root.
    fn toml(&self, more: &str, root: &str) -> String {
        let ben = format!(
            "id = \"ben\"\nidentities = [{{ root = \"ours\", issuer = \"{GOOGLE}\", subject = \"ben@example.com\"{more} }}]"
        );
        let toml = self.world.trust_toml(1).replacen("id = \"ben\"", &ben, 1);
        format!("{toml}{root}")
    }

    fn root(&self, fetched: Time, days: u32) -> String {
        root_of(&self.instance.trusted_root(), fetched, days)
    }

    fn trust(&self, more: &str) -> Trust {
        let toml = self.toml(more, &self.root(self.world.now, 30));
        Trust::from_toml(toml.as_bytes()).unwrap()
    }

    /// A release that these people's keys sign and then this identity, and the roots beside it.
    fn release(&mut self, keys: &[&str], who: &Who, at: Time, roots: &[Vec<u8>]) -> Vec<u8> {
        let release = self.world.release(&self.manifest, &["ada"]);
        let payload = Signed::parse_lines(&release).unwrap()[0].1.payload.clone();
        let mut lines = Vec::new();
        if !keys.is_empty() {
            lines.push(self.world.release(&self.manifest, keys).trim_ascii_end().to_vec());
        }
        lines.push(self.instance.sign(&payload, who, at));
        lines.extend(roots.iter().cloned());
        lines.join(&b'\n')
    }

    fn ben_and_ada(&mut self) -> Vec<u8> {
        let (at, roots) = (self.world.now, [self.instance.trusted_root()]);
        self.release(&["ada"], &ben(), at, &roots)
    }

    fn approvers(&self, bytes: &[u8], trust: &Trust, newest: &Trust) -> Result<Vec<String>, Vec<Finding>> {
        let names = |ids: &BTreeSet<PersonId>| ids.iter().map(ToString::to_string).collect();
        verify_release(bytes, trust, newest, self.later(), "here").map(|release| names(release.approvers()))
    }

    /// What is said where the release is one approver short.
    #[track_caller]
    fn short(&self, bytes: &[u8], trust: &Trust, newest: &Trust) -> String {
        let findings = self.approvers(bytes, trust, newest).unwrap_err();
        assert_eq!(findings[0].code, codes::POLICY_UNAPPROVED, "{findings:?}");
        let lines = findings.iter().map(|finding| format!("{} {:?} {finding:?}\n", finding.code, finding.found));
        lines.collect::<Vec<_>>().concat()
    }
}

fn root_of(document: &[u8], fetched: Time, days: u32) -> String {
    let digest = Sha256::of(document);
    format!(
        "[[sigstore_roots]]\nname = \"ours\"\ndigest = \"{digest}\"\nfetched = \"{fetched}\"\nmax_age_days = {days}\n"
    )
}

fn ben() -> Who {
    Who::person(GOOGLE, "ben@example.com")
}

#[test]
fn a_key_and_an_identity_of_two_persons_approve_a_release_together() {
    let mut scene = Scene::new();
    let (release, trust) = (scene.ben_and_ada(), scene.trust(""));
    assert_eq!(scene.approvers(&release, &trust, &trust).unwrap(), ["ada", "ben"]);
}

#[test]
fn a_person_counts_once_by_key_and_by_identity_and_twice_by_neither() {
    let mut scene = Scene::new();
    let (trust, roots) = (scene.trust(""), [scene.instance.trusted_root()]);
    let at = scene.world.now;
    for keys in [&["ben"][..], &[]] {
        let mut release = scene.release(keys, &ben(), at, &roots);
        release.push(b'\n');
        let again = scene.release(&[], &ben(), at.plus(1), &[]);
        release.extend(again);
        assert!(scene.short(&release, &trust, &trust).contains("counted once"), "{keys:?}");
    }
}

#[test]
fn without_the_root_beside_it_or_with_another_s_an_identity_approves_nothing() {
    let mut scene = Scene::new();
    let (trust, at) = (scene.trust(""), scene.world.now);
    let bare = scene.release(&["ada"], &ben(), at, &[]);
    assert!(scene.short(&bare, &trust, &trust).contains("sigstore-root-missing"));
    // Somebody's own instance, whose root lies beside its own certificate: trust does not name it.
    let ours = scene.instance.trusted_root();
    scene.instance = Instance::new(at);
    let theirs = [scene.instance.trusted_root(), ours];
    let forged = scene.release(&["ada"], &ben(), at, &theirs);
    assert!(!scene.short(&forged, &trust, &trust).contains("counted once"));
}

#[test]
fn an_identity_approves_by_its_issuer_and_its_whole_name_and_at_its_time() {
    let mut scene = Scene::new();
    let (now, roots) = (scene.world.now, [scene.instance.trusted_root()]);
    let trust = scene.trust("");
    for who in [
        Who::person("https://token.actions.githubusercontent.com", "ben@example.com"),
        Who::person(GOOGLE, "ben@example.com.evil.example"),
        Who::person(GOOGLE, "xben@example.com"),
    ] {
        let release = scene.release(&["ada"], &who, now, &roots);
        assert!(scene.short(&release, &trust, &trust).contains("signer-unknown"), "{who:?}");
    }
    let good = scene.ben_and_ada();
    for (more, counts) in [
        (format!(", valid_from = \"{}\"", now.plus(30)), false),
        (format!(", valid_until = \"{now}\""), false),
        (format!(", compromised_since = \"{now}\""), false),
        (format!(", compromised_since = \"{}\"", now.plus(30)), true),
    ] {
        let trust = scene.trust(&more);
        assert_eq!(scene.approvers(&good, &trust, &trust).is_ok(), counts, "{more}");
    }
    // Signed after the moment at which it is to count.
    let ahead = scene.release(&["ada"], &ben(), now.plus(120), &roots);
    assert!(scene.short(&ahead, &trust, &trust).contains("timestamp-invalid"));
    // A log or an authority that is not right about it.
    for fault in [Fault::FlippedProof, Fault::WrongSct] {
        scene.instance.faults = Faults::one(fault);
        let release = scene.release(&["ada"], &ben(), now, &roots);
        drop(scene.short(&release, &trust, &trust));
        scene.instance.faults = Faults::default();
    }
}

#[test]
fn what_the_newest_trust_withdrew_approves_nothing_any_more() {
    let mut scene = Scene::new();
    let (release, then, now) = (scene.ben_and_ada(), scene.trust(""), scene.world.now);
    let root = scene.root(now, 30);
    let gone = Trust::from_toml(format!("{}{root}", scene.world.trust_toml(1)).as_bytes()).unwrap();
    assert!(scene.short(&release, &then, &gone).contains("the identity"));
    // It makes nobody an approver either.
    drop(scene.short(&release, &gone, &then));
    let suspect = scene.trust(&format!(", compromised_since = \"{now}\""));
    assert!(scene.short(&release, &then, &suspect).contains("did not count when it signed"));
    // Another root of the same name: the release has to hold by both, so that no new root makes approvers of old.
    let other = Instance::new(now).trusted_root();
    let replaced = Trust::from_toml(scene.toml("", &root_of(&other, now, 30)).as_bytes()).unwrap();
    assert!(scene.short(&release, &then, &replaced).contains("is not among the evidence"));
    let both = [release.clone(), other].join(&b'\n');
    drop(scene.short(&both, &then, &replaced));
    drop(scene.short(&both, &replaced, &then));
}

#[test]
fn a_root_s_age_is_asked_of_the_newest_trust() {
    let mut scene = Scene::new();
    let (release, fresh, now) = (scene.ben_and_ada(), scene.trust(""), scene.world.now);
    let old = scene.root(now.plus(-40 * 86_400), 30);
    let stale = Trust::from_toml(scene.toml("", &old).as_bytes()).unwrap();
    assert_eq!(scene.approvers(&release, &stale, &fresh).unwrap(), ["ada", "ben"]);
    assert!(scene.short(&release, &fresh, &stale).contains("more than 30 days"));
    assert!(scene.short(&release, &stale, &stale).contains("sigstore-root-stale"));
}

#[test]
fn trust_is_signed_by_identities_that_it_names_itself() {
    let mut scene = Scene::new();
    let (now, root) = (scene.world.now, scene.instance.trusted_root());
    let trust = scene.trust("");
    let digest = trust.digest().unwrap();
    let payload = statement(&trust);
    let ada = scene.world.lines(&Statement::parse(&payload).unwrap(), &["ada"]).trim_ascii_end().to_vec();
    let by_ben = scene.instance.sign(&payload, &ben(), now);
    let whole = [ada.clone(), by_ben.clone(), root.clone()].join(&b'\n');
    let held = verify_trust(&whole, Some(&digest), scene.later()).trust.unwrap();
    assert_eq!(held.digest(), &digest);
    for lacking in [[ada.clone(), by_ben].join(&b'\n'), [ada.clone(), root.clone()].join(&b'\n')] {
        let outcome = verify_trust(&lacking, Some(&digest), scene.later());
        assert!(outcome.trust.is_none() && outcome.findings[0].code == codes::TRUST_QUORUM, "{outcome:?}");
    }
    // The next one, by a quorum of both; an identity that only the next one knows makes no quorum of this one.
    let cy = scene.toml("", &scene.root(now, 30)).replacen(
        "version = 1\n",
        &format!("version = 2\nprevious = \"{digest}\"\n"),
        1,
    );
    let next = Trust::from_toml(cy.as_bytes()).unwrap();
    let payload = statement(&next);
    let ada = scene.world.lines(&Statement::parse(&payload).unwrap(), &["ada"]).trim_ascii_end().to_vec();
    let by_ben = scene.instance.sign(&payload, &ben(), now);
    let whole = [ada.clone(), by_ben, root.clone()].join(&b'\n');
    assert!(verify_successor(&held, &whole, scene.later()).is_ok());
    let stranger = scene.instance.sign(&payload, &Who::person(GOOGLE, "eve@example.com"), now);
    let whole = [ada, stranger, root].join(&b'\n');
    assert!(verify_successor(&held, &whole, scene.later()).is_err());
}

fn statement(trust: &Trust) -> Vec<u8> {
    let subject = Subject::sha256("trust", &trust.digest().unwrap());
    Statement::new(Kind::Trust, vec![subject], trust).unwrap().to_bytes().unwrap()
}
