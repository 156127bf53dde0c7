//! An export beside somebody who appends: whenever that is, the package is of one moment of the log, to the byte.

use countersign_core::codes;
use countersign_core::finding::{Finding, Verdict, verdict_of};
use countersign_core::ids::Origin;
use countersign_core::log::cosignature::cosign;
use countersign_core::log::note::{Note, NoteKey, NoteSigner as _};
use countersign_core::statement::Kind;
use countersign_flow::FlowError;
use countersign_flow::audit::{self, OutsideTrust, Scope};
use countersign_flow::place::Place;
use countersign_flow::witness;
use countersign_record::disk::DiskError;
use countersign_record::log::writer::Log;
use countersign_record::log::{FolderFiles, LogFiles, Moment};
use countersign_record::store::Store as _;
use countersign_sign::{KeyKind, LogSigner, SigningKey};
use countersign_tests::world::{LogKeeper, World};
use countersign_verify::LogState;
use countersign_verify::keys::note_signature_holds;
use countersign_verify::trust::verify_trust;
use std::cell::Cell;
use std::path::Path;

/// The files of a log, where something is done just before one of them is read for the time `at`, counted from 0.
struct Beside<'a> {
    files: FolderFiles,
    read: Cell<usize>,
    at: usize,
    act: &'a dyn Fn(),
}

impl LogFiles for Beside<'_> {
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, DiskError> {
        let now = self.read.get();
        self.read.set(now + 1);
        if now == self.at {
            (self.act)();
        }
        self.files.read(path, limit)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.files.list()
    }
}

/// A world, its log's entries, and somebody who cosigns it.
struct Scene {
    world: World,
    witness: LogSigner,
}

impl Scene {
    /// With so many entries, of which the last ones record the trust document again.
    fn new(entries: usize) -> Self {
        let mut world = World::new_promoted();
        let trust = world.shelf.put(&world.trust);
        let subject = world.trust_digest;
        while world.entries.len() < entries {
            world.append(Kind::Trust, None, vec![subject], vec![trust], Vec::new());
        }
        let key = SigningKey::generate(KeyKind::Ed25519).expect("a key");
        let witness = LogSigner::new(Origin::new("witness.example/w1").expect("a name"), key).expect("a signer");
        Self { world, witness }
    }

    /// A store with the first so many entries, cosigned.
    fn store(&self, folder: &Path, entries: usize) -> Place {
        let place = Place::new(folder);
        let pieces: Vec<&[u8]> = self.world.shelf.0.values().map(Vec::as_slice).collect();
        place.store().put_many(&pieces).expect("stored");
        let keeper = LogKeeper::of(&self.world);
        let mut log = Log::create(&place.log(), &keeper).expect("a log");
        log.append(&self.world.entries[..entries]).expect("appended");
        drop(log);
        self.cosign(&place);
        place
    }

    /// Somebody appends the next entry, and has it cosigned.
    fn grow(&self, place: &Place, next: usize) {
        let keeper = LogKeeper::of(&self.world);
        let holds =
            |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
        let known = [keeper.key().clone()];
        let mut log = Log::open_for_append(&place.log(), &keeper, &known, &holds).expect("a log");
        log.append(&self.world.entries[next..=next]).expect("appended");
        drop(log);
        self.cosign(place);
    }

    fn cosign(&self, place: &Place) {
        let bytes = std::fs::read(place.log().join("checkpoint")).expect("a checkpoint");
        let mut note = Note::parse(&bytes).expect("a note");
        note.add(cosign(note.text(), &self.witness, self.world.now).expect("cosigned"));
        place.keep_cosigned(&note, true).expect("kept");
    }

    fn verified(&self, package: &[u8]) -> Vec<Finding> {
        let trust = OutsideTrust { bytes: &self.world.trust, digest: Some(&self.world.trust_digest) };
        audit::verify(package, Some(trust), None).expect("checked").findings
    }
}

fn export(place: &Place, files: &dyn LogFiles) -> Result<Vec<u8>, FlowError> {
    let mut bytes = Vec::new();
    audit::export_from(place, files, &Scope::default(), &mut bytes).map(|_packing| bytes)
}

/// Exports while the log grows by an entry, just before each reading of one of its files in turn.
fn at_every_step(size: usize) {
    let scene = Scene::new(size + 1);
    let folder = || tempfile::tempdir().expect("a folder");
    // What a package may be: of the log before, of the log after, or as it is between the append and the witnesses' answer.
    let (before, after, between) = (folder(), folder(), folder());
    let before = audit::export(&scene.store(before.path(), size)).expect("a package").bytes;
    let place = scene.store(after.path(), size);
    scene.grow(&place, size);
    let after = audit::export(&place).expect("a package").bytes;
    let place = scene.store(between.path(), size);
    let cosigned = std::fs::read(place.log().join("cosigned")).expect("cosigned");
    scene.grow(&place, size);
    std::fs::write(place.log().join("cosigned"), cosigned).expect("written");
    let between = audit::export(&place).expect("a package").bytes;
    for package in [&before, &after, &between] {
        let said = scene.verified(package);
        let of_log = [codes::LOG_ROLLED_BACK, codes::LOG_TILE_MISMATCH, codes::PACKAGE_FILE_ALTERED];
        assert!(!said.iter().any(|finding| of_log.contains(&finding.code)), "{said:#?}");
    }
    for at in 0.. {
        let folder = folder();
        let place = scene.store(folder.path(), size);
        let act = || scene.grow(&place, size);
        let files = Beside { files: FolderFiles::new(place.log()), read: Cell::new(0), at, act: &act };
        let package = export(&place, &files).expect("a package");
        // The first two readings are those of the two checkpoints.
        let expected = match at {
            0 => &after,
            1 => &between,
            _ => &before,
        };
        assert!(package == *expected, "of {size} entries, at {at}: {:#?}", scene.verified(&package));
        if files.read.get() <= at {
            assert!(at > 6, "{at}");
            break;
        }
    }
}

#[test]
fn whenever_somebody_appends_meanwhile_a_package_is_of_one_moment_of_the_log() {
    let size = World::new_promoted().entries.len();
    at_every_step(size);
}

#[test]
fn a_tile_that_is_filled_while_the_log_is_packed_is_in_the_package_as_it_was() {
    at_every_step(255);
}

#[test]
fn a_package_of_this_world_passes_beside_the_notes_on_who_cosigned() {
    let size = World::new_promoted().entries.len();
    let scene = Scene::new(size);
    let folder = tempfile::tempdir().expect("a folder");
    let package = audit::export(&scene.store(folder.path(), size)).expect("a package").bytes;
    let trust = OutsideTrust { bytes: &scene.world.trust, digest: Some(&scene.world.trust_digest) };
    let report = audit::verify(&package, Some(trust), Some(&scene.world.checkpoint())).expect("checked");
    assert_eq!(verdict_of(&report.findings), Verdict::Pass, "{:#?}", report.findings);
}

#[test]
fn a_log_that_grows_while_it_is_looked_at_is_not_one_that_was_set_back() {
    let size = World::new_promoted().entries.len();
    let scene = Scene::new(size + 1);
    let folder = tempfile::tempdir().expect("a folder");
    let place = scene.store(folder.path(), size);
    let (world, now) = (&scene.world, scene.world.now);
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), now).trust.expect("trust");
    let (moment, entries) = place.read_moment().expect("a log");
    scene.grow(&place, size);
    let state = LogState::open(&moment.checkpoint_bytes(), &entries, &trust, &world.shelf, now).state.expect("a state");
    let kept = |moment: &Moment| witness::kept(&place, moment, &state, &trust, now);
    let found = kept(&moment);
    assert!(found.iter().all(|finding| !finding.class.blocks()), "{found:#?}");
    // Only what was read together belongs together.
    let later = kept(&place.moment().expect("a log"));
    assert!(later.iter().any(|finding| finding.code == codes::LOG_ROLLED_BACK), "{later:#?}");
}

#[test]
fn what_could_not_be_verified_of_a_log_is_not_packed() {
    let size = World::new_promoted().entries.len();
    let scene = Scene::new(size);
    let refused = |change: &dyn Fn(&Place)| {
        let folder = tempfile::tempdir().expect("a folder");
        let place = scene.store(folder.path(), size);
        change(&place);
        match audit::export(&place) {
            Err(FlowError::Refused(findings)) => findings.into_iter().map(|f| f.code).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    let hashes = format!("tile/0/000.p/{size}");
    let altered = refused(&|place| std::fs::write(place.log().join(&hashes), vec![0; size * 32]).expect("written"));
    assert_eq!(altered, [codes::LOG_TILE_MISMATCH]);
    let gone = refused(&|place| std::fs::remove_file(place.log().join(&hashes)).expect("removed"));
    assert_eq!(gone, [codes::LOG_TILE_MISMATCH]);
    // Nor is an entry believed that nobody has checked: of the first one altered, the log would seem to record no trust document.
    let entries = format!("tile/entries/000.p/{size}");
    let altered = refused(&|place| {
        let mut bytes = std::fs::read(place.log().join(&entries)).expect("entries");
        bytes[40] ^= 1;
        std::fs::write(place.log().join(&entries), bytes).expect("written");
    });
    assert_eq!(altered, [codes::LOG_TILE_MISMATCH]);
    let gone = refused(&|place| std::fs::remove_file(place.log().join(&entries)).expect("removed"));
    assert_eq!(gone, [codes::LOG_TILE_MISMATCH]);
    // The log of before is put back, beside what witnesses have cosigned since.
    let longer = Scene::new(size + 1);
    let folder = tempfile::tempdir().expect("a folder");
    let place = longer.store(folder.path(), size);
    let old = std::fs::read(place.log().join("checkpoint")).expect("a checkpoint");
    longer.grow(&place, size);
    std::fs::write(place.log().join("checkpoint"), old).expect("written");
    let rolled_back = audit::export(&place).expect_err("refused");
    assert!(
        matches!(&rolled_back, FlowError::Refused(found) if found[0].code == codes::LOG_ROLLED_BACK),
        "{rolled_back:?}"
    );
}
