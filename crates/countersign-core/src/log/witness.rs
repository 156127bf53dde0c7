//! What a log asks a witness, and what a witness checks before it cosigns (C2SP tlog-witness, `add-checkpoint`). The
//! answer is judged against what the witness remembers; remembering, atomically, is the record crate's.

use super::checkpoint::{Checkpoint, CheckpointError, ContinueRefused, UnverifiedCheckpoint};
use super::decimal;
use super::note::{NoteKey, NoteRefused, NoteVerifier};
use crate::digest::Sha256;
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The content type of the size that a conflict is answered with.
pub const SIZE_TYPE: &str = "text/x.tlog.size";
/// The path below a witness's submission prefix.
pub const PATH: &str = "add-checkpoint";
/// A consistency proof has at most this many lines.
const PROOF_LINES: usize = 63;

/// A checkpoint for a witness to cosign, and the proof that it continues the one that the witness cosigned last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is believed to know.
    pub old: u64,
    /// The proof from that size; empty from 0, and to the same size.
    pub proof: Vec<Sha256>,
    /// The checkpoint.
    pub checkpoint: UnverifiedCheckpoint,
}

impl AddCheckpoint {
    /// Parses the body of a request.
    pub fn parse(bytes: &[u8]) -> Result<Self, AddCheckpointError> {
        if bytes.len() > limits::WITNESS_BYTES {
            return Err(AddCheckpointError::TooLarge { limit: limits::WITNESS_BYTES, found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_not_utf8| AddCheckpointError::Form)?;
        let (head, note) = text.split_once("\n\n").ok_or(AddCheckpointError::Form)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or(AddCheckpointError::Old)?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() >= PROOF_LINES {
                return Err(AddCheckpointError::TooManyHashes);
            }
            let hash = STANDARD.decode(line).map_err(|_bad_base64| AddCheckpointError::Hash)?;
            proof.push(Sha256::from_bytes(hash.try_into().map_err(|_length| AddCheckpointError::Hash)?));
        }
        Ok(Self { old, proof, checkpoint: UnverifiedCheckpoint::parse(note.as_bytes())? })
    }
}

impl fmt::Display for AddCheckpoint {
    /// The body of the request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint.note())
    }
}

/// Why bytes are not such a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddCheckpointError {
    /// Larger than we read.
    #[error("a request has at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// Not lines, a blank one, and a checkpoint.
    #[error("a request is the old size, a proof, a blank line and a checkpoint")]
    Form,
    /// The first line is not the old size.
    #[error("the first line is not `old` and a decimal number below 2^64")]
    Old,
    /// A line is not a hash.
    #[error("a line of the proof is not the base64 of 32 bytes")]
    Hash,
    /// More lines than a proof has.
    #[error("a consistency proof has at most {PROOF_LINES} lines")]
    TooManyHashes,
    /// The checkpoint does not parse.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessRefused {
    /// The request does not parse.
    #[error(transparent)]
    Malformed(#[from] AddCheckpointError),
    /// It says to go on from more than it goes to.
    #[error("the old size {old} is larger than the checkpoint's, {size}")]
    OldTooLarge {
        /// The old size.
        old: u64,
        /// The checkpoint's.
        size: u64,
    },
    /// A log that this witness does not watch.
    #[error("this witness does not know the log {origin}")]
    UnknownLog {
        /// Its name.
        origin: String,
    },
    /// Not signed by a key of the log's.
    #[error(transparent)]
    Signature(NoteRefused),
    /// The witness has cosigned another size than the request goes on from, or another root of this size.
    #[error("the newest checkpoint cosigned has {size} entries")]
    Conflict {
        /// The size that it has cosigned.
        size: u64,
    },
    /// The proof does not hold: the log was rewritten, or the request is wrong.
    #[error(transparent)]
    Inconsistent(ContinueRefused),
}

impl WitnessRefused {
    /// The HTTP status that says so.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::OldTooLarge { .. } => 400,
            Self::Signature(_) => 403,
            Self::UnknownLog { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent(_) => 422,
        }
    }
}

/// Whether a witness may cosign what it is asked. `keys` are those of the checkpoint's log, none where it is not watched;
/// `latest` is what the witness cosigned last of this log.
pub fn judge(
    request: &AddCheckpoint,
    keys: &[NoteKey],
    latest: Option<&Checkpoint>,
    verifier: &dyn NoteVerifier,
) -> Result<(), WitnessRefused> {
    let claim = request.checkpoint.claim();
    if keys.iter().all(|key| *key.name() != claim.origin) {
        return Err(WitnessRefused::UnknownLog { origin: claim.origin.to_string() });
    }
    request.checkpoint.verify(keys, verifier).map_err(WitnessRefused::Signature)?;
    if request.old > claim.size {
        return Err(WitnessRefused::OldTooLarge { old: request.old, size: claim.size });
    }
    let known = latest.map_or(0, |latest| latest.size);
    let same_size_other_root = latest.is_some_and(|latest| latest.size == claim.size && latest.root != claim.root);
    if request.old != known || same_size_other_root {
        return Err(WitnessRefused::Conflict { size: known });
    }
    let empty = Checkpoint { origin: claim.origin.clone(), size: 0, root: super::merkle::empty_root() };
    claim.continues(latest.unwrap_or(&empty), &request.proof).map_err(WitnessRefused::Inconsistent)
}

#[cfg(test)]
mod tests {
    use super::super::merkle;
    use super::super::note::tests::{toy, toy_holds};
    use super::*;
    use crate::ids::Origin;
    use proptest::prelude::*;

    fn leaves(count: u8) -> Vec<Sha256> {
        (0..count).map(|n| merkle::leaf_hash(&[n])).collect()
    }

    fn checkpoint(count: u8) -> Checkpoint {
        let origin = Origin::new("example.com/log").unwrap();
        Checkpoint { origin, size: u64::from(count), root: merkle::root_of(&leaves(count)) }
    }

    fn request(old: u64, proof: Vec<Sha256>, of: &Checkpoint) -> AddCheckpoint {
        let note = of.sign(&toy(of.origin.as_str(), 1)).unwrap().to_string();
        AddCheckpoint { old, proof, checkpoint: UnverifiedCheckpoint::parse(note.as_bytes()).unwrap() }
    }

    /// From 2 to 3 leaves.
    fn proof() -> Vec<Sha256> {
        vec![leaves(3)[2]]
    }

    #[test]
    fn each_refusal_has_the_status_of_the_specification() {
        let keys = [toy("example.com/log", 1).0];
        let judge = |request: &AddCheckpoint, latest: Option<&Checkpoint>| {
            judge(request, &keys, latest, &toy_holds).map_err(|refused| refused.status())
        };
        let (two, three) = (checkpoint(2), checkpoint(3));
        assert_eq!(judge(&request(0, Vec::new(), &two), None), Ok(()));
        assert_eq!(judge(&request(2, proof(), &three), Some(&two)), Ok(()));
        assert_eq!(judge(&request(3, Vec::new(), &three), Some(&three)), Ok(()), "the same again, for a newer time");
        assert_eq!(judge(&request(4, Vec::new(), &three), Some(&two)), Err(400));
        assert_eq!(judge(&request(0, Vec::new(), &three), Some(&two)), Err(409));
        assert_eq!(judge(&request(1, proof(), &three), Some(&two)), Err(409));
        assert_eq!(judge(&request(2, Vec::new(), &two), Some(&three)), Err(409), "rolled back");
        assert_eq!(judge(&request(2, Vec::new(), &three), Some(&two)), Err(422));
        let mut forked = checkpoint(3);
        forked.root = merkle::leaf_hash(b"other");
        assert_eq!(judge(&request(2, proof(), &forked), Some(&two)), Err(422));
        assert_eq!(judge(&request(3, Vec::new(), &forked), Some(&three)), Err(409), "another root of the same size");
        assert_eq!(judge(&request(0, proof(), &three), None), Err(422), "from nothing the proof is empty");
        let mut other = checkpoint(2);
        other.origin = Origin::new("example.com/other").unwrap();
        assert_eq!(judge(&request(0, Vec::new(), &other), None), Err(404));
        let strange = super::judge(&request(0, Vec::new(), &two), &[toy("example.com/log", 9).0], None, &toy_holds);
        assert_eq!(strange.map_err(|refused| refused.status()), Err(403));
    }

    #[test]
    fn a_request_reads_back_and_hostile_ones_are_refused() {
        let text = request(2, proof(), &checkpoint(3)).to_string();
        assert_eq!(AddCheckpoint::parse(text.as_bytes()).unwrap().to_string(), text);
        let hash = text.lines().nth(1).unwrap().to_owned();
        for bad in [
            String::new(),
            text.replace("old 2", "old 02"),
            text.replace("old 2", "old -2"),
            text.replace("old 2", "new 2"),
            text.replace("old 2\n", ""),
            text.replace(&hash, "AAAA"),
            text.replace(&format!("{hash}\n"), &format!("{hash}\n").repeat(64)),
            text.replacen("\n\n", "\n", 1),
            text.replace('\n', "\r\n"),
            format!("{text}{}", "x".repeat(200_000)),
        ] {
            assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_altered_byte_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = request(2, proof(), &checkpoint(3)).to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = AddCheckpoint::parse(&bytes) {
                let printed = read.to_string();
                prop_assert_eq!(printed.as_bytes(), bytes.as_slice());
            }
        }
    }
}
