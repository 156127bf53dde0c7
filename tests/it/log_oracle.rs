//! Our log as others read it: a short verifier in Python that shares no code with us, on logs that our writer wrote, whole
//! and tampered with.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::ids::Origin;
use countersign_core::log::checkpoint::Checkpoint;
use countersign_core::log::cosignature::{WitnessKey, cosign};
use countersign_core::log::merkle::{leaf_hash, root_of};
use countersign_core::log::note::{NoteKey, NoteSigner, SignFailed};
use countersign_core::log::tile::Tile;
use countersign_core::time::Time;
use countersign_record::log::reader::LogReader;
use countersign_record::log::writer::Log;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Key(Ed25519KeyPair, NoteKey);

impl Key {
    fn new(name: &str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = pair.public_key().as_ref().try_into().unwrap();
        Self(pair, NoteKey::new(Origin::new(name).unwrap(), public))
    }
}

impl NoteSigner for Key {
    fn key(&self) -> &NoteKey {
        &self.1
    }
    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], SignFailed> {
        Ok(self.0.sign(bytes).as_ref().try_into().unwrap())
    }
}

fn oracle(arguments: &[&str]) -> (bool, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("oracles/tlog_verify.py");
    #[expect(clippy::disallowed_methods, reason = "the oracle is a program of its own")]
    let said = Command::new("python3").arg(script).args(arguments).output().expect("python3 runs");
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(!text.contains("Traceback"), "{text}");
    (said.status.success(), text)
}

fn entry(n: u64) -> Vec<u8> {
    format!("{{\"n\":{n}}}").repeat(usize::try_from(n % 5).unwrap()).into_bytes()
}

/// A log of 700 entries, in batches that leave partial tiles behind.
fn log(folder: &Path, key: &Key) {
    let mut log = Log::create(folder, key).unwrap();
    let mut next = 0;
    for batch in [1, 2, 250, 10, 300, 137] {
        log.append(&(next..next + batch).map(entry).collect::<Vec<_>>()).unwrap();
        next += batch;
    }
}

#[test]
fn an_independent_verifier_finds_our_log_to_hold_and_every_tampered_file_not_to() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("log");
    let key = Key::new("example.com/log", 1);
    log(&folder, &key);
    let (path, vkey) = (folder.display().to_string(), key.key().to_string());
    let verify = || oracle(&["log", &path, &vkey]);
    assert_eq!(verify(), (true, "example.com/log: 700 entries hold\n".to_owned()));
    assert!(!oracle(&["log", &path, &Key::new("example.com/log", 2).key().to_string()]).0);
    // Each file that the checkpoint covers, with one bit of it flipped, and without its end.
    let files = ["checkpoint", "tile/entries/000", "tile/entries/002.p/188", "tile/0/001", "tile/1/000.p/2"];
    for name in files {
        let file = folder.join(name);
        let whole = std::fs::read(&file).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 2] {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            std::fs::write(&file, altered).unwrap();
            let (holds, said) = verify();
            assert!(!holds, "{name}, byte {at}: {said}");
        }
        std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert!(!verify().0, "{name}, cut");
        std::fs::write(&file, &whole).unwrap();
    }
    // A log rewritten from the ground up, under the checkpoint of the first.
    let other = dir.path().join("other");
    let mut rewritten = Log::create(&other, &key).unwrap();
    rewritten.append(&(0..700).map(|n| entry(n + 1)).collect::<Vec<_>>()).unwrap();
    std::fs::copy(folder.join("checkpoint"), other.join("checkpoint")).unwrap();
    assert!(!oracle(&["log", &other.display().to_string(), &vkey]).0);
    assert!(verify().0);
}

#[test]
fn an_independent_verifier_takes_our_receipts_and_their_cosignatures() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("log");
    let (key, witness) = (Key::new("example.com/log", 1), Key::new("witness.example/w", 2));
    log(&folder, &key);
    let reader = LogReader::open(&folder).unwrap();
    let mut proof = reader.tlog_proof(300).unwrap();
    let mut note = proof.checkpoint.note().clone();
    note.add(cosign(note.text(), &witness, Time::from_unix(1_700_000_000).unwrap()).unwrap());
    proof.checkpoint =
        countersign_core::log::checkpoint::UnverifiedCheckpoint::parse(note.to_string().as_bytes()).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let text = proof.to_string();
    let (receipt, good) = (write("r.tlog-proof", text.as_bytes()), write("good", &entry(300)));
    let bad = write("bad", &entry(301));
    let keys = [key.key().to_string(), WitnessKey::new(witness.name().clone(), *witness.key().public()).to_string()];
    let said = oracle(&["proof", &receipt, &good, &keys[0], &keys[1]]);
    assert_eq!(
        said,
        (true, "example.com/log: entry 300 of 700, signed by example.com/log, witness.example/w\n".to_owned())
    );
    assert!(!oracle(&["proof", &receipt, &bad, &keys[0]]).0);
    for (from, to) in [("index 300", "index 301"), ("\n700\n", "\n701\n"), ("witness.example/w ", "witness.example/v ")]
    {
        let altered = write("altered", text.replace(from, to).as_bytes());
        let (holds, said) = oracle(&["proof", &altered, &good, &keys[0], &keys[1]]);
        // The line of a witness that is not known is passed over.
        assert_eq!(holds, to.contains("witness"), "{to}: {said}");
        assert!(!said.contains("witness.example/w\n"), "{said}");
    }
}

#[test]
fn both_agree_on_where_a_tile_lies() {
    // The paths of the specification.
    for (index, path) in [(0, "tile/3/000"), (1_234_067, "tile/3/x001/x234/067"), (999, "tile/3/999")] {
        assert_eq!(Tile::from_path(path).unwrap().index(), index);
    }
    let leaves: Vec<_> = (0..5).map(|n| leaf_hash(&entry(n))).collect();
    let body = Checkpoint { origin: Origin::new("x").unwrap(), size: 5, root: root_of(&leaves) }.body();
    assert_eq!(body.lines().count(), 3);
}
