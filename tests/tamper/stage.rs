//! The package that is tampered with, and the tools to do it: its files as they are, its index made again, its world with
//! all keys.

use crate::world::{Arguments, ORIGIN, REPOSITORY, World};
use countersign_core::bundle::Signed;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::exception::{Category, Covers, Exception};
use countersign_core::finding::Verdict;
use countersign_core::ids::{EnvName, Origin, PersonId, RuleId, Uri};
use countersign_core::json;
use countersign_core::log::merkle::leaf_hash;
use countersign_core::log::tile::{Row, WIDTH, encode_hashes, push_entry};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_decide::summary::summarise;
use countersign_flow::audit::{self, AuditReport, How, OutsideTrust, Scope};
use countersign_flow::place::Place;
use countersign_record::package;
use countersign_sign::sign_payload;
use countersign_verify::exception::subjects_of;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Cursor;

const DAY: i64 = 24 * 60 * 60;

/// The files of a package, by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The package, and the world that made it.
#[derive(Debug)]
pub struct Stage {
    /// The world: people, keys, log, evidence.
    pub world: World,
    /// The package.
    pub bytes: Vec<u8>,
    /// Its files.
    pub(super) files: Files,
    /// A checkpoint of its log, kept elsewhere.
    pub(super) kept: Vec<u8>,
}

/// The entries of the stage's log.
pub(super) mod entry {
    /// The trust document with roles for exceptions.
    pub(in super::super) const TRUST: usize = 3;
    /// The first promotion.
    pub(in super::super) const FIRST: usize = 4;
    /// A refusal.
    pub(in super::super) const REFUSED: usize = 5;
    /// The exception.
    pub(in super::super) const EXCEPTION: usize = 6;
    /// What went with it.
    pub(in super::super) const EXCEPTED: usize = 7;
    /// The first promotion of the next day.
    pub(in super::super) const NEXT_DAY: usize = 8;
    /// The last.
    pub(in super::super) const LAST: usize = 9;
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// A world of two days: a promotion, a refusal, an exception, what went with it, two promotions more.
    #[must_use]
    pub fn new() -> Self {
        let mut world = World::new();
        let roles =
            "[roles.exception-approvers]\npersons = [\"ada\", \"ben\"]\nthreshold = 2\n[environments.production]\n";
        let text = world.trust_toml(2).replacen("[environments.production]\n", roles, 1);
        world.trust_from_now_on(&text, &["ada", "ben"]);
        assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
        let refused = dirty(&mut world);
        let decision = refused.decide();
        assert_eq!(decision.verdict, Verdict::Fail, "{:#?}", decision.findings);
        world.record(&refused, &decision);
        let waiver = waiver(&world, decision.request.subject);
        record_exception(&mut world, &waiver, &["cy", "ada", "ben"]);
        let mut again = world.arguments(&decision.request.subject, "production", refused.documents.clone());
        again.request.time = world.now;
        let excepted = again.decide();
        assert_eq!(excepted.verdict, Verdict::Pass, "{:#?}", excepted.findings);
        world.record(&again, &excepted);
        world.now = world.now.plus(DAY);
        for number in [2, 3] {
            assert_eq!(world.promote_next(number).verdict, Verdict::Pass);
        }
        let bytes = pack(&world, &Scope::default());
        let files = package::read(&bytes).expect("a package");
        let kept = world.checkpoint();
        Self { world, bytes, files, kept }
    }

    /// The digest of the first trust document of a world.
    pub(super) fn trust_before(world: &World) -> Sha256 {
        entry_at(world, 0).subjects[0]
    }

    /// Checks bytes against the stage's trust and the checkpoint that was kept.
    #[must_use]
    pub fn check(&self, bytes: &[u8]) -> AuditReport {
        self.check_by(bytes, true, How::Full)
    }

    /// The same, with the checkpoint or without it.
    pub(super) fn check_by(&self, bytes: &[u8], kept: bool, how: How) -> AuditReport {
        let outside = OutsideTrust { bytes: &self.world.trust, digest: Some(&self.world.trust_digest) };
        let kept = kept.then_some(self.kept.as_slice());
        audit::verify_source(Box::new(Cursor::new(bytes.to_vec())), Some(outside), kept, how).expect("checked")
    }

    /// The files with something changed, and an index that says that it has to be so.
    pub(super) fn changed(&self, change: impl FnOnce(&mut Files)) -> AuditReport {
        let mut files = self.files.clone();
        change(&mut files);
        reindex(&mut files);
        self.check(&package::write(&files).expect("a package"))
    }

    /// The files with something changed, and the index as it was.
    pub(super) fn altered(&self, change: impl FnOnce(&mut Files)) -> AuditReport {
        let mut files = self.files.clone();
        change(&mut files);
        self.check(&package::write(&files).expect("a package"))
    }

    /// A world that its operator has changed, packed by the honest program and signed by the operator's keys. The auditor
    /// has the checkpoint that was kept, or not.
    pub(super) fn operator(&self, kept: bool, change: impl FnOnce(&mut World)) -> AuditReport {
        let mut world = self.world.clone();
        change(&mut world);
        self.check_by(&pack(&world, &Scope::default()), kept, How::Full)
    }

    /// The same, where the honest program would not pack it: the package's log and documents are put in place by hand.
    pub(super) fn by_hand(&self, kept: bool, change: impl FnOnce(&mut World)) -> AuditReport {
        self.check_by(&self.put_in_by_hand(change), kept, How::Full)
    }

    /// That package.
    #[must_use]
    pub fn put_in_by_hand(&self, change: impl FnOnce(&mut World)) -> Vec<u8> {
        let mut world = self.world.clone();
        change(&mut world);
        let mut files = self.files.clone();
        files.retain(|name, _| !name.starts_with("log/"));
        files.extend(log_files(&world));
        let documents = documents(&files);
        let new: Vec<Vec<u8>> = world
            .shelf
            .0
            .iter()
            .filter(|(digest, _)| !documents.contains_key(digest))
            .map(|(_, b)| b.clone())
            .collect();
        let shard = first_shard(&files);
        let all = read_shard(&files[&shard]).into_iter().chain(new).collect();
        files.insert(shard, write_shard(all));
        reindex(&mut files);
        package::write(&files).expect("a package")
    }
}

/// Where the bytes of each file lie in a package, by the headers before them.
pub(super) fn places(package: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut at = 0;
    while package[at..].starts_with(b"PK\x03\x04") {
        let short = |from: usize| usize::from(package[at + from]) | (usize::from(package[at + from + 1]) << 8);
        let start = at + 30 + short(26) + short(28);
        at = start + (short(18) | (short(20) << 16));
        out.push(start..at);
    }
    out
}

/// A change built from a tree that was not clean, reviewed by two.
fn dirty(world: &mut World) -> Arguments {
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact dirty");
    let mut documents = world.built(&artifact, &landed, "dirty", 3).to_vec();
    for person in ["ada", "ben"] {
        documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
    }
    world.arguments(&artifact, "production", documents)
}

/// The exception for one artifact.
pub(super) fn waiver(world: &World, artifact: Sha256) -> Exception {
    Exception {
        log: Origin::new(ORIGIN).expect("an origin"),
        category: Category::Waiver,
        control: None,
        rule: RuleId::new("source-clean@1").expect("a rule"),
        codes: std::collections::BTreeSet::new(),
        place: None,
        repository: Uri::new(REPOSITORY).expect("a uri"),
        environment: EnvName::new("production").expect("a name"),
        covers: Covers::Subject(artifact),
        reason: "a file that the build makes".to_owned(),
        ticket: None,
        requester: PersonId::new("cy").expect("a person"),
        created: world.now,
        expires: world.now.plus(30 * DAY),
        follow_up: None,
    }
}

fn record_exception(world: &mut World, exception: &Exception, signers: &[&str]) {
    let statement = Statement::new(Kind::Exception, subjects_of(exception), exception).expect("a statement");
    let payload = Sha256::of(&statement.to_bytes().expect("canonical"));
    let document = world.lines(&statement, signers);
    let digest = world.shelf.put(&document);
    let environment = Some(exception.environment.clone());
    world.append(Kind::Exception, environment, vec![payload], vec![digest], Vec::new());
    world.now = world.now.plus(60);
}

/// Packs a world by the honest program.
pub(super) fn pack(world: &World, scope: &Scope) -> Vec<u8> {
    let folder = scratch();
    world.write_store_at_once(folder.path());
    let mut bytes = Vec::new();
    audit::export_to(&Place::new(folder.path()), scope, &mut bytes).expect("a package");
    bytes
}

/// A folder for a store that is read once: in memory where the system has such a place, since nobody waits for it to be
/// durable.
fn scratch() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// The files of a world's log, by their names in a package, as whoever has the log's key makes them by hand: our own writer
/// refuses some of what is done here.
pub(super) fn log_files(world: &World) -> Files {
    let size = u64::try_from(world.entries.len()).expect("few");
    assert!(size < u64::from(WIDTH), "one tile of each row");
    let (mut bundle, mut hashes) = (Vec::new(), Vec::new());
    for entry in &world.entries {
        push_entry(&mut bundle, entry).expect("a small entry");
        hashes.push(leaf_hash(entry));
    }
    let mut files = Files::from([("log/checkpoint".to_owned(), world.checkpoint())]);
    for (row, bytes) in [(Row::Entries, bundle), (Row::Hashes(0), encode_hashes(&hashes))] {
        let tile = row.tile(0, size).expect("a tile");
        files.insert(format!("log/{}", tile.path()), bytes);
    }
    files
}

/// Makes the index's digests again, as everybody can.
pub fn reindex(files: &mut Files) {
    let mut index: Value = serde_json::from_slice(&files["index.json"]).expect("an index");
    let digests: BTreeMap<String, String> = files
        .iter()
        .filter(|(name, _)| name.as_str() != "index.json")
        .map(|(name, bytes)| (name.clone(), Sha256::of(bytes).to_string()))
        .collect();
    index["files"] = serde_json::to_value(digests).expect("a value");
    files.insert("index.json".to_owned(), json::canonical(&index).expect("canonical"));
}

/// Every document of a package.
pub(super) fn documents(files: &Files) -> BTreeMap<Sha256, Vec<u8>> {
    let shards = files.iter().filter(|(name, _)| name.starts_with("evidence/"));
    shards.flat_map(|(_, bytes)| read_shard(bytes)).map(|bytes| (Sha256::of(&bytes), bytes)).collect()
}

/// The name of the first file of documents.
pub(super) fn first_shard(files: &Files) -> String {
    files.keys().find(|name| name.starts_with("evidence/")).expect("documents").clone()
}

/// The documents of such a file, in its order.
pub(super) fn read_shard(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let end = at + bytes[at..].iter().position(|b| *b == b'\n').expect("a line");
        let line = std::str::from_utf8(&bytes[at..end]).expect("text");
        let length: usize = line.split(' ').nth(1).expect("a length").parse().expect("a number");
        out.push(bytes[end + 1..end + 1 + length].to_vec());
        at = end + 1 + length + 1;
    }
    out
}

/// A file of documents in the one order.
pub(super) fn write_shard(mut documents: Vec<Vec<u8>>) -> Vec<u8> {
    documents.sort_by_key(|bytes| Sha256::of(bytes));
    documents.iter().flat_map(|bytes| record(&Sha256::of(bytes), bytes)).collect()
}

/// One document with its line.
pub(super) fn record(digest: &Sha256, bytes: &[u8]) -> Vec<u8> {
    [format!("{digest} {}\n", bytes.len()).into_bytes(), bytes.to_vec(), b"\n".to_vec()].concat()
}

/// The entry at an index.
pub(super) fn entry_at(world: &World, index: usize) -> Entry {
    Entry::parse(&world.entries[index]).expect("an entry")
}

/// Puts an entry in place of another.
pub(super) fn set_entry(world: &mut World, index: usize, entry: &Entry) {
    world.entries[index] = entry.to_bytes().expect("an entry");
}

/// The decision that an entry records.
pub(super) fn decision_at(world: &World, index: usize) -> Decision {
    let digest = entry_at(world, index).statements[0];
    let signed = Signed::parse(&world.shelf.0[&digest]).expect("a bundle");
    let statement = Statement::parse(&signed.payload).expect("a statement");
    statement.predicate_as(Kind::PromotionDecision).expect("a decision")
}

/// Changes a recorded decision, and signs it and its summary with the gate's key, as the gate's operator can.
pub(super) fn redecide(world: &mut World, index: usize, change: impl FnOnce(&mut Decision)) {
    let mut decision = decision_at(world, index);
    change(&mut decision);
    let gate = Uri::new("https://example.com/gate").expect("a uri");
    let subject = vec![Subject::sha256(&decision.request.subject_name, &decision.request.subject)];
    let sign = |kind, predicate: &Value| {
        let statement = Statement::new(kind, subject.clone(), predicate).expect("a statement");
        sign_payload(&statement.to_bytes().expect("canonical"), &world.gate).expect("signed")
    };
    let signed = sign(Kind::PromotionDecision, &json::to_value(&decision).expect("a value"));
    let summary = summarise(&decision, &gate, &Sha256::of(&signed)).expect("a summary");
    let vsa = sign(Kind::Vsa, &json::to_value(&summary).expect("a value"));
    let mut entry = entry_at(world, index);
    entry.time = decision.request.time;
    entry.subjects = vec![decision.request.subject];
    entry.statements = vec![world.shelf.put(&signed), world.shelf.put(&vsa)];
    set_entry(world, index, &entry);
}

/// Makes every later decision say that it was made on the log as it is now, and signs it: what a thorough operator does.
pub(super) fn restate(world: &mut World, from: usize) {
    for index in from..world.entries.len() {
        if entry_at(world, index).kind == Kind::PromotionDecision {
            let mut before = world.clone();
            before.entries.truncate(index);
            let log = before.log_ref();
            redecide(world, index, |decision| decision.inputs.log = Some(log));
        }
    }
}
